//! The few expressions that the generated pipelines use: names with dots, `||`, `!`, `==`, `!=`, texts, `fromJSON`, `failure`.

use serde_json::Value;

/// Everything between `${{` and `}}` replaced by its value.
pub fn fill(text: &str, context: &Value) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (expression, after) = after.split_once("}}").expect("an expression ends");
        filled.push_str(before);
        filled.push_str(&shown(&value(expression, context)));
        rest = after;
    }
    filled + rest
}

/// The value of one expression, without or with its `${{ }}`.
pub fn value(expression: &str, context: &Value) -> Value {
    let text = expression.trim().trim_start_matches("${{").trim_end_matches("}}").trim();
    if let Some((left, right)) = text.split_once("||") {
        let left = value(left, context);
        return if is_true(&left) { left } else { value(right, context) };
    }
    for (sign, equal) in [("==", true), ("!=", false)] {
        if let Some((left, right)) = text.split_once(sign) {
            return Value::Bool((shown(&value(left, context)) == shown(&value(right, context))) == equal);
        }
    }
    if let Some(inner) = text.strip_prefix('!') {
        return Value::Bool(!is_true(&value(inner, context)));
    }
    if let Some(inner) = text.strip_prefix("fromJSON(").and_then(|text| text.strip_suffix(')')) {
        return serde_json::from_str(&shown(&value(inner, context))).expect("JSON");
    }
    if let Some(quoted) = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
        return Value::String(quoted.into());
    }
    assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "_-.()".contains(c)), "this evaluator doesn't know `{text}`");
    text.split('.').try_fold(context, |value, part| value.get(part)).cloned().unwrap_or(Value::Null)
}

pub fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value.as_str() != Some("") && value.as_i64() != Some(0)
}

pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
