//! The house itself: floors, sizes, first lines, bans. Read from the source; a rule that nobody checks is a wish.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Rooms by floor, the ground first. A room may use what is below it, and its own; rooms on one floor don't use each other.
const FLOORS: [&[&str]; 12] = [
    &["kernel"],
    &["effects"],
    &["config"],
    &["ledger", "report"],
    &["versions"],
    &["archive"],
    &["forge"],
    &["backup"],
    &["services"],
    &["release"],
    &["incident", "drill"],
    &["cli"],
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace").to_path_buf()
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("list a folder of the source") {
            let path = entry.expect("read an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                found.push((name, std::fs::read_to_string(&path).expect("read a source file")));
            }
        }
    }
    found.sort();
    assert!(found.len() > 1, "no source found in {folder}");
    found
}

/// The code of a file without its unit tests, which may look wherever they like.
fn code(text: &str) -> &str {
    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("/tests.rs") || name.ends_with("_tests.rs")
}

fn room(path: &str) -> Option<&str> {
    path.strip_prefix("xtask/src/")?.split(['/', '.']).next()
}

/// The rooms that a text names: `crate::room` and the members of `use crate::{…}`.
fn uses(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut member = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => rooms.push(std::mem::take(&mut member)),
                    c => member.push(c),
                }
            }
            rooms.push(member);
        } else {
            rooms.push(rest.to_owned());
        }
    }
    let name = |text: String| text.trim().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    rooms.into_iter().map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn no_room_uses_one_above_it() {
    let floor: BTreeMap<&str, usize> = FLOORS.iter().enumerate().flat_map(|(floor, rooms)| rooms.iter().map(move |room| (*room, floor))).collect();
    let mut broken = Vec::new();
    for (path, text) in sources("xtask/src") {
        let Some(from) = room(&path).filter(|room| floor.contains_key(room)) else {
            assert!(matches!(path.as_str(), "xtask/src/main.rs" | "xtask/src/lib.rs"), "{path} is in no room: add it to the floors");
            continue;
        };
        if is_test(&path) {
            continue;
        }
        for to in uses(code(&text)) {
            let (Some(above), Some(here)) = (floor.get(to.as_str()), floor.get(from)) else { continue };
            if to != from && above >= here {
                broken.push(format!("{path}: {from} uses {to}"));
            }
        }
    }
    assert!(broken.is_empty(), "a room may use the rooms below it, never above:\n{}", broken.join("\n"));
}

#[test]
fn only_the_command_line_reports() {
    let offenders: Vec<_> = sources("xtask/src")
        .into_iter()
        .filter(|(path, text)| !matches!(room(path), Some("cli" | "report")) && uses(code(text)).contains(&"report".to_owned()))
        .map(|(path, _)| path)
        .collect();
    assert!(offenders.is_empty(), "rooms emit events; only cli/ uses report/: {offenders:?}");
}

#[test]
fn the_reader_of_use_lines_reads_them() {
    let text = "use crate::{\n    config::{A, b::C},\n    kernel::Result,\n};\nuse crate::effects::files;\nfn f() { crate::report::x() }";
    assert_eq!(uses(text), ["config", "kernel", "effects", "report"]);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<_> = sources("xtask/src").into_iter().chain(sources("tests")).filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path).collect();
    assert!(silent.is_empty(), "a file starts with two or three lines that say what it is for: {silent:?}");
}

#[test]
fn no_file_becomes_a_heap() {
    let heaps: Vec<_> = sources("xtask/src").into_iter().map(|(path, text)| (text.lines().count(), path)).filter(|(lines, _)| *lines > 500).collect();
    assert!(heaps.is_empty(), "over 500 lines: {heaps:?}");
}

#[test]
fn nothing_is_allowed_or_left_undone() {
    let words = [concat!("#[", "allow("), concat!("to", "do!("), concat!("unimple", "mented!("), concat!("#[ig", "nore")];
    let mut found = Vec::new();
    for (path, text) in sources("xtask/src").into_iter().chain(sources("tests")) {
        found.extend(words.iter().filter(|word| text.contains(*word)).map(|word| format!("{path}: {word}")));
    }
    assert!(found.is_empty(), "use #[expect(lint, reason)], and finish what is begun:\n{}", found.join("\n"));
}

#[test]
fn a_dry_run_is_no_flag_that_travels() {
    let offenders: Vec<_> = sources("xtask/src")
        .into_iter()
        .filter(|(path, text)| !path.ends_with("cli/args.rs") && text.contains(concat!("dry_run", ": bool")))
        .map(|(path, _)| path)
        .collect();
    assert!(offenders.is_empty(), "a plan is data: {offenders:?}");
}
