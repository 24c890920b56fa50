//! `[[backup]]` as configured → what is backed up, with everything resolved that needs no running engine. Reads files, changes nothing.

use std::path::PathBuf;

use super::{
    manifest::Origin,
    redis::Login,
    retention::Rules,
    stack::{self, Stack},
    store::{Format, Store},
};
use crate::{
    config::{BackupSource, Engine, Project},
    effects::{lock, places},
    kernel::{Error, Result},
};

/// One thing to back up.
#[derive(Clone, Debug)]
pub struct Source {
    /// As configured.
    pub spec: BackupSource,
    /// Where its backups lie.
    pub store: Store,
    /// What it is.
    pub what: What,
    /// The project's name.
    pub project: String,
    /// The image that the compose file names for the service.
    pub image: Option<String>,
    /// The engine's password, where one is configured and known.
    password: Option<String>,
}

/// What is backed up.
#[derive(Clone, Debug)]
pub enum What {
    /// A Docker volume.
    Volume {
        /// The compose project.
        project: String,
        /// Its real name.
        real: String,
    },
    /// A folder of this machine.
    Folder(PathBuf),
}

impl Source {
    /// Resolves one `[[backup]]`.
    pub fn resolve(project: &Project, spec: &BackupSource) -> Result<Self> {
        let folder = filled(project, spec.to.as_deref().unwrap_or(&format!("backups/{}", spec.name)))?;
        let mut image = None;
        let what = match (&spec.directory, &spec.volume) {
            (Some(directory), _) => What::Folder(filled(project, directory)?),
            (None, Some(key)) => {
                let stack = Stack::read(project)?;
                image = spec.service.as_deref().and_then(|service| stack.image(service)).map(str::to_owned);
                What::Volume { real: stack.volume(key)?.to_owned(), project: stack.project }
            }
            (None, None) => return Err(Error::usage(format!("backup `{}` names neither a volume nor a directory", spec.name))),
        };
        let password = spec.password_env.as_deref().map(|name| stack::variable(project, name)).transpose()?.flatten();
        Ok(Self { store: Store::new(folder, &spec.name), spec: spec.clone(), what, project: project.config.name.clone(), image, password })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The engine; plain files where none is named.
    pub fn engine(&self) -> Engine {
        self.spec.engine.unwrap_or(Engine::Files)
    }

    /// As whom its server is asked; the password comes from the environment or `.env` here, else as the container itself was given it.
    pub fn login(&self, container: Option<&crate::effects::docker::Container>) -> Login {
        let inside = || container?.env(self.spec.password_env.as_deref()?).map(str::to_owned);
        Login { user: self.spec.user.clone(), password: self.password.clone().or_else(inside) }
    }

    /// How archives are packed.
    pub fn format(&self) -> Format {
        match self.spec.format {
            Some(crate::config::Format::TarGz) => Format::Gzip,
            _ => Format::Zstd,
        }
    }

    /// How many are kept.
    pub fn rules(&self) -> Rules {
        Rules { count: self.spec.keep, days: self.spec.keep_days }
    }

    /// What a backup of it would do, for `--dry-run`.
    pub fn described(&self, cold: bool) -> String {
        let what = match &self.what {
            What::Volume { real, .. } => format!("the volume {real}"),
            What::Folder(folder) => format!("the folder {}", folder.display()),
        };
        match (self.engine(), cold, &self.what) {
            (Engine::Redis, false, _) => format!("{what}, hot, while its server runs"),
            (_, _, What::Volume { .. }) => format!("{what}, while what uses it is stopped"),
            (_, _, What::Folder(_)) => what,
        }
    }

    /// For the manifest.
    pub fn origin(&self) -> Origin {
        let (real_volume, directory) = match &self.what {
            What::Volume { real, .. } => (Some(real.clone()), None),
            What::Folder(folder) => (None, Some(folder.display().to_string())),
        };
        let (service, volume) = (self.spec.service.clone(), self.spec.volume.clone());
        Origin { project: self.project.clone(), service, volume, real_volume, directory, who: lock::who() }
    }
}

/// A configured path with its placeholders filled in; a relative one is below the root.
fn filled(project: &Project, path: &str) -> Result<PathBuf> {
    let filled = places::fill(path)?;
    if filled.contains('{') {
        return Err(Error::usage(format!("`{path}` holds a placeholder that stands for nothing")).hint("known are {config-dir}, {data-dir} and {home}"));
    }
    Ok(project.root.join(filled))
}

/// The sources of these names, or all; an unknown name suggests the nearest.
pub fn select<'a>(project: &'a Project, names: &[String]) -> Result<Vec<&'a BackupSource>> {
    let all = &project.config.backups;
    if all.is_empty() {
        return Err(Error::usage("xtask.toml has no [[backup]]").hint("add one for each volume or folder that must survive"));
    }
    if names.is_empty() {
        return Ok(all.iter().collect());
    }
    let find = |name: &String| all.iter().find(|source| source.name == *name).ok_or_else(|| unknown(name, all));
    names.iter().map(find).collect()
}

fn unknown(name: &str, all: &[BackupSource]) -> Error {
    let error = Error::usage(format!("there is no backup `{name}` in xtask.toml"));
    let known: Vec<&str> = all.iter().map(|source| source.name.as_str()).collect();
    match known.iter().min_by_key(|other| strsim::levenshtein(other, name)) {
        Some(nearest) => error.hint(format!("did you mean `{nearest}`? there are: {}", known.join(", "))),
        None => error,
    }
}
