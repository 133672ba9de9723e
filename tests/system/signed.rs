//! A ledger that was written, signed and stopped, copies of it to tamper with, and what `verify` says of them.

use std::process::Command;
use std::time::Duration;

use domain::{Partition, Position, RecordedEvent};
use event_log::checkpoints::LogRecord;
use event_log::record::encode_headers;
use proof::notary::SigningKeys;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::program::{Client, Directory, SOON, eventually, start_up, verifier_key};
use crate::servers::{Place, fresh_place};

/// What `verify` says of a ledger's copies.
pub fn verify(place: &Place, key: &str, more: &[&str]) -> (bool, Value) {
    verify_all(place, key, &[&["--copies-only"], more].concat())
}

/// And of its read models.
pub fn verify_all(place: &Place, key: &str, more: &[&str]) -> (bool, Value) {
    try_verify(place, key, more).unwrap_or_else(|said| panic!("{said}"))
}

/// As [`verify_all`]; what it says instead of a report where it cannot verify.
pub fn try_verify(place: &Place, key: &str, more: &[&str]) -> Result<(bool, Value), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
        .args(["verify", "--json", "--verifier-key", key])
        .args(["--database-url", &place.database_url, "--kafka-brokers", &place.kafka_brokers, "--topic", &place.topic])
        .args(more)
        .output()
        .expect("the program runs");
    let report = serde_json::from_slice(&output.stdout);
    let report = report.map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&output.stderr)))?;
    Ok((output.status.success(), report))
}

/// A ledger that was written, signed and stopped.
pub struct Signed {
    pub place: Place,
    pub key: String,
    pub keys: SigningKeys,
    pub directory: Directory,
    /// By partition.
    pub events: Vec<Vec<RecordedEvent>>,
    pub log: Vec<LogRecord>,
}

pub async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("PostgreSQL answers")
}

pub async fn signed_size(place: &Place) -> i64 {
    let mut postgres = connect(&place.database_url).await;
    sqlx::query_scalar("SELECT coalesce(sum(size), 0)::bigint FROM ledger.trees WHERE tree >= 0")
        .fetch_one(&mut postgres)
        .await
        .expect("the trees")
}

pub async fn all_is_signed(place: &Place) {
    eventually("all is signed, and the log published", SOON, async || {
        let mut postgres = connect(&place.database_url).await;
        let heads: i64 = sqlx::query_scalar("SELECT sum(next_position)::bigint FROM ledger.partition_heads")
            .fetch_one(&mut postgres)
            .await
            .expect("the heads");
        let entries: i64 =
            sqlx::query_scalar("SELECT count(*) FROM ledger.log_entries").fetch_one(&mut postgres).await.expect("the log");
        let published = event_log::checkpoints::next_index(&place.kafka_brokers, &place.topic).await.ok()?;
        (signed_size(place).await == heads && published == entries as u64).then_some(())
    })
    .await;
}

/// Of so many keys: their first use, by the running program.
pub async fn the_use_of_keys_is_noted(place: &Place, keys: i64) {
    eventually("the use of the keys is noted", SOON, async || {
        let used = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM ledger.events WHERE event_type = 'KeyUsed'");
        let used = used.fetch_one(&mut connect(&place.database_url).await).await.expect("a count");
        (used >= keys).then_some(())
    })
    .await;
}

/// Of all that was recorded, so that they are held against those that are made anew.
pub async fn all_figures_are_made(place: &Place) {
    eventually("all figures are made", 6 * SOON, async || {
        let mut postgres = connect(&place.database_url).await;
        let schema: String = sqlx::query_scalar("SELECT schema_name FROM projections.generations WHERE status = 'live'")
            .fetch_one(&mut postgres)
            .await
            .expect("a live generation");
        let behind: i64 = sqlx::query_scalar(
            "SELECT (SELECT sum(next_position) FROM ledger.partition_heads)::bigint
                  - coalesce((
                      SELECT sum(next_position) FROM projections.progress
                      JOIN projections.generations ON number = generation AND status = 'live'
                      WHERE projection = 'read_models'
                  ), 0)::bigint",
        )
        .fetch_one(&mut postgres)
        .await
        .expect("progress");
        let due: bool = sqlx::query_scalar(&format!(
            "SELECT EXISTS (SELECT FROM {schema}.changes) OR EXISTS (SELECT FROM {schema}.pending_figures)
                 OR NOT EXISTS (SELECT FROM {schema}.figure_formulas)"
        ))
        .fetch_one(&mut postgres)
        .await
        .expect("figures");
        (behind == 0 && !due).then_some(())
    })
    .await;
}

/// Makes a ledger's topics of these records.
pub async fn publish(place: &Place, events: &[Vec<Record>], log: &[LogRecord]) {
    let partitions = u16::try_from(events.len()).expect("a ledger has few partitions");
    event_log::ensure_topic(&place.kafka_brokers, &place.topic, partitions).await.expect("a topic");
    event_log::checkpoints::ensure(&place.kafka_brokers, &place.topic).await.expect("a topic");
    let producer: FutureProducer = ClientConfig::new()
        .set("bootstrap.servers", &place.kafka_brokers)
        .set("enable.idempotence", "true")
        .create()
        .expect("a producer");
    for (partition, records) in (0..).zip(events) {
        let sent = records.iter().map(|record| {
            let mut headers = OwnedHeaders::new();
            for (name, value) in &record.headers {
                headers = headers.insert(Header { key: name, value: Some(value) });
            }
            let message = FutureRecord::to(&place.topic).partition(partition).headers(headers);
            producer.send(message.key(&record.key).payload(&record.value), Duration::from_secs(10))
        });
        for sent in futures::future::join_all(sent).await {
            sent.expect("it is there");
        }
    }
    let writer = event_log::checkpoints::Writer::new(&place.kafka_brokers, &place.topic).expect("a writer");
    writer.write(log).await.expect("written");
}

/// A ledger that nobody is connected to, with a copy of its database, which `tamper` was done to.
pub async fn with_database_copied(place: &Place, tamper: &[String]) -> Place {
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let (address, template) = place.database_url.rsplit_once('/').expect("a URL");
    let mut server = connect(&std::env::var("TEST_DATABASE_URL").expect("set")).await;
    server.execute(format!("CREATE DATABASE {name} TEMPLATE {template}").as_str()).await.expect("a copy");
    let copied = Place { database_url: format!("{address}/{name}"), ..place.clone() };
    let mut copy = connect(&copied.database_url).await;
    for statement in tamper {
        copy.execute(statement.as_str()).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    copied
}

impl Signed {
    pub async fn new() -> Self {
        let place = fresh_place().await;
        let directory = Directory::new();
        let program = start_up(&directory, Some(&place), &["--partitions", "2"]);
        let client = Client::of(directory.path()).await;
        // Two rounds of the notary and more, so that there is something older to roll back to.
        for round in 0..3 {
            for capsule in 0..4 {
                let capsule = format!("c{round}-{capsule}");
                client.open_capsule(&capsule).await;
                let mut lines: Vec<Value> = (0..20)
                    .map(|number| json!({"id": format!("{capsule}-{number}"), "capsule_id": capsule, "kind": "interaction", "user_id": "u1"}))
                    .collect();
                // What is signed is what is stored, also where it comes in another form.
                lines[0]["occurred_at"] = json!("2026-06-30T23:59:60Z");
                client.post_interactions(&lines).await;
            }
            // Else it would be noted after all was signed, and not be signed any more.
            the_use_of_keys_is_noted(&place, 1).await;
            all_is_signed(&place).await;
        }
        all_figures_are_made(&place).await;
        assert!(program.stop().await, "it stops well");
        let keys = std::fs::read_to_string(directory.path().join("signing-key")).expect("the key");
        let mut heads = Vec::new();
        for partition in [Partition(0), Partition(1)] {
            let last = event_log::last_position(&place.kafka_brokers, &place.topic, partition).await.expect("Kafka answers");
            heads.push(last.map_or(Position(0), Position::next));
        }
        Self {
            key: verifier_key(&directory),
            keys: SigningKeys::from_file(&keys).expect("keys"),
            events: crate::data::read_kafka(&place, &heads).await,
            log: event_log::checkpoints::read_all(&place.kafka_brokers, &place.topic).await.expect("the log"),
            place,
            directory,
        }
    }

    /// The same ledger with another database, which `tamper` was done to.
    pub async fn with_postgres(&self, tamper: &[String]) -> Place {
        with_database_copied(&self.place, tamper).await
    }

    /// The same ledger with another topic.
    pub async fn with_kafka(&self, events: &[Vec<Record>], log: &[LogRecord]) -> Place {
        let place = Place { topic: format!("test_{}", uuid::Uuid::new_v4().simple()), ..self.place.clone() };
        publish(&place, events, log).await;
        place
    }

    pub fn records(&self) -> Vec<Vec<Record>> {
        self.events.iter().map(|events| events.iter().map(Record::of).collect()).collect()
    }

    /// The first, a middle, the last but one and the last position, in each partition some of them.
    pub fn places(&self) -> [(usize, usize); 4] {
        let counts = [self.events[0].len(), self.events[1].len()];
        assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
        [(0, 0), (1, counts[1] / 2), (0, counts[0] - 2), (1, counts[1] - 1)]
    }
}

/// As Kafka holds it.
#[derive(Clone)]
pub struct Record {
    pub key: String,
    pub value: String,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    pub fn of(event: &RecordedEvent) -> Self {
        let mut headers = Vec::new();
        encode_headers(event, |name, value| headers.push((name.to_owned(), value.to_vec())));
        Self { key: event.partition_key.clone(), value: event.payload.clone(), headers }
    }

    pub fn header(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.headers.iter_mut().find(|(header, _)| header == name).expect("a header").1
    }
}
