//! Judgements, from what the engine shows at a moment.

use serde_json::json;

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "called with json! on the spot")]
fn seen(state: serde_json::Value, restarts: u64) -> Seen {
    let container = json!({"Id": "c", "Name": "/c", "Image": "sha256:1", "State": state, "Config": {"Image": "x:1"}});
    Seen { container: Some(serde_json::from_value(container).unwrap()), restarts, steady: Duration::from_secs(60), settle: SETTLE, ..Seen::default() }
}

fn checked(health: &str, output: &str) -> Seen {
    seen(json!({"Status": "running", "Running": true, "Health": {"Status": health, "Log": [{"ExitCode": 0, "Output": output}]}}), 0)
}

#[test]
fn healthy_is_what_the_check_says_unless_the_server_still_loads() {
    assert_eq!(judge(&checked("healthy", "PONG\n")), Verdict::Ready);
    // A ping that is answered LOADING exits with 0: the engine calls that healthy, or unhealthy when the check is strict. It is neither.
    for health in ["healthy", "unhealthy", "starting"] {
        let verdict = judge(&checked(health, "LOADING Redis is loading the dataset in memory\n"));
        assert_eq!(verdict, Verdict::Waiting("loading its data".into()), "{health}");
    }
    assert_eq!(judge(&checked("unhealthy", "Connection refused")), Verdict::Failed("its healthcheck fails".into()));
    for waiting in [Seen { old: true, ..checked("unhealthy", "no") }, Seen { starting: true, ..checked("unhealthy", "no") }] {
        assert_eq!(judge(&waiting), Verdict::Waiting("unhealthy".into()));
    }
    assert_eq!(judge(&checked("starting", "a\nb\n")), Verdict::Waiting("waiting for its healthcheck: b".into()));
}

#[test]
fn without_a_check_it_must_stay_up_and_its_probe_must_answer() {
    let running = json!({"Status": "running", "Running": true});
    let fresh = Seen { steady: Duration::from_secs(1), ..seen(running.clone(), 0) };
    assert!(matches!(judge(&fresh), Verdict::Waiting(_)));
    assert_eq!(judge(&seen(running.clone(), 0)), Verdict::Ready);
    let sick = Seen { probe: Some(Err("answers 503".into())), ..seen(running.clone(), 0) };
    assert_eq!(judge(&sick), Verdict::Waiting("its probe fails: answers 503".into()));
    assert!(matches!(judge(&seen(running, 2)), Verdict::Failed(_)), "running between two crashes is no health");
}

#[test]
fn what_ended_failed_unless_it_was_meant_to_end_or_is_only_being_started() {
    let ended = |code: i64| seen(json!({"Status": "exited", "ExitCode": code}), 0);
    assert!(matches!(judge(&ended(0)), Verdict::Failed(_)));
    assert_eq!(judge(&Seen { one_shot: true, ..ended(0) }), Verdict::Ready);
    assert!(matches!(judge(&Seen { one_shot: true, ..ended(3) }), Verdict::Failed(_)));
    assert!(matches!(judge(&Seen { starting: true, ..ended(3) }), Verdict::Waiting(_)));
    assert!(matches!(judge(&seen(json!({"Status": "restarting", "ExitCode": 3}), 1)), Verdict::Waiting(_)));
    assert!(matches!(judge(&Seen::default()), Verdict::Failed(_)));
}
