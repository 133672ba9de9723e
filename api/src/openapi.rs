//! The OpenAPI 3.1 document: the routes that say what they are by `utoipa`, and a route for each of the domain's commands.

use domain::CommandInfo;
use serde_json::{Map, Value, json};

use crate::contracts::{command_schema, commands};

const DESCRIPTION: &str = "Every capsule interaction, and every other fact behind a KPI, recorded once and counted exactly once. \
    Send `Authorization: Bearer KEY`. Every error is a problem document (RFC 9457) with a stable `code`, listed at `/problems`. \
    Every write answers with a `token`; a read given `?after=TOKEN` waits until it sees that write. Lists page by `cursor`.";

pub(crate) fn document() -> Value {
    let mut document = serde_json::to_value(crate::resources().into_openapi()).expect("the document is JSON");
    document["info"] = json!({
        "title": "Capsule Ledger",
        "version": env!("CARGO_PKG_VERSION"),
        "description": DESCRIPTION,
        "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
    });
    document["security"] = json!([{ "key": [] }]);
    document["components"]["securitySchemes"] = json!({ "key": { "type": "http", "scheme": "bearer" } });
    document["tags"] = json!([
        { "name": "Interactions", "description": "What was done with capsules." },
        { "name": "Commands", "description": "Everything else that changes something." },
        { "name": "Figures", "description": "What follows from it." },
        { "name": "Reports", "description": "Figures side by side with the plan." },
        { "name": "Capsules", "description": "Capsules as they stand." },
        { "name": "Audit", "description": "The log itself." },
        { "name": "People", "description": "What is held of a person, and forgetting them. For admins." },
        { "name": "Operations", "description": "For those who run it; no key is needed." },
    ]);
    for command in commands() {
        add_command(&mut document, &command);
    }
    describe_interactions(&mut document);
    document
}

fn add_command(document: &mut Value, command: &CommandInfo) {
    let (collection, name) = (command.aggregate_type.collection(), command.name);
    let schema = command_schema(command);
    let reference = add_schema(document, schema.clone());
    let generic = document["paths"]["/v1/{collection}/{id}/{command}"]["post"].clone();
    let is_in_path = |parameter: &&Value| parameter["in"] != "path" || parameter["name"] == "id";
    let parameters: Vec<_> = generic["parameters"].as_array().into_iter().flatten().filter(is_in_path).cloned().collect();
    document["paths"][format!("/v1/{collection}/{{id}}/{name}")] = json!({ "post": {
        "tags": ["Commands"],
        "operationId": format!("{collection}_{name}"),
        "summary": format!("{collection}: {name}"),
        "description": schema["description"],
        "parameters": parameters,
        "requestBody": { "required": true, "content": { "application/json": { "schema": reference } } },
        "responses": generic["responses"],
    } });
}

/// Lifts a schema and those within it to the document's components; answers the reference to it.
fn add_schema(document: &mut Value, mut schema: Value) -> Value {
    let within = schema.as_object_mut().expect("a command is an object");
    let name = within
        .remove("title")
        .and_then(|title| title.as_str().map(str::to_owned))
        .expect("a derived schema has its type's name");
    let definitions = within.remove("$defs").unwrap_or_default();
    within.remove("$schema");
    within.remove("$id");
    let schemas = &mut document["components"]["schemas"];
    for (name, definition) in definitions.as_object().unwrap_or(&Map::new()) {
        schemas[name] = with_components(definition);
    }
    schemas[&name] = with_components(&schema);
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn with_components(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), with_components(field))).collect(),
        Value::Array(items) => items.iter().map(with_components).collect(),
        Value::String(text) => text.replace("#/$defs/", "#/components/schemas/").into(),
        other => other.clone(),
    }
}

/// The body of `POST /v1/interactions` in each of its forms, by the one schema of an interaction.
fn describe_interactions(document: &mut Value) {
    let one = json!({ "$ref": "#/components/schemas/RecordInteraction" });
    let event = json!({
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": { "type": "string" },
            "source": { "type": "string" },
            "type": { "const": "com.encapsify.capsule.interaction" },
            "time": { "type": "string", "format": "date-time" },
            "data": one,
        },
    });
    let content = &mut document["paths"]["/v1/interactions"]["post"]["requestBody"]["content"];
    content["application/json"] = json!({
        "schema": { "oneOf": [one, { "type": "array", "items": one, "maxItems": crate::settings::EVENTS_MAX }] },
        "example": {
            "id": "i-1", "capsule_id": "welcome", "user_id": "ada@example.org", "session_id": "s-1", "kind": "interaction",
            "occurred_at": "2026-10-05T09:00:00Z",
        },
    });
    content["application/cloudevents+json"]["schema"] = event.clone();
    content["application/cloudevents-batch+json"]["schema"] = json!({ "type": "array", "items": event });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_route_and_every_reference_its_target() {
        let document = document();
        assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{}", document["openapi"]);
        for command in commands() {
            let path = format!("/v1/{}/{{id}}/{}", command.aggregate_type.collection(), command.name);
            assert!(document["paths"][&path]["post"]["requestBody"].is_object(), "{path}");
        }
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().expect("quoted")) {
            assert!(document.pointer(reference).is_some(), "{reference} is nowhere");
        }
        assert!(!text.contains("$defs"));
    }

    #[test]
    fn every_route_of_the_contract_is_described() {
        let document = document();
        for (path, method) in [
            ("/v1/interactions", "post"),
            ("/v1/commands", "post"),
            ("/v1/{collection}/{id}/{command}", "post"),
            ("/v1/capsules", "get"),
            ("/v1/capsules/{id}", "get"),
            ("/v1/north-star", "get"),
            ("/v1/stages", "get"),
            ("/v1/events", "get"),
            ("/v1/events/{id}", "get"),
            ("/v1/stream", "get"),
            ("/healthz", "get"),
            ("/readyz", "get"),
            ("/metrics", "get"),
        ] {
            assert!(document["paths"][path][method]["responses"].is_object(), "{method} {path}");
        }
    }
}
