//! The notice at the top of a bad release's notes: put there, recognised, taken away again. Pure.

const BEGIN: &str = "<!-- xtask:rollback -->\n";
const END: &str = "<!-- /xtask:rollback -->\n";
/// GitHub takes 125,000 characters of notes.
const MOST: usize = 124_000;

/// The notes with a notice above them; one that is there already is replaced.
pub(super) fn put(notes: &str, instead: &str, day: &str, reason: Option<&str>) -> String {
    let reason = reason.map(|reason| format!("> {}\n", reason.split_whitespace().collect::<Vec<_>>().join(" "))).unwrap_or_default();
    let notice = format!("{BEGIN}> [!CAUTION]\n> **This release was taken back on {day}. Use {instead} instead.**\n{reason}{END}");
    let below = strip(notes);
    let text = if below.is_empty() { notice } else { format!("{notice}\n{below}") };
    text.chars().take(MOST).collect()
}

/// The notes as they were before the notice; the same where there is none. A forge may have changed the line ends.
pub(super) fn strip(notes: &str) -> String {
    let begin = BEGIN.trim_end();
    let rest = notes.starts_with(begin).then(|| notes.split_once(END.trim_end())).flatten();
    let Some((_, below)) = rest else { return notes.to_owned() };
    let line = |text: &str| text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text).to_owned();
    line(&line(below))
}

/// Whether there is one.
pub(super) fn is_there(notes: &str) -> bool {
    notes.starts_with(BEGIN.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_can_be_taken_away() {
        for notes in ["", "what changed\n", "\n\nodd\r\n", "ends without a line end"] {
            let put_once = put(notes, "v1.4.2", "2026-01-31", Some("it\neats data"));
            assert!(is_there(&put_once) && put_once.contains("> it eats data\n"), "{put_once}");
            assert_eq!(strip(&put_once), notes);
            assert_eq!(strip(&put(&put_once, "v1.4.1", "2026-02-01", None)), notes, "a second notice replaces the first");
        }
        assert_eq!(strip("no notice"), "no notice");
    }
}
