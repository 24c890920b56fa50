//! Where this user's programs keep things: fills `{config-dir}`, `{data-dir}` and `{home}` in configured paths. Reads the environment only.

use std::path::{Path, PathBuf};

use crate::kernel::{Error, Result};

/// A configured path with its placeholders filled in; a relative one is below `root`.
pub fn fill(path: &str, root: &Path) -> Result<PathBuf> {
    if !path.contains('{') {
        return Ok(root.join(path));
    }
    let folders = directories::BaseDirs::new().ok_or_else(|| Error::usage(format!("`{path}` can't be filled in: this user has no home folder")))?;
    let known = [("{config-dir}", folders.config_dir()), ("{data-dir}", folders.data_dir()), ("{home}", folders.home_dir())];
    let filled = known.iter().fold(path.to_owned(), |text, (key, folder)| text.replace(key, &folder.to_string_lossy()));
    if let Some(at) = filled.find('{') {
        let rest = filled.get(at..).unwrap_or_default();
        return Err(Error::usage(format!("`{path}` holds `{rest}`, which stands for nothing")).hint("known are {config-dir}, {data-dir} and {home}"));
    }
    Ok(root.join(filled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_or_refused() {
        assert_eq!(fill("backups/a", Path::new("/r")).unwrap(), Path::new("/r/backups/a"));
        assert!(fill("{config-dir}/Auto Codex", Path::new("/r")).unwrap().ends_with("Auto Codex"));
        assert!(fill("{config-dri}/x", Path::new("/r")).is_err());
    }
}
