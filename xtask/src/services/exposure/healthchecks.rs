//! Healthchecks that say healthy whatever happens. Pure.

use std::sync::LazyLock;

use regex::Regex;

use super::{Subject, data};
use crate::{effects::process::words, kernel::Finding};

static SWALLOWED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(\|\||;)\s*(exit\s+0|true|/bin/true|:|exit)\s*(;|\)|$)").ok());

pub(super) fn check(subject: &Subject<'_>, probed: bool) -> Vec<Finding> {
    let Some(check) = subject.service.healthcheck.as_ref().filter(|check| check.is_on()) else {
        return if probed { Vec::new() } else { vec![missing(subject)] };
    };
    let line = check.line();
    let at = |finding: Finding| subject.at(finding, &["healthcheck", "test"]);
    let mut found = Vec::new();
    if SWALLOWED.as_ref().is_some_and(|pattern| pattern.is_match(line.trim())) || matches!(line.trim(), "true" | "exit 0" | ":" | "/bin/true") {
        let finding = Finding::error("healthcheck-cannot-fail", format!("the healthcheck of {} can't fail: `{line}`", subject.name));
        found.push(at(finding.hint("end it with `|| exit 1`, or with nothing")));
    }
    if curl_accepts_errors(&line) {
        let finding = Finding::error("healthcheck-curl", format!("the healthcheck of {} accepts 404 and 500: curl without -f", subject.name));
        found.push(at(finding.hint("give curl -f, and an address that means health: curl -fsS http://localhost:PORT/health")));
    }
    if ping_accepts_anything(&line) {
        let message = format!("the healthcheck of {} accepts NOAUTH and LOADING: `redis-cli ping` exits with 0 whatever is answered", subject.name);
        let finding = if data::has_password(subject) { Finding::error("healthcheck-ping", message) } else { Finding::warning("healthcheck-ping", message) };
        found.push(at(finding.hint("test: [\"CMD-SHELL\", \"redis-cli ping | grep -q PONG\"]")));
    }
    if data::engine_of(subject).is_some() && !check.start_period {
        let finding = Finding::note("healthcheck-start-period", format!("{} has no start_period: a slow load of its data reads as unhealthy", subject.name));
        found.push(at(finding.hint("add start_period: 60s to its healthcheck")));
    }
    found
}

fn missing(subject: &Subject<'_>) -> Finding {
    let finding = Finding::warning("healthcheck-missing", format!("{} has neither a healthcheck nor a probe: running is all that can be seen", subject.name));
    subject.at(finding.hint("add a healthcheck, or a [[services.probe]] in xtask.toml"), &["healthcheck"])
}

/// The commands of a shell line, each with the commands that it is piped into.
fn commands(line: &str) -> impl Iterator<Item = &str> {
    line.split("&&").flat_map(|part| part.split("||")).flat_map(|part| part.split(';')).map(str::trim)
}

fn curl_accepts_errors(line: &str) -> bool {
    commands(line).any(|command| {
        let first = command.split('|').next().unwrap_or_default();
        let words = words(first);
        let Some(at) = words.iter().position(|word| word == "curl" || word.ends_with("/curl")) else { return false };
        let short = |word: &String| word.starts_with('-') && !word.starts_with("--") && word.contains('f');
        let fails = words.iter().skip(at + 1).any(|word| word.starts_with("--fail") || short(word));
        !fails && !command.contains('|') && !first.contains("http_code") && !first.contains("$(")
    })
}

fn ping_accepts_anything(line: &str) -> bool {
    commands(line).any(|command| {
        let words = words(command.split('|').next().unwrap_or_default());
        let Some(at) = words.iter().position(|word| word.ends_with("redis-cli") || word.ends_with("valkey-cli")) else { return false };
        let rest = words.get(at + 1..).unwrap_or_default();
        rest.iter().any(|word| word.eq_ignore_ascii_case("ping")) && !rest.iter().any(|word| word == "-e") && !command.contains('|') && !command.contains("$(")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_lenient_checks_from_strict_ones() {
        for (line, curl, ping) in [
            ("curl -s http://localhost/ || exit 1", true, false),
            ("curl -fsS http://localhost/health", false, false),
            ("curl --fail-with-body http://x/", false, false),
            ("curl -s http://x/ | grep -q ok", false, false),
            ("/usr/bin/curl http://x/", true, false),
            ("redis-cli ping", false, true),
            ("redis-cli -a x PING || exit 1", false, true),
            ("redis-cli ping | grep -q PONG", false, false),
            ("redis-cli -e ping", false, false),
            ("test \"$(redis-cli ping)\" = PONG", false, false),
        ] {
            assert_eq!((curl_accepts_errors(line), ping_accepts_anything(line)), (curl, ping), "{line}");
        }
        for (line, swallowed) in [
            ("curl -f x || exit 0", true),
            ("curl -f x || true", true),
            ("curl -f x; true", true),
            ("(curl -f x || :)", true),
            ("curl -f x || exit 1", false),
            ("test -e /true || exit 1", false),
        ] {
            assert_eq!(SWALLOWED.as_ref().unwrap().is_match(line), swallowed, "{line}");
        }
    }
}
