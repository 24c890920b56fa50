//! Access to Compose: its files and variables as written, its configuration as rendered, and its commands. Reads files, starts Compose.
//!
//! A variable that is missing makes every command of Compose fail, `logs` and `down` too: that is found out here first, for all variables at
//! once, and said with the file to set them in.

mod flavour;
mod places;
pub mod rendered;
mod source;
pub mod variables;

pub use flavour::{Flavour, Generation, detect};
pub use rendered::{Rendered, Service};
pub use source::Source;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;

use crate::{
    config::Project,
    effects::{files, process::Program},
    kernel::{Context as _, Error, Finding, Kind, Result},
};
use variables::{EnvFile, Environment, Reference, interpolate};

/// A compose file with what belongs to it; nothing was started yet.
#[derive(Clone, Debug)]
pub struct Files {
    /// The folder that Compose runs in.
    pub folder: PathBuf,
    /// The main file first, then what goes over it, as Compose itself would take them.
    pub files: Vec<File>,
    /// Where variables come from.
    pub environment: Environment,
    /// The project's name, where the configuration fixes it.
    pub project: Option<String>,
    root: PathBuf,
}

/// One compose file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path.
    pub path: PathBuf,
    /// Its path below the repository's root, for messages.
    pub shown: String,
    /// What it says.
    pub source: Source,
}

impl Files {
    /// Reads the files of the project's `[services]`.
    pub fn open(project: &Project) -> Result<Self> {
        let services = project.config.services.as_ref().ok_or_else(no_services)?;
        let main = project.path(&services.compose);
        let folder = files::parent(&main).to_path_buf();
        let read = |path: PathBuf| Ok(EnvFile::new(files::read_text_if_there(&path)?.unwrap_or_default()).at(path));
        let env = places::env_files(&folder).into_iter().map(read).collect::<Result<Vec<_>>>()?;
        let shell = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
        let environment = Environment { shell, files: env };
        let paths = places::compose_files(&main, &folder, &environment);
        let read = paths.into_iter().map(|path| File::read(path, &project.root)).collect::<Result<Vec<_>>>()?;
        Ok(Self { folder, files: read, environment, project: services.project.clone(), root: project.root.clone() })
    }

    /// The env file that has the last word on a variable, for messages.
    pub fn env_shown(&self, name: &str) -> String {
        self.environment.holder(name).map_or_else(|| ".env".into(), |file| shown(file.path(), &self.root))
    }

    /// The file in which a service's key is written, the override first; else the main one.
    pub fn file_of(&self, path: &[&str]) -> Option<&File> {
        self.files.iter().rev().find(|file| file.source.exact_line(path).is_some()).or_else(|| self.files.first())
    }

    /// A value as written, from the file that has the last word.
    pub fn string(&self, path: &[&str]) -> Option<&str> {
        self.files.iter().rev().find_map(|file| file.source.string(path))
    }

    /// A finding's place: the line of that key.
    pub fn place(&self, finding: Finding, path: &[&str]) -> Finding {
        match self.file_of(path) {
            Some(file) => {
                let finding = finding.file(file.shown.clone());
                match file.source.line(path) {
                    Some(line) => finding.line(line),
                    None => finding,
                }
            }
            None => finding,
        }
    }

    /// Variables without which Compose does nothing at all, as findings with the place where each is asked for.
    pub fn missing(&self) -> Vec<Finding> {
        let mut found: Vec<(&File, Reference)> = Vec::new();
        for file in &self.files {
            for reference in file.source.strings().into_iter().flat_map(|value| interpolate(value, &self.environment).1) {
                if !found.iter().any(|(_, other)| other.name == reference.name) {
                    found.push((file, reference));
                }
            }
        }
        found.sort_by_key(|(file, reference)| (file.shown.clone(), file.source.line_of_variable(&reference.name)));
        found.into_iter().map(|(file, reference)| self.missing_finding(file, &reference)).collect()
    }

    fn missing_finding(&self, file: &File, reference: &Reference) -> Finding {
        let why = if reference.word.is_empty() { String::new() } else { format!(": {}", reference.word) };
        let finding = Finding::error("compose-variable-unset", format!("{} is not set, and every Compose command needs it{why}", reference.name))
            .hint(format!("set it in {}: {}=…", self.env_shown(&reference.name), reference.name))
            .file(file.shown.clone());
        match file.source.line_of_variable(&reference.name) {
            Some(line) => finding.line(line),
            None => finding,
        }
    }

    /// The configuration as filled in here, without Compose: good enough to check and to record.
    pub fn rendered_here(&self) -> Rendered {
        let filled = self.files.iter().map(|file| filled(file.source.value(), &self.environment));
        Rendered::read(&filled.reduce(merged).unwrap_or(Value::Null), false)
    }

    /// The project's name where Compose doesn't tell it: as v1 derives it.
    pub fn derived_name(&self) -> String {
        let named = self.project.clone().or_else(|| self.environment.get("COMPOSE_PROJECT_NAME")).filter(|name| !name.is_empty());
        named.unwrap_or_else(|| {
            let folder = self.folder.canonicalize().unwrap_or_else(|_| self.folder.clone());
            let base = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
            base.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect()
        })
    }
}

impl File {
    fn read(path: PathBuf, root: &Path) -> Result<Self> {
        let shown = shown(&path, root);
        let text = files::read_text(&path).map_err(|error| error.of_kind(Kind::Usage).hint("set services.compose in xtask.toml to the compose file"))?;
        let source = Source::parse(&text, &shown)?;
        Ok(Self { path, shown, source })
    }
}

fn no_services() -> Error {
    Error::usage("xtask.toml has no [services]").hint("add [services] with compose = \"docker-compose.yml\"")
}

fn shown(path: &Path, root: &Path) -> String {
    files::slashes(path.strip_prefix(root).unwrap_or(path))
}

fn filled(value: &Value, environment: &Environment) -> Value {
    match value {
        Value::String(text) => Value::String(interpolate(text, environment).0),
        Value::Array(values) => Value::Array(values.iter().map(|value| filled(value, environment)).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), filled(value, environment))).collect()),
        other => other.clone(),
    }
}

/// An override over its base: mappings merge, lists grow, everything else is replaced.
fn merged(base: Value, over: Value) -> Value {
    match (base, over) {
        (Value::Object(mut base), Value::Object(over)) => {
            for (key, value) in over {
                let old = base.remove(&key).unwrap_or(Value::Null);
                base.insert(key, merged(old, value));
            }
            Value::Object(base)
        }
        (Value::Array(mut base), Value::Array(over)) => {
            base.extend(over);
            Value::Array(base)
        }
        (base, Value::Null) => base,
        (_, over) => over,
    }
}

/// Compose for these files: its commands work.
#[derive(Clone, Debug)]
pub struct Compose {
    /// The files.
    pub files: Files,
    /// Which Compose.
    pub flavour: Flavour,
}

impl Compose {
    /// Finds Compose and makes sure that it will accept the files' variables.
    pub fn open(project: &Project) -> Result<Self> {
        let files = Files::open(project)?;
        let missing = files.missing();
        if !missing.is_empty() {
            let message = format!("Compose can't work: {} of its variables {} not set", missing.len(), if missing.len() == 1 { "is" } else { "are" });
            return Err(Error::usage(message).with_findings(missing));
        }
        Ok(Self { files, flavour: detect()? })
    }

    /// A command of Compose.
    pub fn program(&self, words: &[&str]) -> Program {
        let (name, rest) = self.flavour.words.split_first().map_or(("docker", &[][..]), |(name, rest)| (name.as_str(), rest));
        let program = Program::new(name).args(rest).folder(&self.files.folder);
        let named = |file: &File| file.path.strip_prefix(&self.files.folder).unwrap_or(&file.path).to_path_buf();
        let program = self.files.files.iter().fold(program, |program, file| program.arg("-f").arg(named(file)));
        let program = self.files.project.iter().fold(program, |program, name| program.args(["-p", name]));
        program.args(words)
    }

    /// The configuration as Compose itself fills it in. The same files and variables are filled in once a run.
    pub fn rendered(&self) -> Result<Rendered> {
        static LAST: Mutex<Option<(String, Rendered)>> = Mutex::new(None);
        let asked = format!("{self:?}");
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((of, rendered)) if *of == asked => Ok(rendered.clone()),
            _ => Ok(last.insert((asked, self.render()?)).1.clone()),
        }
    }

    fn render(&self) -> Result<Rendered> {
        let context = || "read the configuration that Compose printed".to_owned();
        let value: Value = match self.flavour.generation {
            Generation::Two => serde_json::from_str(&self.config(&["config", "--format", "json"])?).context(context)?,
            Generation::One => yaml_serde::from_str(&self.config(&["config"])?).context(context)?,
        };
        Ok(Rendered::read(&value, true))
    }

    fn config(&self, words: &[&str]) -> Result<String> {
        let shown = self.files.files.first().map(|file| file.shown.clone()).unwrap_or_default();
        self.program(words).query().read().map_err(|error| error.within(format!("Compose doesn't accept {shown}")).of_kind(Kind::Usage))
    }
}

#[cfg(test)]
mod tests;
