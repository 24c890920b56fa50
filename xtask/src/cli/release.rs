//! `release`: check → build → verify → draft → upload → compare → publish → elect latest → prune.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::{
    Session,
    args::ReleaseArgs,
    forges, prune,
    show::{self, Row},
};
use crate::{
    config::Project,
    effects::{clock, files, scratch::Scratch},
    forge::{Draft, Forge, Release, Survey},
    kernel::{Error, Finding, Kind, Result},
    ledger::{Entry, Ledger},
    release::{
        build::{self, Place},
        cache::Cache,
        foresee, merge, notes,
        plan::{self, ReleasePlan},
        preflight::{self, Ground},
        publish::{self, Published, State, Terms},
        rollback::{self, judge, past},
        subject::Choice,
        updater,
        verify::{self, Verified},
    },
    report::{Answer, View},
};

/// Everything decided before anything is done.
pub(crate) struct Prepared {
    pub(crate) plan: ReleasePlan,
    pub(crate) survey: Survey,
    /// The text; none lets the forge write it.
    pub(crate) notes: Option<String>,
    pub(crate) findings: Vec<Finding>,
    /// Only making the draft can tell whether this may be published: it is made before the build.
    pub(crate) draft_first: bool,
}

pub(super) fn run(session: &Session, args: &ReleaseArgs) -> Result<Answer> {
    let project = session.project()?;
    let forge = forges::open(session, &project, args.forge)?;
    let _lock = session.release_lock(&project, "release")?;
    if let Some((_, begun)) = rollback::pending(&project.state())? {
        return Err(super::rollback::begun(&begun).hint("a release in between would be taken back by it, or would be taken for what it came from"));
    }
    look_ahead(&project, forge.as_ref(), args);
    let prepared = prepare(&project, forge.as_ref(), args)?;
    let answer = show::plan(&prepared.plan, &prepared.findings, &forge.place());
    if prepared.findings.iter().any(Finding::is_error) {
        let kind = not_ready(&prepared.findings);
        return Err(Error::findings("the release is not ready: nothing was changed", prepared.findings).of_kind(kind));
    }
    if session.global.dry_run {
        rehearse(session, &project, forge.as_ref(), &prepared, args)?;
        return Ok(answer);
    }
    prepared.findings.iter().for_each(|finding| session.events.warn(finding.clone()));
    session.ask_on_terminal(&format!("release {} to {}?", prepared.plan.subject.tag, forge.place()), &answer)?;
    go(session, &project, &project, forge.as_ref(), &prepared, args)
}

/// Builds, publishes, records what was prepared. `home` keeps ledger, cache and rules; it is another place than the project's where an old source is released again.
pub(crate) fn go(session: &Session, project: &Project, home: &Project, forge: &dyn Forge, prepared: &Prepared, args: &ReleaseArgs) -> Result<Answer> {
    let out = project.state().join("dist").join(&prepared.plan.subject.tag.name);
    let draft = draft(project, prepared, args);
    let opened = if prepared.draft_first { Some(forge.open_draft(&draft, &prepared.survey)?) } else { None };
    let verified = gather(session, project, prepared, args, &out).map_err(|error| withdrawn(forge, opened.as_ref(), error))?;
    let latest = publish::is_latest(prepared.plan.subject.version(), draft.prerelease, &prepared.survey, &project.config.tag);
    let terms = Terms { draft, opened, latest, only_draft: args.draft };
    let published = publish(session, project, forge, prepared, &verified, &terms)?;
    finish(session, home, forge, prepared, &verified, &published)
}

/// What the forge is asked first needs nothing but the tag's name: it goes on beside the questions to git.
fn look_ahead(project: &Project, forge: &dyn Forge, args: &ReleaseArgs) {
    let tag = args.tag.as_deref().and_then(|tag| project.config.tag.read_loose(tag).ok());
    forge.look_ahead(tag.as_ref().map(|tag| tag.name.as_str()));
}

/// Nothing was built for the draft that was made beforehand: it goes, and the build's own error is what is told.
fn withdrawn(forge: &dyn Forge, opened: Option<&Release>, error: Error) -> Error {
    match opened.map(|draft| (draft, forge.remove(draft))) {
        Some((draft, Err(_))) => error.hint(format!("an empty draft of {} is left on {}: the next run goes on with it", draft.tag, forge.place())),
        _ => error,
    }
}

/// Findings end with exit 3; where only credentials are missing, with 4: nothing in the repository needs to change.
fn not_ready(findings: &[Finding]) -> Kind {
    let credentials = |finding: &Finding| matches!(finding.code.as_str(), "missing-token" | "missing-push-permission");
    if findings.iter().filter(|finding| finding.is_error()).all(credentials) { Kind::Denied } else { Kind::Findings }
}

/// Looks at everything; the findings hold all that stands in the way.
pub(crate) fn prepare(project: &Project, forge: &dyn Forge, args: &ReleaseArgs) -> Result<Prepared> {
    let ground = preflight::survey_beside(project, &choice(args), &args.from)?;
    let targets = preflight::targets(&ground.subject, &args.target);
    let plan = plan::plan(&project.config, ground.subject.clone(), forges::kind(project, args.forge), &targets, &build::host_target)?;
    let foreseen = foresee::raw(project, &ground, &plan)?;
    let survey = forge.survey()?;
    let released = preflight::released(&project.config, &survey);
    let mut findings = preflight::repository(&project.config, &ground, &released, args.allow_dirty);
    findings.extend(preflight::versions(&project.config, &ground));
    findings.extend(burnt(project, &ground)?);
    let universal = [plan.sbom.clone(), plan::MANIFEST.into(), plan::SUMS.into()];
    let names: Vec<String> = plan.units.iter().flat_map(|unit| unit.files.iter().cloned()).chain(universal).collect();
    findings.extend(foresee::judge(&foreseen, &names, &forge.limits(), forge.kind()));
    let intent = preflight::intent(&ground, names.into_iter().chain(foreseen.into_iter().map(|file| file.name)).collect());
    findings.extend(preflight::forge(forge, &intent, &survey)?);
    let notes = text(project, &ground, args)?;
    let draft_first = forge.draft_comes_first(&intent, &survey);
    Ok(Prepared { plan, survey, notes, findings, draft_first })
}

/// A tag whose immutable release was removed from here is burnt: GitHub tells that only when it is too late, the ledger knows.
fn burnt(project: &Project, ground: &Ground) -> Result<Option<Finding>> {
    let tag = &ground.subject.tag.name;
    let entries = Ledger::new(&project.state()).entries()?;
    let removed = |entry: &&Entry| entry.command == "prune" && entry.subject == *tag && entry.data.get("immutable").is_some_and(|flag| flag == true);
    Ok(entries.iter().find(removed).map(|entry| {
        Finding::error("burnt-tag", format!("the immutable release of {tag} was removed at {}: its tag can't be used again", entry.at))
            .hint("release the next version")
    }))
}

/// The release's text: from a file that was named, else by the rule.
fn text(project: &Project, ground: &Ground, args: &ReleaseArgs) -> Result<Option<String>> {
    match &args.notes_file {
        Some(file) => files::read_text(file).map(Some).map_err(|error| error.of_kind(Kind::Usage)),
        None => notes::notes(&project.config, &project.git()?, &ground.subject, args.notes.unwrap_or(project.config.release.notes)),
    }
}

fn choice(args: &ReleaseArgs) -> Choice {
    match (&args.tag, args.snapshot) {
        (Some(tag), _) => Choice::Tag(tag.clone()),
        (None, true) => Choice::Snapshot,
        (None, false) => Choice::TagAtHead,
    }
}

/// Builds, or takes the parts that were built elsewhere; nothing unverified comes out.
fn gather(session: &Session, project: &Project, prepared: &Prepared, args: &ReleaseArgs, out: &Path) -> Result<Verified> {
    let place = Place::usual(&project.root, &project.config.name)?;
    let built = if args.from.is_empty() {
        build::build(project, &prepared.plan, &place, out, &session.events)?
    } else {
        let folder = session.folder()?;
        let from: Vec<PathBuf> = args.from.iter().map(|from| folder.join(from)).collect();
        merge::merge(project, &prepared.plan, &from, &place, out, &session.events)?
    };
    session.events.step("verifying what was built");
    verify::built(built)
}

/// Parts that are at hand can be merged and judged without touching anything.
fn rehearse(session: &Session, project: &Project, forge: &dyn Forge, prepared: &Prepared, args: &ReleaseArgs) -> Result<()> {
    if args.from.is_empty() {
        return Ok(());
    }
    let scratch = Scratch::new("rehearsal")?;
    let verified = gather(session, project, prepared, args, &scratch.path().join("merged"))?;
    updater::check(&verified, &forge.limits())?;
    session.events.note(format!("{} files fit together", verified.files.len()));
    Ok(())
}

fn draft(project: &Project, prepared: &Prepared, args: &ReleaseArgs) -> Draft {
    let subject = &prepared.plan.subject;
    Draft {
        tag: subject.tag.name.clone(),
        commit: subject.commit.clone(),
        title: format!("{} {}", project.config.name, subject.version()),
        notes: prepared.notes.clone(),
        prerelease: args.prerelease || subject.is_prerelease(),
    }
}

fn publish(session: &Session, project: &Project, forge: &dyn Forge, prepared: &Prepared, verified: &Verified, terms: &Terms) -> Result<Published> {
    let scratch = project.state().join("read-back");
    publish::publish(forge, &prepared.survey, verified, terms, &scratch, &session.events)
}

/// Prunes, records, answers.
fn finish(session: &Session, project: &Project, forge: &dyn Forge, prepared: &Prepared, verified: &Verified, published: &Published) -> Result<Answer> {
    let tag = &verified.manifest.tag;
    let pruned =
        if published.state == State::Draft { Vec::new() } else { prune::after_release(session, project, forge, &prepared.survey, &published.release)? };
    let data = json!({
        "tag": tag, "version": verified.manifest.version, "commit": verified.manifest.commit, "state": published.state, "forge": forge.kind(), "place": forge.place(),
        "url": published.release.url, "latest": published.release.latest, "prerelease": published.release.prerelease, "release-id": published.release.id,
        "assets": verified.files.iter().map(|file| json!({ "name": file.name, "size": file.size, "sha256": file.sha256 })).collect::<Vec<_>>(),
        "pruned": pruned, "at": clock::stamp(clock::now()),
    });
    session.ledger(project).record("release", tag, "ok", None, data.clone())?;
    let ready = if published.state == State::Draft { Vec::new() } else { ready_to_go_back(session, project, &prepared.survey, verified) };
    let rows = verified.files.iter().map(|file| Row { name: file.name.clone(), size: file.size, sha256: file.sha256 });
    let title = format!("{} {} {}", tag, said(published.state), published.release.url);
    let answer = Answer::new(&data, View::Table(show::assets(&title, rows))).found(warnings(&prepared.findings)).found(ready);
    let digests = verified.files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect::<String>();
    files::remove_dir(&project.state().join("read-back"))?;
    Ok(answer
        .output("tag", tag)
        .output("version", &verified.manifest.version)
        .output("release-id", &published.release.id)
        .output("html-url", &published.release.url)
        .output("digests", &digests.trim_end()))
}

/// The night on which this release turns out bad: it is cached, and the one before it is looked at. Neither may fail a release that is published.
fn ready_to_go_back(session: &Session, project: &Project, before: &Survey, verified: &Verified) -> Vec<Finding> {
    let cache = match Cache::open(project) {
        Ok(cache) => cache,
        Err(error) => return vec![Finding::warning("not-cached", error.chain())],
    };
    let cached = cache.fill(verified).and_then(|()| cache.trim(&project.config.tag, &prune::live(project, &before.releases)?));
    let uncached = cached.err().map(|error| Finding::warning("not-cached", format!("{} is not in the cache: {}", verified.manifest.tag, error.chain())));
    let previous = past::previous(&before.releases, Some(&verified.manifest.tag), &project.config.tag);
    let judged = previous.and_then(|tag| judge::at_a_glance(before, &cache, &tag).err().map(|error| judge::impossible(&tag, &error)));
    let found: Vec<Finding> = uncached.into_iter().chain(judged).collect();
    found.iter().for_each(|finding| session.events.warn(finding.clone()));
    found
}

fn said(state: State) -> &'static str {
    match state {
        State::Published => "is published:",
        State::Already => "was published already, and is the same:",
        State::Draft => "is a complete draft:",
    }
}

/// They were shown when they were found; the document holds them too.
fn warnings(findings: &[Finding]) -> Vec<Finding> {
    findings.iter().filter(|finding| !finding.is_error()).cloned().collect()
}
