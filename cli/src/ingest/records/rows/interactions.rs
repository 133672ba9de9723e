//! Columns of interactions: the names of their fields, `attributes.NAME` and `personal.NAME`.

use std::io;

use csv::StringRecord;
use serde_json::{Map, Value};

use super::{any, number};
use crate::ingest::records::invalid;

const TEXTS: [&str; 11] =
    ["id", "capsule_id", "user_id", "session_id", "kind", "occurred_at", "actor", "feature", "channel", "device", "region"];
const NUMBERS: [&str; 4] = ["duration_ms", "response_ms", "ai_response_ms", "page_load_ms"];
const NEEDED: [&str; 3] = ["id", "capsule_id", "kind"];
const ATTRIBUTE_PREFIX: &str = "attributes.";
const PERSONAL_PREFIX: &str = "personal.";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Text(String),
    Number(String),
    Attribute(String),
    Personal(String),
}

impl Column {
    fn named(name: &str) -> io::Result<Self> {
        match name {
            _ if NUMBERS.contains(&name) => Ok(Self::Number(name.to_owned())),
            _ if TEXTS.contains(&name) => Ok(Self::Text(name.to_owned())),
            _ => match (name.strip_prefix(ATTRIBUTE_PREFIX), name.strip_prefix(PERSONAL_PREFIX)) {
                (Some(attribute), _) if !attribute.is_empty() => Ok(Self::Attribute(attribute.to_owned())),
                (_, Some(personal)) if !personal.is_empty() => Ok(Self::Personal(personal.to_owned())),
                _ => Err(invalid(format!(
                    "column {name:?} is no field of an interaction; if it should be kept, call it \"{ATTRIBUTE_PREFIX}{name}\", or \
                     \"{PERSONAL_PREFIX}{name}\" where it is personal"
                ))),
            },
        }
    }
}

pub(super) struct Columns(Vec<Column>);

impl Columns {
    pub(super) fn of(names: &[String]) -> io::Result<Self> {
        for needed in NEEDED {
            if !names.iter().any(|name| name == needed) {
                return Err(invalid(format!(
                    "it has no column {needed:?}, which interactions have; for commands, name columns \"collection\" and \
                     \"command\", or give --collection and --command"
                )));
            }
        }
        names.iter().map(|name| Column::named(name)).collect::<io::Result<_>>().map(Self)
    }

    pub(super) fn record(&self, row: &StringRecord) -> Map<String, Value> {
        let mut fields = Map::new();
        let mut attributes = Map::new();
        let mut personal = Map::new();
        for (column, cell) in self.0.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            match column {
                Column::Text(name) => fields.insert(name.clone(), cell.into()),
                Column::Number(name) => fields.insert(name.clone(), number(cell.trim()).unwrap_or_else(|| cell.into())),
                Column::Attribute(name) => attributes.insert(name.clone(), any(cell)),
                Column::Personal(name) => personal.insert(name.clone(), any(cell)),
            };
        }
        for (name, inner) in [("attributes", attributes), ("personal", personal)] {
            if !inner.is_empty() {
                fields.insert(name.to_owned(), inner.into());
            }
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{refusal, rows};
    use super::*;

    #[test]
    fn columns_become_fields_numbers_and_attributes() {
        let found = rows(
            "id, capsule_id,kind,duration_ms,attributes.clicks,attributes.code,attributes.vip,attributes.note,personal.name\n\
             i1,c1,view,1200,4,007,true,\"a, \"\"b\"\"\",Jane\n\
             i2,c1,view,,,,,,\n",
        );
        let first = serde_json::json!({"id": "i1", "capsule_id": "c1", "kind": "view", "duration_ms": 1200,
            "attributes": {"clicks": 4, "code": "007", "vip": true, "note": "a, \"b\""},
            "personal": {"name": "Jane"}});
        assert_eq!(found, [Ok(first), Ok(serde_json::json!({"id": "i2", "capsule_id": "c1", "kind": "view"}))]);
    }

    #[test]
    fn what_should_be_a_number_and_is_not_is_left_to_the_api_to_refuse() {
        let found = rows("id,capsule_id,kind,duration_ms\ni,c,view,long\n");
        assert_eq!(found[0].as_ref().expect("sent")["duration_ms"], "long");
    }

    #[test]
    fn a_wrong_header_is_refused_before_anything_is_sent() {
        assert!(refusal("id,kind").contains("no column \"capsule_id\""));
        assert!(refusal("id,capsule_id,kind,colour").contains("call it \"attributes.colour\""));
        assert!(refusal("id,capsule_id,kind,id").contains("twice"));
    }

    #[test]
    fn the_columns_are_the_fields_that_an_interaction_has() {
        let mut cells = Map::new();
        for name in TEXTS {
            cells.insert(name.to_owned(), "x".into());
        }
        for name in NUMBERS {
            cells.insert(name.to_owned(), 1.into());
        }
        cells.insert("kind".to_owned(), "view".into());
        cells.insert("actor".to_owned(), "human".into());
        cells.insert("occurred_at".to_owned(), "2026-10-31T12:00:00Z".into());
        cells.insert("attributes".to_owned(), Map::new().into());
        cells.insert("personal".to_owned(), Map::new().into());
        let schema = serde_json::to_value(domain_schema()).expect("a schema is JSON");
        let fields = schema["properties"].as_object().expect("an object").keys().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(cells.keys().collect::<std::collections::BTreeSet<_>>(), fields);
    }

    fn domain_schema() -> impl serde::Serialize {
        let commands = domain::AggregateType::Interaction.commands();
        (commands.iter().find(|command| command.name == "record").expect("interactions are recorded").schema)()
    }
}
