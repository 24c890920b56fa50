//! The gate that each entry of a foreign archive passes. A value that remembers what it has let through; no I/O.

use std::collections::HashMap;

use super::{
    Item, Kind, Policy,
    meter::{Meter, hostile},
};
use crate::{
    archive::names,
    kernel::{Error, Result},
};

/// Lets entries through, one by one.
pub struct Guard {
    policy: Policy,
    /// Bytes that came out so far, against what may.
    pub meter: Meter,
    seen: HashMap<String, Place>,
    last: Option<String>,
    entries: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Something lies below it; it may still get an entry of its own.
    Above,
    Folder,
    File,
    Link,
}

impl Guard {
    /// `packed` is the archive's own size, where known: the ratio is measured against it.
    pub fn new(policy: Policy, packed: Option<u64>) -> Self {
        Self { policy, meter: Meter::new(&policy, packed), seen: HashMap::new(), last: None, entries: 0 }
    }

    /// What was asked for.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Lets an entry through, or says why not.
    pub fn admit(&mut self, item: &Item) -> Result<()> {
        self.entries += 1;
        if self.entries > self.policy.max_entries {
            return Err(Error::refused(format!("it has more than {} entries", self.policy.max_entries)).hint("only unpack what you trust"));
        }
        if item.name == "." && item.kind == Kind::Folder && !self.policy.strict {
            return Ok(());
        }
        let refused = |why: String| hostile(format!("the entry {:?} is refused: {why}", item.name));
        names::check(&item.name).map_err(|why| refused(why.to_owned()))?;
        if self.policy.portable
            && let Some(why) = names::unportable(&item.name)
        {
            return Err(refused(why.into()));
        }
        self.check_kind(item).map_err(refused)?;
        self.check_order(item).map_err(refused)?;
        self.check_place(item).map_err(refused)?;
        self.meter.announce(item.size)
    }

    fn check_kind(&self, item: &Item) -> Result<(), String> {
        match &item.kind {
            Kind::Link(target) => names::check_target(&item.name, target).map_err(|why| format!("it links to {target:?}: {why}")),
            Kind::HardLink(_) if self.policy.strict => Err("it is a hard link, which our archives never have".into()),
            Kind::HardLink(target) if self.seen.get(&self.key(target)) != Some(&Place::File) => {
                Err(format!("it is a hard link to {target:?}, which is no earlier file of the archive"))
            }
            _ => Ok(()),
        }
    }

    fn check_order(&mut self, item: &Item) -> Result<(), String> {
        if !self.policy.strict {
            return Ok(());
        }
        if let Some(last) = &self.last
            && last.as_bytes() > item.name.as_bytes()
        {
            return Err(format!("it comes after {last:?}: the names are not sorted"));
        }
        self.last = Some(item.name.clone());
        Ok(())
    }

    /// Nothing twice, and nothing inside of what is not a folder, whichever came first.
    fn check_place(&mut self, item: &Item) -> Result<(), String> {
        for above in names::parents(&item.name) {
            match self.seen.insert(self.key(above), Place::Above) {
                None | Some(Place::Above) => {}
                Some(Place::Folder) => {
                    self.seen.insert(self.key(above), Place::Folder);
                }
                Some(Place::File) => return Err(format!("it lies in {above:?}, which is a file")),
                Some(Place::Link) => return Err(format!("it leads through the link {above:?}")),
            }
        }
        let place = match item.kind {
            Kind::Folder => Place::Folder,
            Kind::File | Kind::HardLink(_) => Place::File,
            Kind::Link(_) => Place::Link,
        };
        match self.seen.insert(self.key(&item.name), place) {
            None => Ok(()),
            Some(Place::Above) if place == Place::Folder => Ok(()),
            Some(Place::Above) => Err("other entries lie in it, but it is no folder".into()),
            Some(_) if self.policy.portable => Err("its name is there already (case and dots at the end don't count)".into()),
            Some(_) => Err("its name is there already".into()),
        }
    }

    fn key(&self, name: &str) -> String {
        if self.policy.portable { names::folded(name) } else { name.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(name: &str, kind: Kind) -> Item {
        Item { name: name.into(), kind, mode: 0o644, size: 0, mtime: 0, owner: (0, 0) }
    }

    fn admit(policy: Policy, items: &[(&str, Kind)]) -> Result<()> {
        let mut guard = Guard::new(policy, None);
        items.iter().try_for_each(|(name, kind)| guard.admit(&item(name, kind.clone())))
    }

    #[test]
    fn strangers_are_watched() {
        let link = |to: &str| Kind::Link(to.into());
        let hard = |to: &str| Kind::HardLink(to.into());
        for (bad, why) in [
            (vec![("../x", Kind::File)], "leads out"),
            (vec![("/x", Kind::File)], "absolute"),
            (vec![("C:x", Kind::File)], "drive"),
            (vec![("a", Kind::File), ("a", Kind::File)], "there already"),
            (vec![("a", link("b")), ("a/x", Kind::File)], "through the link"),
            (vec![("a/x", Kind::File), ("a", link("b"))], "no folder"),
            (vec![("a", Kind::File), ("a/x", Kind::File)], "is a file"),
            (vec![("a", link("../../etc"))], "leads out"),
            (vec![("a", link("/etc"))], "absolute"),
            (vec![("a", hard("/etc/passwd"))], "no earlier file"),
            (vec![("l", link("x")), ("a", hard("l"))], "no earlier file"),
        ] {
            let error = admit(Policy { portable: false, ..Policy::stranger() }, &bad).unwrap_err();
            assert!(error.to_string().contains(why), "{bad:?}: {error}");
        }
        let good = [
            ("b", Kind::File),
            ("a", link("b")),
            ("d", Kind::Folder),
            ("d/e/f", Kind::File),
            ("d/e", Kind::Folder),
            ("h", hard("b")),
            (".", Kind::Folder),
            ("B", Kind::File),
        ];
        admit(Policy { portable: false, ..Policy::stranger() }, &good).unwrap();
        assert!(admit(Policy { portable: true, ..Policy::stranger() }, &good).is_err(), "b and B");
    }

    #[test]
    fn our_own_are_sorted() {
        assert!(admit(Policy::own(), &[("b", Kind::File), ("a", Kind::File)]).unwrap_err().to_string().contains("not sorted"));
        admit(Policy::own(), &[("a", Kind::File), ("a.b", Kind::File), ("b", Kind::File)]).unwrap();
    }
}
