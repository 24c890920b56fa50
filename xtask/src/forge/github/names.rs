//! How GitHub rewrites the names of assets, and what a name from there may be on our disk. Pure.

use std::collections::BTreeMap;

use crate::kernel::{Error, Finding, Result};

/// The name that GitHub gives to a file of this name: `default` before a leading dot, one dot for every run of other characters, dots trimmed.
pub fn rename(name: &str) -> String {
    let full = if name.starts_with('.') { format!("default{name}") } else { name.to_owned() };
    let mut renamed = String::new();
    for c in full.chars() {
        let kept = c.is_ascii_alphanumeric() || "-_+@".contains(c);
        if kept {
            renamed.push(c);
        } else if !renamed.ends_with('.') {
            renamed.push('.');
        }
    }
    renamed.trim_matches('.').to_owned()
}

/// What stands against these names: rewritten ones, and pairs that would become equal.
pub(super) fn judge(names: &[String]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for name in names {
        let there = rename(name);
        if let Some(other) = taken.insert(there.clone(), name) {
            let message = format!("GitHub would give `{other}` and `{name}` the same name");
            findings.push(Finding::error("asset-names-collide", message).hint("rename one of the two in `artifact`"));
        } else if there != *name {
            let message = format!("GitHub would store `{name}` as `{there}`, and SHA256SUMS would name a file that isn't there");
            findings.push(Finding::error("asset-name-rewritten", message).hint(format!("name the file `{there}`")));
        }
    }
    findings
}

/// The name if it can be a file in a folder of ours and nothing else.
pub(super) fn safe(name: &str) -> Result<&str> {
    let odd = name.is_empty() || name == "." || name == ".." || name.chars().any(|c| c.is_control() || "/\\:".contains(c));
    if odd { Err(Error::mismatch(format!("the asset's name {name:?} can't be the name of a file"))) } else { Ok(name) }
}

/// What kind of file it is, for the browser of whoever downloads it.
pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("zip") => "application/zip",
        Some("gz" | "tgz") => "application/gzip",
        Some("zst") => "application/zstd",
        Some("json") => "application/json",
        Some("txt" | "md" | "yml" | "yaml") => "text/plain; charset=utf-8",
        None if name.ends_with("SUMS") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_as_github_does() {
        let cases = [
            ("rocket-1.0.0.tar.gz", "rocket-1.0.0.tar.gz"),
            ("Auto-Codex Setup 3.2.1.exe", "Auto-Codex.Setup.3.2.1.exe"),
            (".env", "default.env"),
            ("a (1) .txt.", "a.1.txt"),
            ("größe.zip", "gr.e.zip"),
            ("a+b@c_d.zip", "a+b@c_d.zip"),
            ("..", "default"),
        ];
        for (name, there) in cases {
            assert_eq!(rename(name), there, "{name}");
        }
    }

    #[test]
    fn sees_names_that_become_equal_or_other() {
        let names = ["a b.zip", "a.b.zip", "c.zip", "C.zip", "d  e"].map(str::to_owned);
        let codes: Vec<_> = judge(&names).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["asset-name-rewritten", "asset-names-collide", "asset-name-rewritten"]);
    }

    #[test]
    fn a_name_from_the_net_stays_in_its_folder() {
        for bad in ["../x", "a/b", "a\\b", "c:x", "..", "", "a\0b"] {
            assert!(safe(bad).is_err(), "{bad:?}");
        }
        assert_eq!(safe("rocket.zip").unwrap(), "rocket.zip");
    }
}
