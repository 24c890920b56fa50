//! TOML with positions: a document that remembers where each value stands.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

use super::place::File;
use crate::kernel::Finding;

/// Parses a file; the finding names the line that is wrong.
pub fn parse(file: &File) -> Result<Document<&str>, Finding> {
    Document::parse(file.text.as_str()).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        file.unreadable(at, format!("this is not valid TOML: {}", error.message().lines().next().unwrap_or_default()))
            .hint("mend the file; a merge conflict may have been left in it")
    })
}

/// The bytes between a string's quotes, if it is one that is written without escapes (a version needs none).
pub fn text(file: &File, value: &Value) -> Option<Range<usize>> {
    let (string, span) = (value.as_str()?, value.span()?);
    let raw = file.text.get(span.clone())?;
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let inner = span.start + quotes..span.end.checked_sub(quotes)?;
    (file.text.get(inner.clone())? == string).then_some(inner)
}

/// A value below a path of keys.
pub fn at<'a>(table: &'a dyn TableLike, keys: &[&str]) -> Option<&'a Item> {
    let (first, rest) = keys.split_first()?;
    let item = table.get(first)?;
    if rest.is_empty() { Some(item) } else { at(item.as_table_like()?, rest) }
}

/// A string below a path of keys.
pub fn str_at<'a>(table: &'a dyn TableLike, keys: &[&str]) -> Option<&'a str> {
    at(table, keys)?.as_str()
}

/// The strings of a list below a path of keys.
pub fn strings(table: &dyn TableLike, keys: &[&str]) -> Vec<String> {
    let list = at(table, keys).and_then(Item::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Where an item begins; the file's beginning where that isn't known.
pub fn start(item: &Item) -> usize {
    item.span().map_or(0, |span| span.start)
}
