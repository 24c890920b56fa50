//! A journal: written before something that has several steps begins, updated at each, removed when it is done.
//! What is left of it after a kill tells `status` and the next run where things stand.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    effects::{clock, files, lock},
    kernel::{Context as _, Result},
};

/// What is under way: what every journal tells, whatever its steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The format: 1.
    pub schema: u32,
    /// The journal's name: `release`, `restore-falkordb`.
    pub name: String,
    /// What is being done, for a person: `restore falkordb from falkordb-20260131T120000Z-1a2b3c4d`.
    pub what: String,
    /// How far it is: what was done last, and whether the old or the new state is in force.
    pub state: String,
    /// The command that goes on.
    pub resume: String,
    /// The command that goes back, where there is one.
    pub undo: Option<String>,
    /// Who began it.
    pub who: String,
    /// When.
    pub since: String,
}

#[derive(Serialize, Deserialize)]
struct Stored<T> {
    #[serde(flatten)]
    pending: Pending,
    detail: T,
}

/// The journal of one piece of work.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
    pending: Pending,
}

impl Journal {
    /// A journal that isn't written yet; [`Journal::write`] does.
    pub fn new(state: &Path, name: &str, what: &str, resume: &str, undo: Option<&str>) -> Self {
        let pending = Pending {
            schema: 1,
            name: name.into(),
            what: what.into(),
            state: "begun".into(),
            resume: resume.into(),
            undo: undo.map(str::to_owned),
            who: lock::who(),
            since: clock::stamp(clock::now()),
        };
        Self { path: path(state, name), pending }
    }

    /// What a killed run left under that name, with its details.
    pub fn load<T: DeserializeOwned>(state: &Path, name: &str) -> Result<Option<(Self, T)>> {
        let path = path(state, name);
        let Some(text) = files::read_text_if_there(&path)? else { return Ok(None) };
        let stored: Stored<T> = serde_json::from_str(&text).context(|| format!("read the journal {}", path.display()))?;
        Ok(Some((Self { path, pending: stored.pending }, stored.detail)))
    }

    /// Notes how far it is, atomically and durably.
    pub fn write<T: Serialize>(&mut self, state: &str, detail: &T) -> Result<()> {
        self.pending.state = state.into();
        let stored = Stored { pending: self.pending.clone(), detail };
        let text = serde_json::to_string_pretty(&stored).context(|| "write the journal".into())?;
        files::write(&self.path, text.as_bytes())
    }

    /// What it tells.
    pub fn pending(&self) -> &Pending {
        &self.pending
    }

    /// It is done: the journal goes.
    pub fn close(self) -> Result<()> {
        files::remove_file(&self.path)
    }

    /// Everything that is under way in a state folder.
    pub fn all(state: &Path) -> Result<Vec<Pending>> {
        let folder = state.join("journal");
        let mut found = Vec::new();
        for name in files::list(&folder)? {
            if let Some(name) = name.strip_suffix(".json")
                && let Some((journal, _)) = Self::load::<serde_json::Value>(state, name)?
            {
                found.push(journal.pending);
            }
        }
        Ok(found)
    }
}

fn path(state: &Path, name: &str) -> PathBuf {
    state.join("journal").join(format!("{name}.json"))
}
