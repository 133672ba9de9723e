//! Just enough YAML to write a JSON value down readably. Texts that YAML could take for something else are quoted as JSON
//! quotes them, which YAML reads the same way.

use serde_json::Value;

pub(super) fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, 0, &mut text);
    text
}

fn write(value: &Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, field) in fields {
                line(indent, &format!("{}:", scalar(&Value::from(name.as_str()))), field, indent + 2, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                line(indent, "-", item, indent + 2, text);
            }
        }
        scalar_value => {
            text.push_str(&scalar(scalar_value));
            text.push('\n');
        }
    }
}

fn line(indent: usize, start: &str, value: &Value, below: usize, text: &mut String) {
    text.push_str(&" ".repeat(indent));
    text.push_str(start);
    let is_nested = matches!(value, Value::Object(fields) if !fields.is_empty())
        || matches!(value, Value::Array(items) if !items.is_empty());
    text.push(if is_nested { '\n' } else { ' ' });
    write(value, below, text);
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) if is_plain(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Whether YAML reads the bare text as this text and nothing else.
fn is_plain(text: &str) -> bool {
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "_-. /".contains(character))
        && !text.ends_with(' ');
    let means_something = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    is_word && !means_something.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_written_down_readably() {
        let value = json!({"asyncapi": "3.0.0", "list": [{"a": 1, "b": "x: y"}, "true", []], "empty": {}, "$ref": "#/x"});
        let expected =
            "\"$ref\": \"#/x\"\nasyncapi: \"3.0.0\"\nempty: {}\nlist:\n  -\n    a: 1\n    b: \"x: y\"\n  - \"true\"\n  - []\n";
        assert_eq!(text(&super::super::sorted(&value)), expected);
    }
}
