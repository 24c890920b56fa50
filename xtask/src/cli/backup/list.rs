//! `backup list`: age, size, verified when, what's in it.

use serde_json::json;

use super::{describe, sources};
use crate::{
    config::Project,
    effects::clock,
    kernel::{Finding, Result, human_bytes, human_duration},
    report::{Answer, Table, View},
};

pub(super) fn run(project: &Project, names: &[String]) -> Result<Answer> {
    let mut table = Table::new(["id", "age", "size", "files", "holds", "verified", "notes"]);
    let (mut data, mut findings) = (Vec::new(), Vec::new());
    for source in sources(project, names)? {
        let (backups, damaged) = source.store.all()?;
        findings.extend(damaged.iter().map(|error| Finding::warning("backup-manifest", error.chain())));
        for backup in backups.iter().rev() {
            let age = clock::now().signed_duration_since(backup.at()).to_std().unwrap_or_default();
            let mut notes: Vec<String> = backup.suspicion.iter().cloned().collect();
            notes.extend(backup.safety.then(|| "made before a restore".to_owned()));
            notes.extend(backup.is_from_the_future(clock::now()).then(|| "its time is still to come: a clock was wrong".to_owned()));
            table.row([
                backup.id.clone(),
                human_duration(age),
                human_bytes(backup.archive.size),
                backup.totals.files.to_string(),
                backup.holds(),
                backup.verified.clone().unwrap_or_else(|| "no".into()),
                notes.join("; "),
            ]);
            data.push(describe(backup));
        }
    }
    Ok(Answer::new(&json!({ "backups": data }), View::Table(table)).found(findings))
}
