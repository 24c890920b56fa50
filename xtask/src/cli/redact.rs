//! `redact`: standard input, or a file, without its secrets.

use std::{io, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::Session;
use crate::{
    config::Project,
    effects::{eager::Eager, files, tree},
    incident::{
        bundle::Clean,
        packed::{self, Sort},
        redact::{Counts, Redactor, Secret, Source},
        secrets,
    },
    kernel::{Context as _, Error, Finding, Result},
    report::{Answer, View},
};

#[derive(Debug, Args)]
pub(crate) struct RedactArgs {
    /// The file to read [default: standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The file to write, replaced only when all went well [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(session: &Session, args: &RedactArgs) -> Result<Answer> {
    if session.global.json && args.out.is_none() {
        return Err(Error::usage("standard output can't hold both the JSON document and the redacted text").hint("give --out FILE"));
    }
    let mut redactor = Redactor::new(&known(session)?);
    let mut input = match &args.file {
        Some(path) => Eager::new(tree::open_regular(path)?),
        None => Eager::new(io::stdin()),
    };
    let sort = packed::sort(input.peek().context(|| "redact".into())?);
    if let Some(what) = unseen(sort) {
        return Err(Error::usage(format!("this is {what}: the secrets in it can't be seen")).hint("unpack it first: `zcat LOG | xtask redact`"));
    }
    if sort == Sort::Wide {
        session.events.note("this is UTF-16: it is written as UTF-8".to_owned());
    }
    let copied = match &args.out {
        Some(path) => {
            let mut file = files::Replacement::create(path)?;
            let copied = copy(&mut redactor, input, sort, io::BufWriter::new(file.writer()));
            copied.map(|counts| (counts, Some(file)))
        }
        None => copy(&mut redactor, input, sort, io::stdout().lock()).map(|counts| (counts, None)),
    };
    let counts = match copied {
        Ok((counts, file)) => file.map_or(Ok(()), files::Replacement::commit).map(|()| counts)?,
        // Whoever reads has enough (`| head`).
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Default::default(),
        Err(error) => return Err(error).context(|| "redact".into()),
    };
    for (kind, count) in &counts {
        session.events.note(format!("hidden: {count} × {kind}"));
    }
    Ok(Answer::new(&json!({ "redacted": counts }), View::Nothing))
}

/// What is known to be secret here. Outside of a project that is the environment alone; in a project that can't be read nobody knows what is.
fn known(session: &Session) -> Result<Vec<Secret>> {
    let project = match session.project() {
        Ok(project) => project,
        Err(error) if session.global.config.is_none() && !Project::is_around(&session.folder()?) => {
            session.events.note(format!("{error}: only shapes, names and this environment's values are hidden"));
            return Ok(secrets::of_environment());
        }
        Err(error) => return Err(error.hint("without its configuration the values of its env files can't be hidden")),
    };
    let (known, notes) = secrets::known(&project, None);
    notes.into_iter().for_each(|note| session.events.warn(Finding::warning("redact-unknown", note)));
    Ok(known)
}

fn unseen(sort: Sort) -> Option<&'static str> {
    match sort {
        Sort::Gzip => Some("a gzip file"),
        Sort::Zstd => Some("a zstd file"),
        Sort::Packed(what) => Some(what),
        Sort::Text | Sort::Wide | Sort::Other(_) => None,
    }
}

fn copy(redactor: &mut Redactor, input: Eager, sort: Sort, writer: impl io::Write) -> io::Result<Counts> {
    if sort == Sort::Wide { redactor.copy(Clean::new(input), writer) } else { redactor.follow(Input(input), writer) }
}

/// The input, as the redactor wants it.
struct Input(Eager);

impl io::Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Source for Input {
    fn waits(&mut self) -> bool {
        self.0.waits()
    }
}
