//! Where a system keeps an application's settings and data: `{config-dir}`, `{data-dir}`, `{home}` in the configuration. Reads the environment only.

use std::path::Path;

use directories::BaseDirs;

use crate::kernel::{Error, Result};

/// Fills the placeholders in a path or glob; the result uses `/` on every system.
pub fn fill(text: &str) -> Result<String> {
    if !text.contains('{') {
        return Ok(text.to_owned());
    }
    let dirs = BaseDirs::new().ok_or_else(|| Error::unexpected("the home folder is not known").hint("set HOME"))?;
    let places = [("{config-dir}", dirs.config_dir()), ("{data-dir}", dirs.data_dir()), ("{home}", dirs.home_dir())];
    Ok(places.iter().fold(text.to_owned(), |text, (name, path)| text.replace(name, &slashes(path))))
}

fn slashes(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
