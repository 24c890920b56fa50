//! GitHub as a forge, on the double: every trap of the facts, driven through the trait.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use xtask::{
    forge::{
        Forge, Intent,
        github::{GitHub, Settings, Token},
    },
    kernel::{Event, Events, Kind, Result, Tag},
};

use crate::{
    forge_conformance::{draft, file, files, publish},
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

fn forge_with(settings: Settings, events: Events) -> GitHub {
    GitHub::connect(settings, Some(Token::new(TOKEN).expect("a token")), events).expect("connect")
}

/// What was waited for, and how long it would have been.
#[derive(Clone, Default)]
struct Waits(Arc<Mutex<Vec<(String, u64)>>>);

impl Waits {
    fn events(&self) -> Events {
        let waits = Arc::clone(&self.0);
        Events::to(move |event| {
            if let Event::Waiting { why, seconds } = event {
                waits.lock().expect("no thread panicked").push((why, seconds));
            }
        })
    }

    fn all(&self) -> Vec<(String, u64)> {
        self.0.lock().expect("no thread panicked").clone()
    }
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
fn release(forge: &dyn Forge, tag: &str) -> Result<()> {
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
fn is_whole(double: &Double, tag: &str) {
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

fn ready() -> Double {
    let double = Double::start();
    double.state().tag("v1.0.0");
    double
}

#[test]
fn n_uploads_and_at_most_eight_other_requests() {
    let double = ready();
    release(&forge(&double), "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
    // A redirect to the host that stores the bytes is the server's business.
    let seen: Vec<_> = double.seen().into_iter().filter(|seen| seen.role != Role::Objects).collect();
    let (uploads, others): (Vec<_>, Vec<_>) = seen.iter().partition(|seen| seen.role == Role::Uploads);
    assert_eq!(uploads.len(), 4);
    assert!(others.len() <= 8, "{:#?}", others.iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect::<Vec<_>>());
    assert!(seen.iter().all(|seen| (200..400).contains(&seen.status)));
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
fn limits_are_obeyed_and_shown() {
    let cases: [(&[(&str, &str)], u64); 3] =
        [(&[("retry-after", "7")], 7), (&[], 60), (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "4000000000")], 0)];
    for (headers, seconds) in &cases[..2] {
        let (double, waits) = (ready(), Waits::default());
        double.fault(Fault::on("POST", "/releases", Act::limited(403, headers)));
        release(&forge_with(settings(&double), waits.events()), "v1.0.0").unwrap();
        is_whole(&double, "v1.0.0");
        assert_eq!(waits.all().first().map(|wait| wait.1), Some(*seconds), "{:?}", waits.all());
    }
    // Half a century is longer than anybody waits.
    let double = ready();
    double.fault(Fault::on("POST", "/releases", Act::limited(403, cases[2].0)));
    let error = release(&forge(&double), "v1.0.0").unwrap_err();
    assert_eq!(error.kind(), Kind::Partial);
    assert!(error.hints().iter().any(|hint| hint.contains("2096-10-02")), "{:?}", error.hints());
    assert!(double.state().releases.is_empty());
    release(&forge(&double), "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
}

#[test]
fn secondary_limits_that_last_are_waited_for_with_growing_patience_up_to_the_longest_wait() {
    let (double, waits) = (ready(), Waits::default());
    double.fault(Fault::on("POST", "/releases", Act::limited(403, &[])).times(100));
    let error = release(&forge_with(settings(&double), waits.events()), "v1.0.0").unwrap_err();
    assert_eq!(error.kind(), Kind::Partial);
    let waited: Vec<_> = waits.all().into_iter().filter(|(why, _)| why.contains("secondary")).map(|wait| wait.1).collect();
    assert_eq!(waited, [60, 120, 240]);
}

#[test]
fn three_hundred_releases_are_read_through_numbered_links() {
    let double = Double::start();
    for number in 0..300 {
        double.state().put(&format!("v0.{number}.0"), number % 7 == 0, number % 5 == 0, &[("rocket.zip", b"x")]);
    }
    let survey = forge(&double).survey().unwrap();
    assert_eq!(survey.releases.len(), 300);
    let pages = double.seen().iter().filter(|seen| seen.target.contains("/releases?")).count();
    assert_eq!(pages, 3);
    assert!(double.seen().iter().any(|seen| seen.target.starts_with("/repositories/1/")));
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
fn a_page_instead_of_a_file_is_never_taken_for_it() {
    let double = ready();
    let forge = forge(&double);
    let scratch = tempfile::tempdir().unwrap();
    let public = publish(&forge, "v1.0.0", &files(scratch.path(), "v1.0.0"), true);
    let page = || Act::Answer(crate::github::Response::new(200).with_body("<html>".repeat(1000)));
    double.fault(Fault::on("GET", "/rocket.tar.gz", page()));
    let fetched = forge.fetch(&public, &public.assets, &scratch.path().join("down"), &Events::none()).unwrap();
    assert!(fetched.iter().all(|file| public.assets.iter().any(|asset| asset.name == file.name && asset.digest == Some(file.digest))));
    double.fault(Fault::on("GET", "/rocket.tar.gz", page()).times(50));
    let fetched = forge.fetch(&public, &public.assets, &scratch.path().join("again"), &Events::none()).unwrap();
    let odd = fetched.iter().filter(|file| public.assets.iter().all(|asset| asset.digest != Some(file.digest)));
    assert_eq!(odd.map(|file| file.name.as_str()).collect::<Vec<_>>(), ["rocket.tar.gz"]);
}

#[test]
fn a_closer_look_finds_the_branch_and_the_switch() {
    let double = ready();
    double.state().branches.insert("v1.0.0".into(), COMMIT.into());
    double.state().immutable = true;
    let found: Vec<_> = forge(&double).inspect(&intent("v1.0.0", &[])).unwrap().into_iter().map(|finding| finding.code).collect();
    assert_eq!(found, ["branch-tag-collision", "immutable-releases"]);
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

#[test]
fn downloads_resume_and_their_bytes_are_compared() {
    let double = ready();
    let forge = forge(&double);
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let scratch = tempfile::tempdir().unwrap();
    let public = publish(&forge, "v1.0.0", &[file(scratch.path(), "rocket.bin", &bytes)], true);
    let fetch = || forge.fetch(&public, &public.assets, &scratch.path().join("down"), &Events::none()).map(|files| files[0].digest);
    double.fault(Fault::on("GET", "signature", Act::HalfBody).times(2));
    double.fault(Fault::on("GET", "signature", Act::ResetBefore).nth(2));
    double.forget();
    assert_eq!(fetch().unwrap(), xtask::kernel::Digest::of(&bytes));
    assert!(double.seen().iter().any(|seen| seen.role == Role::Objects && seen.status == 206), "it began anew instead of going on");
    double.heal();
    double.fault(Fault::on("GET", "signature", Act::AlterAnswer));
    assert_eq!(fetch().unwrap(), xtask::kernel::Digest::of(&bytes), "one altered download is asked for again");
    double.fault(Fault::on("GET", "signature", Act::AlterAnswer).times(10));
    assert_ne!(fetch().unwrap(), xtask::kernel::Digest::of(&bytes), "what the server really has is shown as it is");
}

#[test]
fn a_private_repository_is_read_with_the_token_through_the_api_only() {
    let double = ready();
    double.state().private = true;
    release(&forge(&double), "v1.0.0").unwrap();
    is_whole(&double, "v1.0.0");
    assert!(double.seen().iter().all(|seen| seen.authorized == (seen.role != Role::Objects)), "{:?}", double.seen());
    let stranger = GitHub::connect(settings(&double), None, Events::none()).unwrap();
    assert_eq!(stranger.survey().unwrap_err().kind(), Kind::Denied);
}

#[test]
fn anybody_can_read_what_is_public() {
    let double = ready();
    release(&forge(&double), "v1.0.0").unwrap();
    double.forget();
    let stranger = GitHub::connect(settings(&double), None, Events::none()).unwrap();
    let public = stranger.published("v1.0.0").unwrap().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    assert_eq!(stranger.fetch(&public, &public.assets, scratch.path(), &Events::none()).unwrap().len(), 4);
    assert!(double.seen().iter().all(|seen| !seen.authorized));
}

#[test]
fn an_upload_address_on_a_foreign_host_gets_neither_token_nor_bytes() {
    let double = ready();
    double.state().hosts.uploads = "http://uploads.evil.invalid".into();
    let error = release(&forge(&double), "v1.0.0").unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("uploads.evil.invalid"));
}

#[test]
fn transfers_run_side_by_side_within_the_published_limit() {
    let double = ready();
    let scratch = tempfile::tempdir().unwrap();
    double.slow_down(Duration::from_millis(20));
    let many: Vec<_> = (0..60).map(|number| file(scratch.path(), &format!("file-{number}.bin"), &[7; 100])).collect();
    publish(&forge(&double), "v1.0.0", &many, true);
    assert!((2..=100).contains(&double.most_at_once()), "{}", double.most_at_once());
}

#[test]
fn more_than_eighty_files_are_paced_and_the_wait_is_shown_once() {
    let (double, waits) = (ready(), Waits::default());
    let scratch = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..90).map(|number| file(scratch.path(), &format!("file-{number}.bin"), &[7; 10])).collect();
    let short = Settings { max_wait: Duration::from_secs(5), ..settings(&double) };
    let forge = forge_with(short, waits.events());
    let open = forge.open_draft(&draft("v1.0.0"), &forge.survey().unwrap()).unwrap();
    // The draft and 79 files are 80 creations: the next one is due in a minute, which is longer than we wait here.
    let error = forge.upload(&open, &many, &Events::none()).unwrap_err();
    assert_eq!(error.kind(), Kind::Partial, "{error:?}");
    let there = double.state().releases[0].assets.len();
    assert!((60..80).contains(&there), "{there} files were sent in the first minute");
}
