//! `backup verify`: every byte against the manifest.

use serde_json::json;

use super::{super::Session, no_such, sources};
use crate::{
    backup::{self, Manifest, Source},
    config::Project,
    kernel::{Finding, Kind, Result},
    report::{Answer, Table, View},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names of sources, or ids of backups [default: every backup]
    #[arg(value_name = "NAME or ID")]
    what: Vec<String>,
}

pub(super) fn run(session: &Session, project: &Project, args: &Args) -> Result<Answer> {
    let mut table = Table::new(["backup", "verdict"]);
    let (mut data, mut findings) = (Vec::new(), Vec::new());
    for (source, mut manifest) in chosen(project, &args.what)? {
        let _lock = backup::lock(project, source.name(), "verify backups")?;
        session.events.step(format!("verify {}", manifest.id));
        let verdict = backup::verify(&source.store, &mut manifest);
        let text = verdict.as_ref().err().map_or_else(|| "every byte is right".to_owned(), |error| error.chain());
        table.row([manifest.id.clone(), text.clone()]);
        data.push(json!({ "id": manifest.id, "ok": verdict.is_ok(), "verdict": text }));
        if let Err(error) = verdict {
            let finding = Finding::error("backup-damaged", format!("{}: {}", manifest.id, error.chain()));
            findings.push(error.hints().iter().fold(finding, |finding, hint| finding.hint(hint)));
        }
    }
    let bad = findings.iter().any(Finding::is_error);
    let answer = Answer::new(&json!({ "backups": data }), View::Table(table)).found(findings);
    Ok(if bad { answer.of_kind(Kind::Mismatch) } else { answer })
}

fn chosen(project: &Project, what: &[String]) -> Result<Vec<(Source, Manifest)>> {
    let all = sources(project, &[])?;
    let names: Vec<&str> = all.iter().map(Source::name).collect();
    let mut chosen = Vec::new();
    for source in &all {
        for manifest in source.store.all()?.0 {
            if what.is_empty() || what.iter().any(|word| *word == manifest.id || *word == manifest.name) {
                chosen.push((source.clone(), manifest));
            }
        }
    }
    let missing = what.iter().find(|word| !names.contains(&word.as_str()) && !chosen.iter().any(|(_, manifest)| manifest.id == **word));
    match missing {
        Some(word) => Err(no_such(word)),
        None => Ok(chosen),
    }
}
