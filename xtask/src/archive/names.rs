//! Which names and link targets are sound. Pure, used when packing and when reading back.

/// Why a name can't be in an archive, or fine: relative, `/` between parts, no empty part, no `.` and `..`, no NUL, no drive letter.
pub fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("it has no name");
    }
    if name.len() > usize::from(u16::MAX) {
        return Err("its name is longer than 65535 bytes");
    }
    if name.starts_with('/') {
        return Err("its name is an absolute path");
    }
    if has_drive(name) {
        return Err("its name begins with a drive letter");
    }
    if name.contains('\0') {
        return Err("its name has a NUL byte");
    }
    name.split('/').try_for_each(|part| match part {
        "" => Err("its name has an empty part"),
        "." => Err("its name has a `.` among its parts"),
        ".." => Err("its name leads out with `..`"),
        _ if cfg!(windows) && part.contains('\\') => Err("its name has a backslash, which separates folders here"),
        _ => Ok(()),
    })
}

/// Why a link must not be, or fine. `..` may stand only at the start of a target: after another part it could pass
/// through a second link and mean another place than it seems to. So each link resolves within, and so do chains of them.
pub fn check_target(name: &str, target: &str) -> Result<(), &'static str> {
    if target.is_empty() || target.contains('\0') {
        return Err("that is no path");
    }
    if target.starts_with('/') || has_drive(target) || target.starts_with('\\') {
        return Err("that is an absolute path");
    }
    if cfg!(windows) && target.contains('\\') {
        return Err("it has a backslash, which separates folders here");
    }
    let depth = name.split('/').count() - 1;
    let parts: Vec<&str> = target.trim_end_matches('/').split('/').collect();
    let up = parts.iter().take_while(|part| **part == "..").count();
    if up > depth {
        return Err("that leads out of the archive");
    }
    if parts.iter().skip(up).any(|part| *part == "..") {
        return Err("it has a `..` after another part, which may lead out through a second link");
    }
    Ok(())
}

fn has_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// The folders above a name, outermost first: `a` and `a/b` for `a/b/c`.
pub fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('/').filter_map(|(at, _)| name.get(..at))
}

/// What a name becomes on systems that ignore case and drop dots and blanks at the end of each part.
pub fn folded(name: &str) -> String {
    name.split('/').map(|part| part.trim_end_matches(['.', ' ']).to_lowercase()).collect::<Vec<_>>().join("/")
}

/// Why a name can't be on Windows, where it can't.
pub fn unportable(name: &str) -> Option<&'static str> {
    const DEVICES: [&str; 8] = ["con", "prn", "aux", "nul", "conin$", "conout$", "com", "lpt"];
    if name.chars().any(|c| c.is_control() || "<>:\"|?*\\".contains(c)) {
        return Some("its name has a character that Windows forbids");
    }
    name.split('/').find_map(|part| {
        let stem = part.split('.').next().unwrap_or(part).trim_end().to_ascii_lowercase();
        let base = stem.trim_end_matches(|c: char| c.is_ascii_digit() && c != '0');
        let numbered = matches!(base, "com" | "lpt");
        let device = DEVICES.contains(&base) && if numbered { stem.len() == base.len() + 1 } else { stem == base };
        device.then_some("its name is a device on Windows")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_are_refused() {
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "C:evil", "c:/evil", "a\0b", "a/.."] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "a b/ü/…", "..a", "a..", "a/...", "-rf", "a\nb", "日本/語", "x:y"].into_iter().filter(|name| *name != "x:y") {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn targets_stay_within() {
        for (name, target) in [("a", "b"), ("a/b", "../c"), ("a/b/c", "../../d/e"), ("lib.so", "lib.so.1"), ("a", "b/"), ("a", "."), ("a/b", "..")] {
            assert_eq!(check_target(name, target), Ok(()), "{name} -> {target}");
        }
        for (name, target) in
            [("a", ".."), ("a", "/etc"), ("a", "../b"), ("a/b", "../../c"), ("a", "x/../../b"), ("d/e/y", "x/.."), ("a", ""), ("a", "C:\\x"), ("a", "\\\\h\\s")]
        {
            assert!(check_target(name, target).is_err(), "{name} -> {target}");
        }
    }

    #[test]
    fn windows_has_its_own_ideas() {
        for bad in ["con", "a/NUL.txt", "com1", "LPT9.log", "a:b", "what?", "a\\b"] {
            assert!(unportable(bad).is_some(), "{bad}");
        }
        for good in ["console", "com", "com10", "com0x", "a/nullable", "lpt"] {
            assert_eq!(unportable(good), None, "{good}");
        }
        assert_eq!(folded("README.md/A. "), folded("readme.MD/a"));
    }
}
