//! The tables of facts and their views, made from the published events.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

use domain::AggregateType;
use serde_json::Value;

/// A column that every table of facts has: its name, type and meaning.
const SHARED: [(&str, &str, &str); 7] = [
    ("tenant", "text COLLATE \"C\" NOT NULL", "Whose it is."),
    ("sequence", "bigint NOT NULL", "The event's place in its stream, from 1."),
    ("event_type", "text COLLATE \"C\" NOT NULL", "What happened."),
    ("occurred_at", "timestamptz NOT NULL", "When it happened, in business time; periods go by this, in UTC."),
    ("recorded_at", "timestamptz NOT NULL", "When the ledger took it."),
    ("partition", "integer NOT NULL", "The partition of its event in the ledger."),
    ("position", "bigint NOT NULL", "The position of its event; PARTITION-POSITION is the event's id."),
];

/// What is personal is in no read model, not even sealed.
pub(crate) const SEALED: &str = "sealed";

/// The type of a column of money.
const AMOUNT: &str = "numeric(14, 2)";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    sql_type: &'static str,
    comment: String,
}

/// Every kind of aggregate that has a table of facts: all but those with read models of their own, and those that no figure
/// follows from and that are not for analysts: the audit log, and what is recorded of forgetting people.
pub(crate) fn aggregate_types() -> impl Iterator<Item = AggregateType> {
    let others = [
        AggregateType::Capsule,
        AggregateType::Interaction,
        AggregateType::AuditEntry,
        AggregateType::Subject,
        AggregateType::RetentionRule,
    ];
    AggregateType::ALL.iter().copied().filter(move |aggregate_type| !others.contains(aggregate_type))
}

/// The name of its table and of its view.
pub(crate) fn table_name(aggregate_type: AggregateType) -> String {
    format!("{}_facts", aggregate_type.as_str())
}

pub(crate) fn id_column(aggregate_type: AggregateType) -> String {
    format!("{}_id", aggregate_type.as_str())
}

/// All tables and views of facts as SQL, for analysts to read and for changes to be seen.
pub fn definitions() -> String {
    let mut text =
        String::from("-- The facts that figures are made of, as analysts see them in schema read. Made by `make schemas`.\n");
    for aggregate_type in aggregate_types() {
        text.push('\n');
        text.push_str(&create_table(aggregate_type));
        text.push_str(&create_view(aggregate_type).replace("{generation}", "generation").replace("{views}", "read"));
    }
    text
}

pub(crate) fn create_table(aggregate_type: AggregateType) -> String {
    let (table, id) = (table_name(aggregate_type), id_column(aggregate_type));
    let mut text = format!("CREATE TABLE {table} (\n    {id} text COLLATE \"C\" NOT NULL,\n");
    for (name, sql_type, _) in SHARED {
        writeln!(text, "    {name} {sql_type},").expect("a text takes more");
    }
    for column in columns(aggregate_type) {
        writeln!(text, "    {} {},", column.name, column.sql_type).expect("a text takes more");
    }
    writeln!(text, "    CONSTRAINT {table}_pkey PRIMARY KEY (tenant, {id}, sequence)\n);").expect("a text takes more");
    text
}

/// With the indexes that a generation needs to be read.
pub(crate) fn create_index(aggregate_type: AggregateType) -> String {
    let table = table_name(aggregate_type);
    format!("CREATE INDEX IF NOT EXISTS {table}_occurred ON {table} (tenant, occurred_at);\nANALYZE {table};\n")
}

pub(crate) fn create_view(aggregate_type: AggregateType) -> String {
    let view = table_name(aggregate_type);
    let names: Vec<String> = explained(aggregate_type).into_iter().map(|(name, _)| name).collect();
    let names = names.join(", ");
    let text = format!("CREATE OR REPLACE VIEW {{views}}.{view} AS\nSELECT {names}\nFROM {{generation}}.{view};\n");
    text + &comments("VIEW", &format!("{{views}}.{view}"), aggregate_type)
}

/// Says of the table and each column what it is; the same as of its view.
pub(crate) fn explain_table(aggregate_type: AggregateType) -> String {
    comments("TABLE", &table_name(aggregate_type), aggregate_type)
}

fn comments(what: &str, name: &str, aggregate_type: AggregateType) -> String {
    let events = aggregate_type.events().iter().map(|event| event.name).collect::<Vec<_>>().join(", ");
    let mut text = format!("COMMENT ON {what} {name} IS 'One row an event: {events}.';\n");
    for (column, comment) in explained(aggregate_type) {
        let comment = comment.replace('\'', "''");
        writeln!(text, "COMMENT ON COLUMN {name}.{column} IS '{comment}';").expect("a text takes more");
    }
    text
}

/// All columns, in their order, with what they mean.
fn explained(aggregate_type: AggregateType) -> Vec<(String, String)> {
    let id = (id_column(aggregate_type), format!("The {} as its client named it.", aggregate_type.as_str().replace('_', " ")));
    let shared = SHARED.map(|(name, _, comment)| (name.to_owned(), comment.to_owned()));
    let own = columns(aggregate_type).into_iter().map(|column| (column.name, column.comment));
    [id].into_iter().chain(shared).chain(own).collect()
}

/// The names of the columns beside the shared ones; made once, for every event asks.
pub(crate) fn column_names(aggregate_type: AggregateType) -> &'static BTreeSet<String> {
    static NAMES: LazyLock<BTreeMap<AggregateType, BTreeSet<String>>> = LazyLock::new(|| {
        aggregate_types().map(|kind| (kind, columns(kind).into_iter().map(|column| column.name).collect())).collect()
    });
    &NAMES[&aggregate_type]
}

/// The columns that name the currency of an amount.
pub(crate) fn currency_columns(aggregate_type: AggregateType) -> Vec<String> {
    let amounts = columns(aggregate_type).into_iter().filter(|column| column.sql_type == AMOUNT);
    amounts.map(|column| currency_of(&column.name)).collect()
}

fn currency_of(amount: &str) -> String {
    format!("{amount}_currency")
}

/// The columns beside the shared ones, by name.
pub(crate) fn columns(aggregate_type: AggregateType) -> Vec<Column> {
    let mut columns: BTreeMap<String, Column> = BTreeMap::new();
    let descriptions = descriptions(aggregate_type);
    for event in aggregate_type.events() {
        let schema = (event.schema)().to_value();
        for (name, property) in properties(&schema) {
            if name != "occurred_at" && name != SEALED {
                let meaning = Meaning { said: descriptions.get(name).cloned(), part_of: None };
                for column in of_property(name, property, &schema, &meaning) {
                    let known = columns.entry(column.name.clone()).or_insert_with(|| column.clone());
                    assert_eq!(known.sql_type, column.sql_type, "{name} has one type in all events of a stream");
                }
            }
        }
    }
    columns.into_values().collect()
}

/// What the events say that each field means; where they do not, the commands, of a field of the same form.
fn descriptions(aggregate_type: AggregateType) -> BTreeMap<String, String> {
    let events = aggregate_type.events().into_iter().map(|event| event.schema);
    let commands = aggregate_type.commands().into_iter().map(|command| command.schema);
    let mut forms: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut descriptions = BTreeMap::new();
    for schema in events.chain(commands) {
        let schema = schema().to_value();
        for (name, property) in properties(&schema) {
            let form = resolved(property, &schema).1.map(str::to_owned);
            let is_same = *forms.entry(name.to_owned()).or_insert_with(|| form.clone()) == form;
            if let Some(description) = property["description"].as_str().filter(|_| is_same) {
                descriptions.entry(name.to_owned()).or_insert_with(|| description.replace('\n', " "));
            }
        }
    }
    descriptions
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    schema["properties"].as_object().into_iter().flatten().map(|(name, property)| (name.as_str(), property))
}

/// What is known of a field's meaning before its form is looked at.
struct Meaning {
    said: Option<String>,
    /// What the object means that it is a field of, and its name there.
    part_of: Option<(String, String)>,
}

impl Meaning {
    /// In one line. What a form means in general comes last, and of an amount says nothing.
    fn comment(&self, name: &str, form: Option<&Value>) -> String {
        let comment = match (&self.said, form.and_then(|form| form["description"].as_str()), &self.part_of) {
            (Some(said), ..) => said.clone(),
            (None, Some(form), _) => form.replace('\n', " "),
            (None, None, Some((whole, part))) => format!("{}: {}.", first_sentence(whole).0, part.replace('_', " ")),
            (None, None, None) => format!("{}.", sentence(name)),
        };
        match form.map(values).unwrap_or_default()[..] {
            [] | [_] => comment,
            [ref others @ .., last] => {
                let (first, rest) = first_sentence(&comment);
                format!("{first}: {} or {last}.{rest}", others.join(", "))
            }
        }
    }
}

/// Without its point, and what comes behind it.
fn first_sentence(text: &str) -> (&str, &str) {
    let end = text.find(". ").unwrap_or(text.trim_end_matches('.').len());
    (&text[..end], text.get(end + 1..).unwrap_or_default())
}

/// The texts that a closed list allows.
fn values(form: &Value) -> Vec<&str> {
    match form["oneOf"].as_array() {
        Some(choices) => choices.iter().flat_map(values).collect(),
        None => form["enum"].as_array().into_iter().flatten().chain([&form["const"]]).filter_map(Value::as_str).collect(),
    }
}

/// An amount of money is two columns, any other object one for each of its fields; a list is JSON.
fn of_property(name: &str, property: &Value, root: &Value, meaning: &Meaning) -> Vec<Column> {
    let (form, reference) = resolved(property, root);
    let column = |sql_type| vec![Column { name: name.to_owned(), sql_type, comment: meaning.comment(name, Some(form)) }];
    let is =
        |kind: &str| form["type"] == kind || form["type"].as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind));
    match reference {
        Some("Money") => vec![
            Column {
                name: name.to_owned(),
                sql_type: AMOUNT,
                comment: format!("{}, in {name}_currency.", meaning.comment(name, None).trim_end_matches('.')),
            },
            Column {
                name: currency_of(name),
                sql_type: "text COLLATE \"C\"",
                comment: format!("The currency of {name}, as in ISO 4217."),
            },
        ],
        Some("Quantity") => column("numeric"),
        _ if form["format"] == "date" => column("date"),
        _ if form["format"] == "date-time" => column("timestamptz"),
        _ if form["format"] == "uuid" => column("uuid"),
        _ if is("boolean") => column("boolean"),
        _ if is("integer") => column("bigint"),
        _ if is("object") && form["properties"].is_object() => {
            let whole = meaning.comment(name, Some(form));
            let inner = properties(form).map(|(inner, property)| {
                let said = property["description"].as_str().map(|said| said.replace('\n', " "));
                let meaning = Meaning { said, part_of: Some((whole.clone(), inner.to_owned())) };
                of_property(&format!("{name}_{inner}"), property, root, &meaning)
            });
            inner.flatten().collect()
        }
        _ if is("array") || is("object") => column("jsonb"),
        _ => column("text COLLATE \"C\""),
    }
}

/// The schema that a property refers to, and its name; where it may be null, what it is otherwise.
fn resolved<'a>(property: &'a Value, root: &'a Value) -> (&'a Value, Option<&'a str>) {
    if let Some(reference) = property["$ref"].as_str() {
        let name = reference.rsplit('/').next().expect("a split has a last part");
        return (&root["$defs"][name], Some(name));
    }
    let choices = property["anyOf"].as_array().into_iter().flatten();
    match choices.filter(|choice| choice["type"] != "null").collect::<Vec<_>>()[..] {
        [only] => resolved(only, root),
        _ => (property, None),
    }
}

fn sentence(name: &str) -> String {
    let text = name.replace('_', " ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(aggregate_type: AggregateType) -> BTreeMap<String, &'static str> {
        columns(aggregate_type).into_iter().map(|column| (column.name, column.sql_type)).collect()
    }

    #[test]
    fn a_field_of_an_event_is_a_column_of_its_type() {
        let deal = types(AggregateType::Deal);
        for (name, expected) in [
            ("account_id", "text COLLATE \"C\""),
            ("annual_value", "numeric(14, 2)"),
            ("annual_value_currency", "text COLLATE \"C\""),
            ("bant_budget", "boolean"),
            ("expected_close", "date"),
            ("lead_id", "text COLLATE \"C\""),
            ("stage", "text COLLATE \"C\""),
        ] {
            assert_eq!(deal.get(name), Some(&expected), "{name}");
        }
        assert_eq!(types(AggregateType::Deployment)["changes"], "jsonb");
        assert_eq!(types(AggregateType::Incident)["opened_at"], "timestamptz");
        assert_eq!(types(AggregateType::Lead)["score"], "bigint");
    }

    #[test]
    fn a_column_says_what_its_field_means() {
        let comments: BTreeMap<_, _> = explained(AggregateType::Deal).into_iter().collect();
        for (name, expected) in [
            ("annual_value", "What it is worth a year, in annual_value_currency."),
            ("annual_value_currency", "The currency of annual_value, as in ISO 4217."),
            ("bant_need", "What is known of budget, authority, need and timeline: need."),
            ("lead_id", "The lead that it came from."),
            ("team", "The team whose quota it counts towards."),
        ] {
            assert_eq!(comments[name], expected, "{name}");
        }
        assert!(comments["reason"].starts_with("Why a deal was lost: price, product,"), "{}", comments["reason"]);
        assert!(comments["reason"].ends_with(" or other. A closed list: free text might name a person."));

        let sign_up: BTreeMap<_, _> = explained(AggregateType::SignUp).into_iter().collect();
        assert!(sign_up["user_id"].starts_with("What the ledger knows a user by"), "the command's is not yet a pseudonym");
    }

    #[test]
    fn no_field_takes_the_place_of_a_shared_column() {
        for aggregate_type in aggregate_types() {
            let id = id_column(aggregate_type);
            for column in columns(aggregate_type) {
                let taken = column.name == id || SHARED.iter().any(|(shared, ..)| *shared == column.name);
                assert!(!taken, "{} of {}", column.name, aggregate_type.as_str());
            }
        }
    }
}
