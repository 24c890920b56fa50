//! What a server says of itself: where its data lies, how it persists, whether a copy can be trusted now. Reads only.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::manifest::{EngineFacts, Module},
    Redis,
};
use crate::kernel::{Error, Result};

/// What a server says of itself, and its data folder as it sees it.
pub fn of(redis: &Redis) -> Result<(EngineFacts, String)> {
    let version = redis.info("server")?.get("redis_version").cloned().unwrap_or_default();
    // dir, dbfilename and append* in one question, since each costs a tenth of a second; no pattern that a password's name would fit.
    let mut settings = redis.settings("[ad][ipb][prf]*")?;
    let mut setting = |name: &str| settings.remove(name);
    let folder = setting("dir").ok_or_else(|| Error::unexpected("the server does not say where its data lies"))?;
    let facts = EngineFacts {
        path: folder.clone(),
        version,
        append_only: setting("appendonly").as_deref() == Some("yes"),
        dump: setting("dbfilename").unwrap_or_else(|| "dump.rdb".into()),
        append_folder: setting("appenddirname"),
        append_file: setting("appendfilename").unwrap_or_else(|| "appendonly.aof".into()),
        modules: modules(redis)?,
        ..EngineFacts::default()
    };
    Ok((facts, folder))
}

fn modules(redis: &Redis) -> Result<Vec<Module>> {
    let answer = redis.ask(&["MODULE", "LIST"])?;
    let one = |module: &Value| {
        let text = |key: &str| module.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Module { name: text("name")?, version: module.get("ver").and_then(Value::as_u64).unwrap_or(0), path: text("path").unwrap_or_default() })
    };
    Ok(answer.as_array().into_iter().flatten().filter_map(one).collect())
}

/// Why a copy can't be trusted now, if it can't: the preconditions of a hot backup. Pure.
pub fn unsound(info: &BTreeMap<String, String>, append_only: bool) -> Option<Error> {
    let get = |key: &str| info.get(key).map_or("", String::as_str);
    if get("loading") == "1" {
        return Some(
            Error::refused("the server is loading its data: what it holds is not all there yet").hint("wait until it has loaded, then run this again"),
        );
    }
    let wrong = |key: &str| !matches!(get(key), "" | "ok");
    let mut keys = vec!["rdb_last_bgsave_status"];
    if append_only {
        keys.extend(["aof_last_write_status", "aof_last_bgrewrite_status"]);
    }
    let key = keys.into_iter().find(|key| wrong(key))?;
    let error = Error::refused(format!("the server could not write its own data: {key} is `{}`", get(key)));
    Some(error.hint("look at its log (disk full? wrong owner?); a backup taken now could be torn").hint("`--cold` stops it, copies, and starts it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_precondition_counts() {
        let info = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
        let good = [("loading", "0"), ("aof_last_write_status", "ok"), ("aof_last_bgrewrite_status", "ok"), ("rdb_last_bgsave_status", "ok")];
        assert!(unsound(&info(&good), true).is_none());
        for (key, bad) in [("loading", "1"), ("aof_last_write_status", "err"), ("aof_last_bgrewrite_status", "err"), ("rdb_last_bgsave_status", "err")] {
            let mut pairs = good;
            pairs.iter_mut().filter(|(name, _)| *name == key).for_each(|pair| pair.1 = bad);
            assert!(unsound(&info(&pairs), true).is_some(), "{key}");
            assert_eq!(unsound(&info(&pairs), false).is_some(), !key.starts_with("aof"), "{key}");
        }
    }
}
