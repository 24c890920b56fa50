//! What a build gets to see: the few variables that tools need to work at all, fixed locale and time zone, SOURCE_DATE_EPOCH; nothing of
//! the user, the host or the time.

use std::{ffi::OsString, sync::OnceLock};

use super::Job;
use crate::{
    effects::process::{self, Program},
    kernel::{Context as _, Result},
};

/// Names (a `*` at the end stands for any rest) that tools can't work without and that don't reach the bytes.
const PASSED: [&str; 31] = [
    "PATH",
    "HOME",
    "USERPROFILE",
    "TMPDIR",
    "TEMP",
    "TMP",
    "CARGO_HOME",
    "RUSTUP_*",
    "CARGO_NET_*",
    "CARGO_HTTP_*",
    "CARGO_REGISTRIES_*",
    "CARGO_SOURCE_*",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SystemRoot",
    "SYSTEMROOT",
    "ComSpec",
    "PATHEXT",
    "ProgramFiles*",
    "ProgramData",
    "LOCALAPPDATA",
    "APPDATA",
    "VS*COMNTOOLS",
];

/// A program with that environment; `extra` are the names that the artifact's `env` lets through.
pub(super) fn fresh(program: Program, job: &Job<'_>) -> Program {
    let passes = |name: &str| PASSED.iter().any(|pattern| matches(pattern, name)) || job.artifact.env.iter().any(|pattern| matches(pattern, name));
    let kept = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(passes));
    let program = kept.fold(program.clear_env(), |program, (name, value): (OsString, OsString)| program.env(name, value));
    let subject = &job.plan.subject;
    program
        .env("TZ", "UTC")
        .env("LANG", "C.UTF-8")
        .env("LC_ALL", "C.UTF-8")
        .env("SOURCE_DATE_EPOCH", subject.epoch.to_string())
        .env("ZERO_AR_DATE", "1")
        .env("XTASK_VERSION", subject.version().to_string())
        .env("XTASK_TAG", &subject.tag.name)
        .env("XTASK_COMMIT", &subject.commit)
        .env("XTASK_TARGET", job.unit.target.as_deref().unwrap_or_default())
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after),
        None => pattern == name,
    }
}

/// Runs the artifact's command lines, one after the other, in the checkout.
pub(super) fn run_lines(job: &Job<'_>, lines: &[String]) -> Result<()> {
    for (index, line) in lines.iter().enumerate() {
        job.events.note(format!("$ {line}"));
        let program = fresh(Program::shell(line).folder(&job.source.root), job).group(&job.place.running());
        program.stream(job.events).context(|| format!("build artifact `{}`: its `run` line {} failed: {line}", job.artifact.name, index + 1))?;
    }
    Ok(())
}

/// This machine's target triple, as rustc names it; the one this program was built for where there is no rustc.
pub fn host_target() -> String {
    // Behind a toolchain proxy the question takes as long as a request.
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(ask_host_target).clone()
}

fn ask_host_target() -> String {
    let told = process::find("rustc").and_then(|rustc| Program::new(rustc).query().arg("-vV").read().ok());
    let host = told.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("host: ")));
    host.map_or_else(built_for, str::to_owned)
}

fn built_for() -> String {
    let vendor_and_system = match std::env::consts::OS {
        "macos" => "apple-darwin",
        "windows" => "pc-windows-msvc",
        _ => "unknown-linux-gnu",
    };
    format!("{}-{vendor_and_system}", std::env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_rest() {
        assert!(matches("RUSTUP_*", "RUSTUP_HOME") && matches("VS*COMNTOOLS", "VS170COMNTOOLS") && matches("PATH", "PATH"));
        assert!(!matches("PATH", "PATHEXT") && !matches("RUSTUP_*", "RUST") && !matches("AB*B", "AB"));
    }
}
