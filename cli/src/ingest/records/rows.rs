//! CSV: header names are field names, `attributes.NAME` columns become attributes, empty cells say nothing.
//!
//! Whether a value is right is the API's to say: a cell that should be a number and is not is sent as text, and its
//! refusal names the field.

use std::io;

use csv::StringRecord;
use serde_json::{Map, Number, Value};

use super::{EVENT_BYTES_MAX, Input, Place, Record, Unreadable, invalid, too_large};

const TEXTS: [&str; 11] =
    ["id", "capsule_id", "user_id", "session_id", "kind", "occurred_at", "actor", "feature", "channel", "device", "region"];
const NUMBERS: [&str; 4] = ["duration_ms", "response_ms", "ai_response_ms", "page_load_ms"];
const NEEDED: [&str; 3] = ["id", "capsule_id", "kind"];
const ATTRIBUTE_PREFIX: &str = "attributes.";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Text(String),
    Number(String),
    Attribute(String),
}

impl Column {
    fn named(name: &str) -> io::Result<Self> {
        match name {
            _ if NUMBERS.contains(&name) => Ok(Self::Number(name.to_owned())),
            _ if TEXTS.contains(&name) => Ok(Self::Text(name.to_owned())),
            _ => match name.strip_prefix(ATTRIBUTE_PREFIX) {
                Some(attribute) if !attribute.is_empty() => Ok(Self::Attribute(attribute.to_owned())),
                _ => Err(invalid(format!(
                    "column {name:?} is no field of an interaction; if it should be kept, call it \"{ATTRIBUTE_PREFIX}{name}\""
                ))),
            },
        }
    }
}

pub(in crate::ingest) struct Rows {
    reader: csv::Reader<Input>,
    columns: Vec<Column>,
    row: StringRecord,
}

impl Rows {
    pub(super) fn of(input: Input) -> io::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let names: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
        for needed in NEEDED {
            if !names.iter().any(|name| name == needed) {
                return Err(invalid(format!("it has no column {needed:?}; its first line must name the columns")));
            }
        }
        if let Some(twice) = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
            return Err(invalid(format!("column {:?} is there twice", twice.1)));
        }
        let columns = names.iter().map(|name| Column::named(name)).collect::<io::Result<_>>()?;
        Ok(Self { reader, columns, row: StringRecord::new() })
    }

    pub(super) fn next(&mut self, json: &mut Vec<u8>) -> io::Result<Option<Record>> {
        let before = self.reader.position().line();
        let readable = match self.reader.read_record(&mut self.row) {
            Ok(false) => return Ok(None),
            Ok(true) => self.write(json),
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                Err(Unreadable { code: "invalid_utf8", detail: "the row is not UTF-8".to_owned() })
            }
            Err(error) => return Err(error.into()),
        };
        let position = self.reader.position();
        let end = Place { bytes: position.byte(), line: position.line() - 1 };
        let line = self.row.position().map_or(before, csv::Position::line);
        Ok(Some(Record { line, end, readable }))
    }

    fn write(&self, json: &mut Vec<u8>) -> Result<(), Unreadable> {
        if self.row.len() != self.columns.len() {
            return Err(Unreadable {
                code: "wrong_columns",
                detail: format!("the row has {} cells and the header names {}", self.row.len(), self.columns.len()),
            });
        }
        let start = json.len();
        serde_json::to_writer(&mut *json, &interaction(&self.columns, &self.row)).expect("writing to memory cannot fail");
        if json.len() - start > EVENT_BYTES_MAX {
            json.truncate(start);
            return Err(too_large());
        }
        Ok(())
    }
}

fn interaction(columns: &[Column], row: &StringRecord) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut attributes = Map::new();
    for (column, cell) in columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
        match column {
            Column::Text(name) => fields.insert(name.clone(), cell.into()),
            Column::Number(name) => fields.insert(name.clone(), number(cell.trim()).unwrap_or_else(|| cell.into())),
            Column::Attribute(name) => attributes.insert(name.clone(), attribute(cell)),
        };
    }
    if !attributes.is_empty() {
        fields.insert("attributes".to_owned(), attributes.into());
    }
    fields
}

/// A number only if it would be written again just so: `007` and `1e3` are names of something.
fn number(cell: &str) -> Option<Value> {
    let number: Number = cell.parse().ok()?;
    (number.to_string() == cell).then_some(Value::Number(number))
}

fn attribute(cell: &str) -> Value {
    match cell {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => number(cell).unwrap_or_else(|| cell.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::all;
    use super::*;

    fn rows(text: &str) -> Vec<Result<Value, &'static str>> {
        all(text).into_iter().map(|(_, row)| row.map(|json| serde_json::from_str(&json).expect("JSON"))).collect()
    }

    fn refusal(header: &str) -> String {
        Rows::of(Box::new(io::Cursor::new(format!("{header}\n")))).err().expect("refused").to_string()
    }

    #[test]
    fn columns_become_fields_numbers_and_attributes() {
        let found = rows(
            "id, capsule_id,kind,duration_ms,attributes.clicks,attributes.code,attributes.vip,attributes.note\n\
             i1,c1,view,1200,4,007,true,\"a, \"\"b\"\"\"\n\
             i2,c1,view,,,,,\n",
        );
        let first = serde_json::json!({"id": "i1", "capsule_id": "c1", "kind": "view", "duration_ms": 1200,
            "attributes": {"clicks": 4, "code": "007", "vip": true, "note": "a, \"b\""}});
        assert_eq!(found, [Ok(first), Ok(serde_json::json!({"id": "i2", "capsule_id": "c1", "kind": "view"}))]);
    }

    #[test]
    fn what_should_be_a_number_and_is_not_is_left_to_the_api_to_refuse() {
        let found = rows("id,capsule_id,kind,duration_ms\ni,c,view,long\n");
        assert_eq!(found[0].as_ref().expect("sent")["duration_ms"], "long");
    }

    #[test]
    fn a_broken_row_is_refused_alone_and_lines_are_counted_as_an_editor_does() {
        let found = all("id,capsule_id,kind,feature\ni1,c,view,\"two\nlines\"\ni2,c\ni3,c,view,x\n");
        let lines: Vec<_> = found.iter().map(|(line, row)| (*line, row.as_ref().err().copied())).collect();
        assert_eq!(lines, [(2, None), (4, Some("wrong_columns")), (5, None)]);
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
        let schema = serde_json::to_value(domain_schema()).expect("a schema is JSON");
        let fields = schema["properties"].as_object().expect("an object").keys().collect::<std::collections::BTreeSet<_>>();
        assert_eq!(cells.keys().collect::<std::collections::BTreeSet<_>>(), fields);
    }

    fn domain_schema() -> impl serde::Serialize {
        let commands = domain::AggregateType::Interaction.commands();
        (commands.iter().find(|command| command.name == "record").expect("interactions are recorded").schema)()
    }
}
