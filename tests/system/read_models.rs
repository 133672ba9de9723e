//! A row that somebody changed in the read models, in any of them and at any place: `verify` folds the log anew, and names it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sqlx::{Executor as _, PgConnection};

use crate::dashboards::with_demo;
use crate::program::{Client, start_up, verifier_key};
use crate::servers::Place;
use crate::signed::{all_figures_are_made, all_is_signed, connect, verify_all, with_database_copied};

/// What is done to a row.
#[derive(Debug, Clone, Copy)]
enum Tamper {
    Edit,
    Delete,
    Insert,
}

/// A table behind a view of the same name: its columns that the view shows, and which of them are its key.
#[derive(Debug)]
struct Table {
    name: String,
    columns: Vec<(String, String)>,
    key: Vec<String>,
    rows: i64,
}

async fn tables(postgres: &mut PgConnection, schema: &str) -> Vec<Table> {
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT relname::text, attname::text, format_type(atttypid, NULL), attnum = ANY (coalesce(indkey::int2[], '{}'))
         FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
         LEFT JOIN pg_index ON indrelid = pg_class.oid AND indisprimary
         WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND relname NOT IN ('figure_times', 'figure_formulas')
             AND (relname, attname) IN (SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'read')
         ORDER BY relname, attnum",
    )
    .bind(schema)
    .fetch_all(&mut *postgres)
    .await
    .expect("the tables");
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for (name, column, kind, is_key) in columns {
        let table = tables.entry(name.clone()).or_insert(Table { name, columns: Vec::new(), key: Vec::new(), rows: 0 });
        if is_key {
            table.key.push(column.clone());
        }
        table.columns.push((column, kind));
    }
    for table in tables.values_mut() {
        if table.key.is_empty() {
            // An event's row: it has the event's place.
            table.key = ["partition", "position"].map(str::to_owned).to_vec();
        }
        let count = format!("SELECT count(*) FROM {schema}.{}", table.name);
        table.rows = sqlx::query_scalar(&count).fetch_one(&mut *postgres).await.expect("a count");
    }
    tables.into_values().collect()
}

/// Another value of a type.
fn another(column: &str, kind: &str) -> Option<String> {
    Some(match kind {
        "text" => format!("coalesce({column}, '') || 'x'"),
        "smallint" | "integer" | "bigint" | "numeric" | "double precision" => format!("coalesce({column}, 0) + 1"),
        "boolean" => format!("NOT coalesce({column}, false)"),
        "timestamp with time zone" => format!("coalesce({column}, '2020-01-01') + interval '1 second'"),
        "date" => format!("coalesce({column}, '2020-01-01') + 1"),
        "uuid" => "gen_random_uuid()".to_owned(),
        _ => return None,
    })
}

impl Table {
    /// Which row: the first, one in the middle, the last but one, the last.
    fn offset(&self, place: usize) -> i64 {
        [0, self.rows / 2, self.rows - 2, self.rows - 1][place].max(0)
    }

    fn order(&self) -> String {
        self.key.join(", ")
    }

    /// Does it to one row, and says of which what must be in the finding.
    async fn tamper(&self, postgres: &mut PgConnection, schema: &str, (what, place): (Tamper, usize)) -> Vec<String> {
        let Self { name, .. } = self;
        let row = format!("(SELECT ctid FROM {schema}.{name} ORDER BY {} OFFSET {} LIMIT 1)", self.order(), self.offset(place));
        if let Tamper::Delete = what {
            let known =
                self.known(postgres, &format!("SELECT to_jsonb(row) FROM {schema}.{name} AS row WHERE ctid = {row}")).await;
            let done = postgres.execute(format!("DELETE FROM {schema}.{name} WHERE ctid = {row}").as_str()).await;
            assert_eq!(done.expect("deleted").rows_affected(), 1, "{name}");
            return known;
        }
        // The first column that takes another value: some have rules of their own.
        let is_key = |column: &String| self.key.contains(column);
        let wanted = |column: &&(String, String)| {
            is_key(&column.0) == matches!(what, Tamper::Insert) || self.key.len() == self.columns.len()
        };
        for (column, kind) in self.columns.iter().filter(wanted) {
            let Some(value) = another(column, kind) else { continue };
            let statement = match what {
                Tamper::Insert => {
                    let names = self.all_columns(postgres, schema).await;
                    let values = names.iter().map(|name| if name == column { value.clone() } else { name.clone() });
                    format!(
                        "INSERT INTO {schema}.{name} ({}) SELECT {} FROM {schema}.{name} WHERE ctid = {row} RETURNING to_jsonb({name})",
                        names.join(", "),
                        values.collect::<Vec<_>>().join(", ")
                    )
                }
                _ => format!("UPDATE {schema}.{name} SET {column} = {value} WHERE ctid = {row} RETURNING to_jsonb({name})"),
            };
            if let Ok(row) = sqlx::query_scalar::<_, Value>(&statement).fetch_one(&mut *postgres).await {
                return self.words(&row);
            }
        }
        panic!("no column of {name} could be changed: {what:?}");
    }

    async fn all_columns(&self, postgres: &mut PgConnection, schema: &str) -> Vec<String> {
        let names = "SELECT attname::text FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";
        let table = format!("{schema}.{}", self.name);
        sqlx::query_scalar(names).bind(table).fetch_all(postgres).await.expect("the columns")
    }

    async fn known(&self, postgres: &mut PgConnection, statement: &str) -> Vec<String> {
        self.words(&sqlx::query_scalar(statement).fetch_one(postgres).await.expect("a row"))
    }

    /// Its key, as it stands in a row as JSON.
    fn words(&self, row: &Value) -> Vec<String> {
        // A view writes out what is kept as a letter.
        let shown = self.columns.iter().filter(|(name, kind)| self.key.contains(name) && kind != "\"char\"");
        shown.map(|(name, _)| row[name].to_string()).collect()
    }
}

fn finding<'a>(report: &'a Value, view: &str) -> Option<&'a str> {
    let named = format!("read.{view} ");
    let findings = report["findings"].as_array().expect("findings");
    let whats = findings.iter().filter(|finding| finding["copy"] == "read_models").map(|finding| &finding["what"]);
    whats.filter_map(Value::as_str).find(|what| what.starts_with(&named))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_any_read_model_is_found_and_named() {
    let (program, _client, place, directory) = with_demo("0.005").await;
    assert!(program.stop().await, "it stops well");
    // Without the demo's visitors it comes to rest.
    let program = start_up(&directory, Some(&place), &[]);
    Client::of(directory.path()).await;
    all_figures_are_made(&place).await;
    all_is_signed(&place).await;
    assert!(program.stop().await, "it stops well");
    let key = verifier_key(&directory);
    let (ok, report) = verify_all(&with_database_copied(&place, &[]).await, &key, &[]);
    assert!(ok && report["read_models_compared"] == json!(true), "nothing was changed: {report}");
    assert_eq!(report["figures_left_out"], json!([]), "all of them are compared");

    let mut postgres = connect(&place.database_url).await;
    let schema: String = sqlx::query_scalar("SELECT schema_name FROM projections.generations WHERE status = 'live'")
        .fetch_one(&mut postgres)
        .await
        .expect("a live generation");
    let tables: Vec<Table> = tables(&mut postgres, &schema).await.into_iter().filter(|table| table.rows > 0).collect();
    drop(postgres);
    assert!(tables.len() > 30, "the demo has rows of {} tables", tables.len());
    // In every table, at each of four places, each time something else.
    for place_of_row in 0..4 {
        let copy = with_database_copied(&place, &[]).await;
        let mut postgres = connect(&copy.database_url).await;
        let mut tampered = Vec::new();
        for (number, table) in tables.iter().enumerate() {
            let what = [Tamper::Edit, Tamper::Delete, Tamper::Insert][(number + place_of_row) % 3];
            tampered.push((table, what, table.tamper(&mut postgres, &schema, (what, place_of_row)).await));
        }
        drop(postgres);
        all_are_found(&copy, &key, &tampered).await;
    }
}

async fn all_are_found(place: &Place, key: &str, tampered: &[(&Table, Tamper, Vec<String>)]) {
    let (ok, report) = verify_all(place, key, &[]);
    assert!(!ok, "{report}");
    for (table, what, words) in tampered {
        let found = finding(&report, &table.name).unwrap_or_else(|| panic!("{what:?} in {}: {report}", table.name));
        for word in words {
            assert!(found.contains(word), "{what:?} in {}: {word} is not named: {found}", table.name);
        }
    }
    let mut postgres = connect(&place.database_url).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM projections.generations WHERE status = 'building'")
        .fetch_one(&mut postgres)
        .await
        .expect("generations");
    assert_eq!(left, 0, "the scratch generation is removed");
}
