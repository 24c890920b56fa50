//! A consistent copy of a running server: make it write a fresh base, keep it from rewriting meanwhile, and say which bytes to copy.
//!
//! Changes one setting (put back by the caller's journal, also after a kill) and asks for a rewrite or a save. Guarantees: what it names
//! is a state that the server was in, whole commands only.

use std::time::Duration;

use super::{super::manifest::EngineFacts, Redis, facts, pause};
use crate::kernel::{Error, Events, Finding, Result};

/// The setting that must be 0 while files are copied, so that none is replaced.
pub const REWRITE: &str = "auto-aof-rewrite-percentage";

const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Refuses what can't be copied well now.
pub fn check(redis: &Redis, engine: &EngineFacts) -> Result<()> {
    facts::unsound(&redis.info("persistence")?, engine.append_only).map_or(Ok(()), Err)
}

/// Makes the server write all that it holds into fresh files, and waits for it.
pub fn settle(redis: &Redis, engine: &EngineFacts, events: &Events) -> Result<()> {
    if engine.append_only { rewrite(redis, events) } else { save(redis) }
}

fn rewrite(redis: &Redis, events: &Events) -> Result<()> {
    quiet(redis)?;
    start(redis, &["BGREWRITEAOF"])?;
    let info = quiet(redis)?;
    if info.get("aof_last_bgrewrite_status").is_none_or(|status| status != "ok") {
        return Err(Error::refused("the server could not rewrite its append-only file").hint("look at its log: disk full?"));
    }
    match redis.ask(&["WAITAOF", "1", "0", "10000"]) {
        Ok(answer) if answer.get(0).and_then(serde_json::Value::as_u64) == Some(1) => Ok(()),
        Ok(_) => Err(Error::refused("the server did not sync its append-only file within 10 s").hint("is its disk overloaded? run this again, or with --cold")),
        // Redis before 7.2 has no such command; with `appendfsync everysec` the last second may be missing, as after any crash.
        Err(error) if error.chain().contains("unknown command") => Ok(()),
        Err(error) => {
            events.warn(Finding::warning("backup-waitaof", format!("the server did not confirm its sync: {}", error.chain())));
            Ok(())
        }
    }
}

fn save(redis: &Redis) -> Result<()> {
    quiet(redis)?;
    start(redis, &["BGSAVE"])?;
    let info = quiet(redis)?;
    if info.get("rdb_last_bgsave_status").is_none_or(|status| status != "ok") {
        return Err(Error::refused("the server could not save its data").hint("look at its log: disk full?"));
    }
    Ok(())
}

/// Asks for it; another one that is under way is waited for, as it may have begun before the last writes.
fn start(redis: &Redis, words: &[&str]) -> Result<()> {
    for _ in 0..20 {
        match redis.ask(words) {
            Ok(_) => return Ok(()),
            Err(error) if error.chain().contains("in progress") => quiet(redis).map(drop)?,
            Err(error) => return Err(error),
        }
    }
    Err(Error::refused("the server is always busy saving").hint("run this again, or with --cold"))
}

/// Waits until nothing is being written in the background.
fn quiet(redis: &Redis) -> Result<std::collections::BTreeMap<String, String>> {
    let mut waited = Duration::ZERO;
    loop {
        let info = redis.info("persistence")?;
        let busy = ["aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress"];
        if busy.iter().all(|key| info.get(*key).is_none_or(|value| value == "0")) {
            return Ok(info);
        }
        if waited >= PATIENCE {
            return Err(Error::refused("the server has been saving for half an hour").hint("look at its log"));
        }
        pause(&mut waited);
    }
}
