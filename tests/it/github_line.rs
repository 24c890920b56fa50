//! The line to GitHub, on the double: limits and pace, pages, downloads, and where the token goes.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use xtask::{
    forge::{
        Forge,
        github::{GitHub, Settings},
    },
    kernel::{Event, Events, Kind},
};

use crate::{
    forge_conformance::{draft, file, files, publish},
    github::{Act, Double, Fault, Role},
    github_forge::{forge, forge_with, is_whole, ready, release, settings},
};

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
fn more_than_eighty_files_are_paced() {
    let (double, waits) = (ready(), Waits::default());
    let scratch = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..90).map(|number| file(scratch.path(), &format!("file-{number}.bin"), &[7; 10])).collect();
    let short = Settings { max_wait: Duration::from_secs(5), ..settings(&double) };
    let forge = forge_with(short, waits.events());
    let open = forge.open_draft(&draft("v1.0.0"), &forge.survey().unwrap()).unwrap();
    // The draft and 79 files are 80 creations: the next one is due in a minute, which is longer than we wait here. What was begun is finished.
    let error = forge.upload(&open, &many, &Events::none()).unwrap_err();
    assert_eq!(error.kind(), Kind::Partial, "{error:?}");
    assert_eq!(double.state().releases[0].assets.len(), 79);
    assert!(waits.all().is_empty(), "{:?}", waits.all());
}

#[test]
fn a_wait_that_all_transfers_share_is_shown_once() {
    let (double, waits) = (ready(), Waits::default());
    let scratch = tempfile::tempdir().unwrap();
    let many: Vec<_> = (0..90).map(|number| file(scratch.path(), &format!("file-{number}.bin"), &[7; 10])).collect();
    let forge = forge_with(Settings { haste: 500, max_wait: Duration::from_secs(120), ..settings(&double) }, waits.events());
    let open = forge.open_draft(&draft("v1.0.0"), &forge.survey().unwrap()).unwrap();
    double.fault(Fault::on("POST", "/assets", Act::limited(429, &[("retry-after", "100")])).nth(40));
    let most = many.get(..60).unwrap();
    forge.upload(&open, most, &Events::none()).unwrap();
    let shown: Vec<_> = waits.all();
    assert!((1..=2).contains(&shown.len()), "one limit, told by whom it hit and once for the others: {shown:?}");
}

#[test]
fn a_server_that_says_nothing_is_not_asked_again_where_other_work_waits() {
    let double = ready();
    double.fault(Fault::on("GET", "", Act::Stall(600)).times(100));
    let asked = |within| {
        double.forget();
        let error = forge_with(Settings { within, stall: Duration::from_millis(300), ..settings(&double) }, Events::none()).latest().unwrap_err();
        assert_eq!(error.kind(), Kind::Partial, "{error:?}");
        (double.seen().len(), error.chain())
    };
    let (once, why) = asked(Some(Duration::from_millis(200)));
    assert!((1..=2).contains(&once) && why.contains("no answer for"), "each once: {once}: {why}");
    assert!(asked(None).0 > 4, "else patience is what it was");
}
