//! GitHub Actions: findings as annotations at file and line, results as step outputs and as a job summary.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{Answer, Style, answer::fenced};
use crate::{
    effects::files,
    kernel::{Error, Finding, Severity},
};

/// One annotation. It goes to standard error: standard output holds the result and nothing else, and runners read both.
pub(super) fn annotate(style: Style, finding: &Finding) {
    if !style.actions {
        return;
    }
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let file = finding.file.iter().map(|file| format!("file={},", property(file)));
    let line = finding.line.iter().map(|line| format!("line={line},"));
    let place: String = file.chain(line).collect();
    let text = std::iter::once(&finding.message).chain(&finding.hints).cloned().collect::<Vec<_>>().join("\n");
    say(&format!("::{word} {place}title={}::{}", property(&finding.code), message(&text)));
}

/// What opens a part of the log that can be folded.
pub(super) fn group(title: &str) -> String {
    format!("::group::{}", message(title))
}

/// What makes the runner hide a value: it hides line by line, and a short value would hide half of the log.
pub(super) fn masks(value: &str) -> Vec<String> {
    const SHORT: usize = 6;
    value.lines().map(str::trim).filter(|line| line.len() >= SHORT).map(|line| format!("::add-mask::{}", message(line))).collect()
}

/// Step outputs and the summary of a command that has a result.
pub(super) fn finish(style: Style, command: &str, answer: &Answer) {
    if !style.actions {
        return;
    }
    let outcome = answer.kind.map_or("ok", crate::kernel::Kind::outcome);
    let outputs = answer.outputs.iter().map(|(name, value)| output(name, value)).collect::<String>();
    append("GITHUB_OUTPUT", &format!("{}{outputs}", output("outcome", outcome)));
    append("GITHUB_STEP_SUMMARY", &format!("### xtask {command}: {outcome}\n\n{}{}", answer.view.markdown(), findings(&answer.findings)));
}

/// The same for one that failed.
pub(super) fn failed(style: Style, command: &str, error: &Error) {
    if !style.actions {
        return;
    }
    let outcome = error.kind().outcome();
    append("GITHUB_OUTPUT", &output("outcome", outcome));
    let hints = error.hints().iter().map(|hint| format!("- {hint}\n")).collect::<String>();
    append("GITHUB_STEP_SUMMARY", &format!("### xtask {command}: {outcome}\n\n{}\n\n{hints}{}", fenced(&error.chain()), findings(error.found())));
    say(&format!("::error title=xtask {}::{}", property(command), message(&error.chain())));
}

fn findings(findings: &[Finding]) -> String {
    findings
        .iter()
        .map(|finding| format!("- `{}` {}{}\n", finding.code, finding.file.iter().map(|file| format!("{file}: ")).collect::<String>(), finding.message))
        .collect()
}

fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// A name and a value that may hold several lines; the delimiter can't occur in the value.
fn output(name: &str, value: &str) -> String {
    let mut end = "XTASK".to_owned();
    while value.contains(&end) {
        end.push('_');
    }
    format!("{name}<<{end}\n{value}\n{end}\n")
}

fn append(variable: &str, text: &str) {
    let Some(path) = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from) else { return };
    if let Err(error) = files::append_line(Path::new(&path), text.trim_end_matches('\n')) {
        tracing::warn!(%error, variable, "could not write");
    }
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_can_hold_any_text() {
        assert_eq!(group("50 % of\nit"), "::group::50 %25 of%0Ait");
        assert_eq!(masks("-----BEGIN-----\nabc\nsecret%0A"), ["::add-mask::-----BEGIN-----", "::add-mask::secret%250A"]);
        assert_eq!(output("digests", "a\nXTASK\nb"), "digests<<XTASK_\na\nXTASK\nb\nXTASK_\n");
        assert_eq!(property("a:b,c"), "a%3Ab%2Cc");
    }
}
