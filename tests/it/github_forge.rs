//! GitHub as a forge, on the double: every trap of the facts, driven through the trait.

use std::time::Duration;

use xtask::{
    forge::{
        Forge, Intent,
        github::{GitHub, Settings, Token},
    },
    kernel::{Events, Kind, Result, Tag},
};

use crate::{
    forge_conformance::{draft, file, files},
    github::{Act, COMMIT, Double, Fault, Role, TOKEN, routes, state::Ref},
};

/// Settings that don't make a test sit through a wait.
pub fn settings(double: &Double) -> Settings {
    Settings { haste: 10_000, stall: Duration::from_millis(1500), ..Settings::new(&double.hosts.api, "acme/rocket") }
}

/// The double as a forge.
pub fn forge(double: &Double) -> GitHub {
    forge_with(settings(double), Events::none())
}

pub fn forge_with(settings: Settings, events: Events) -> GitHub {
    GitHub::connect(settings, Some(Token::new(TOKEN).expect("a token")), events).expect("connect")
}

fn intent(tag: &str, names: &[&str]) -> Intent {
    Intent {
        tag: Tag { name: tag.into(), version: tag.trim_start_matches('v').parse().expect("a version") },
        commit: COMMIT.into(),
        tag_object: Some(COMMIT.into()),
        prerelease: false,
        changes_workflows: false,
        names: names.iter().map(|name| (*name).to_owned()).collect(),
    }
}

/// A whole release through the trait, with everything that the pipeline looks at.
pub fn release(forge: &dyn Forge, tag: &str) -> Result<()> {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let uploads = files(scratch.path(), tag);
    let survey = forge.survey()?;
    if survey.published(tag).is_some() {
        return Ok(());
    }
    let names: Vec<_> = uploads.iter().map(|upload| upload.name.as_str()).collect();
    let findings = forge.preflight(&intent(tag, &names), &survey)?;
    assert!(findings.is_empty(), "{findings:?}");
    let open = forge.open_draft(&draft(tag), &survey)?;
    forge.upload(&open, &uploads, &Events::none())?;
    forge.publish(&open, true)?;
    let public = forge.published(tag)?.expect("what was just published is there");
    assert_eq!(forge.latest()?.as_deref(), Some(tag));
    let control: Vec<_> = public.assets.iter().filter(|asset| ["SHA256SUMS", "release.json"].contains(&asset.name.as_str())).cloned().collect();
    for file in forge.fetch(&public, &control, &scratch.path().join("back"), &Events::none())? {
        assert!(uploads.iter().any(|upload| upload.name == file.name && upload.digest == file.digest));
    }
    Ok(())
}

fn codes(forge: &dyn Forge, intent: &Intent) -> Vec<String> {
    let survey = forge.survey().expect("survey");
    let found = forge.preflight(intent, &survey).expect("preflight");
    survey.findings.iter().chain(&found).map(|finding| finding.code.clone()).collect()
}

/// One release of v1.0.0 and nothing else, with exactly its files.
#[track_caller]
pub fn is_whole(double: &Double, tag: &str) {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let state = double.state();
    let all: Vec<_> = state.releases.iter().filter(|release| release.tag == tag).collect();
    assert_eq!(all.len(), 1, "{:?}", state.picture());
    let mut there: Vec<_> = all[0].assets.iter().map(|asset| (asset.name.clone(), asset.bytes.to_vec())).collect();
    there.sort();
    let mut wanted: Vec<_> = files(scratch.path(), tag).into_iter().map(|upload| (upload.name.clone(), std::fs::read(upload.path).expect("read"))).collect();
    wanted.sort();
    assert!(!all[0].draft && there == wanted, "{:?}", state.picture());
}

pub fn ready() -> Double {
    let double = Double::start();
    double.state().tag("v1.0.0");
    double
}

#[test]
fn n_uploads_and_at_most_eight_other_requests() {
    let double = ready();
    release(&forge(&double), "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
    // Downloads through the public address cost no quota; how often that redirects is the server's business.
    let (public, seen): (Vec<_>, Vec<_>) = double.seen().into_iter().partition(|seen| matches!(seen.role, Role::Web | Role::Objects));
    assert_eq!(public.iter().filter(|seen| seen.role == Role::Web).count(), 2);
    let (uploads, others): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| seen.role == Role::Uploads);
    assert_eq!(uploads.len(), 4);
    assert!(others.len() <= 8, "{:#?}", others.iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect::<Vec<_>>());
    // No branch of that name and no immutable releases: both are told by a 404.
    let asked = |target: &str| target.contains("/git/ref/heads/") || target.ends_with("/immutable-releases");
    assert!(seen.iter().all(|seen| (200..400).contains(&seen.status) || (seen.status == 404 && asked(&seen.target))));
    // The public's view was asked for as the public.
    assert!(seen.iter().any(|seen| seen.target.ends_with("/releases/latest") && !seen.authorized));
}

#[test]
fn a_lost_reply_makes_no_second_draft() {
    for act in [Act::ResetAfter, Act::ResetBefore, Act::HalfBody, Act::AnswerAfter(routes::message(502, "Bad Gateway")), Act::page(503), Act::truncated_json()]
    {
        let double = ready();
        double.fault(Fault::on("POST", "/releases", act.clone()));
        release(&forge(&double), "v1.0.0").unwrap_or_else(|error| panic!("{act:?}: {error:?}"));
        is_whole(&double, "v1.0.0");
        let posts = double.seen().iter().filter(|seen| seen.method == "POST" && seen.target.ends_with("/releases")).count();
        assert!(posts <= 2, "{act:?}: {posts} POSTs");
    }
}

#[test]
fn a_doubled_post_leaves_a_twin_that_the_next_run_removes() {
    let double = ready();
    double.fault(Fault::on("POST", "/releases", Act::Twice));
    let forge = forge(&double);
    forge.open_draft(&draft("v1.0.0"), &forge.survey().unwrap()).unwrap();
    assert_eq!(double.state().releases.len(), 2);
    release(&forge, "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
}

#[test]
fn checksums_and_manifest_are_sent_last() {
    let double = ready();
    let one_by_one = Settings { parallel: 1, ..settings(&double) };
    release(&forge_with(one_by_one, Events::none()), "v1.0.0").unwrap();
    let sent: Vec<_> =
        double.seen().iter().filter(|seen| seen.role == Role::Uploads).filter_map(|seen| seen.target.split("name=").nth(1).map(str::to_owned)).collect();
    assert_eq!(sent, ["rocket.tar.gz", "rocket%2Blinux.zip", "release.json", "SHA256SUMS"]);
}

#[test]
fn several_drafts_are_an_error_that_names_them() {
    let double = ready();
    let first = double.state().put("v1.0.0", true, false, &[]);
    let second = double.state().put("v1.0.0", true, false, &[]);
    let forge = forge(&double);
    let survey = forge.survey().unwrap();
    let found = forge.preflight(&intent("v1.0.0", &[]), &survey).unwrap();
    assert_eq!(found[0].code, "several-drafts");
    let error = forge.open_draft(&draft("v1.0.0"), &survey).unwrap_err();
    for text in [&found[0].message, &error.to_string()] {
        assert!(text.contains(&first.to_string()) && text.contains(&second.to_string()), "{text}");
    }
    assert_eq!(double.state().releases.len(), 2, "a draft of somebody else was touched");
}

#[test]
fn every_upload_fault_heals() {
    let flaky = [
        Act::ResetBefore,
        Act::ResetAfter,
        Act::HalfBody,
        Act::Starter,
        Act::Twice,
        Act::AlterRequest,
        Act::page(502),
        Act::page(500),
        Act::AnswerAfter(routes::message(504, "timeout")),
        Act::Stall(4000),
        Act::limited(403, &[]),
        Act::limited(403, &[("retry-after", "3")]),
        Act::limited(429, &[("retry-after", "1")]),
        Act::limited(429, &[]),
    ];
    for act in flaky {
        for nth in [1, 3] {
            let double = ready();
            double.fault(Fault::on("POST", "/assets?name", act.clone()).nth(nth));
            release(&forge(&double), "v1.0.0").unwrap_or_else(|error| panic!("{act:?}: {error:?}"));
            is_whole(&double, "v1.0.0");
        }
    }
}

#[test]
fn bytes_that_always_arrive_altered_are_never_published() {
    let double = ready();
    double.fault(Fault::on("POST", "name=rocket.tar.gz", Act::AlterRequest).times(100));
    let error = release(&forge(&double), "v1.0.0").unwrap_err();
    assert_eq!(error.kind(), Kind::Mismatch, "{error:?}");
    assert!(double.state().release("v1.0.0").is_none());
}

#[test]
fn publishing_and_electing_survive_lost_replies() {
    for act in [Act::ResetBefore, Act::ResetAfter, Act::HalfBody, Act::page(502), Act::Twice, Act::AnswerAfter(routes::message(500, "oops"))] {
        let double = ready();
        double.fault(Fault::on("PATCH", "/releases/", act.clone()));
        release(&forge(&double), "v1.0.0").unwrap_or_else(|error| panic!("{act:?}: {error:?}"));
        is_whole(&double, "v1.0.0");
        let forge = forge(&double);
        double.state().tag("v1.1.0");
        release(&forge, "v1.1.0").unwrap();
        double.fault(Fault::on("PATCH", "/releases/", act));
        forge.elect(&forge.published("v1.0.0").unwrap().unwrap()).unwrap();
        assert_eq!(forge.latest().unwrap().as_deref(), Some("v1.0.0"));
    }
}

#[test]
fn every_read_fault_heals() {
    let faults =
        [Act::ResetBefore, Act::HalfBody, Act::page(502), Act::truncated_json(), Act::Answer(crate::github::Response::new(200).with_body("<html>hello"))];
    for act in faults {
        for nth in 1..=5 {
            let double = ready();
            double.fault(Fault::on("GET", "", act.clone()).nth(nth));
            release(&forge(&double), "v1.0.0").unwrap_or_else(|error| panic!("{act:?} at {nth}: {error:?}"));
            is_whole(&double, "v1.0.0");
        }
    }
}

#[test]
fn a_server_that_is_down_for_good_is_given_up_with_exit_5_or_1() {
    let double = ready();
    double.fault(Fault::on("GET", "/releases", Act::page(503)).times(1000));
    let error = forge(&double).survey().unwrap_err();
    assert!(error.chain().contains("Unicorn!"), "{error:?}");
    assert!(!error.hints().is_empty());
}

#[test]
fn the_tag_must_be_there_and_lead_to_the_commit() {
    let double = Double::start();
    let forge = forge(&double);
    let survey = forge.survey().unwrap();
    let found = forge.preflight(&intent("v1.0.0", &[]), &survey).unwrap();
    assert_eq!((found[0].code.as_str(), found[0].hints[0].as_str()), ("tag-not-on-forge", "git push origin refs/tags/v1.0.0"));
    double.state().tags.insert("v1.0.0".into(), Ref::Commit("2".repeat(40)));
    assert_eq!(codes(&forge, &intent("v1.0.0", &[])), ["tag-points-elsewhere"]);
    double.state().tags.insert("v1.0.0".into(), Ref::Annotated { object: "a".repeat(40), commit: COMMIT.into() });
    let annotated = Intent { tag_object: Some("a".repeat(40)), ..intent("v1.0.0", &[]) };
    double.forget();
    assert!(codes(&forge, &annotated).is_empty());
    assert!(!double.seen().iter().any(|seen| seen.target.contains("/git/tags/")), "the tag object's id says enough");
    // Annotated there, light here, the same commit: fine. Another commit: not.
    assert!(codes(&forge, &intent("v1.0.0", &[])).is_empty());
    double.state().tags.insert("v1.0.0".into(), Ref::Annotated { object: "a".repeat(40), commit: "3".repeat(40) });
    assert_eq!(codes(&forge, &intent("v1.0.0", &[])), ["tag-points-elsewhere"]);
}

#[test]
fn what_github_would_refuse_is_found_before_anything_is_sent() {
    let double = ready();
    let forge = forge(&double);
    let many: Vec<String> = (0..1001).map(|number| format!("file-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(codes(&forge, &intent("v1.0.0", &many)), ["too-many-assets"]);
    assert_eq!(codes(&forge, &intent("v1.0.0", &["a b.zip", "a.b.zip"])), ["asset-name-rewritten", "asset-names-collide"]);
    double.state().archived = true;
    assert_eq!(codes(&forge, &intent("v1.0.0", &[])), ["repository-archived"]);
    double.state().archived = false;
    double.state().can_push = false;
    assert_eq!(codes(&forge, &intent("v1.0.0", &[])), ["missing-push-permission"]);
    // The token of Actions never shows push permission, and may write all the same.
    double.state().installation = true;
    assert!(codes(&forge, &intent("v1.0.0", &[])).is_empty());
    let stranger = GitHub::connect(settings(&double), None, Events::none()).unwrap();
    assert_eq!(codes(&stranger, &intent("v1.0.0", &[])), ["missing-token"]);
    let error = stranger.open_draft(&draft("v1.0.0"), &stranger.survey().unwrap()).unwrap_err();
    assert_eq!((error.kind(), error.kind().exit_code()), (Kind::Denied, 4));
    assert!(double.seen().iter().all(|seen| seen.method == "GET"));
}

#[test]
fn a_classic_token_needs_the_scope_whatever_its_owner_may() {
    let double = ready();
    let forge = forge(&double);
    let workflows = Intent { changes_workflows: true, ..intent("v1.0.0", &[]) };
    for (scopes, found) in
        [("gist, read:org", &["missing-push-permission", "missing-workflow-scope"][..]), ("repo", &["missing-workflow-scope"]), ("repo, workflow", &[])]
    {
        double.state().scopes = Some(scopes.into());
        assert_eq!(codes(&forge, &workflows), found, "{scopes}");
    }
}

#[test]
fn states_that_nobody_knows_yet_don_t_count_without_a_digest() {
    let double = ready();
    let forge = forge(&double);
    let scratch = tempfile::tempdir().unwrap();
    let uploads = files(scratch.path(), "v1.0.0");
    let open = forge.open_draft(&draft("v1.0.0"), &forge.survey().unwrap()).unwrap();
    forge.upload(&open, &uploads, &Events::none()).unwrap();
    for (state, digest) in [("open", true), ("quarantined", false), ("starter", false), ("archived-in-space", true)] {
        {
            let mut all = double.state();
            let asset = &mut all.releases[0].assets[0];
            asset.state = state.into();
            asset.digest = asset.digest.take().filter(|_| digest);
        }
        let open = forge.open_draft(&draft("v1.0.0"), &forge.survey().unwrap()).unwrap();
        double.forget();
        forge.upload(&open, &uploads, &Events::none()).unwrap();
        let sent = double.seen().iter().filter(|seen| seen.role == Role::Uploads).count();
        assert_eq!(sent, usize::from(state != "archived-in-space"), "{state}");
    }
}

#[test]
fn a_repository_that_moved_is_named() {
    let double = ready();
    let survey = {
        double.fault(Fault::on(
            "GET",
            "/repos/acme/rocket$",
            Act::Answer(crate::github::Response::json(200, &serde_json::json!({"full_name": "acme/missile"}))),
        ));
        forge(&double).survey().unwrap()
    };
    assert!(survey.findings.iter().any(|finding| finding.code == "repository-renamed" && finding.message.contains("acme/missile")));
    double.fault(Fault::on("POST", "/releases", Act::Answer(crate::github::Response::new(307).header("location", "http://elsewhere.invalid/"))));
    let error = forge(&double).open_draft(&draft("v1.0.0"), &survey).unwrap_err();
    assert!(error.hints().iter().any(|hint| hint.contains("moved")), "{error:?}");
}

#[test]
fn a_draft_that_is_not_known_everywhere_yet_is_waited_for() {
    let double = ready();
    double.fault(Fault::on("POST", "/assets", Act::Answer(routes::message(404, "Not Found"))).times(2));
    release(&forge(&double), "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
}

#[test]
fn a_draft_that_nobody_knows_yet_is_waited_for_and_never_made_twice() {
    let double = ready();
    let lost = || Act::Answer(routes::message(404, "Not Found"));
    double.fault(Fault::on("POST", "/assets", lost()).times(3));
    double.fault(Fault::on("GET", "/releases/1001", lost()).times(2));
    double.fault(Fault::on("PATCH", "/releases/1001", lost()).times(2));
    release(&forge(&double), "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
    // The list knows the draft of the last run, the look at itself doesn't: it is the same draft all the same.
    let double = ready();
    forge(&double).open_draft(&draft("v1.0.0"), &xtask::forge::Survey::default()).unwrap();
    double.fault(Fault::on("GET", "/releases/1001", lost()));
    release(&forge(&double), "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
}

#[test]
fn the_preflight_finds_the_branch_and_a_closer_look_the_switch() {
    let double = ready();
    double.state().branches.insert("v1.0.0".into(), COMMIT.into());
    double.state().immutable = true;
    let forge = forge(&double);
    assert_eq!(codes(&forge, &intent("v1.0.0", &[])), ["branch-tag-collision"]);
    double.forget();
    let found: Vec<_> = forge.inspect(&intent("v1.0.0", &[])).unwrap().into_iter().map(|finding| finding.code).collect();
    assert_eq!(found, ["immutable-releases"]);
    assert!(double.seen().is_empty(), "it was looked at already");
}

#[test]
fn refusals_say_what_to_do() {
    let double = ready();
    double.state().workflow_trap = true;
    let error = release(&forge(&double), "v1.0.0").unwrap_err();
    assert_eq!(error.kind(), Kind::Denied);
    assert!(error.hints().iter().any(|hint| hint.contains("workflows: write")), "{:?}", error.hints());
    double.state().workflow_trap = false;
    double.state().burnt.insert("v1.0.0".into());
    let error = release(&forge(&double), "v1.0.0").unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.hints().iter().any(|hint| hint.contains("next version")), "{:?}", error.hints());
    let wrong = GitHub::connect(settings(&double), Some(Token::new("ghp_wrong").unwrap()), Events::none()).unwrap();
    assert_eq!(wrong.survey().unwrap_err().kind(), Kind::Denied);
}

#[test]
fn immutable_releases_are_published_whole_and_stay() {
    let double = ready();
    double.state().immutable = true;
    let forge = forge(&double);
    release(&forge, "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
    let public = forge.published("v1.0.0").unwrap().unwrap();
    assert!(public.immutable);
    let scratch = tempfile::tempdir().unwrap();
    let error = forge.upload(&public, &files(scratch.path(), "v1.0.0"), &Events::none()).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
}

#[test]
fn empty_and_oversized_files_are_refused_before_the_first_byte() {
    let double = ready();
    let forge = forge(&double);
    let open = forge.open_draft(&draft("v1.0.0"), &forge.survey().unwrap()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let mut large = file(scratch.path(), "large.bin", b"x");
    large.size = 2 << 30;
    for bad in [file(scratch.path(), "empty.txt", b""), large] {
        let good = file(scratch.path(), "good.txt", b"good");
        assert_eq!(forge.upload(&open, &[good, bad], &Events::none()).unwrap_err().kind(), Kind::Refused);
    }
    // Changed after it was verified: GitHub's digest can't be ours.
    let mut changed = file(scratch.path(), "changed.txt", b"before");
    changed.digest = xtask::kernel::Digest::of(b"after!");
    assert_eq!(forge.upload(&open, &[changed], &Events::none()).unwrap_err().kind(), Kind::Mismatch);
    assert!(double.state().releases[0].assets.is_empty());
}
