//! What a rollback will do, as data: decided purely from facts, shown before it is done, kept in the journal while it is under way and in the ledger
//! afterwards, so that it can be undone exactly.

use std::{collections::BTreeSet, path::PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{notice, services};
use crate::{
    forge::{Release, Survey},
    kernel::{Error, Result, Tag, TagTemplate},
    services::rollback as switch,
};

/// The parts of a product that go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What the forge offers.
    Releases,
    /// The images of the compose stack.
    Services,
    /// The installed application.
    App,
}

/// Forth or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the target.
    Forward,
    /// To where it was before.
    Undo,
}

/// What may change of a published release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// Its text.
    pub notes: String,
    /// Not offered to those who don't ask for it.
    pub prerelease: bool,
}

/// A release whose look changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// `v1.5.0`
    pub tag: String,
    /// As it was.
    pub before: Look,
    /// As it will be.
    pub after: Look,
}

/// What changes at the forge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Releases {
    /// Offered as latest before.
    pub before: Option<String>,
    /// Offered as latest afterwards.
    pub after: Option<String>,
    /// Notices and flags.
    pub marks: Vec<Mark>,
}

/// What changes in the install folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct App {
    /// The folder.
    pub to: PathBuf,
    /// Current before.
    pub before: Option<String>,
    /// Current afterwards.
    pub after: String,
}

/// The plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Names this rollback in journal and ledger.
    pub id: String,
    /// `v1.4.2`
    pub target: String,
    /// Why, where somebody said so.
    pub reason: Option<String>,
    /// The forge's part; none where it isn't wanted, or can't be planned yet.
    pub releases: Option<Releases>,
    /// The forge's part is wanted, but the forge can't be reached: it is planned when it can.
    pub releases_later: bool,
    /// The services' part; none where nothing changes.
    #[serde(default)]
    pub services: Option<switch::Plan>,
    /// The services' part is wanted, but the engine doesn't answer: the same command does it when it does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub services_later: bool,
    /// Backups that an undo restores, where it was asked to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub data_back: Vec<switch::Restore>,
    /// The installed application's part.
    pub app: Option<App>,
    /// What this can't do, and what helps.
    pub cannot: Vec<String>,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Where to.
    pub target: Tag,
    /// The bad ones; empty means every newer one that is offered.
    pub bad: Vec<String>,
    /// Which parts.
    pub parts: BTreeSet<Part>,
    /// Why.
    pub reason: Option<String>,
    /// The day, for the notice.
    pub day: String,
    /// Names this rollback.
    pub id: String,
}

/// What is live.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The forge's releases and its latest; none when it can't be reached.
    pub forge: Option<(Survey, Option<String>)>,
    /// The install folder and what is current there, where one is configured.
    pub app: Option<(PathBuf, Option<String>)>,
    /// What the services' room would do.
    pub services: services::Look,
}

impl Plan {
    /// Whether there is anything to do.
    pub fn is_empty(&self) -> bool {
        let forge = self.releases.as_ref().is_none_or(|releases| releases.before == releases.after && releases.marks.is_empty());
        forge && !self.releases_later && self.app.is_none() && self.services.is_none()
    }
}

/// Decides.
pub fn plan(wanted: &Wanted, facts: &Facts, template: &TagTemplate) -> Result<Plan> {
    let mut cannot = Vec::new();
    let releases = match &facts.forge {
        Some((survey, latest)) if wanted.parts.contains(&Part::Releases) => Some(releases(wanted, survey, latest.as_deref(), template)?),
        _ => None,
    };
    let releases_later = wanted.parts.contains(&Part::Releases) && facts.forge.is_none();
    let services = facts.services.plan.clone().filter(|_| wanted.parts.contains(&Part::Services));
    cannot.extend(facts.services.cannot.clone().filter(|_| wanted.parts.contains(&Part::Services)));
    let target = &wanted.target.name;
    let app = match &facts.app {
        Some((to, Some(current))) if wanted.parts.contains(&Part::App) && current != target => {
            Some(App { to: to.clone(), before: Some(current.clone()), after: target.clone() })
        }
        Some((to, None)) if wanted.parts.contains(&Part::App) => {
            cannot.push(format!("nothing is installed in {}: `xtask install {target}` does that", to.display()));
            None
        }
        _ => None,
    };
    if let (Some((survey, _)), Some(planned)) = (&facts.forge, &releases) {
        cannot.extend(clients(survey, planned, wanted, template));
    }
    Ok(Plan {
        id: wanted.id.clone(),
        target: target.clone(),
        reason: wanted.reason.clone(),
        releases,
        releases_later,
        services,
        services_later: false,
        data_back: Vec::new(),
        app,
        cannot,
    })
}

fn releases(wanted: &Wanted, survey: &Survey, latest: Option<&str>, template: &TagTemplate) -> Result<Releases> {
    let target = wanted.target.name.as_str();
    let release = survey.published(target).ok_or_else(|| Error::refused(format!("{target} is not published")))?;
    let mut marks = Vec::new();
    let offered = Look { notes: notice::strip(&release.notes), prerelease: false };
    if offered != look(release) {
        marks.push(Mark { tag: target.into(), before: look(release), after: offered });
    }
    for bad in bad(wanted, survey, latest, template)? {
        let after = Look { notes: notice::put(&bad.notes, target, &wanted.day, wanted.reason.as_deref()), prerelease: true };
        if after != look(bad) {
            marks.push(Mark { tag: bad.tag.clone(), before: look(bad), after });
        }
    }
    Ok(Releases { before: latest.map(str::to_owned), after: Some(target.into()), marks })
}

/// The named ones; else every newer one that is still offered. Where the target is live already, only the named ones.
fn bad<'a>(wanted: &Wanted, survey: &'a Survey, latest: Option<&str>, template: &TagTemplate) -> Result<Vec<&'a Release>> {
    let target = &wanted.target;
    if wanted.bad.is_empty() {
        let newer = |release: &&Release| template.matches(&release.tag).is_some_and(|tag| tag.version > target.version && !tag.version.is_prerelease());
        let live = latest == Some(&target.name);
        return Ok(survey.releases.iter().filter(|release| !live && !release.draft && !release.prerelease).filter(newer).collect());
    }
    let find = |name: &String| {
        if *name == target.name {
            return Err(Error::usage(format!("{name} can't be both the target and bad")));
        }
        survey
            .published(name)
            .ok_or_else(|| Error::refused(format!("{name} is not published: it can't be marked as bad")).hint("`xtask releases` lists what is"))
    };
    wanted.bad.iter().map(find).collect()
}

/// What was installed from a bad release stays installed: updaters only go up.
fn clients(survey: &Survey, planned: &Releases, wanted: &Wanted, template: &TagTemplate) -> Vec<String> {
    let was_latest = planned.before.as_deref().filter(|before| Some(*before) != planned.after.as_deref());
    let Some(before) = was_latest.and_then(|tag| template.matches(tag)).filter(|before| before.version > wanted.target.version) else { return Vec::new() };
    let updaters = survey.published(&wanted.target.name).is_some_and(|release| release.assets.iter().any(|asset| is_update_metadata(&asset.name)));
    let highest = survey.releases.iter().filter_map(|release| template.matches(&release.tag)).map(|tag| tag.version.base()).max();
    let next = highest.map(|highest| {
        let highest = highest.semver();
        template.tag(&semver::Version::new(highest.major, highest.minor, highest.patch + 1).into()).name
    });
    let next = next.unwrap_or_default();
    let mut said = vec![format!(
        "who installed {before} keeps it: clients don't downgrade by themselves. `xtask rollback --to {} --reissue {next}` publishes its exact source under a higher version",
        wanted.target
    )];
    if updaters {
        said.push(format!(
            "update metadata (latest*.yml) is served from the release that is latest: from now on it names {}, which is lower than {before}",
            wanted.target
        ));
    }
    said
}

/// `latest.yml`, `latest-mac.yml`, `latest-linux-arm64.yml`: what desktop updaters read.
fn is_update_metadata(name: &str) -> bool {
    name.starts_with("latest") && name.ends_with(".yml")
}

fn look(release: &Release) -> Look {
    Look { notes: release.notes.clone(), prerelease: release.prerelease }
}

impl Mark {
    /// What the release is to look like, given how it looks now; none where nothing needs to change. What people wrote meanwhile is kept.
    pub fn wanted(&self, now: &Look, direction: Direction) -> Option<Look> {
        let (from, to) = match direction {
            Direction::Forward => (&self.before, &self.after),
            Direction::Undo => (&self.after, &self.before),
        };
        if now == to {
            return None;
        }
        if now.notes == from.notes || now.notes == to.notes {
            return Some(to.clone());
        }
        let below = notice::strip(&now.notes);
        let notes = match to.notes.split_once(END) {
            Some((above, _)) if notice::is_there(&to.notes) => format!("{above}{END}{}{below}", if below.is_empty() { "\n" } else { "\n\n" }),
            _ => below,
        };
        Some(Look { notes, prerelease: to.prerelease }).filter(|wanted| wanted != now)
    }
}

const END: &str = "<!-- /xtask:rollback -->";

/// When the first of the bad ones came out: data from before it is data that it can't have harmed.
pub fn bad_since(survey: &Survey, target: &Tag, bad: &[String], template: &TagTemplate) -> Option<DateTime<Utc>> {
    let is_bad = |release: &&Release| {
        let newer = template.matches(&release.tag).is_some_and(|tag| tag.version > target.version);
        !release.draft && if bad.is_empty() { newer } else { bad.contains(&release.tag) }
    };
    survey.releases.iter().filter(is_bad).filter_map(|release| release.published_at).min()
}
