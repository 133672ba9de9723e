//! The real interaction log, where it is at hand: every figure exact, and a second sending moves none.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::Duration;

use domain::{Partition, Position, RecordedEvent};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};

use crate::program::{Client, up};
use crate::servers::{Place, leave_out};

/// How much of the log the test sends; `OULAD_LINES=all` for the whole.
const LINES: usize = 40_000;

fn directory() -> Option<PathBuf> {
    let directory = std::env::var("OULAD_DIR")
        .map_or_else(|_| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/oulad")), PathBuf::from);
    if directory.join("interactions.ndjson.gz").exists() {
        return Some(directory);
    }
    leave_out(&format!("the real log is not in {} (set OULAD_DIR)", directory.display()));
    None
}

fn lines(path: PathBuf) -> impl Iterator<Item = String> {
    let file = std::fs::File::open(path).expect("the file is there");
    BufReader::new(GzDecoder::new(file)).lines().map(|line| line.expect("text"))
}

/// Sends interactions in batches; accepted, duplicates.
async fn send(client: &Client, lines: &[String]) -> (u64, u64, Option<String>) {
    let (mut accepted, mut duplicates, mut token) = (0, 0, None);
    for batch in lines.chunks(5_000) {
        let (status, body) = crate::program::answer_of(client.ndjson("/v1/interactions", batch.join("\n"))).await;
        assert_eq!((status.as_u16(), &body["rejected"]), (200, &json!(0)), "{body}");
        accepted += body["accepted"].as_u64().expect("a count");
        duplicates += body["duplicates"].as_u64().expect("a count");
        token = body["token"].as_str().map(str::to_owned);
    }
    (accepted, duplicates, token)
}

/// What an independent recount of the same lines says, month by month: total and active.
fn recount(lines: &[String]) -> Vec<(String, u64, u64, usize)> {
    let mut months = std::collections::BTreeMap::<String, (u64, u64, std::collections::BTreeSet<String>)>::new();
    for line in lines {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let month = months.entry(line["occurred_at"].as_str().expect("a time")[..7].to_owned()).or_default();
        month.0 += 1;
        if line["kind"] != "view" {
            month.1 += 1;
            month.2.insert(line["user_id"].as_str().expect("a user").to_owned());
        }
    }
    months.into_iter().map(|(month, (total, active, users))| (month, total, active, users.len())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_of_a_real_log_is_exact_and_a_second_sending_moves_none() {
    let Some(directory) = directory() else { return };
    let (program, client, place, _directory) = up().await;
    let commands: String = lines(directory.join("capsules.ndjson.gz"))
        .flat_map(|line| {
            let capsule: Value = serde_json::from_str(&line).expect("JSON");
            [
                json!({"collection": "capsules", "id": capsule["id"], "command": "create", "data": {"title": capsule["title"]}}),
                json!({"collection": "capsules", "id": capsule["id"], "command": "publish", "data": {}}),
            ]
        })
        .map(|command| format!("{command}\n"))
        .collect();
    let (status, body) = crate::program::answer_of(client.ndjson("/v1/commands", commands)).await;
    assert_eq!((status.as_u16(), &body["accepted"]), (200, &json!(812)), "{body}");

    let all: Vec<String> = lines(directory.join("interactions.ndjson.gz")).collect();
    let whole = std::env::var("OULAD_LINES").is_ok_and(|lines| lines == "all");
    let some = if whole { &all[..] } else { &all[..LINES] };
    let (accepted, duplicates, token) = send(&client, some).await;
    assert_eq!((accepted, duplicates), (some.len() as u64, 0));
    let path = format!("/v1/north-star?grain=month&from=2013-09&to=2015-06&after={}", token.expect("a token"));
    let series = client.get(&path).await;
    figures_are_exact(&series, some);
    if whole {
        figures_are_as_published(&series, &directory, &place).await;
    }

    let (accepted, duplicates, token) = send(&client, some).await;
    assert_eq!((accepted, duplicates), (0, some.len() as u64), "all known");
    let again =
        client.get(&format!("/v1/north-star?grain=month&from=2013-09&to=2015-06&after={}", token.expect("a token"))).await;
    assert_eq!(again["data"], series["data"], "no figure moved");
    assert!(program.stop().await, "it stops well");
}

fn period<'a>(series: &'a Value, month: &str) -> &'a Value {
    series["data"].as_array().expect("periods").iter().find(|period| period["period"] == month).expect("the month")
}

fn figures_are_exact(series: &Value, lines: &[String]) {
    for (month, total, active, active_users) in recount(lines) {
        let period = period(series, &month);
        assert_eq!(
            (&period["total"], &period["active"], &period["active_users"]),
            (&json!(total), &json!(active), &json!(active_users)),
            "{month}"
        );
    }
}

/// Against the figures that an independent program published with the data: every one of them.
async fn figures_are_as_published(series: &Value, directory: &std::path::Path, place: &Place) {
    let expected: Value =
        serde_json::from_slice(&std::fs::read(directory.join("expected.json")).expect("the figures")).expect("JSON");
    for (month, expected) in expected["months"].as_object().expect("months") {
        let period = period(series, month);
        for (figure, count) in expected.as_object().expect("figures") {
            match count.as_object() {
                None => assert_eq!(&period[figure], count, "{figure} of {month}"),
                Some(kinds) => {
                    for (kind, count) in kinds {
                        assert_eq!(&period[figure][kind], count, "{kind} of {month}");
                    }
                }
            }
        }
    }
    let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
    for (figure, counted) in [
        ("interactions", "SELECT count(*) FROM read.interactions"),
        ("capsules", "SELECT count(*) FROM read.capsules"),
        ("users", "SELECT count(DISTINCT user_id) FROM read.interactions"),
    ] {
        let count: i64 = sqlx::query_scalar(counted).fetch_one(&mut postgres).await.expect("a count");
        assert_eq!(json!(count), expected[figure], "all {figure}");
    }
}

/// Everything in Kafka below `heads`, by partition, as a consumer accepts it.
pub async fn read_kafka(place: &Place, heads: &[Position]) -> Vec<Vec<RecordedEvent>> {
    let mut read = vec![Vec::new(); heads.len()];
    let settings = event_log::consumer::Settings::new(&place.kafka_brokers, &place.topic, "audit");
    let mut reader = event_log::Reader::start(&settings, heads).expect("a reader");
    while let Some(batch) = reader.next_batch(50_000, Duration::from_secs(20)).await.expect("Kafka can be read") {
        assert!(batch.faults.is_empty(), "{:?}", batch.faults);
        assert!(!batch.is_empty(), "Kafka lacks events: {:?}", reader.remaining().collect::<Vec<_>>());
        for partition in batch.partitions {
            let Partition(number) = partition.partition;
            read[usize::from(number)].extend(partition.events.into_iter().map(|consumed| consumed.event));
        }
    }
    read
}

/// Every table of every schema by its name, and its rows as text; bytes as their hexadecimal digits.
pub async fn tables(postgres: &mut PgConnection) -> Vec<(String, String)> {
    let names: Vec<(String, String)> = sqlx::query_as(
        "SELECT schemaname, relname FROM pg_stat_user_tables UNION SELECT schemaname, matviewname FROM pg_matviews ORDER BY 1, 2",
    )
    .fetch_all(&mut *postgres)
    .await
    .expect("the tables");
    let mut tables = Vec::new();
    for (schema, table) in names {
        let rows: Vec<String> = sqlx::query_scalar(&format!("SELECT t::text FROM \"{schema}\".\"{table}\" AS t"))
            .fetch_all(&mut *postgres)
            .await
            .expect("rows");
        tables.push((format!("{schema}.{table}"), rows.join("\n")));
    }
    tables
}
