//! The first promise, on GitHub: killed after any request, or with any faults on the way, the same command again ends as if nothing had been.

use std::{process::Stdio, time::Duration};

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};

use crate::{
    github::{Act, Fault, routes},
    github_release::Rocket,
};

const RAW: usize = 3;

/// Runs the release with whatever is scripted; the double may kill it.
fn disturbed(rocket: &Rocket) -> Option<i32> {
    let mut command = rocket.command(&["release", "--tag", "v1.0.0"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start the program");
    rocket.double.victim(child.id());
    child.wait().expect("wait for the program").code()
}

/// Nobody may see a part: whatever is published is exactly what an undisturbed run publishes.
fn nothing_half(rocket: &Rocket, whole: &[String]) -> Result<(), String> {
    let picture = rocket.double.state().picture();
    let visible: Vec<_> = picture.iter().filter(|release| release.contains("draft=false")).cloned().collect();
    if visible.is_empty() || visible == whole { Ok(()) } else { Err(format!("half a release is visible: {visible:#?}")) }
}

fn fresh(rocket: &Rocket) {
    rocket.double.heal();
    rocket.double.state().releases.clear();
    rocket.double.state().elected = None;
}

#[test]
fn killed_at_every_request_the_same_command_goes_on() {
    let whole = Rocket::undisturbed(RAW);
    let rocket = Rocket::new(RAW);
    let mut kills = 0;
    for k in 1.. {
        fresh(&rocket);
        rocket.double.fault(Fault::on("*", "", Act::Kill).nth(k));
        if disturbed(&rocket) == Some(0) {
            assert!(k > 15, "only {k} requests were seen: this test looks at nothing");
            break;
        }
        kills += 1;
        nothing_half(&rocket, &whole).unwrap_or_else(|why| panic!("killed at request {k}: {why}"));
        rocket.double.heal();
        rocket.release("v1.0.0");
        assert_eq!(rocket.double.state().picture(), whole, "killed at request {k}");
    }
    assert!(kills >= 15, "{kills} kills");
}

#[test]
fn killed_after_every_effect_the_same_command_goes_on() {
    let whole = Rocket::undisturbed(0);
    let rocket = Rocket::new(0);
    let log = rocket.scratch.path().join("effects");
    let count = |rocket: &Rocket| {
        std::fs::write(&log, "").expect("empty the log");
        rocket.command(&["release", "--tag", "v1.0.0"]).env("XTASK_TEST_CRASH_LOG", &log).output().expect("run");
        std::fs::read_to_string(&log).expect("read the log")
    };
    // The first run makes folders that stay: the second has as many effects as every later one.
    rocket.release("v1.0.0");
    fresh(&rocket);
    let all = count(&rocket);
    // The effects on the forge, and those around them; building is another test's business.
    let first = all.lines().position(|line| line.contains("POST")).expect("a POST is an effect") + 1;
    for k in first..=all.lines().count() {
        fresh(&rocket);
        let killed = rocket.command(&["release", "--tag", "v1.0.0"]).env("XTASK_TEST_CRASH_AFTER", k.to_string()).output().expect("run");
        if killed.status.code() == Some(0) {
            assert!(k > first + 8, "only {k} effects from the {first}th on: {all}");
            break;
        }
        assert_eq!(killed.status.code(), None, "effect {k} of {all}");
        nothing_half(&rocket, &whole).unwrap_or_else(|why| panic!("killed after effect {k}: {why}"));
        rocket.release("v1.0.0");
        assert_eq!(rocket.double.state().picture(), whole, "killed after effect {k}");
    }
}

/// What may go wrong at one request.
fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        Just(Act::ResetBefore),
        Just(Act::ResetAfter),
        Just(Act::HalfBody),
        Just(Act::Twice),
        Just(Act::Slow(30)),
        Just(Act::page(502)),
        Just(Act::page(503)),
        Just(Act::AnswerAfter(routes::message(504, "Gateway Timeout"))),
        Just(Act::limited(403, &[])),
        Just(Act::limited(429, &[("retry-after", "2")])),
        Just(Act::limited(403, &[("retry-after", "86400")])),
        Just(Act::Kill),
    ]
}

/// Acts that only make sense on an upload.
fn upload_acts() -> impl Strategy<Value = Act> {
    prop_oneof![Just(Act::Starter), Just(Act::AlterRequest)]
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let anywhere = (1_usize..24, 1_usize..3, acts()).prop_map(|(nth, times, act)| Fault::on("*", "", act).nth(nth).times(times));
    let upload = (1_usize..8, 1_usize..3, upload_acts()).prop_map(|(nth, times, act)| Fault::on("POST", "/assets?", act).nth(nth).times(times));
    proptest::collection::vec(prop_oneof![3 => anywhere, 1 => upload], 1..4)
}

#[test]
fn any_sequence_of_faults_and_kills_ends_like_a_run_without_them() {
    // A few by default, as many as wanted by hand: each is three to four runs of the real program.
    let cases = std::env::var("XTASK_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let whole = Rocket::undisturbed(RAW);
    let rocket = Rocket::new(RAW);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]));
    let runs = proptest::collection::vec(faults(), 1..4);
    runner
        .run(&runs, |runs| {
            fresh(&rocket);
            for faults in runs {
                rocket.double.heal();
                faults.into_iter().for_each(|fault| rocket.double.fault(fault));
                let code = disturbed(&rocket);
                nothing_half(&rocket, &whole).map_err(TestCaseError::fail)?;
                prop_assert!(matches!(code, None | Some(0 | 1 | 5)), "exit {code:?}");
            }
            rocket.double.heal();
            rocket.release("v1.0.0");
            prop_assert_eq!(&rocket.double.state().picture(), &whole);
            Ok(())
        })
        .unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_however_large_the_file() {
    const LARGE: u64 = 200_000_000;
    let rocket = Rocket::new(0);
    let config = rocket.scratch.read("xtask.toml");
    let large = format!("[[artifact]]\nname = \"large\"\nrun = [\"head -c {LARGE} /dev/zero > large.bin\"]\nfiles = [\"large.bin\"]\nformats = [\"raw\"]\n");
    rocket.scratch.write("xtask.toml", config.replace("[release]", &format!("{large}[release]")));
    rocket.version("1.0.1");
    let mut child = rocket.command(&["release", "--tag", "v1.0.1"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let highest = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(highest.unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(code, Some(0));
    assert_eq!(rocket.double.state().releases[0].assets.iter().map(|asset| asset.bytes.len() as u64).max(), Some(LARGE));
    assert!((1000..100_000).contains(&peak), "{peak} kB at the peak for a file of {LARGE} bytes");
}
