//! What a switch of images will do, as data. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Facts, Restore};
use crate::{
    kernel::{Error, Result},
    services::{
        ImageRef,
        format::{self, Verdict},
        pins::{self, Pins},
    },
};

/// Where a wanted image comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum From {
    /// It is here under its name.
    Here,
    /// It is here, but its name means another image: it gets its name back.
    Retag,
    /// It has to be fetched.
    Pull,
}

/// One service's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The service.
    pub service: String,
    /// What it has now.
    pub before: ImageRef,
    /// What it will have.
    pub after: ImageRef,
    /// Where that comes from.
    pub from: From,
    /// Whether it reads today's data.
    pub data: Verdict,
    /// Whether the service runs now; one that doesn't isn't started.
    pub runs: bool,
    /// Whether it is healthy now: going back can't make it healthier.
    pub healthy: bool,
}

/// What will be done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What it is for: `v1.4.2`.
    pub label: String,
    /// Services whose image changes.
    pub changes: Vec<Change>,
    /// Services that have the wanted image already.
    pub same: Vec<String>,
    /// Services that run now, changed or not: those run afterwards.
    pub running: Vec<String>,
    /// Those of them that are healthy now.
    pub healthy: Vec<String>,
    /// Where the images are pinned, before and after.
    pub pins: Pins,
    /// Backups that are made first.
    pub backups: Vec<String>,
    /// Backups that are restored with the images.
    #[serde(default)]
    pub restores: Vec<Restore>,
    /// What it can't do, or takes for granted.
    pub notes: Vec<String>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Services that run and must be healthy afterwards, and the others: those were sick before, and their image stays.
    pub fn by_duty(&self) -> (Vec<String>, Vec<String>) {
        let must = |service: &String| self.healthy.contains(service) || self.changes.iter().any(|change| change.service == *service);
        self.running.iter().cloned().partition(must)
    }

    /// The plan for a person, a line a step.
    pub fn text(&self) -> String {
        let mut lines = Vec::new();
        for change in &self.changes {
            let from = match change.from {
                From::Here => "here",
                From::Retag => "here under another name",
                From::Pull => "to be pulled",
            };
            lines.push(format!("{}: {} → {} ({from})", change.service, change.before.image, change.after.pinned()));
            match &change.data {
                Verdict::Unknown(why) => lines.push(format!("  {why}: tried on a copy first")),
                Verdict::CantRead(why) => lines.push(format!("  data: {why}")),
                Verdict::Reads => lines.push("  data: it reads today's format".into()),
                Verdict::NoData => {}
            }
        }
        lines.extend(self.same.iter().map(|service| format!("{service}: as wanted already")));
        lines.extend(self.pins.pins.iter().map(|pin| format!("writes {} = {}", pin.place, pin.value)));
        lines.extend(self.backups.iter().map(|name| format!("backs up {name} first, and verifies it")));
        lines.extend(
            self.restores
                .iter()
                .map(|one| format!("restores {} into {}: what was written since {} is only in the backup made first", one.id, one.service, one.made)),
        );
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        lines.join("\n")
    }
}

/// Plans the switch to what is wanted. An image that can't read today's data is refused, unless data comes with it ([`super::choose`]).
pub fn plan(facts: &Facts, label: &str, restores: Vec<Restore>) -> Result<Plan> {
    let mut plan = Plan { label: label.into(), restores, ..Plan::default() };
    for (service, (wanted, found)) in &facts.wanted {
        let Some(now) = facts.current.get(service) else {
            plan.notes.push(format!("{service} is not in the compose file any more: nothing is done about {}", wanted.image));
            continue;
        };
        if is_same(now, wanted, found) {
            plan.same.push(service.clone());
            continue;
        }
        if wanted.digest.is_none() && wanted.id.is_none() {
            plan.notes.push(format!("no digest is known for {}: it is taken for what its tag means now", wanted.image));
        }
        let data = if now.has_data { format::by_version(&wanted.image, now.format, found.format) } else { Verdict::NoData };
        let from = match (&found.id, found.named) {
            (Some(_), true) => From::Here,
            (Some(_), false) => From::Retag,
            (None, _) => From::Pull,
        };
        let change = Change { service: service.clone(), before: now.image.clone(), after: wanted.clone(), from, data, runs: now.runs, healthy: now.healthy };
        plan.changes.push(held(change, found.id.as_deref()));
        plan.backups.extend(facts.backups.get(service).into_iter().flatten().cloned());
    }
    let names = |holds: fn(&super::Current) -> bool| facts.current.iter().filter(|(_, now)| holds(now)).map(|(name, _)| name.clone()).collect::<Vec<_>>();
    (plan.running, plan.healthy) = (names(|now| now.runs), names(|now| now.healthy));
    let images: BTreeMap<String, String> = plan.changes.iter().map(|change| (change.service.clone(), change.after.pinned())).collect();
    plan.pins = pins::plan(&facts.files, &images)?;
    refuse_unreadable(&plan)?;
    Ok(plan)
}

/// Whether a service runs the image that is wanted for it.
pub fn has(facts: &Facts, service: &str) -> bool {
    match (facts.current.get(service), facts.wanted.get(service)) {
        (Some(now), Some((wanted, found))) => runs_it(now, wanted, found),
        _ => false,
    }
}

/// The same content, whatever its name means by now. Where no content is known the names decide.
fn runs_it(now: &super::Current, wanted: &ImageRef, found: &super::Found) -> bool {
    match (&wanted.id, &now.image.id) {
        (Some(wanted), Some(now)) => wanted == now,
        _ => is_same(now, wanted, found),
    }
}

/// The content runs already, and its name still means it. Where no content is known the names decide.
pub(super) fn is_same(now: &super::Current, wanted: &ImageRef, found: &super::Found) -> bool {
    let plain = |name: &str| name.split_once('@').map_or(name, |(plain, _)| plain).to_owned();
    match (&found.id, &now.image.id) {
        (Some(found_id), Some(now_id)) => found_id == now_id && found.named && plain(&now.image.image) == plain(&wanted.image),
        _ => now.image.image == wanted.pinned(),
    }
}

/// An image that is here by its id only can't be asked for by a registry's digest: its name alone is pinned, and its id compared.
fn held(mut change: Change, id: Option<&str>) -> Change {
    if change.from == From::Retag && change.after.id.as_deref() == id {
        change.after.digest = None;
    }
    change.after.id = change.after.id.take().or_else(|| id.map(str::to_owned));
    change
}

fn refuse_unreadable(plan: &Plan) -> Result<()> {
    let brought = |change: &&Change| plan.restores.iter().any(|restore| restore.service == change.service);
    let unreadable = plan
        .changes
        .iter()
        .filter(|change| !brought(change))
        .find_map(|change| if let Verdict::CantRead(why) = &change.data { Some((change, why)) } else { None });
    let Some((change, why)) = unreadable else { return Ok(()) };
    Err(cant_read(&change.service, &change.before.image, why))
}

/// The refusal, for a plan and for a trial.
pub(super) fn cant_read(service: &str, before: &str, why: &str) -> Error {
    Error::refused(format!("{service} can't go back: {why}"))
        .hint("--with-data restores the backup from before the upgrade together with the image")
        .hint(format!("or stay with {before}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::{
        format::Known,
        rollback::facts::{Current, Found},
    };

    #[test]
    fn a_name_that_means_another_image_by_now_changes_nothing_about_what_runs() {
        let image = ImageRef { service: "a".into(), image: "x/a:1".into(), digest: None, id: Some("sha256:1".into()) };
        let now = Current { image: image.clone(), runs: true, healthy: true, format: Known::default(), has_data: false };
        let found = Found { id: Some("sha256:1".into()), named: false, format: Known::default() };
        assert!(runs_it(&now, &image, &found) && !is_same(&now, &image, &found));
        let other = ImageRef { id: Some("sha256:2".into()), ..image.clone() };
        assert!(!runs_it(&now, &other, &Found { id: other.id.clone(), named: true, format: Known::default() }));
        let unknown = ImageRef { id: None, ..image };
        assert!(runs_it(&now, &unknown, &Found { named: true, ..found.clone() }) && !runs_it(&now, &unknown, &found));
    }
}
