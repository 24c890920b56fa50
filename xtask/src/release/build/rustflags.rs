//! The flags that the commit itself gives to rustc, in its `.cargo/config.toml`. Ours are passed by the environment, which switches those off:
//! so they are read as cargo reads them, and passed on.

use std::path::{Path, PathBuf};

use cargo_platform::{Cfg, Platform};
use toml_edit::Item;

use crate::{
    effects::files,
    kernel::{Context as _, Result},
};

/// The commit's own settings.
pub(super) fn config(root: &Path) -> PathBuf {
    let old = root.join(".cargo/config");
    if old.is_file() { old } else { root.join(".cargo/config.toml") }
}

/// `target.<triple>.rustflags` and `target.<cfg>.rustflags` together, or `build.rustflags` where neither says anything. `told` gives what
/// `rustc --print cfg` says; it is asked only where that matters.
pub(super) fn own(root: &Path, target: &str, told: impl FnOnce() -> Result<String>) -> Result<Vec<String>> {
    let file = config(root);
    let Some(text) = files::read_text_if_there(&file)? else { return Ok(Vec::new()) };
    let parsed: toml_edit::DocumentMut = text.parse().context(|| "read the commit's .cargo/config.toml".into())?;
    let of = |table: Option<&Item>| table.and_then(|table| table.get("rustflags")).map(words).unwrap_or_default();
    let mut tables: Vec<(&str, &Item)> = parsed.get("target").and_then(Item::as_table_like).into_iter().flat_map(|table| table.iter()).collect();
    tables.sort_by_key(|(name, _)| *name);
    let needs_told = tables.iter().any(|(name, table)| name.starts_with("cfg(") && table.get("rustflags").is_some());
    let cfgs = if needs_told { told()?.lines().filter_map(|line| line.parse::<Cfg>().ok()).collect() } else { Vec::new() };
    let matches = |name: &str| name == target || name.starts_with("cfg(") && name.parse::<Platform>().is_ok_and(|platform| platform.matches(target, &cfgs));
    let exact = tables.iter().filter(|(name, _)| *name == target);
    let by_cfg = tables.iter().filter(|(name, _)| *name != target && matches(name));
    let specific: Vec<String> = exact.chain(by_cfg).flat_map(|(_, table)| of(Some(table))).collect();
    Ok(if specific.is_empty() { of(parsed.get("build")) } else { specific })
}

fn words(item: &Item) -> Vec<String> {
    match (item.as_str(), item.as_array()) {
        (Some(text), _) => text.split_whitespace().map(str::to_owned).collect(),
        (_, Some(array)) => array.iter().filter_map(|word| word.as_str()).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".cargo")).unwrap();
        std::fs::write(folder.path().join(".cargo/config.toml"), text).unwrap();
        own(folder.path(), "x86_64-unknown-linux-gnu", || Ok("unix\ntarget_os=\"linux\"\n".into())).unwrap()
    }

    #[test]
    fn they_are_taken_as_cargo_takes_them() {
        let build = "[build]\nrustflags = [\"-Cbuild\"]\n";
        assert_eq!(flags(build), ["-Cbuild"]);
        assert_eq!(flags(&format!("{build}[target.x86_64-unknown-linux-gnu]\nrustflags = \"-Ca -Cb\"\n")), ["-Ca", "-Cb"]);
        assert_eq!(flags(&format!("{build}[target.'cfg(windows)']\nrustflags = [\"-Cw\"]\n")), ["-Cbuild"]);
        let both = "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-Ct\"]\n[target.'cfg(all(unix, target_os = \"linux\"))']\nrustflags = [\"-Cc\"]\n";
        assert_eq!(flags(&format!("{build}{both}")), ["-Ct", "-Cc"]);
        assert_eq!(flags(""), [""; 0]);
    }
}
