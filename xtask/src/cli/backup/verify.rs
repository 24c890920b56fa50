//! `backup verify`: every byte against the manifest.

use serde_json::json;

use super::{super::Session, no_such, sources};
use crate::{
    backup::{self, Manifest, Source, restore},
    config::{Engine, Project},
    effects::clock,
    kernel::{Error, Finding, Kind, Result},
    report::{Answer, Table, View},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names of sources, or ids of backups [default: every backup]
    #[arg(value_name = "NAME or ID")]
    what: Vec<String>,
    /// Load it in a scratch server too, and count
    #[arg(long)]
    deep: bool,
}

pub(super) fn run(session: &Session, project: &Project, args: &Args) -> Result<Answer> {
    let mut table = Table::new(["backup", "verdict"]);
    let (mut data, mut findings) = (Vec::new(), Vec::new());
    for (source, mut manifest) in chosen(project, &args.what)? {
        let _lock = backup::lock(project, source.name(), "verify backups")?;
        session.events.step(format!("verify {}", manifest.id));
        let verdict = verdict(session, &source, &mut manifest, args.deep);
        let text = verdict.as_ref().map_or_else(Error::chain, Clone::clone);
        table.row([manifest.id.clone(), text.clone()]);
        data.push(json!({ "id": manifest.id, "ok": verdict.is_ok(), "verdict": text }));
        if let Err(error) = verdict {
            let finding = Finding::error("backup-damaged", format!("{}: {}", manifest.id, error.chain()));
            findings.push(error.hints().iter().fold(finding, |finding, hint| finding.hint(hint)));
        }
    }
    for error in damaged(project, &args.what)? {
        table.row([error.to_string(), "damaged".to_owned()]);
        data.push(json!({ "ok": false, "verdict": error.chain() }));
        let finding = Finding::error("backup-manifest", error.chain());
        findings.push(error.hints().iter().fold(finding, |finding, hint| finding.hint(hint)));
    }
    let bad = findings.iter().any(Finding::is_error);
    let answer = Answer::new(&json!({ "backups": data }), View::Table(table)).found(findings);
    Ok(if bad { answer.of_kind(Kind::Mismatch) } else { answer })
}

/// `--deep` has nothing more to say of plain files: their bytes are all there is.
fn verdict(session: &Session, source: &Source, manifest: &mut Manifest, deep: bool) -> Result<String> {
    backup::verify(&source.store, manifest)?;
    if !deep || source.engine() != Engine::Redis {
        return Ok("every byte is right".to_owned());
    }
    let picked = restore::pick(source, Some(&manifest.id), source.store.folder())?;
    let counts = restore::deep(source, &picked, &session.events)?;
    manifest.booted = Some(clock::stamp(clock::now()));
    manifest.write(&manifest.path(source.store.folder()))?;
    Ok(format!("every byte is right; a scratch server holds {}", counts.text()))
}

/// Manifests that can't be read, of the sources that are looked at: what they stood for doesn't count any more.
fn damaged(project: &Project, what: &[String]) -> Result<Vec<Error>> {
    let mut all = Vec::new();
    for source in sources(project, &[])?.iter().filter(|source| what.is_empty() || what.iter().any(|word| word == source.name())) {
        all.extend(source.store.all()?.1);
    }
    Ok(all)
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
