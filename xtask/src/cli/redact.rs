//! `redact`: standard input, or a file, without its secrets.

use std::{io, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::Session;
use crate::{
    effects::{files, tree},
    incident::{redact::Redactor, secrets},
    kernel::{Context as _, Error, Result},
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
    // Outside of a project there are no known values, but shapes and names are the same.
    let known = session.project().map(|project| secrets::known(&project, None)).unwrap_or_default();
    let mut redactor = Redactor::new(&known.0);
    let reader: Box<dyn io::Read> = match &args.file {
        Some(path) => Box::new(tree::open_regular(path)?),
        None => Box::new(io::stdin().lock()),
    };
    let copied = match &args.out {
        Some(path) => {
            let mut file = files::Replacement::create(path)?;
            let copied = redactor.copy(reader, io::BufWriter::new(file.writer()));
            copied.map(|counts| (counts, Some(file)))
        }
        None => redactor.copy(reader, io::stdout().lock()).map(|counts| (counts, None)),
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
