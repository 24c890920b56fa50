//! Env files: `NAME=value` lines as dotenv, Compose and shells read them. Pure.

/// One assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The variable.
    pub key: String,
    /// Its value, without quotes and comments.
    pub value: String,
    /// From 1.
    pub line: usize,
    /// Commented out, as examples do with what may be left out.
    pub optional: bool,
}

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvText {
    /// In the file's order.
    pub assignments: Vec<Assignment>,
    /// Lines that are none, from 1.
    pub odd: Vec<usize>,
}

impl EnvText {
    /// The last assignment of a variable that isn't commented out: it wins.
    pub fn get(&self, key: &str) -> Option<&Assignment> {
        self.assignments.iter().rev().find(|assignment| assignment.key == key && !assignment.optional)
    }

    /// Those that aren't commented out.
    pub fn set(&self) -> impl Iterator<Item = &Assignment> {
        self.assignments.iter().filter(|assignment| !assignment.optional)
    }
}

/// Reads a file's text.
pub fn parse(text: &str) -> EnvText {
    let mut found = EnvText::default();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let line = line.trim_start_matches('\u{feff}').trim();
        let (text, optional) = match line.strip_prefix('#') {
            Some(rest) => (rest.trim(), true),
            None => (line, false),
        };
        match assignment(text, &mut lines, optional) {
            Some((key, value)) => found.assignments.push(Assignment { key, value, line: index + 1, optional }),
            None if optional || line.is_empty() => {}
            None => found.odd.push(index + 1),
        }
    }
    found
}

fn assignment<'a>(text: &str, lines: &mut impl Iterator<Item = (usize, &'a str)>, optional: bool) -> Option<(String, String)> {
    let (key, rest) = text.strip_prefix("export ").unwrap_or(text).split_once('=')?;
    let key = key.trim();
    let is_name = !key.is_empty() && !key.starts_with(|c: char| c.is_ascii_digit()) && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
    // Prose in a comment holds `=` as well: what is commented out must look like a variable.
    let fits = is_name && (!optional || key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
    fits.then(|| (key.to_owned(), value(rest, lines, optional)))
}

fn value<'a>(text: &str, lines: &mut impl Iterator<Item = (usize, &'a str)>, optional: bool) -> String {
    let text = text.trim_start();
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) else {
        let end = text.find(" #").or_else(|| text.starts_with('#').then_some(0)).unwrap_or(text.len());
        return text.get(..end).unwrap_or(text).trim_end().to_owned();
    };
    let mut inside = text.get(1..).unwrap_or_default().to_owned();
    // A quoted value may go over several lines, as keys do.
    while closing(&inside, quote).is_none() && !optional {
        let Some((_, next)) = lines.next() else { break };
        inside = format!("{inside}\n{next}");
    }
    let end = closing(&inside, quote).unwrap_or(inside.len());
    let inside = inside.get(..end).unwrap_or_default();
    if quote == '"' { inside.replace("\\n", "\n").replace("\\\"", "\"") } else { inside.to_owned() }
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !escaped {
            return Some(at);
        }
        escaped = c == '\\' && !escaped && quote == '"';
    }
    None
}

/// Where a value will be, but isn't yet.
pub fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 15] = [
        "changeme",
        "change-me",
        "change_me",
        "replace-me",
        "replace_me",
        "replaceme",
        "your-",
        "your_",
        "yourkey",
        "todo",
        "fixme",
        "placeholder",
        "insert-",
        "xxxx",
        "...",
    ];
    let lower = value.to_ascii_lowercase();
    let bracketed = lower.starts_with('<') && lower.ends_with('>');
    bracketed || WORDS.iter().any(|word| lower.contains(word)) || lower.ends_with("-here") || lower.ends_with("_here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        let text =
            "\u{feff}# A comment = prose\n#OPTIONAL=1\nexport A=1 # one\nB=\"two # not a comment\"\nC='x\\n'\nD=\nE=\"-----BEGIN\nabc\n\"\nodd line\nA=2\n";
        let env = parse(text);
        let values: Vec<_> = env.assignments.iter().map(|a| (a.key.as_str(), a.value.as_str(), a.line, a.optional)).collect();
        let wanted = [
            ("OPTIONAL", "1", 2, true),
            ("A", "1", 3, false),
            ("B", "two # not a comment", 4, false),
            ("C", "x\\n", 5, false),
            ("D", "", 6, false),
            ("E", "-----BEGIN\nabc\n", 7, false),
            ("A", "2", 11, false),
        ];
        assert_eq!(values, wanted);
        assert_eq!((env.odd.as_slice(), env.get("A").unwrap().value.as_str()), (&[10][..], "2"));
    }

    #[test]
    fn placeholders_are_told_from_values() {
        assert!(["<your key>", "changeme", "sk-your-key-here", "xxxxxxxx"].iter().all(|value| is_placeholder(value)));
        assert!(!["", "8000", "sk-9f8e7d6c", "https://example.org"].iter().any(|value| is_placeholder(value)));
    }
}
