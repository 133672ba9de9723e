//! A row of its aggregate's table for each event.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AggregateType, Event, RecordedEvent};
use serde_json::{Map, Value};

use super::columns::{SEALED, column_names, id_column};
use crate::progress::stored;

/// Rows as JSON, by the kind of aggregate.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) rows: BTreeMap<AggregateType, Vec<Map<String, Value>>>,
}

impl Facts {
    pub(crate) fn fold(&mut self, recorded: &RecordedEvent, event: &Event) {
        let aggregate_type = event.aggregate_type();
        let mut row = Map::new();
        let names = column_names(aggregate_type);
        for (name, value) in event.fields().into_iter().filter(|(name, _)| name != SEALED) {
            flatten(&mut row, names, &name, value);
        }
        row.insert(id_column(aggregate_type), recorded.aggregate_id.clone().into());
        row.insert("tenant".to_owned(), recorded.tenant.as_str().into());
        row.insert("sequence".to_owned(), recorded.sequence.into());
        row.insert("event_type".to_owned(), event.name().into());
        row.insert("recorded_at".to_owned(), recorded.recorded_at.to_rfc3339().into());
        row.insert("partition".to_owned(), recorded.partition.0.into());
        row.insert("position".to_owned(), stored(recorded.position).into());
        self.rows.entry(aggregate_type).or_default().push(row);
    }
}

/// As the columns are made from the published events: money as two, other objects one for each field, or JSON.
fn flatten(row: &mut Map<String, Value>, names: &BTreeSet<String>, name: &str, value: Value) {
    match value {
        Value::Object(mut fields) if names.contains(&format!("{name}_currency")) && names.contains(name) => {
            row.insert(name.to_owned(), fields.remove("amount").unwrap_or_default());
            row.insert(format!("{name}_currency"), fields.remove("currency").unwrap_or_default());
        }
        Value::Object(fields) if !names.contains(name) => {
            for (inner, value) in fields {
                flatten(row, names, &format!("{name}_{inner}"), value);
            }
        }
        value => {
            row.insert(name.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Partition, Position, TenantId};
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_a_row_with_a_column_for_each_field() {
        let payload = r#"{"type":"DealQualified","bant":{"budget":true,"authority":false,"need":true,"timeline":false},
            "occurred_at":"2026-10-31T12:00:00Z"}"#;
        let won =
            r#"{"type":"DealWon","annual_value":{"amount":"1200.00","currency":"USD"},"occurred_at":"2026-10-31T12:00:00Z"}"#;
        let mut facts = Facts::default();
        for (sequence, (name, payload)) in (2..).zip([("DealQualified", payload), ("DealWon", won)]) {
            let event = Event::decode(name, "1.0", payload.as_bytes()).expect("an event");
            facts.fold(&recorded(sequence), &event);
        }
        let base = |sequence: u64, name: &str| {
            json!({"tenant": "demo", "deal_id": "d1", "sequence": sequence, "event_type": name, "partition": 3,
                "position": sequence + 10, "occurred_at": "2026-10-31T12:00:00Z", "recorded_at": "2026-10-31T12:00:01+00:00"})
        };
        let with = |mut row: Value, more: Value| {
            row.as_object_mut().expect("a row").extend(more.as_object().expect("columns").clone());
            row
        };
        let expected = [
            with(
                base(2, "DealQualified"),
                json!({"bant_budget": true, "bant_authority": false, "bant_need": true, "bant_timeline": false}),
            ),
            with(base(3, "DealWon"), json!({"annual_value": "1200.00", "annual_value_currency": "USD"})),
        ];
        let found: Vec<Value> = facts.rows[&AggregateType::Deal].iter().cloned().map(Value::Object).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_field_of_every_golden_record_has_its_column() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/golden");
        for file in std::fs::read_dir(folder).expect("golden records") {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a text");
            for record in
                serde_json::from_str::<Vec<Value>>(&text).unwrap_or_else(|_| vec![serde_json::from_str(&text).expect("JSON")])
            {
                let name = record["type"].as_str().expect("a type");
                let event = Event::decode(name, "1.0", record.to_string().as_bytes()).expect("an event");
                let kind = event.aggregate_type();
                if !super::super::columns::aggregate_types().any(|known| known == kind) {
                    continue;
                }
                let mut facts = Facts::default();
                facts.fold(&recorded(1), &event);
                let table = super::super::columns::create_table(kind);
                for column in facts.rows[&kind][0].keys() {
                    assert!(table.contains(&format!("\n    {column} ")), "{column} of {name} is in no column of\n{table}");
                }
            }
        }
    }

    fn recorded(sequence: u64) -> RecordedEvent {
        RecordedEvent {
            partition: Partition(3),
            position: Position(sequence + 10),
            tenant: TenantId::parse("demo").expect("a tenant"),
            aggregate_type: AggregateType::Deal,
            aggregate_id: "d1".to_owned(),
            sequence,
            event_type: String::new(),
            event_version: String::new(),
            partition_key: "d1".to_owned(),
            occurred_at: "2026-10-31T12:00:00Z".parse().expect("a time"),
            recorded_at: "2026-10-31T12:00:01Z".parse().expect("a time"),
            payload: String::new(),
            metadata: "{}".into(),
        }
    }
}
