//! Whether a program runs that must be closed. Looks at the list of processes only.

use std::path::Path;

use crate::{
    effects::process::Program,
    kernel::{Error, Result},
};

/// Refuses while the program runs.
pub fn check(program: Option<&str>, what: &str) -> Result<()> {
    let Some(program) = program else { return Ok(()) };
    if !runs(program, &list()?) {
        return Ok(());
    }
    Err(Error::refused(format!("`{program}` runs: {what} would mix two states")).hint(format!("quit `{program}`, then run this again")))
}

/// Command lines, one a line.
fn list() -> Result<String> {
    if cfg!(windows) { Program::new("tasklist").args(["/FO", "CSV", "/NH"]).read() } else { Program::new("ps").args(["-A", "-ww", "-o", "args="]).read() }
}

/// Whether one of these command lines is the program: by its file name, with or without an ending, never by an argument.
fn runs(program: &str, lines: &str) -> bool {
    let wanted = program.to_lowercase();
    let is = |path: &str| {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path).to_lowercase();
        name == wanted || name.strip_suffix(".exe") == Some(wanted.as_str())
    };
    lines.lines().any(|line| {
        let line = line.trim();
        if let Some(quoted) = line.strip_prefix('"') {
            return is(quoted.split('"').next().unwrap_or_default());
        }
        // A program's path may hold blanks (`/Applications/Auto Codex.app/…/Auto Codex`): try each beginning, up to the first option.
        let ends = line.match_indices(' ').map(|(at, _)| at).chain([line.len()]);
        let beginnings = ends.map_while(|at| line.get(..at).filter(|start| !start.contains(" -")));
        let mut found = false;
        for beginning in beginnings.take(6) {
            let stop = Path::new(beginning).extension().is_none() && beginning.contains(' ') && !beginning.starts_with('/');
            found = found || (!stop && is(beginning));
        }
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_known_by_their_file_name() {
        let lines = "/usr/lib/auto-codex/auto-codex --type=renderer\nvi auto-codex\nsh -c auto-codex\n/Applications/Auto Codex.app/Contents/MacOS/Auto Codex\n\"Code.exe\",\"4711\"\n";
        assert!(runs("auto-codex", lines));
        assert!(runs("Auto Codex", lines));
        assert!(runs("code", lines));
        assert!(!runs("auto-codex", "vi auto-codex\ngrep auto-codex x\n"));
        assert!(!runs("codex", lines));
    }
}
