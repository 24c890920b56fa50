//! Variables of a compose file: `${X}`, `${X:-default}`, `${X:?message}` and the rest of Compose's grammar, and the `.env` beside the file.
//!
//! Pure. Compose interpolates itself; this says beforehand which variables are missing and where to set them, finds pins, and serves checks
//! on machines without Compose.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// One reference to a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The variable.
    pub name: String,
    /// What follows it: `:-`, `-`, `:?`, `?`, `:+`, `+`, or nothing.
    pub operator: String,
    /// The default, the message or the alternative.
    pub word: String,
}

impl Reference {
    /// Whether Compose fails without a value.
    pub fn is_required(&self) -> bool {
        self.operator.ends_with('?')
    }
}

/// Text and references, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Plain text; `$$` is one `$` here.
    Text(String),
    /// A reference.
    Reference(Reference),
}

/// Takes a value apart.
pub fn pieces(value: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        rest = match reference(after) {
            Some((reference, tail)) => {
                if !text.is_empty() {
                    found.push(Piece::Text(std::mem::take(&mut text)));
                }
                found.push(Piece::Reference(reference));
                tail
            }
            None => {
                text.push('$');
                after.strip_prefix('$').unwrap_or(after)
            }
        };
    }
    text.push_str(rest);
    if !text.is_empty() {
        found.push(Piece::Text(text));
    }
    found
}

/// The reference after a `$`, and what follows it.
fn reference(after: &str) -> Option<(Reference, &str)> {
    let Some(inside) = after.strip_prefix('{') else {
        let (name, tail) = name(after)?;
        return Some((Reference { name: name.into(), operator: String::new(), word: String::new() }, tail));
    };
    let end = closing(inside)?;
    let (body, tail) = (inside.get(..end)?, inside.get(end + 1..)?);
    let (name, rest) = name(body)?;
    let operator = [":-", ":?", ":+", "-", "?", "+"].into_iter().find(|operator| rest.starts_with(operator)).unwrap_or_default();
    let word = rest.strip_prefix(operator).unwrap_or_default();
    Some((Reference { name: name.into(), operator: operator.into(), word: word.into() }, tail))
}

fn name(text: &str) -> Option<(&str, &str)> {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    starts.then(|| text.split_at(end))
}

/// Where the brace that is open at the start of `text` closes; defaults may hold references of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Where values come from: the shell first, then the env files, as Compose does it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// This process's environment.
    pub shell: BTreeMap<String, String>,
    /// The env files, the last one has the last word.
    pub files: Vec<EnvFile>,
}

impl Environment {
    /// A variable's value. In an env file it may be made from others: from the shell's, and from those above it.
    pub fn get(&self, name: &str) -> Option<String> {
        if let Some(value) = self.shell.get(name) {
            return Some(value.clone());
        }
        let at = self.files.iter().rposition(|file| file.get(name).is_some())?;
        let file = self.files.get(at)?;
        let value = file.get(name)?;
        if !value.contains('$') || file.is_literal(name) {
            return Some(value.to_owned());
        }
        let above = self.files.get(..at)?.iter().cloned().chain([file.above(name)]).collect();
        Some(interpolate(value, &Self { shell: self.shell.clone(), files: above }).0)
    }

    /// A variable's value as the env files have it.
    pub fn in_files(&self, name: &str) -> Option<&str> {
        self.files.iter().rev().find_map(|file| file.get(name))
    }

    /// The env file that has the last word on a variable: the last one that sets it, else the last one.
    pub fn holder(&self, name: &str) -> Option<&EnvFile> {
        self.files.iter().rev().find(|file| file.get(name).is_some()).or_else(|| self.files.last())
    }

    /// The same with a variable set in the env file that has the last word on it.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let holder = self.holder(name).map(|file| file.path().to_owned());
        let set = |file: &EnvFile| if Some(file.path()) == holder.as_deref() { file.with(name, value) } else { file.clone() };
        Self { shell: self.shell.clone(), files: self.files.iter().map(set).collect() }
    }
}

/// Fills in a value; variables that Compose insists on and that aren't there are left empty and returned too.
pub fn interpolate(value: &str, environment: &Environment) -> (String, Vec<Reference>) {
    let mut missing = Vec::new();
    let mut text = String::new();
    for piece in pieces(value) {
        match piece {
            Piece::Text(plain) => text.push_str(&plain),
            Piece::Reference(reference) => {
                let (filled, more) = resolve(&reference, environment);
                text.push_str(&filled);
                missing.extend(more);
            }
        }
    }
    (text, missing)
}

fn resolve(reference: &Reference, environment: &Environment) -> (String, Vec<Reference>) {
    let value = environment.get(&reference.name);
    let usable = value.filter(|value| !value.is_empty() || !reference.operator.starts_with(':'));
    match (reference.operator.trim_start_matches(':'), usable) {
        ("+", Some(_)) | ("-", None) => interpolate(&reference.word, environment),
        ("+", None) => (String::new(), Vec::new()),
        ("?", None) => (String::new(), vec![reference.clone()]),
        (_, value) => (value.unwrap_or_default(), Vec::new()),
    }
}

/// A `.env` file: what it says, and where, so that a value can be replaced with everything else left as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvFile {
    path: PathBuf,
    text: String,
}

impl EnvFile {
    /// From its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { path: PathBuf::new(), text: text.into() }
    }

    /// At that place.
    #[must_use]
    pub fn at(self, path: PathBuf) -> Self {
        Self { path, ..self }
    }

    /// Its place; it may be missing.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A variable's value; the last line wins.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.assignments().filter(|(_, key, _)| *key == name).last().map(|(_, _, value)| value)
    }

    /// The line that sets a variable, from 1.
    pub fn line(&self, name: &str) -> Option<usize> {
        self.assignments().filter(|(_, key, _)| *key == name).last().map(|(line, _, _)| line)
    }

    /// Whether its value is in single quotes, where nothing is filled in.
    fn is_literal(&self, name: &str) -> bool {
        let line = self.line(name).and_then(|line| self.text.lines().nth(line - 1));
        line.and_then(|line| line.split_once('=')).is_some_and(|(_, value)| value.trim_start().starts_with('\''))
    }

    /// What stands above a variable's line.
    fn above(&self, name: &str) -> Self {
        let lines = self.line(name).unwrap_or_default().saturating_sub(1);
        Self::new(self.text.split_inclusive('\n').take(lines).collect::<String>()).at(self.path.clone())
    }

    fn assignments(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        self.text.lines().enumerate().filter_map(|(index, line)| {
            let (key, value) = line.trim_start().split_once('=')?;
            let key = key.trim().strip_prefix("export ").unwrap_or(key.trim()).trim();
            let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            plain.then(|| (index + 1, key, unquoted(value.trim())))
        })
    }

    /// The same file with a variable set: its line keeps indent, `export`, quotes and trailing comment; a new one goes to the end.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        let Some(at) = self.line(name) else {
            let lines_end = self.text.rfind('\n').and_then(|at| self.text.get(..at));
            let end = if lines_end.is_some_and(|before| before.ends_with('\r')) { "\r\n" } else { "\n" };
            let gap = if self.text.is_empty() || self.text.ends_with('\n') { "" } else { end };
            return Self::new(format!("{}{gap}{name}={value}{end}", self.text)).at(self.path.clone());
        };
        let lines = self.text.split_inclusive('\n').enumerate();
        let lines = lines.map(|(index, line)| if index + 1 == at { replaced(line, value) } else { line.to_owned() });
        Self::new(lines.collect::<String>()).at(self.path.clone())
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inside) = value.strip_prefix(quote)
            && let Some((inside, _)) = inside.split_once(quote)
        {
            return inside;
        }
    }
    let bare = if value.starts_with('#') { "" } else { value };
    bare.split_once(" #").map_or(bare, |(value, _)| value).trim_end()
}

/// The line with another value: what stands around the old one stays. An empty value is put between its quotes, or right after the `=`.
fn replaced(line: &str, value: &str) -> String {
    let (left, right) = line.split_once('=').unwrap_or((line, ""));
    let old = unquoted(right.trim());
    let indent = right.len() - right.trim_start().len();
    let quoted = right.trim_start().starts_with(['"', '\'']);
    let at = match right.find(old).filter(|_| !old.is_empty()) {
        Some(at) => at,
        None if quoted => indent + 1,
        None => 0,
    };
    let (before, after) = (right.get(..at).unwrap_or_default(), right.get(at + old.len()..).unwrap_or_default());
    format!("{left}={before}{value}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(shell: &[(&str, &str)], file: &str) -> Environment {
        Environment { shell: shell.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(), files: vec![EnvFile::new(file)] }
    }

    #[test]
    fn fills_in_as_compose_does() {
        let environment = environment(&[("A", "shell"), ("EMPTY", "")], "A=file\nB='in quotes' # why\nexport C=\"x\"\n");
        for (value, expected) in [
            ("${A}/$B:${C}", "shell/in quotes:x"),
            ("${NONE:-latest}", "latest"),
            ("${EMPTY:-d}${EMPTY-d}", "d"),
            ("${NONE:-${A}}", "shell"),
            ("${A:+yes}${NONE:+no}", "yes"),
            ("$$PASSWORD costs 5$", "$PASSWORD costs 5$"),
            ("${NONE}", ""),
        ] {
            assert_eq!(interpolate(value, &environment), (expected.into(), vec![]), "{value}");
        }
    }

    #[test]
    fn knows_what_compose_insists_on() {
        let environment = environment(&[("EMPTY", "")], "");
        let (_, missing) = interpolate("x:${TAG:?set TAG}${EMPTY:?not empty}${EMPTY?may be empty}", &environment);
        assert_eq!(missing.iter().map(|r| (r.name.as_str(), r.word.as_str())).collect::<Vec<_>>(), [("TAG", "set TAG"), ("EMPTY", "not empty")]);
        assert!(missing.iter().all(Reference::is_required));
    }

    #[test]
    fn a_new_value_leaves_the_rest_of_the_file_alone() {
        let file = EnvFile::new("# pins\r\nexport TAG=\"1.0\"  # the good one\r\nOTHER=1.0\nEMPTY=\n");
        assert_eq!(file.with("TAG", "2.0").text(), "# pins\r\nexport TAG=\"2.0\"  # the good one\r\nOTHER=1.0\nEMPTY=\n");
        assert_eq!(file.with("EMPTY", "2.0").with("NEW", "x").text(), "# pins\r\nexport TAG=\"1.0\"  # the good one\r\nOTHER=1.0\nEMPTY=2.0\nNEW=x\n");
        assert_eq!((file.line("OTHER"), file.get("TAG"), file.get("NONE")), (Some(3), Some("1.0"), None));
        for (before, after) in [
            ("TAG=   # none yet\n", "TAG=2.0   # none yet\n"),
            ("TAG= # none yet\r\n", "TAG=2.0 # none yet\r\n"),
            ("TAG=\"\" # none\n", "TAG=\"2.0\" # none\n"),
            ("  export TAG = '1' # 1\n", "  export TAG = '2.0' # 1\n"),
            ("TAG=1", "TAG=2.0"),
            ("TAG=", "TAG=2.0"),
            ("A=1\r\n", "A=1\r\nTAG=2.0\r\n"),
            ("A=1\r\nB=2", "A=1\r\nB=2\r\nTAG=2.0\r\n"),
            ("TAG=0\nTAG=1\nB=${TAG}\n", "TAG=0\nTAG=2.0\nB=${TAG}\n"),
        ] {
            let file = EnvFile::new(before).with("TAG", "2.0");
            assert_eq!((file.text(), file.get("TAG")), (after, Some("2.0")), "{before:?}");
        }
    }

    #[test]
    fn the_last_env_file_has_the_last_word() {
        let files = [("a", "TAG=1\nA=a\n"), ("b", "TAG=2\n")].map(|(path, text)| EnvFile::new(text).at(path.into()));
        let environment = Environment { files: files.to_vec(), ..Environment::default() };
        assert_eq!((environment.get("TAG").as_deref(), environment.get("A").as_deref()), (Some("2"), Some("a")));
        let set = environment.with("TAG", "3").with("A", "c").with("NEW", "n");
        assert_eq!(set.files.iter().map(EnvFile::text).collect::<Vec<_>>(), ["TAG=1\nA=c\n", "TAG=3\nNEW=n\n"]);
    }

    #[test]
    fn a_value_may_be_made_from_those_above_it() {
        let environment = environment(&[("S", "shell")], "A=1\nTAG=${A}-x\nQ=\"$S/${A}\"\nL='${A}'\nSELF=${SELF}y\nLATE=${BELOW:-none}\nBELOW=1\nD=$$A\n");
        let of = |name: &str| environment.get(name).unwrap();
        assert_eq!(["TAG", "Q", "L", "SELF", "LATE", "D"].map(of), ["1-x", "shell/1", "${A}", "y", "none", "$A"]);
        assert_eq!(environment.with("TAG", "2").files[0].text().lines().nth(1), Some("TAG=2"));
    }
}
