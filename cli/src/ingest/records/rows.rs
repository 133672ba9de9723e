//! CSV: header names are field names, dots lead into nested fields, empty cells say nothing.
//!
//! Whether a value is right is the API's to say: a cell that should be a number and is not is sent as text, and its
//! refusal names the field.

use std::io;

use csv::StringRecord;
use serde_json::{Map, Number, Value};

use super::{EVENT_BYTES_MAX, Input, Place, Record, Unreadable, invalid, too_large};
use crate::ingest::Named;
use crate::ingest::kind::Kind;

mod commands;
mod interactions;

enum Columns {
    Interactions(interactions::Columns),
    Commands(commands::Columns),
}

impl Columns {
    fn of(names: &[String], named: &Named) -> io::Result<Self> {
        if let Some(twice) = names.iter().enumerate().find(|(index, name)| names[..*index].contains(name)) {
            return Err(invalid(format!("column {:?} is there twice", twice.1)));
        }
        match commands::are_named(names, named) {
            true => commands::Columns::of(names, named).map(Self::Commands),
            false => interactions::Columns::of(names).map(Self::Interactions),
        }
    }

    fn record(&self, row: &StringRecord) -> Map<String, Value> {
        match self {
            Self::Interactions(columns) => columns.record(row),
            Self::Commands(columns) => columns.record(row),
        }
    }
}

pub(in crate::ingest) struct Rows {
    reader: csv::Reader<Input>,
    width: usize,
    columns: Columns,
    row: StringRecord,
}

impl Rows {
    pub(super) fn of(input: Input, named: &Named) -> io::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(input);
        let names: Vec<String> = reader.headers()?.iter().map(|name| name.trim().to_owned()).collect();
        Ok(Self { reader, width: names.len(), columns: Columns::of(&names, named)?, row: StringRecord::new() })
    }

    pub(super) fn kind(&self) -> Kind {
        match self.columns {
            Columns::Interactions(_) => Kind::Interactions,
            Columns::Commands(_) => Kind::Commands,
        }
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
        if self.row.len() != self.width {
            return Err(Unreadable {
                code: "wrong_columns",
                detail: format!("the row has {} cells and the header names {}", self.row.len(), self.width),
            });
        }
        let start = json.len();
        serde_json::to_writer(&mut *json, &self.columns.record(&self.row)).expect("writing to memory cannot fail");
        if json.len() - start > EVENT_BYTES_MAX {
            json.truncate(start);
            return Err(too_large());
        }
        Ok(())
    }
}

/// A number only if it would be written again just so: `007` and `1e3` are names of something.
fn number(cell: &str) -> Option<Value> {
    let number: Number = cell.parse().ok()?;
    (number.to_string() == cell).then_some(Value::Number(number))
}

/// Of a field that may be anything.
fn any(cell: &str) -> Value {
    match cell {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => number(cell).unwrap_or_else(|| cell.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all, all_named};
    use super::*;

    pub(super) fn rows(text: &str) -> Vec<Result<Value, &'static str>> {
        rows_named(text, &Named::default())
    }

    pub(super) fn rows_named(text: &str, named: &Named) -> Vec<Result<Value, &'static str>> {
        let all = all_named(text, named).into_iter();
        all.map(|(_, row)| row.map(|json| serde_json::from_str(&json).expect("JSON"))).collect()
    }

    pub(super) fn refusal(header: &str) -> String {
        refusal_named(header, &Named::default())
    }

    pub(super) fn refusal_named(header: &str, named: &Named) -> String {
        Rows::of(Box::new(io::Cursor::new(format!("{header}\n"))), named).err().expect("refused").to_string()
    }

    #[test]
    fn a_broken_row_is_refused_alone_and_lines_are_counted_as_an_editor_does() {
        let found = all("id,capsule_id,kind,feature\ni1,c,view,\"two\nlines\"\ni2,c\ni3,c,view,x\n");
        let lines: Vec<_> = found.iter().map(|(line, row)| (*line, row.as_ref().err().copied())).collect();
        assert_eq!(lines, [(2, None), (4, Some("wrong_columns")), (5, None)]);
    }
}
