//! `check --only logs`: a log that isn't rotated (files, and what Compose keeps of the services), that everybody on this machine can read, or that holds secrets. Reads only.

use super::{
    judge,
    packed::{self, Sort},
    redact::{Hit, Redactor},
    secrets,
    sources::{self, Source},
};
use crate::{
    config::Project,
    effects::tree::{self, Kind},
    kernel::{Context as _, Finding, Result, human_bytes},
    services,
};

/// A log bigger than this should have been rotated by now.
const LARGEST: u64 = 10_000_000;
/// How many rotations are kept usually; many more fill the disk.
const ROTATIONS: usize = 5;
/// More findings in one file say nothing new.
const MOST: usize = 5;

/// Every finding about the logs that the configuration names.
pub fn check(project: &Project) -> Result<Vec<Finding>> {
    let (sources, empty) = sources::logs(project)?;
    let (known, _) = secrets::known(project, None);
    let redactor = Redactor::new(&known);
    let mut found: Vec<Finding> = empty.iter().map(|glob| Finding::note("log-none", format!("no log fits `{glob}`"))).collect();
    found.extend(rotation(&sources));
    found.extend(services::logging::check(project));
    for source in &sources {
        found.extend(one(&redactor, source)?);
    }
    Ok(found)
}

fn one(redactor: &Redactor, source: &Source) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let name = printable(&source.name);
    if let Some(error) = &source.found.error {
        return Ok(vec![Finding::warning("log-unreadable", format!("can't be looked at: {error}")).file(name)]);
    }
    match source.found.kind {
        Kind::File => {}
        Kind::Link => return Ok(vec![Finding::note("log-link", "a symbolic link; it is not followed").file(name)]),
        Kind::Other => return Ok(vec![Finding::warning("log-no-file", "not a regular file; it is not opened").file(name)]),
    }
    if source.found.mode & 0o004 != 0 {
        let finding = Finding::warning("log-world-readable", format!("every user of this machine can read it (mode {:04o})", source.found.mode));
        found.push(finding.file(&name).hint("chmod o-r, and set the umask of the program that writes it"));
    }
    let opened = tree::open_regular(&source.found.path).and_then(|file| packed::open(file).context(|| format!("read {name}")));
    match opened {
        Ok(Ok(opened)) => found.extend(secrets_in(redactor, opened.text, &name)?),
        Ok(Err(Sort::Packed(what) | Sort::Other(what))) => {
            found.push(Finding::note("log-not-scanned", format!("{what}: it was not looked into")).file(&name));
        }
        Ok(Err(_)) => found.push(Finding::note("log-not-scanned", "packed twice: it was not looked into").file(&name)),
        Err(error) => found.push(Finding::warning("log-unreadable", error.chain()).file(&name)),
    }
    Ok(found)
}

fn secrets_in(redactor: &Redactor, file: impl std::io::Read, name: &str) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let mut all = 0_usize;
    let mut last = None;
    redactor
        .scan(file, |hit| {
            let place = Some((hit.line, hit.label.to_owned()));
            // A key's lines, and the same sort twice in a line, count once.
            let again =
                last.as_ref().is_some_and(|(line, label)| *label == hit.label && (*line == hit.line || hit.label == "private-key" && line + 1 == hit.line));
            if is_leak(&hit) {
                last = place;
            }
            if is_leak(&hit) && !again {
                all += 1;
                if all <= MOST {
                    let finding = Finding::error("log-secret", format!("a secret stands in this log ({})", hit.label)).file(name).line(hit.line);
                    found.push(
                        finding
                            .hint("replace it at its provider, remove it here, and mend what logged it")
                            .hint("`xtask redact < LOG` shows the log without it"),
                    );
                }
            }
        })
        .context(|| format!("scan {name}"))?;
    if all > MOST {
        found.push(Finding::error("log-secret", format!("{} more secrets stand in this log", all - MOST)).file(name));
    }
    Ok(found)
}

/// A log holds no examples: what has a secret's shape is one; what only a name gives away must look like one.
fn is_leak(hit: &Hit<'_>) -> bool {
    hit.known || !hit.by_name || judge::is_secret(hit, b"", "log.json")
}

/// Logs that grow without end, and rotations that nobody removes.
fn rotation(sources: &[Source]) -> Vec<Finding> {
    let files = || sources.iter().filter(|source| source.found.kind == Kind::File);
    let mut found = Vec::new();
    for source in files().filter(|source| rotated(&source.name).is_none()) {
        let rotations = files().filter(|other| rotated(&other.name).is_some_and(|base| base == source.name)).count();
        let name = printable(&source.name);
        if source.found.size > LARGEST && rotations == 0 {
            let finding = Finding::warning("log-not-rotated", format!("{} and no rotation beside it", human_bytes(source.found.size))).file(&name);
            found.push(finding.hint("rotate it by size and keep the last five"));
        } else if rotations > ROTATIONS * 2 {
            found.push(Finding::warning("log-rotations", format!("{rotations} rotations are kept")).file(&name).hint("keep the last five"));
        }
    }
    found
}

/// The log that a rotation belongs to: `main.log.1`, `main.log.2.gz`, `main.1.log`, `main.old.log`, `main.log-20260131`.
pub fn rotated(name: &str) -> Option<String> {
    let (folder, file) = name.rsplit_once('/').map_or(("", name), |(folder, file)| (folder, file));
    let file = file.strip_suffix(".gz").or_else(|| file.strip_suffix(".zst")).unwrap_or(file);
    let is_mark = |mark: &str| !mark.is_empty() && (mark == "old" || mark.chars().all(|c| c.is_ascii_digit() || c == '-'));
    let base = match file.rsplit_once(['.', '-']) {
        Some((base, mark)) if is_mark(mark) && base.contains('.') => base.to_owned(),
        _ => {
            let (stem, ending) = file.rsplit_once('.')?;
            let (base, _) = stem.rsplit_once(['.', '-']).filter(|(_, mark)| is_mark(mark))?;
            format!("{base}.{ending}")
        }
    };
    Some(if folder.is_empty() { base } else { format!("{folder}/{base}") })
}

/// A name as a terminal may show it: escape sequences become visible.
pub fn printable(name: &str) -> String {
    name.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_recognised() {
        for name in ["logs/main.log.1", "logs/main.log.2.gz", "logs/main.old.log", "logs/main.1.log", "logs/main.log-20260131", "logs/main.log.old"] {
            assert_eq!(rotated(name).as_deref(), Some("logs/main.log"), "{name}");
        }
        assert_eq!((rotated("logs/main.log"), rotated("a-b.log"), rotated("v1.2/app")), (None, None, None));
    }

    #[test]
    fn names_cannot_speak_to_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
