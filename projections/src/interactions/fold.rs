//! A row for each interaction that was recorded, and one for each that was voided.

use chrono::{DateTime, Utc};
use domain::RecordedEvent;
use domain::interaction::{InteractionRecorded, InteractionVoided, VoidReason};
use serde_json::{Map, Value};

use super::copy::Rows;
use crate::delta::TenantIndex;
use crate::progress::stored;

#[derive(Debug, Default)]
pub(crate) struct Interactions {
    pub(super) rows: Rows,
    pub(super) voids: Vec<Void>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Void {
    pub(super) tenant: TenantIndex,
    pub(super) interaction_id: String,
    pub(super) voided_at: DateTime<Utc>,
    pub(super) recorded_at: DateTime<Utc>,
    pub(super) position: i64,
    pub(super) reason: &'static str,
}

/// The columns in the order in which [`Interactions::record`] writes them.
pub(super) const COLUMNS: [&str; 20] = [
    "occurred_at",
    "recorded_at",
    "position",
    "partition",
    "duration_ms",
    "response_ms",
    "ai_response_ms",
    "page_load_ms",
    "user_id",
    "tenant",
    "interaction_id",
    "capsule_id",
    "session_id",
    "kind",
    "actor",
    "feature",
    "channel",
    "device",
    "region",
    "attributes",
];

impl Interactions {
    pub(crate) fn record(&mut self, recorded: &RecordedEvent, facts: &InteractionRecorded) {
        let rows = &mut self.rows;
        rows.row(i16::try_from(COLUMNS.len()).expect("a table has fewer columns than i16 counts"));
        rows.time(facts.occurred_at);
        rows.time(recorded.recorded_at);
        rows.int8(stored(recorded.position));
        rows.int4(i32::from(recorded.partition.0));
        for milliseconds in [facts.duration_ms, facts.response_ms, facts.ai_response_ms, facts.page_load_ms] {
            rows.maybe_int8(milliseconds.map(i64::from));
        }
        rows.maybe_uuid(facts.user_id.map(|user| user.0));
        rows.text(recorded.tenant.as_str());
        rows.text(&recorded.aggregate_id);
        rows.text(facts.capsule_id.as_str());
        rows.maybe_text(facts.session_id.as_ref().map(domain::SessionId::as_str));
        rows.text(facts.kind.as_str());
        rows.text(facts.actor.as_str());
        for label in [&facts.feature, &facts.channel, &facts.device, &facts.region] {
            rows.maybe_text(label.as_ref().map(domain::Label::as_str));
        }
        match &facts.attributes {
            Some(attributes) => rows.jsonb(&json(attributes)),
            None => rows.null(),
        }
    }

    pub(crate) fn void(&mut self, tenant: TenantIndex, recorded: &RecordedEvent, void: &InteractionVoided) {
        self.voids.push(Void {
            tenant,
            interaction_id: recorded.aggregate_id.clone(),
            voided_at: void.occurred_at,
            recorded_at: recorded.recorded_at,
            position: stored(recorded.position),
            reason: reason(void.reason),
        });
    }
}

fn reason(reason: VoidReason) -> &'static str {
    match reason {
        VoidReason::Mistake => "mistake",
        VoidReason::Fraud => "fraud",
        VoidReason::Bot => "bot",
        VoidReason::Test => "test",
        VoidReason::Other => "other",
    }
}

/// JSON that `jsonb` takes: it has no character U+0000, which JSON may hold, so U+FFFD stands for it.
fn json(attributes: &Map<String, Value>) -> Vec<u8> {
    let write = |value: &Map<String, Value>| serde_json::to_vec(value).expect("a map with text keys is JSON");
    let json = write(attributes);
    if !json.windows(6).any(|window| window == br"\u0000") {
        return json;
    }
    write(&attributes.iter().map(|(key, value)| (without_nul(key), value_without_nul(value))).collect())
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn value_without_nul(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => items.iter().map(value_without_nul).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (without_nul(key), value_without_nul(value))).collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_character_that_postgres_cannot_hold_does_not_stop_a_partition() {
        let attributes = json!({ "a\u{0}": ["x\u{0}y", { "b": "\\u0000" }], "n": 1 });
        let read: Value = serde_json::from_slice(&super::json(attributes.as_object().unwrap())).unwrap();
        assert_eq!(read, json!({ "a\u{fffd}": ["x\u{fffd}y", { "b": "\\u0000" }], "n": 1 }));
    }
}
