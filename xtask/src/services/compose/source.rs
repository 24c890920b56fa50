//! The compose file as it is written: values before anything is filled in, and the line of each. Pure.

use serde_json::Value;

use crate::kernel::{Context as _, Error, Kind, Result};

/// A compose file's text, parsed.
#[derive(Clone, Debug)]
pub struct Source {
    text: String,
    value: Value,
    keys: Vec<(Vec<String>, usize)>,
}

impl Source {
    /// Reads the text; `name` is for messages.
    pub fn parse(text: &str, name: &str) -> Result<Self> {
        let mut yaml: yaml_serde::Value = yaml_serde::from_str(text).map_err(|error| {
            let at = error.location().map(|at| format!(" in line {}", at.line())).unwrap_or_default();
            Error::new(Kind::Usage, format!("{name} is not valid YAML{at}")).caused_by(error)
        })?;
        yaml.apply_merge().context(|| format!("merge the keys of {name}"))?;
        let value = serde_json::to_value(&yaml).context(|| format!("read {name}"))?;
        Ok(Self { text: text.into(), value, keys: keys(text) })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Everything in it.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// A text value as written, with its variables.
    pub fn string(&self, path: &[&str]) -> Option<&str> {
        path.iter().try_fold(&self.value, |value, key| value.get(key)).and_then(Value::as_str)
    }

    /// The line of a key, from 1; of the nearest key above it where that one isn't written out.
    pub fn line(&self, path: &[&str]) -> Option<usize> {
        (1..=path.len()).rev().find_map(|length| {
            let path = path.get(..length)?;
            self.keys.iter().find(|(key, _)| key.iter().map(String::as_str).eq(path.iter().copied())).map(|(_, line)| *line)
        })
    }

    /// The line of a key itself, if it is written out in this file.
    pub fn exact_line(&self, path: &[&str]) -> Option<usize> {
        self.keys.iter().find(|(key, _)| key.iter().map(String::as_str).eq(path.iter().copied())).map(|(_, line)| *line)
    }

    /// The first line that mentions a variable outside of comments.
    pub fn line_of_variable(&self, name: &str) -> Option<usize> {
        let mentions = |line: &str| super::variables::pieces(line).iter().any(|piece| matches!(piece, super::variables::Piece::Reference(r) if r.name == name));
        self.text.lines().position(|line| !line.trim_start().starts_with('#') && mentions(line)).map(|index| index + 1)
    }

    /// Every text value, wherever it stands.
    pub fn strings(&self) -> Vec<&str> {
        let mut found = Vec::new();
        let mut open = vec![&self.value];
        while let Some(value) = open.pop() {
            match value {
                Value::String(text) => found.push(text.as_str()),
                Value::Array(values) => open.extend(values),
                Value::Object(map) => open.extend(map.values()),
                _ => {}
            }
        }
        found
    }
}

/// Where keys stand: found by indentation, which block YAML has to keep. List items are numbered.
fn keys(text: &str) -> Vec<(Vec<String>, usize)> {
    let mut found = Vec::new();
    let mut stack: Vec<Open> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let mut indent = line.len() - trimmed.len();
        let mut rest = trimmed;
        while let Some(inside) = rest.strip_prefix("- ") {
            open_item(&mut stack, indent);
            found.push((path(&stack), index + 1));
            let inner = inside.trim_start();
            indent += rest.len() - inner.len();
            rest = inner;
        }
        if let Some(key) = key(rest) {
            stack.retain(|open| open.indent < indent);
            stack.push(Open { indent, name: key.into(), item: None });
            found.push((path(&stack), index + 1));
        }
    }
    found
}

struct Open {
    indent: usize,
    name: String,
    item: Option<usize>,
}

/// A list item may stand as deep as its key.
fn open_item(stack: &mut Vec<Open>, indent: usize) {
    let last = stack.iter().filter(|open| open.indent == indent).find_map(|open| open.item);
    stack.retain(|open| open.indent < indent || (open.indent == indent && open.item.is_none()));
    let number = last.map_or(0, |last| last + 1);
    stack.push(Open { indent, name: number.to_string(), item: Some(number) });
}

fn path(stack: &[Open]) -> Vec<String> {
    stack.iter().map(|open| open.name.clone()).collect()
}

fn key(text: &str) -> Option<&str> {
    let (key, rest) = text.split_once(':')?;
    let key = key.trim().trim_matches(['"', '\'']);
    let fits = !key.is_empty() && !key.starts_with(['{', '[']) && (rest.is_empty() || rest.starts_with([' ', '\t']));
    fits.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = include_str!("../../../../tests/fixtures/runbook/docker-compose.yml");

    #[test]
    fn finds_lines_in_the_runbooks_file() {
        let source = Source::parse(TEXT, "docker-compose.yml").unwrap();
        let line = |path: &[&str]| source.line(path).map(|line| TEXT.lines().nth(line - 1).unwrap().trim());
        assert!(line(&["services", "falkordb", "image"]).unwrap().starts_with("image: falkordb/falkordb:"));
        assert_eq!(line(&["services", "falkordb", "ports", "0"]), Some("- \"127.0.0.1:${FALKORDB_PORT:-6380}:6379\""));
        assert_eq!(line(&["services", "graphiti-mcp", "environment", "3"]), Some("- OPENAI_API_KEY=${OPENAI_API_KEY:-}"));
        assert!(line(&["services", "graphiti-mcp", "healthcheck", "test"]).unwrap().starts_with("test:"));
        assert_eq!(line(&["services", "falkordb", "user"]), Some("falkordb:"));
        assert_eq!(source.line_of_variable("GRAPHITI_MCP_IMAGE_TAG"), source.line(&["services", "graphiti-mcp", "image"]));
    }

    #[test]
    fn lists_may_stand_as_deep_as_their_key() {
        let source = Source::parse("services:\n  a:\n    ports:\n    - \"1:1\"\n    - target: 2\n      published: 3\n    image: x\n", "c.yml").unwrap();
        assert_eq!(source.line(&["services", "a", "ports", "1", "published"]), Some(6));
        assert_eq!(source.line(&["services", "a", "image"]), Some(7));
    }

    #[test]
    fn a_broken_file_says_where() {
        let error = Source::parse("services:\n  a: [1\n", "c.yml").unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.to_string().starts_with("c.yml is not valid YAML"), "{error}");
    }
}
