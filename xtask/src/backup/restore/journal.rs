//! What a restore writes down before each step, so that after a kill anybody can tell what is in force and how to go on.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{
    super::{probe::Probe, source::Source},
    ground::InForce,
    stage::Stage,
};
use crate::{kernel::Result, ledger::Journal};

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Nothing but the staging place was touched.
    Staging,
    /// Services are stopped, or about to be.
    Stopping,
    /// The exchange is about to be made, or was made.
    Exchanging,
    /// The new data must prove itself.
    Proving,
    /// It did: only clearing up is left.
    Clearing,
    /// It did not, or was not wanted: the old data comes back.
    Reverting,
}

impl Step {
    fn text(self) -> &'static str {
        match self {
            Self::Staging => "the old data is in force; the new is being prepared",
            Self::Stopping => "the old data is in force; services are being stopped",
            Self::Exchanging => "old and new change places in one step: either is in force, and whole",
            Self::Proving => "the new data is in force, and not yet proven",
            Self::Clearing => "the new data is in force and proven; clearing up",
            Self::Reverting => "the old data is being put back",
        }
    }
}

/// Everything that the next run needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Detail {
    /// How far it is.
    pub step: Step,
    /// What is restored.
    pub label: String,
    /// Where it is prepared.
    pub stage: Stage,
    /// Containers that ran.
    #[serde(default)]
    pub stopped: Vec<String>,
    /// What the data must hold.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// The backup of what was there.
    #[serde(default)]
    pub safety: Option<String>,
}

impl Detail {
    /// Which data is in force, by looking; nothing while neither is as a whole. Before the exchange is noted nothing was touched, after the proof
    /// clearing up is all that is left.
    pub fn look(&self) -> Result<Option<InForce>> {
        match (&self.stage, self.step) {
            (Stage::Engine(_), Step::Staging | Step::Stopping) => Ok(Some(InForce::Old)),
            (Stage::Engine(_), Step::Clearing) => Ok(Some(InForce::New)),
            (stage, _) => stage.look(),
        }
    }

    /// The same for whoever only asks: nothing, too, while a container is at work, or where the engine can't be asked.
    pub fn known(&self) -> Result<Option<InForce>> {
        match &self.stage {
            Stage::Engine(inside) if inside.at_work().unwrap_or(true) => Ok(None),
            Stage::Engine(_) => Ok(self.look().unwrap_or_default()),
            _ => self.look(),
        }
    }
}

/// The journal of a source's restore.
pub struct Log {
    journal: Journal,
    /// What it says.
    pub detail: Detail,
}

fn name(source: &str) -> String {
    format!("restore-{source}")
}

impl Log {
    /// Begins: nothing is written before [`Log::at`].
    pub fn new(state: &Path, source: &Source, detail: Detail) -> Self {
        let command = format!("xtask restore {}", source.name());
        let what = format!("restore {} from {}", source.name(), detail.label);
        Self { journal: Journal::new(state, &name(source.name()), &what, &format!("{command} --resume"), Some(&format!("{command} --undo"))), detail }
    }

    /// What a killed run left.
    pub fn load(state: &Path, source: &str) -> Result<Option<Self>> {
        Ok(Journal::load::<Detail>(state, &name(source))?.map(|(journal, detail)| Self { journal, detail }))
    }

    /// Notes the step that comes.
    pub fn at(&mut self, step: Step) -> Result<()> {
        self.detail.step = step;
        let inside = matches!(self.detail.stage, Stage::Engine(_)) && step == Step::Exchanging;
        let text = if inside { "services are stopped while old and new change places; neither is in force while files are moved" } else { step.text() };
        self.journal.write(text, &self.detail)
    }

    /// When it was begun.
    pub fn since(&self) -> &str {
        &self.journal.pending().since
    }

    /// Done.
    pub fn close(self) -> Result<()> {
        self.journal.close()
    }
}
