//! Whether an entry may come where it comes: what an archive from a stranger would misuse. Pure.

use std::collections::BTreeMap;

use super::super::{
    entry::{Kind, Meta},
    name::Name,
};
use crate::kernel::{Error, Result};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Folder,
    File,
    Link,
}

/// What came so far.
#[derive(Default)]
pub struct Order {
    seen: BTreeMap<Name, Sort>,
}

impl Order {
    /// Takes note of an entry, or says why it must not be.
    pub fn admit(&mut self, meta: &Meta) -> Result<()> {
        let refuse = |why: String| Err(Error::mismatch(format!("the archive holds `{}`: {why}", meta.name)).hint("this is no backup; nothing was written"));
        let mut above = meta.name.parent();
        while let Some(folder) = above {
            match self.seen.get(&folder) {
                Some(Sort::Link) => return refuse(format!("it would be written through the link `{folder}`")),
                Some(Sort::File) => return refuse(format!("`{folder}` is a file, not a folder")),
                Some(Sort::Folder) | None => {}
            }
            above = folder.parent();
        }
        if let Kind::Hard { to } = &meta.kind
            && self.seen.get(to) != Some(&Sort::File)
        {
            return refuse(format!("a hard link to `{to}`, which is no file that came before"));
        }
        let sort = match meta.kind {
            Kind::Folder => Sort::Folder,
            Kind::File | Kind::Hard { .. } => Sort::File,
            Kind::Link { .. } => Sort::Link,
        };
        if meta.name.is_root() && sort != Sort::Folder {
            return refuse("the root is no folder".into());
        }
        match self.seen.insert(meta.name.clone(), sort) {
            None => Ok(()),
            // Folders may come again: `tar` does so when a folder is named twice.
            Some(Sort::Folder) if sort == Sort::Folder => Ok(()),
            Some(_) => refuse("it comes twice".into()),
        }
    }
}
