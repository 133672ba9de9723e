//! The published contracts, generated from the types: JSON Schemas of events and commands, `openapi.json`, `asyncapi.yaml`,
//! and the tables of facts, `facts.sql`.
//!
//! `cargo run -p api --example publish_schemas` writes them to `schemas/`; a test holds the two together. An event's schema,
//! once published, never changes: a new form is a new version with an upcaster.

pub(crate) mod asyncapi;
mod yaml;

use std::collections::BTreeMap;

use domain::collections::EventInfo;
use domain::{AggregateType, CommandInfo};
use serde_json::{Value, json};

/// Every generated file by its path within `schemas/`.
pub fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for event in events() {
        files.insert(format!("events/{}", event_file(&event)), pretty(&event_schema(&event)));
    }
    for command in commands() {
        files.insert(format!("commands/{}", command_file(&command)), pretty(&command_schema(&command)));
    }
    files.insert("openapi.json".to_owned(), pretty(&crate::openapi::document()));
    files.insert("asyncapi.yaml".to_owned(), yaml::text(&sorted(&asyncapi::document())));
    files.insert("facts.sql".to_owned(), projections::facts::definitions());
    files
}

pub(crate) fn events() -> Vec<EventInfo> {
    AggregateType::ALL.iter().flat_map(|aggregate_type| aggregate_type.events()).collect()
}

pub(crate) fn commands() -> Vec<CommandInfo> {
    AggregateType::ALL.iter().flat_map(|aggregate_type| aggregate_type.commands()).collect()
}

pub(crate) fn event_file(event: &EventInfo) -> String {
    format!("{}.v{}.json", event.name, event.version)
}

pub(crate) fn command_file(command: &CommandInfo) -> String {
    format!("{}.{}.json", command.aggregate_type.collection(), command.name)
}

/// A stored payload names its own type, in front of the event's fields.
fn event_schema(event: &EventInfo) -> Value {
    let mut schema = (event.schema)().to_value();
    schema["$id"] = json!(format!("/schemas/events/{}", event_file(event)));
    schema["title"] = json!(event.name);
    schema["properties"]["type"] = json!({ "const": event.name });
    let required = schema["required"].as_array_mut().expect("every event has occurred_at");
    required.insert(0, json!("type"));
    schema
}

pub(crate) fn command_schema(command: &CommandInfo) -> Value {
    let mut schema = (command.schema)().to_value();
    schema["$id"] = json!(format!("/schemas/commands/{}", command_file(command)));
    schema
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(&sorted(value)).expect("a value is JSON");
    text.push('\n');
    text
}

/// With names in their order, whatever order the build's other crates make serde_json keep.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(name, field)| (name.clone(), sorted(field))).collect();
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests;
