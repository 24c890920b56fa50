//! Which files of a folder belong to a source. Pure.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::{name::Name, source::Source, tree::Take};
use crate::kernel::{Error, Result};

/// `include` and `exclude`, ready to ask.
#[derive(Clone, Debug)]
pub struct Selection {
    include: Option<GlobSet>,
    exclude: GlobSet,
    own: Option<Name>,
}

impl Selection {
    /// The source's globs. Its own backups are never part of it.
    pub fn of(source: &Source) -> Result<Self> {
        let include = (!source.spec.include.is_empty()).then(|| set(&source.spec.include)).transpose()?;
        let own = match &source.what {
            super::source::What::Folder(root) => {
                source.store.folder().strip_prefix(root).ok().map(|rest| Name::from(crate::effects::files::slashes(rest).as_str()))
            }
            super::source::What::Volume { .. } => None,
        };
        Ok(Self { include, exclude: set(&source.spec.exclude)?, own })
    }

    /// What to do with an entry.
    pub fn take(&self, name: &Name, is_folder: bool) -> Take {
        let path = super::name::os(name.as_bytes());
        let left_out = self.exclude.is_match(&path) || (is_folder && self.exclude.is_match(path.join("x"))) && self.exclude.is_match(path.join("x/y"));
        if left_out || self.own.as_ref().is_some_and(|own| name == own) || name.as_bytes().starts_with(b".xtask") {
            return Take::No;
        }
        match &self.include {
            None => Take::Yes,
            Some(include) if include.is_match(&path) => Take::Yes,
            Some(_) if is_folder => Take::Through,
            Some(_) => Take::No,
        }
    }
}

fn set(globs: &[String]) -> Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        let wrong = |error: globset::Error| Error::usage(format!("`{glob}` is not a glob")).caused_by(error);
        set.add(GlobBuilder::new(glob).literal_separator(true).build().map_err(wrong)?);
    }
    set.build().map_err(|error| Error::usage("the globs are too many").caused_by(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_looked_into_and_left_out_whole() {
        let selection = |include: &[&str], exclude: &[&str]| {
            let list = |globs: &[&str]| globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>();
            let include = (!include.is_empty()).then(|| set(&list(include)).unwrap());
            Selection { include, exclude: set(&list(exclude)).unwrap(), own: Some(Name::from("backups/x")) }
        };
        let logs = selection(&[".auto-codex/specs/**/logs/**"], &[]);
        assert_eq!(logs.take(&".auto-codex".into(), true), Take::Through);
        assert_eq!(logs.take(&".auto-codex/specs/1/logs/a.log".into(), false), Take::Yes);
        assert_eq!(logs.take(&"src/main.rs".into(), false), Take::No);
        let state = selection(&[], &["logs/**", "*.tmp"]);
        assert_eq!(["logs/a", "x.tmp", "a/x.tmp", "store/x"].map(|name| state.take(&name.into(), false)), [Take::No, Take::No, Take::Yes, Take::Yes]);
        assert_eq!([state.take(&"logs".into(), true), state.take(&"backups/x".into(), true), state.take(&".xtask".into(), true)], [Take::No; 3]);
    }
}
