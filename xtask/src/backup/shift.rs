//! Where an archive's entries go when its data folder is not where the server looks: what old scripts packed as `data/…`, and what was copied out of a
//! container whose folder is mounted elsewhere now. Pure.

use super::{
    entry::{Entry, Kind, Meta},
    name::Name,
};
use crate::kernel::{Error, Result};

/// What lies below one folder of the archive goes below another. Both are the root where nothing is moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shift {
    /// The data folder in the archive.
    pub from: Name,
    /// The data folder in the restored place.
    pub to: Name,
}

impl Shift {
    /// Whether everything stays where it is.
    pub fn is_none(&self) -> bool {
        self.from == self.to
    }

    /// Somebody's archive of the folder at `place` that was packed with folders above it: `tar czf x.tgz -C ~/.config App`, `tar czPf x.tgz /home/ann/App`.
    /// Its data goes into the folder, not into a second one below it. One that holds its root (`./`) was packed from inside.
    pub fn out_of(entries: &[Entry], place: &Name) -> Self {
        let holds = |from: &Name| entries.iter().any(|entry| entry.path != *from && entry.path.is_within(from));
        let all = |from: &Name| entries.iter().all(|entry| !entry.path.is_root() && (entry.path.is_within(from) || from.is_within(&entry.path)));
        let parts: Vec<&[u8]> = place.as_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
        let tails = (0..parts.len()).filter_map(|at| parts.get(at..)).map(|tail| tail.iter().fold(Name::root(), |name, part| name.child(part)));
        let from = tails.into_iter().find(|from| holds(from) && all(from));
        Self { from: from.unwrap_or_default(), to: Name::root() }
    }

    /// The new name; none for the folders above the data, which stay behind. Something beside them would be lost: that is refused.
    fn name(&self, name: &Name) -> Result<Option<Name>> {
        if self.is_none() {
            return Ok(Some(name.clone()));
        }
        match name.strip(&self.from) {
            Some(rest) => Ok(Some(self.to.join(&rest))),
            None if self.from.is_within(name) => Ok(None),
            None => Err(Error::mismatch(format!("the archive's data lies in `{}`, and it holds `{name}` beside it", self.from))
                .hint("unpack it with tar, look what belongs to the data, and pack the data folder anew: tar czf NEW.tar.gz -C DATA-FOLDER .")),
        }
    }

    fn kind(&self, kind: &Kind) -> Result<Kind> {
        Ok(match kind {
            Kind::Hard { to } => Kind::Hard { to: self.name(to)?.unwrap_or_default() },
            other => other.clone(),
        })
    }

    /// An entry as it will be.
    pub fn entry(&self, entry: &Entry) -> Result<Option<Entry>> {
        let Some(path) = self.name(&entry.path)? else { return Ok(None) };
        Ok(Some(Entry { path, kind: self.kind(&entry.kind)?, ..entry.clone() }))
    }

    /// The same before its bytes were read.
    pub fn meta(&self, meta: &Meta) -> Result<Option<Meta>> {
        let Some(name) = self.name(&meta.name)? else { return Ok(None) };
        Ok(Some(Meta { name, kind: self.kind(&meta.kind)?, ..meta.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(from: &str, to: &str, name: &str) -> Result<Option<Name>> {
        Shift { from: Name::from(from), to: Name::from(to) }.name(&Name::from(name))
    }

    #[test]
    fn what_is_below_moves_and_what_is_above_stays_behind() {
        assert_eq!(moved("data", "", "data/appendonlydir/x").unwrap(), Some(Name::from("appendonlydir/x")));
        assert_eq!(moved("data", "", "data").unwrap(), Some(Name::root()));
        assert_eq!(moved("a/data", "", "a").unwrap(), None);
        assert_eq!(moved("", "data", "dump.rdb").unwrap(), Some(Name::from("data/dump.rdb")));
        assert_eq!(moved("x", "x", "y").unwrap(), Some(Name::from("y")));
    }

    #[test]
    fn a_folder_packed_from_above_is_known_by_its_own_path() {
        let from = |names: &[&str]| {
            let entries: Vec<Entry> = names.iter().map(|name| Meta::plain(Name::from(*name), Kind::File).entry(None)).collect();
            Shift::out_of(&entries, &Name::from("home/ann/.config/App")).from.text()
        };
        assert_eq!(from(&["App", "App/store/x"]), "App");
        assert_eq!(from(&["home/ann/.config/App/store/x"]), "home/ann/.config/App");
        assert_eq!([from(&["", "App", "App/x"]), from(&["App/x", "other"]), from(&["Apple/x"]), from(&["store/x"])], [""; 4]);
    }

    #[test]
    fn what_lies_beside_the_data_is_not_lost_silently() {
        assert!(moved("data", "", "other/file").unwrap_err().to_string().contains("beside it"));
    }
}
