//! GitHub Releases, as if the network were hostile.
//!
//! Draft, upload all, compare every digest, publish in one step, read back as the public. Reads are repeated with patience; a write is repeated
//! only after a look at what the server has. It touches the network through one `line` and files where they are streamed.

mod address;
mod convert;
mod fetch;
mod line;
mod names;
mod pace;
mod patience;
mod preflight;
mod problem;
mod releases;
mod reply;
mod settings;
mod token;
mod upload;

pub use names::rename as stored_name;
pub use settings::Settings;
pub use token::Token;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Asset, Draft, Edit, Fetched, Forge, Intent, Limits, Release, Survey, Upload};
use crate::{
    effects::network,
    kernel::{Error, Events, Finding, Kind, Result},
};
use convert::Raw;
use line::Line;
use preflight::Place;
use tokio::task::JoinHandle;

/// A repository on GitHub.
pub struct GitHub {
    hub: Arc<Hub>,
    ahead: Mutex<Option<JoinHandle<Result<Survey>>>>,
    runtime: tokio::runtime::Runtime,
}

impl GitHub {
    /// Nothing is sent yet. Without a token only what is public can be read.
    pub fn connect(settings: Settings, token: Option<Token>, events: Events) -> Result<Self> {
        let runtime = network::runtime()?;
        // Octocrab starts a worker of its own as soon as it is built.
        let inside = runtime.enter();
        let line = Line::open(settings, token, events)?;
        drop(inside);
        Ok(Self { hub: Arc::new(Hub { line, memory: Mutex::default() }), ahead: Mutex::default(), runtime })
    }

    fn ahead(&self) -> MutexGuard<'_, Option<JoinHandle<Result<Survey>>>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(work)
    }

    /// For steps that have begun to change something: whatever broke, the same command goes on.
    fn run_on<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.run(work).map_err(|error| match error.kind() {
            Kind::Unexpected => error.of_kind(Kind::Partial).hint("give the same command again: it goes on from there"),
            _ => error,
        })
    }
}

/// The line with what was learnt over it.
struct Hub {
    line: Line,
    memory: Mutex<Memory>,
}

/// What the server told and this house's values don't hold.
#[derive(Default)]
struct Memory {
    /// Whether the repository is private, once it was looked at.
    private: Option<bool>,
    /// The token says that it may not touch workflows.
    lacks_workflow: bool,
    /// By tag: what its release meets there, looked at ahead.
    places: BTreeMap<String, Place>,
    /// By release: the branch or commit that it was made from.
    targets: BTreeMap<String, String>,
    /// By release: where its assets are sent.
    uploads: BTreeMap<String, String>,
    /// The tag that was published as latest and not read back yet.
    elected: Option<String>,
    /// The latest tag, read a moment ago.
    latest: Option<String>,
}

impl Hub {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, raw: &Raw) {
        let mut memory = self.memory();
        memory.targets.insert(raw.release.id.clone(), raw.target.clone());
        memory.uploads.insert(raw.release.id.clone(), raw.upload_url.clone());
    }

    fn need_token(&self) -> Result<()> {
        if self.line.token().is_some() {
            return Ok(());
        }
        Err(Error::new(Kind::Denied, format!("no token to change {} with", self.line.address.web()))
            .hint("set GH_TOKEN (or GITHUB_TOKEN) to a token with `contents: write`"))
    }
}

fn limits() -> Limits {
    Limits { asset_size: 2 << 30, assets: 1000, refuses_empty: true, rename: names::rename }
}

impl Forge for GitHub {
    fn kind(&self) -> &'static str {
        "github"
    }

    fn place(&self) -> String {
        self.hub.line.address.web()
    }

    fn limits(&self) -> Limits {
        limits()
    }

    fn look_ahead(&self, tag: Option<&str>) {
        let (hub, tag) = (Arc::clone(&self.hub), tag.map(str::to_owned));
        *self.ahead() = Some(self.runtime.spawn(async move { hub.look(tag.as_deref()).await }));
    }

    fn survey(&self) -> Result<Survey> {
        let ahead = self.ahead().take();
        let Some(ahead) = ahead else { return self.run(self.hub.survey()) };
        self.runtime.block_on(ahead).unwrap_or_else(|_| Err(Error::unexpected("looking at the releases broke off")))
    }

    fn may_write(&self) -> Result<()> {
        self.hub.need_token()
    }

    fn preflight(&self, intent: &Intent, survey: &Survey) -> Result<Vec<Finding>> {
        self.run(self.hub.preflight(intent, survey))
    }

    fn draft_comes_first(&self, intent: &Intent, survey: &Survey) -> bool {
        self.hub.draft_comes_first(intent, survey)
    }

    fn inspect(&self, intent: &Intent) -> Result<Vec<Finding>> {
        self.run(self.hub.inspect(intent))
    }

    fn open_draft(&self, draft: &Draft, survey: &Survey) -> Result<Release> {
        self.hub.need_token()?;
        self.run_on(self.hub.open_draft(draft, survey))
    }

    fn upload(&self, draft: &Release, uploads: &[Upload], events: &Events) -> Result<Vec<Asset>> {
        self.hub.need_token()?;
        if !draft.draft {
            return Err(Error::refused(format!("{} is published: its assets are never replaced", draft.tag)));
        }
        self.run_on(self.hub.upload(draft, uploads, events))
    }

    fn publish(&self, draft: &Release, latest: bool) -> Result<Release> {
        self.hub.need_token()?;
        self.run_on(self.hub.publish(draft, latest))
    }

    fn published(&self, tag: &str) -> Result<Option<Release>> {
        self.run(self.hub.published(tag))
    }

    fn latest(&self) -> Result<Option<String>> {
        self.run(self.hub.latest())
    }

    fn elect(&self, release: &Release) -> Result<()> {
        self.hub.need_token()?;
        self.run_on(self.hub.elect(release))
    }

    fn edit(&self, release: &Release, edit: &Edit) -> Result<Release> {
        self.hub.need_token()?;
        self.run_on(self.hub.edit(release, edit))
    }

    fn fetch(&self, release: &Release, assets: &[Asset], folder: &Path, events: &Events) -> Result<Vec<Fetched>> {
        self.run(self.hub.fetch(release, assets, folder, events))
    }

    fn tidy(&self, tag: &str, survey: &Survey, events: &Events) -> Result<()> {
        match survey.published(tag) {
            Some(release) if self.hub.line.token().is_some() => self.run_on(self.hub.tidy(release, &survey.drafts(tag), events)),
            _ => Ok(()),
        }
    }

    fn remove(&self, release: &Release) -> Result<()> {
        self.hub.need_token()?;
        self.run_on(self.hub.remove(release))
    }
}
