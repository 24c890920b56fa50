//! `releases`: what the forge holds: tag, when, latest, complete, protected and why.

use serde_json::json;

use super::{Session, args::ForgeArgs, forges, prune, show};
use crate::{
    forge::Release,
    kernel::Result,
    release::{
        plan::{MANIFEST, SUMS},
        retention,
    },
    report::{Answer, View},
};

pub(super) fn run(session: &Session, args: &ForgeArgs) -> Result<Answer> {
    let project = session.project()?;
    let forge = forges::open(session, &project, args.forge)?;
    let survey = forge.survey_latest()?;
    let plan = retention::plan(&survey.releases, &project.config.tag, &prune::rules(&project, None, None, None)?);
    let mut rows: Vec<(Release, Vec<String>)> = survey.releases.into_iter().map(|release| (release.clone(), notes(&release, &plan))).collect();
    rows.sort_by_key(|(release, _)| std::cmp::Reverse((release.draft, project.config.tag.matches(&release.tag).map(|tag| tag.version))));
    let data = rows.iter().map(|(release, notes)| json!({ "release": release, "notes": notes, "complete": complete(release) })).collect::<Vec<_>>();
    let view = if rows.is_empty() { View::Text(format!("{} holds no release yet", forge.place())) } else { View::Table(show::releases(&rows, &forge.place())) };
    Ok(Answer::new(&json!({ "place": forge.place(), "releases": data }), view).found(survey.findings))
}

/// Whether all of it arrived, as far as the list tells; `verify TAG` compares every byte.
fn complete(release: &Release) -> bool {
    let has = |name: &str| release.assets.iter().any(|asset| asset.name == name);
    release.assets.iter().all(|asset| asset.complete) && has(MANIFEST) && has(SUMS)
}

fn notes(release: &Release, plan: &retention::PrunePlan) -> Vec<String> {
    let sort = [(release.prerelease, "prerelease"), (release.immutable, "immutable"), (!complete(release), "INCOMPLETE")];
    let mut notes: Vec<String> = sort.iter().filter(|(is, _)| *is).map(|(_, word)| (*word).to_owned()).collect();
    let kept = plan.keep.iter().find(|verdict| verdict.id == release.id).map(|verdict| format!("kept: {}", verdict.reasons.join(", ")));
    let gone = plan.remove.iter().find(|verdict| verdict.id == release.id).map(|verdict| format!("prune would remove it: {}", verdict.reasons.join(", ")));
    notes.extend(kept.or(gone));
    notes
}
