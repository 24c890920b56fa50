//! Tables that several commands show.

use serde_json::json;

use crate::{
    effects::clock,
    forge::Release,
    kernel::{Digest, Finding, human_bytes},
    release::{plan::ReleasePlan, retention::PrunePlan},
    report::{Answer, Table, View},
};

/// A file with size and digest.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: Digest,
}

/// Files, sizes, digests.
pub(super) fn assets(title: &str, rows: impl Iterator<Item = Row>) -> Table {
    let mut table = Table::new(["file", "size", "sha256"]).titled(title);
    for row in rows {
        table.row([row.name, human_bytes(row.size), row.sha256.hex()]);
    }
    table
}

/// What `release` would do.
pub(super) fn plan(plan: &ReleasePlan, findings: &[Finding], place: &str) -> Answer {
    let subject = &plan.subject;
    let mut table = Table::new(["artifact", "target", "files"]).titled(format!(
        "{} from commit {}{} → {place}",
        subject.tag,
        subject.commit.get(..12).unwrap_or(&subject.commit),
        if subject.dirty { " with uncommitted changes" } else { "" }
    ));
    for unit in &plan.units {
        let mut files = unit.files.clone();
        files.extend(unit.raw.then(|| "each matched file".to_owned()));
        table.row([unit.artifact.clone(), unit.target.clone().unwrap_or_else(|| "any".into()), files.join(", ")]);
    }
    table.row(["(universal)".to_owned(), "any".into(), format!("{}, {}, {}", plan.sbom, crate::release::plan::MANIFEST, crate::release::plan::SUMS)]);
    Answer::new(&json!({ "plan": plan, "place": place }), View::Table(table)).found(findings.to_vec())
}

/// What a forge holds.
pub(super) fn releases(releases: &[(Release, Vec<String>)], place: &str) -> Table {
    let mut table = Table::new(["tag", "published", "latest", "assets", "size", "notes"]).titled(place.to_owned());
    for (release, notes) in releases {
        let published = release.published_at.map_or_else(|| "draft".into(), clock::stamp);
        let size = release.assets.iter().map(|asset| asset.size).sum();
        let latest = if release.latest { "latest" } else { "" };
        table.row([release.tag.clone(), published, latest.into(), release.assets.len().to_string(), human_bytes(size), notes.join("; ")]);
    }
    table
}

/// What stays, what goes, and why.
pub(super) fn prune(plan: &PrunePlan) -> View {
    let mut table = Table::new(["verdict", "tag", "because"]);
    for (word, verdicts) in [("keep", &plan.keep), ("remove", &plan.remove)] {
        for verdict in verdicts {
            table.row([word.to_owned(), verdict.tag.clone(), verdict.reasons.join("; ")]);
        }
    }
    let note = plan.note.iter().map(|note| View::Text(note.clone()));
    View::All(std::iter::once(View::Table(table)).chain(note).collect())
}
