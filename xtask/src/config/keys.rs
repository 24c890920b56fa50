//! Text → [`Raw`]. Unknown keys are found all at once, by walking the document beside the JSON Schema; each with line, column and the nearest key.

use serde_json::Value;
use toml_edit::{Document, Item, Table, TableLike};

use super::raw::Raw;
use crate::kernel::Finding;

/// Parses the text; either the raw configuration or everything that is wrong with its keys.
pub(super) fn read(text: &str) -> Result<Raw, Vec<Finding>> {
    let document = Document::parse(text).map_err(|error| vec![syntax(text, &error)])?;
    let schema = super::schema();
    let mut walk = Walk { text, schema: &schema, findings: Vec::new() };
    walk.table(document.as_table(), &schema, "");
    if !walk.findings.is_empty() {
        return Err(walk.findings);
    }
    toml_edit::de::from_str(text).map_err(|error| vec![wrong_value(text, &error)])
}

fn syntax(text: &str, error: &toml_edit::TomlError) -> Finding {
    let finding = Finding::error("config-syntax", format!("not valid TOML: {}", error.message().trim().replace('\n', "; ")));
    at(finding, text, error.span().map(|span| span.start))
}

fn wrong_value(text: &str, error: &toml_edit::de::Error) -> Finding {
    let finding = Finding::error("config-value", error.message().trim().replace('\n', "; "));
    at(finding, text, error.span().map(|span| span.start))
}

fn at(finding: Finding, text: &str, offset: Option<usize>) -> Finding {
    match offset {
        Some(offset) => finding.line(position(text, offset).0),
        None => finding,
    }
}

/// Line and column of an offset, from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

struct Walk<'a> {
    text: &'a str,
    schema: &'a Value,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn table(&mut self, table: &dyn TableLike, schema: &Value, path: &str) {
        let schema = self.resolve(schema).clone();
        let Some(known) = schema.get("properties").and_then(Value::as_object) else { return };
        for (name, item) in table.iter() {
            match known.get(name) {
                Some(inner) => self.item(item, &inner.clone(), &format!("{path}{name}.")),
                None => self.unknown(table, name, path, &known.keys().map(String::as_str).collect::<Vec<_>>()),
            }
        }
    }

    fn item(&mut self, item: &Item, schema: &Value, path: &str) {
        if let Some(table) = item.as_table_like() {
            self.table(table, schema, path);
        }
        let elements = self.resolve(schema).get("items").cloned().unwrap_or(Value::Null);
        let tables = item.as_array_of_tables().into_iter().flatten().map(|table: &Table| table as &dyn TableLike);
        let inline = item.as_array().into_iter().flatten().filter_map(|value| value.as_inline_table()).map(|table| table as &dyn TableLike);
        for table in tables.chain(inline) {
            self.table(table, &elements, path);
        }
    }

    /// Follows `$ref`, and the schema inside an optional value's `anyOf`.
    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let choice = schema.get("anyOf").and_then(Value::as_array).and_then(|any| any.iter().find(|one| one.get("$ref").is_some()));
        let schema = choice.unwrap_or(schema);
        let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.schema.pointer(pointer)).unwrap_or(schema)
    }

    fn unknown(&mut self, table: &dyn TableLike, name: &str, path: &str, known: &[&str]) {
        let offset = table.key(name).and_then(|key| key.span()).map(|span| span.start);
        let (line, column) = position(self.text, offset.unwrap_or_default());
        let nearest = known.iter().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let hint = match nearest {
            Some(near) if strsim::jaro_winkler(near, name) > 0.7 => format!("did you mean `{path}{near}`?"),
            _ => format!("known here: {}", known.join(", ")),
        };
        self.findings.push(Finding::error("config-unknown-key", format!("unknown key `{path}{name}` (column {column})")).hint(hint).line(line));
    }
}
