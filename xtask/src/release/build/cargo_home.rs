//! A CARGO_HOME of the build's own: it shares the user's downloads, locks and credentials, but not their settings. A profile, linker, wrapper or
//! variable in `~/.cargo/config.toml` would change the bytes; where crates are fetched from does not, so that only this is taken over.

use std::path::{Path, PathBuf};

use crate::{
    effects::files,
    kernel::{Context as _, Result},
};

/// What is shared with the user's own: downloads, the locks that guard them, what cargo knows of their age, credentials.
const SHARED: [&str; 7] = ["registry", "git", "credentials.toml", "credentials", ".package-cache", ".package-cache-mutate", ".global-cache"];
/// The settings that say where crates come from and how they get here.
const KEPT: [&str; 5] = ["source", "registry", "registries", "net", "http"];
/// Secrets stay in the user's own file; cargo finds them in `credentials.toml` or in the environment.
const SECRET: [&str; 2] = ["token", "secret-key"];

/// Makes it at `folder`; where the system has no links to share with, the user's own is used.
pub(super) fn prepare(folder: &Path) -> Result<PathBuf> {
    let Some(real) = usual().filter(|_| cfg!(unix)) else { return Ok(usual().unwrap_or_else(|| folder.into())) };
    files::create_dir(folder)?;
    for name in SHARED {
        share(&real.join(name), &folder.join(name))?;
    }
    let told = ["config.toml", "config"].into_iter().map(|name| files::read_text_if_there(&real.join(name)));
    let text = told.collect::<Result<Vec<_>>>()?.into_iter().flatten().next().unwrap_or_default();
    let kept = settings(&text, files::parent(&real)).context(|| format!("read {}", real.join("config.toml").display()))?;
    files::write(&folder.join("config.toml"), kept.as_bytes())?;
    Ok(folder.into())
}

/// The user's own.
pub(super) fn usual() -> Option<PathBuf> {
    let named = std::env::var_os("CARGO_HOME").filter(|named| !named.is_empty()).map(PathBuf::from);
    // Cargo takes a relative one from the current folder; the build runs in another.
    let named = named.map(|named| std::env::current_dir().map_or(named.clone(), |folder| folder.join(&named)));
    named.or_else(|| directories::BaseDirs::new().map(|dirs| dirs.home_dir().join(".cargo")))
}

fn share(real: &Path, link: &Path) -> Result<()> {
    if files::read_link(link).is_ok_and(|target| Path::new(&target) == real) {
        return Ok(());
    }
    if matches!(real.file_name().and_then(|name| name.to_str()), Some("registry" | "git")) && files::create_dir(real).is_err() {
        // A home that can't be written to shares nothing: this build downloads for itself.
        return Ok(());
    }
    files::remove(link)?;
    files::link(real, link)
}

/// The settings that are taken over; relative paths in them were meant from the folder above the user's CARGO_HOME.
fn settings(text: &str, base: &Path) -> std::result::Result<String, toml_edit::TomlError> {
    let mut config: toml_edit::DocumentMut = text.parse()?;
    config.retain(|name, _| KEPT.contains(&name));
    tidy(config.as_table_mut(), base);
    Ok(config.to_string())
}

fn tidy(table: &mut dyn toml_edit::TableLike, base: &Path) {
    SECRET.iter().for_each(|name| drop(table.remove(name)));
    for (name, item) in table.iter_mut() {
        let path = item.as_str().filter(|_| matches!(name.get(), "directory" | "local-registry" | "cainfo"));
        if let Some(absolute) = path.map(|path| base.join(path).to_string_lossy().into_owned()) {
            *item = toml_edit::value(absolute);
        } else if let Some(inner) = item.as_table_like_mut() {
            tidy(inner, base);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::settings;

    #[test]
    fn only_where_crates_come_from_is_taken_over() {
        let text = "[profile.release]\nopt-level = 0\n[build]\nrustc-wrapper = \"sccache\"\n[env]\nA = \"b\"\n[target.x]\nlinker = \"mold\"\n[source.crates-io]\nreplace-with = \"near\"\n[source.near]\ndirectory = \"vendor\"\n[registries.ours]\nindex = \"sparse+https://a.invalid/\"\ntoken = \"secret\"\n[net]\noffline = true\n";
        let kept = settings(text, Path::new("/home/ann")).unwrap();
        for gone in ["profile", "sccache", "env", "mold", "secret"] {
            assert!(!kept.contains(gone), "{gone} in {kept}");
        }
        for there in ["replace-with", "\"/home/ann/vendor\"", "sparse+https", "offline"] {
            assert!(kept.contains(there), "{there} not in {kept}");
        }
    }
}
