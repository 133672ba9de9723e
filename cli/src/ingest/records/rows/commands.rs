//! Columns of commands: `id`, `collection` and `command`, if not the same for all rows, and the commands' own fields.
//!
//! What a cell becomes, a number, a text or a list, is what the command's JSON Schema says of the field.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use csv::StringRecord;
use domain::{AggregateType, CommandInfo};
use serde_json::{Map, Value};

use super::{any, number};
use crate::ingest::Named;
use crate::ingest::records::invalid;

const COLLECTION: &str = "collection";
const COMMAND: &str = "command";
/// What a line of `POST /v1/commands` has beside `data`.
const OF_THE_LINE: [&str; 4] = [COLLECTION, "id", COMMAND, "idempotency_key"];
/// May stand before a field's name, as where a table was made of NDJSON.
const DATA_PREFIX: &str = "data.";

/// What the cells of a column become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Boolean,
    /// A list or an object, written as JSON.
    Json,
    Any,
}

impl Form {
    /// What is not of its form stays text, for the API to refuse.
    fn value(self, cell: &str) -> Value {
        let value = match self {
            Self::Text => None,
            Self::Number => number(cell.trim()),
            Self::Boolean => match cell.trim().to_ascii_lowercase().as_str() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Json => serde_json::from_str(cell).ok(),
            Self::Any => Some(any(cell)),
        };
        value.unwrap_or_else(|| cell.into())
    }
}

/// Where a row says something, or what is said of all rows.
enum Said {
    Column(usize),
    OfAll(String),
}

impl Said {
    fn of(name: &str, names: &[String], of_all: Option<&str>) -> io::Result<Self> {
        match (names.iter().position(|column| column == name), of_all) {
            (Some(_), Some(_)) => Err(invalid(format!("it has a column {name:?}, and --{name} is given too"))),
            (Some(column), None) => Ok(Self::Column(column)),
            (None, Some(of_all)) => Ok(Self::OfAll(of_all.to_owned())),
            (None, None) => {
                Err(invalid(format!("it has no column {name:?}; name it in the header, or for all rows by --{name}")))
            }
        }
    }

    fn of_all(&self) -> Option<&str> {
        match self {
            Self::Column(_) => None,
            Self::OfAll(text) => Some(text),
        }
    }

    fn in_row<'a>(&'a self, row: &'a StringRecord) -> &'a str {
        match self {
            Self::Column(column) => row.get(*column).unwrap_or_default(),
            Self::OfAll(text) => text,
        }
    }
}

/// A column of a command's field: its place in the row, its name in parts.
struct Field {
    column: usize,
    path: Vec<String>,
}

pub(super) struct Columns {
    collection: Said,
    command: Said,
    /// Of the line, which are there.
    line: Vec<(usize, &'static str)>,
    fields: Vec<Field>,
    /// For each command that a row may name, the form of each field; none: the command has no such field.
    forms: BTreeMap<(&'static str, &'static str), Vec<Option<Form>>>,
}

/// Whether the rows are commands: nothing else has a collection and a command.
pub(super) fn are_named(names: &[String], named: &Named) -> bool {
    named.is_given() || names.iter().any(|name| name == COLLECTION || name == COMMAND)
}

impl Columns {
    pub(super) fn of(names: &[String], named: &Named) -> io::Result<Self> {
        let collection = Said::of(COLLECTION, names, named.collection.as_deref())?;
        let command = Said::of(COMMAND, names, named.command.as_deref())?;
        if !names.iter().any(|name| name == "id") {
            return Err(invalid("it has no column \"id\"; its first line must name the columns"));
        }
        let mut line = Vec::new();
        let mut fields: Vec<Field> = Vec::new();
        for (column, name) in names.iter().enumerate() {
            match OF_THE_LINE.iter().find(|known| **known == name) {
                Some(known) => line.push((column, *known)),
                None => {
                    let path: Vec<_> = name.strip_prefix(DATA_PREFIX).unwrap_or(name).split('.').map(str::to_owned).collect();
                    let is_within = |one: &[String], other: &[String]| one.starts_with(other) || other.starts_with(one);
                    if let Some(other) = fields.iter().find(|other| is_within(&other.path, &path)) {
                        return Err(invalid(format!("columns {:?} and {name:?} are of one field", names[other.column])));
                    }
                    fields.push(Field { column, path });
                }
            }
        }
        let known = known(&collection, &command)?;
        let mut forms = BTreeMap::new();
        for command in &known {
            let schema = (command.schema)().to_value();
            let forms_of_fields = fields.iter().map(|field| form_at(&schema, &field.path, &schema)).collect();
            forms.insert((command.aggregate_type.collection(), command.name), forms_of_fields);
        }
        if let Some(index) = (0..fields.len()).find(|index| forms.values().all(|forms: &Vec<_>| forms[*index].is_none())) {
            return Err(no_field(&names[fields[index].column], &known));
        }
        Ok(Self { collection, command, line, fields, forms })
    }

    pub(super) fn record(&self, row: &StringRecord) -> Map<String, Value> {
        let (collection, command) = (self.collection.in_row(row), self.command.in_row(row));
        let mut record = Map::from_iter([(COLLECTION.to_owned(), collection.into()), (COMMAND.to_owned(), command.into())]);
        for (column, name) in &self.line {
            let cell = &row[*column];
            if !cell.is_empty() {
                record.insert((*name).to_owned(), cell.into());
            }
        }
        let forms = self.forms.get(&(collection, command));
        let mut data = Map::new();
        for (index, field) in self.fields.iter().enumerate() {
            let cell = &row[field.column];
            if !cell.is_empty() {
                let form = forms.and_then(|forms| forms[index]).unwrap_or(Form::Text);
                put(&mut data, &field.path, form.value(cell));
            }
        }
        record.insert("data".to_owned(), data.into());
        record
    }
}

/// The commands that a row may name.
fn known(collection: &Said, command: &Said) -> io::Result<Vec<CommandInfo>> {
    let types: Vec<AggregateType> = match collection.of_all() {
        None => AggregateType::ALL.to_vec(),
        Some(name) => vec![AggregateType::from_collection(name).ok_or_else(|| {
            let known = AggregateType::ALL.iter().filter(|known| !known.commands().is_empty());
            let known: Vec<_> = known.map(|known| known.collection()).collect();
            invalid(format!("there is no collection {name:?}; there are {}", known.join(", ")))
        })?],
    };
    let all: Vec<CommandInfo> = types.into_iter().flat_map(AggregateType::commands).collect();
    let Some(name) = command.of_all() else { return Ok(all) };
    let names: BTreeSet<_> = all.iter().map(|command| command.name).collect();
    let known: Vec<_> = all.into_iter().filter(|command| command.name == name).collect();
    match known.is_empty() {
        true => Err(invalid(format!(
            "there is no command {name:?}; there are {}",
            names.into_iter().collect::<Vec<_>>().join(", ")
        ))),
        false => Ok(known),
    }
}

fn no_field(name: &str, commands: &[CommandInfo]) -> io::Error {
    let Some(first) = commands.first() else { unreachable!("a collection has commands") };
    let collection = first.aggregate_type.collection();
    invalid(match commands {
        [only] => {
            let schema = (only.schema)().to_value();
            let mut fields = Vec::new();
            name_fields("", &schema, &schema, &mut fields);
            format!("column {name:?} is no field of {collection}/{}; its fields are {}", only.name, fields.join(", "))
        }
        _ if commands.iter().all(|command| command.aggregate_type == first.aggregate_type) => {
            format!("column {name:?} is no field of any command of {collection}")
        }
        _ => format!("column {name:?} is no field of any command"),
    })
}

/// Every field of a schema, as a column names it.
fn name_fields(prefix: &str, schema: &Value, root: &Value, fields: &mut Vec<String>) {
    match schema["properties"].as_object() {
        Some(properties) => {
            let dot = if prefix.is_empty() { "" } else { "." };
            for (name, property) in properties {
                let choices = choices(property, root);
                name_fields(&format!("{prefix}{dot}{name}"), choices.first().copied().unwrap_or(property), root, fields);
            }
        }
        None => fields.push(prefix.to_owned()),
    }
}

/// What a schema may be, without references and null.
fn choices<'a>(schema: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return choices(&root["$defs"][name], root);
    }
    match schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        Some(inner) => inner.iter().flat_map(|schema| choices(schema, root)).collect(),
        None if schema["type"] == "null" => vec![],
        None => vec![schema],
    }
}

/// The form of the field at this place.
fn form_at(schema: &Value, path: &[String], root: &Value) -> Option<Form> {
    let choices = choices(schema, root);
    let Some((name, rest)) = path.split_first() else { return Some(form(&choices)) };
    choices.into_iter().find_map(|schema| match (&schema["properties"][name], &schema["additionalProperties"]) {
        (Value::Null, Value::Bool(true)) => Some(Form::Any),
        (Value::Null, inner @ Value::Object(_)) => form_at(inner, rest, root),
        (Value::Null, _) => None,
        (property, _) => form_at(property, rest, root),
    })
}

fn form(choices: &[&Value]) -> Form {
    let kinds = choices.iter().flat_map(|schema| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect::<Vec<_>>(),
    });
    let forms: BTreeSet<_> = kinds.filter(|kind| *kind != "null").collect();
    match forms.into_iter().collect::<Vec<_>>()[..] {
        ["string"] => Form::Text,
        ["integer"] | ["number"] | ["integer", "number"] => Form::Number,
        ["boolean"] => Form::Boolean,
        ["array"] | ["object"] | ["array", "object"] => Form::Json,
        _ => Form::Any,
    }
}

fn put(data: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(data.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let inner = data.entry(name.as_str()).or_insert_with(|| Map::new().into());
            put(inner.as_object_mut().expect("no column is within another"), rest, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{refusal, refusal_named, rows, rows_named};
    use super::*;

    fn named(collection: &str, command: &str) -> Named {
        Named { collection: Some(collection.to_owned()), command: Some(command.to_owned()) }
    }

    #[test]
    fn a_cell_becomes_what_the_commands_schema_says() {
        let found = rows_named(
            "id,category,amount.amount,amount.currency,is_cogs,channel,occurred_at\n\
             s-1,marketing,1200.00,USD,TRUE,42,2026-10-06T15:00:00Z\n\
             s-2,personnel,7.00,USD,,,\n",
            &named("spend", "record"),
        );
        let first = json!({"collection": "spend", "command": "record", "id": "s-1", "data": {"category": "marketing",
            "amount": {"amount": "1200.00", "currency": "USD"}, "is_cogs": true, "channel": "42",
            "occurred_at": "2026-10-06T15:00:00Z"}});
        let second = json!({"collection": "spend", "command": "record", "id": "s-2",
            "data": {"category": "personnel", "amount": {"amount": "7.00", "currency": "USD"}}});
        assert_eq!(found, [Ok(first), Ok(second)]);

        let found = rows_named("id,fte_percent\np-1,80\np-2,half\n", &named("people", "hire"));
        let percents: Vec<_> = found.iter().map(|row| row.as_ref().expect("sent")["data"]["fte_percent"].clone()).collect();
        assert_eq!(percents, [json!(80), json!("half")]);

        let found = rows_named("id,changes\nx,\"[{\"\"id\"\":\"\"c\"\"}]\"\n", &named("deployments", "finish"));
        assert_eq!(found[0].as_ref().expect("sent")["data"], json!({"changes": [{"id": "c"}]}));
        let found = rows_named("id,version,parameters.at_risk_below\nk,2,40\n", &named("definitions", "adopt"));
        assert_eq!(found[0].as_ref().expect("sent")["data"], json!({"version": 2, "parameters": {"at_risk_below": 40}}));
    }

    #[test]
    fn each_row_may_be_another_command() {
        let found = rows(
            "collection,id,command,idempotency_key,data.annual_value.amount,data.annual_value.currency,data.score,data.reason\n\
             deals,d,win,k,9.00,USD,,\nleads,l,score,,,,70,\ndeals,d,lose,,,,,price\nrockets,r,fly,,,,1,\n",
        );
        let expected = [
            json!({"collection": "deals", "id": "d", "command": "win", "idempotency_key": "k",
                "data": {"annual_value": {"amount": "9.00", "currency": "USD"}}}),
            json!({"collection": "leads", "id": "l", "command": "score", "data": {"score": 70}}),
            json!({"collection": "deals", "id": "d", "command": "lose", "data": {"reason": "price"}}),
            json!({"collection": "rockets", "id": "r", "command": "fly", "data": {"score": "1"}}),
        ];
        assert_eq!(found, expected.map(Ok));
    }

    #[test]
    fn a_wrong_header_is_refused_before_anything_is_sent() {
        assert!(refusal("collection,id").contains("no column \"command\""));
        assert!(refusal("collection,command").contains("no column \"id\""));
        assert!(refusal("collection,id,command,colour").contains("no field of any command"));
        assert!(refusal("collection,id,command,stage,data.stage").contains("of one field"));
        assert!(refusal_named("id,collection", &named("deals", "win")).contains("--collection is given too"));
        assert!(refusal_named("id", &named("deal", "win")).contains("there are capsules, interactions, deals"));
        assert!(refusal_named("id", &named("deals", "gain")).contains("there are advance, forecast, lose"));
        let said = refusal_named("id,value", &named("deals", "win"));
        let fields = "its fields are annual_value.amount, annual_value.currency, occurred_at";
        assert!(said.contains(fields), "{said}");
    }

    #[test]
    fn every_field_of_every_command_can_be_a_column() {
        for command in AggregateType::ALL.iter().flat_map(|kind| kind.commands()) {
            let schema = (command.schema)().to_value();
            let mut fields = Vec::new();
            name_fields("", &schema, &schema, &mut fields);
            for field in fields.iter().filter(|field| !OF_THE_LINE.contains(&field.as_str())) {
                let path: Vec<_> = field.split('.').map(str::to_owned).collect();
                assert!(form_at(&schema, &path, &schema).is_some(), "{field} of {}", command.name);
            }
            let taken: Vec<_> = fields.iter().filter(|field| OF_THE_LINE.contains(&field.as_str())).collect();
            let is_interaction = command.aggregate_type == AggregateType::Interaction;
            assert!(taken.is_empty() || is_interaction, "{taken:?} of {} would be taken for the line's", command.name);
        }
    }
}
