//! AsyncAPI 3.0: the Kafka topic that the ledger is published to, for whoever reads it.

use serde_json::{Map, Value, json};

use super::{event_file, events};

pub(super) fn document() -> Value {
    let names: Vec<_> = events().iter().map(|event| (event.name, event_file(event))).collect();
    let messages: Map<String, Value> = names
        .iter()
        .map(|(name, _)| ((*name).to_owned(), json!({ "$ref": format!("#/components/messages/{name}") })))
        .collect();
    let components: Map<String, Value> = names.iter().map(|(name, file)| ((*name).to_owned(), message(name, file))).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Capsule Ledger events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Every event of the ledger, in the order of its partition. Accept the next ledger_position, skip lower \
                            ones, stop at a gap: positions are dense from 0, and a record may come more than once, never out of \
                            order. Records are kept for ever.",
        },
        "defaultContentType": "application/json",
        "channels": { "events": {
            "address": "capsule-ledger.events",
            "description": "The default topic; operators may name another. Its partitions are the ledger's.",
            "messages": messages,
            "bindings": { "kafka": { "bindingVersion": "0.5.0", "topicConfiguration": {
                "cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1,
            } } },
        } },
        "operations": { "publish": {
            "action": "send",
            "channel": { "$ref": "#/channels/events" },
            "summary": "The relay publishes each committed event.",
        } },
        "components": { "messages": components, "schemas": { "headers": headers() } },
    })
}

fn message(name: &str, file: &str) -> Value {
    json!({
        "name": name,
        "title": name,
        "contentType": "application/json",
        "headers": { "$ref": "#/components/schemas/headers" },
        "payload": { "schemaFormat": "application/schema+json;version=draft-2020-12", "schema": { "$ref": format!("events/{file}") } },
        "bindings": { "kafka": { "bindingVersion": "0.5.0", "key": {
            "type": "string", "description": "The partition key: the capsule's id for capsules and interactions.",
        } } },
    })
}

/// CloudEvents 1.0 in Kafka's binary mode, and all else that the ledger holds of an event. Values are texts.
fn headers() -> Value {
    let header = |description: &str| json!({ "type": "string", "description": description });
    let properties = json!({
        "ce_specversion": { "const": "1.0" },
        "ce_id": header("PARTITION-POSITION"),
        "ce_source": header("/tenants/TENANT"),
        "ce_type": header("The event's type"),
        "ce_subject": header("COLLECTION/ID"),
        "ce_time": header("When it occurred, RFC 3339"),
        "ce_dataschema": header("Where the API serves the value's JSON Schema"),
        "content-type": { "const": "application/json" },
        "ledger_partition": header("Its partition"),
        "ledger_position": header("Its place in the partition, dense from 0"),
        "ledger_sequence": header("Its place in its stream, from 1"),
        "ledger_version": header("The version of the event's form"),
        "ledger_recorded_at": header("When it was appended, RFC 3339"),
        "ledger_metadata": header("JSON: which key sent which command, the correlation id, and when it arrived"),
    });
    let required: Vec<_> = properties.as_object().expect("an object").keys().cloned().collect();
    json!({ "type": "object", "required": required, "properties": properties })
}
