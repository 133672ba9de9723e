//! Proofs as auditors get and check them: by the program, over HTTP, and by a verifier that shares no line with us.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection, Row as _};

use crate::program::{Client, Directory, Program, SOON, answer_of, eventually, start_up, verifier_key};
use crate::servers::{Place, fresh_place};
use crate::signed::{all_is_signed, the_use_of_keys_is_noted};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_capsule-ledger");

/// What a program prints, and whether it ended well.
pub fn run(program: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    let said = if output.status.success() { &output.stdout } else { &[output.stderr, output.stdout].concat() };
    (output.status.success(), String::from_utf8_lossy(said).into_owned())
}

/// The other verifier.
fn python(arguments: &[&str]) -> (bool, Value) {
    let verifier = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/verifier.py");
    let (ok, said) = run("python3", &[&[verifier], arguments].concat());
    (ok, serde_json::from_str(said.trim()).unwrap_or_else(|error| panic!("{error}: {said}")))
}

pub struct Ledger {
    pub place: Place,
    pub directory: Directory,
    pub client: Client,
    pub key: String,
    pub program: Program,
}

impl Ledger {
    pub async fn new() -> Self {
        let place = fresh_place().await;
        let directory = Directory::new();
        let program = start_up(&directory, Some(&place), &["--partitions", "2"]);
        let client = Client::of(directory.path()).await;
        let key = verifier_key(&directory);
        Self { place, directory, client, key, program }
    }

    pub async fn record(&self, name: &str, count: usize) {
        self.client.open_capsule(name).await;
        let line = |number| json!({"id": format!("{name}-{number}"), "capsule_id": name, "kind": "interaction", "attributes": {"said": "\"é\u{1}\u{1F980}\\"}});
        let lines: Vec<Value> = (0..count).map(line).collect();
        let (status, answer) = self.client.post_interactions(&lines).await;
        assert_eq!((status, &answer["accepted"]), (StatusCode::OK, &json!(count)), "{answer}");
    }

    /// Of a write that asks for one.
    pub async fn receipt(&self, capsule: &str) -> String {
        let write = self.client.request("writer", Method::POST, &format!("/v1/capsules/{capsule}/create"));
        let (status, answer) = answer_of(write.header("Ledger-Receipt", "true").json(&json!({"title": capsule}))).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["receipt"].as_str().expect("a receipt").to_owned()
    }

    /// Of this month's interactions.
    async fn attestation(&self) -> String {
        let month = chrono::Utc::now().format("%Y-%m");
        let (_, explained) = self.get(&format!("/v1/kpis/active_capsule_interactions/explain?period={month}")).await;
        explained["attestation"].as_str().unwrap_or_else(|| panic!("an attestation: {explained}")).to_owned()
    }

    pub fn file(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().expect("a path").to_owned()
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer_of(self.client.request("auditor", Method::GET, path)).await
    }

    pub async fn all_is_signed(&self) {
        all_is_signed(&self.place).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_proved_to_who_has_nothing_but_the_verifier_key() {
    let ledger = Ledger::new().await;
    ledger.record("proved", 30).await;
    let (status, events) = ledger.get("/v1/events?limit=1000").await;
    assert_eq!(status, StatusCode::OK, "{events}");
    let mut events = events["data"].as_array().expect("events").clone();
    // What was noted of the keys meanwhile is proved elsewhere.
    events.retain(|event| event["collection"] != "audit_entries");
    ledger.all_is_signed().await;
    for event in [&events[0], &events[events.len() / 2], &events[events.len() - 1]] {
        let id = event["id"].as_str().expect("an id");
        let (status, proof) = ledger.get(&format!("/v1/events/{id}/proof")).await;
        assert_eq!(status, StatusCode::OK, "{proof}");
        let file = ledger.file("proof.json");
        let data_dir = ledger.directory.path().to_str().expect("a path");
        let (ok, said) = run(PROGRAM, &["prove", id, "-o", &file, "--data-dir", data_dir]);
        assert!(ok, "{said}");
        let (ok, said) = run(PROGRAM, &["check", &file, "--verifier-key", &ledger.key, "--json"]);
        assert!(ok, "{said}");
        let said: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(
            (&said["header"]["position"], &said["header"]["aggregate_id"]),
            (&event["position"], &event["aggregate_id"])
        );
        let (ok, said) = python(&["proof", &file, "--verifier-key", &ledger.key]);
        assert!(ok, "the other verifier: {said}");

        let another = std::fs::read_to_string(&file).expect("the proof").replacen("proved", "provee", 1);
        std::fs::write(&file, another).expect("written");
        let (ok, said) = run(PROGRAM, &["check", &file, "--verifier-key", &ledger.key]);
        assert!(!ok, "{said}");
        assert!(!python(&["proof", &file, "--verifier-key", &ledger.key]).0);
    }
    let file = ledger.file("position.json");
    for (position, is_there) in [(0, true), (99999, false)] {
        let (status, proof) = ledger.get(&format!("/v1/log/partitions/0/leaves/{position}")).await;
        assert_eq!((status, proof["leaf"].is_string()), (StatusCode::OK, is_there), "{proof}");
        std::fs::write(&file, proof.to_string()).expect("written");
        let (ok, said) = run(PROGRAM, &["check", &file, "--verifier-key", &ledger.key]);
        assert!(ok && said.contains(&format!("0-{position}")), "{said}");
        let (ok, said) = python(&["proof", &file, "--verifier-key", &ledger.key]);
        assert!(ok && said["leaf"] == proof["leaf"], "the other verifier: {said}");
    }
    for (path, status, code) in [
        ("/v1/log/partitions/2/leaves/0", StatusCode::NOT_FOUND, "not_found"),
        ("/v1/log/partitions/0/leaves/x", StatusCode::NOT_FOUND, "not_found"),
        ("/v1/events/0-99999/proof", StatusCode::NOT_FOUND, "not_found"),
        ("/v1/events/x/proof", StatusCode::NOT_FOUND, "not_found"),
        ("/v1/log/consistency?from=100000", StatusCode::BAD_REQUEST, "invalid_parameter"),
        ("/v1/log/consistency?from=x", StatusCode::BAD_REQUEST, "invalid_parameter"),
        ("/v1/log/tile/9/999", StatusCode::NOT_FOUND, "not_found"),
        ("/v1/log/partitions/7/tile/0/000.p/1", StatusCode::NOT_FOUND, "not_found"),
        ("/v1/checkpoints?limit=0", StatusCode::BAD_REQUEST, "invalid_parameter"),
    ] {
        let (answered, problem) = ledger.get(path).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{path}: {problem}");
    }
    let by_writer = answer_of(ledger.client.request("writer", Method::GET, "/v1/events/0-0/proof")).await;
    assert_eq!(by_writer.0, StatusCode::FORBIDDEN, "events are for auditors: {}", by_writer.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_goes_on_from_a_checkpoint_that_was_kept_also_under_a_new_key() {
    let ledger = Ledger::new().await;
    ledger.record("first", 10).await;
    ledger.all_is_signed().await;
    let data_dir = ledger.directory.path().to_str().expect("a path").to_owned();
    let place = ["--data-dir", &data_dir];
    let (ok, kept) = run(PROGRAM, &[&["checkpoint", "show"], &place[..]].concat());
    assert!(ok, "{kept}");
    let kept_file = ledger.file("kept");
    std::fs::write(&kept_file, &kept).expect("written");
    let (_, newest) = ledger.get("/v1/checkpoints?limit=1").await;
    assert_eq!(newest["data"][0]["checkpoint"], kept, "{newest}");

    ledger.record("second", 10).await;
    ledger.all_is_signed().await;
    let proof = ledger.file("consistency.json");
    let prove = || run(PROGRAM, &[&["prove", "--since", &kept_file, "-o", &proof], &place[..]].concat());
    assert!(prove().0);
    let check = |key: &str| run(PROGRAM, &["check", &proof, "--verifier-key", key, "--verifier-key", &ledger.key]);
    assert!(check(&ledger.key).0);
    let (ok, said) = python(&["proof", &proof, "--verifier-key", &ledger.key]);
    assert!(ok, "the other verifier: {said}");

    let (ok, said) = run(PROGRAM, &[&["checkpoint", "rotate-key"], &place[..]].concat());
    assert!(ok, "{said}");
    let now = said.lines().find_map(|line| line.strip_prefix("now     ")).expect("the new key").to_owned();
    ledger.record("third", 10).await;
    eventually("the new key signs", SOON, async || {
        let (_, newest) = ledger.get("/v1/checkpoints?limit=1").await;
        let note = newest["data"][0]["checkpoint"].as_str()?.to_owned();
        proof::checkpoint::Checkpoint::open(&note, &[proof::checkpoint::VerifierKey::parse(&now).ok()?]).ok().map(|_| ())
    })
    .await;
    ledger.all_is_signed().await;
    assert!(prove().0);
    assert!(check(&now).0, "with both keys the whole way is checked");
    for (what, note) in [("receipt", ledger.receipt("after").await), ("figure", ledger.attestation().await)] {
        let file = ledger.file(what);
        std::fs::write(&file, note).expect("written");
        let check = |key: &str| run(PROGRAM, &["check", &file, "--verifier-key", key]);
        assert!(check(&now).0, "{what} is signed by the new key");
        assert!(!check(&ledger.key).0, "{what} is not signed by the old key any more");
    }
    // Who only ever trusted the first key is led to the second by the log.
    let (ok, said) =
        run(PROGRAM, &[&["verify", "--verifier-key", &ledger.key, "--checkpoint", &kept_file], &place[..]].concat());
    assert!(ok && said.contains(&now), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_verifier_that_shares_no_line_agrees_on_both_copies() {
    let ledger = Ledger::new().await;
    for round in 0..3 {
        ledger.record(&format!("round-{round}"), 300).await;
        ledger.all_is_signed().await;
    }
    // Nothing more is recorded by itself once the first use of both keys is noted.
    ledger.get("/v1/checkpoints?limit=1").await;
    let mut postgres = PgConnection::connect(&ledger.place.database_url).await.expect("PostgreSQL answers");
    the_use_of_keys_is_noted(&ledger.place, 2).await;
    ledger.all_is_signed().await;
    let (_, newest) = ledger.get("/v1/checkpoints?limit=1").await;
    let checkpoint = ledger.file("checkpoint");
    std::fs::write(&checkpoint, newest["data"][0]["checkpoint"].as_str().expect("a note")).expect("written");
    let entries: Vec<String> = sqlx::query_scalar("SELECT entry FROM ledger.log_entries ORDER BY index")
        .fetch_all(&mut postgres)
        .await
        .expect("entries");
    write_lines(&ledger.file("entries"), entries.iter().map(|entry| json!(entry)));
    write_lines(&ledger.file("postgres"), stored(&mut postgres).await);
    write_lines(&ledger.file("kafka"), published(&ledger.place));

    let copy = |which: &str| {
        let (entries, file) = (ledger.file("entries"), ledger.file(which));
        let which = format!("--{which}");
        python(&["copy", "--verifier-key", &ledger.key, "--checkpoint", &checkpoint, "--entries", &entries, &which, &file])
    };
    let roots: Vec<(i32, i64, Vec<u8>)> =
        sqlx::query_as("SELECT tree, size, root FROM ledger.trees WHERE tree >= 0 ORDER BY tree")
            .fetch_all(&mut postgres)
            .await
            .expect("trees");
    let agrees = |said: &Value| {
        for (partition, size, root) in &roots {
            let theirs = &said["partitions"][*partition as usize];
            let root: [u8; 32] = root.as_slice().try_into().expect("32 bytes");
            let theirs = (theirs["size"].as_i64(), theirs["root"].as_str());
            assert_eq!(theirs, (Some(*size), Some(&*proof::Hash(root).to_string())), "{said}");
        }
    };
    let (ok, said) = python(&[
        "tiles",
        &format!("{}/v1/log", ledger.client.api),
        "--bearer",
        ledger.client.key("auditor"),
        "--verifier-key",
        &ledger.key,
    ]);
    assert!(ok, "tiles: {said}");
    assert_eq!(said["size"], newest["data"][0]["size"], "{said}");
    agrees(&said);
    assert!(roots.iter().any(|(_, size, _)| *size >= 600), "whole tiles were fetched: {said}");
    for which in ["postgres", "kafka"] {
        let (ok, said) = copy(which);
        assert!(ok, "{which}: {said}");
        agrees(&said);
        // The same with a byte of an event changed.
        let file = ledger.file(which);
        let text = std::fs::read_to_string(&file).expect("the copy");
        std::fs::write(&file, text.replacen("round-1-7", "round-1-8", 1)).expect("written");
        assert!(!copy(which).0, "{which} is another");
        std::fs::write(&file, text).expect("written");
    }
}

#[test]
fn a_second_verifier_holds_the_published_proofs() {
    let published = |name: &str| format!("{}/../schemas/proofs/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = |name: &str| std::fs::read_to_string(published(name)).expect("it is published");
    let log: Value = serde_json::from_str(&text("log.json")).expect("JSON");
    let newest = log["verifier_keys"][1].as_str().expect("a key").to_owned();
    for (command, name, key) in [
        ("proof", "event.json", text("verifier-key")),
        ("proof", "consistency.json", text("verifier-key")),
        ("proof", "position.json", newest.clone()),
        ("note", "receipt", newest.clone()),
        ("note", "attestation", newest.clone()),
        ("note", "erasure", newest.clone()),
    ] {
        let (ok, said) = python(&[command, &published(name), "--verifier-key", &key]);
        assert!(ok, "{name}: {said}");
        let other = if key == newest { text("verifier-key") } else { newest.clone() };
        assert!(!python(&[command, &published(name), "--verifier-key", &other]).0, "{name} by another key");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_figure_is_attested_with_the_trees_of_the_events_that_it_follows_from() {
    let ledger = Ledger::new().await;
    ledger.record("attested", 40).await;
    let month = chrono::Utc::now().format("%Y-%m");
    let explained = eventually("the figure is there", SOON, async || {
        let (_, explained) = ledger.get(&format!("/v1/kpis/active_capsule_interactions/explain?period={month}&limit=5")).await;
        (explained["figure"]["value"] == json!(40)).then_some(explained)
    })
    .await;
    let note = explained["attestation"].as_str().expect("an attestation");
    let key = proof::checkpoint::VerifierKey::parse(&ledger.key).expect("a key");
    let said = proof::attestation::Attestation::open(note, &[key]).expect("signed");
    assert_eq!(said.figure.expect("a figure").value.as_deref(), Some("40"));
    assert_eq!((said.parts, said.events, said.kpi.as_str()), (40, 40, "active_capsule_interactions"));
    let heads: Vec<domain::Position> = said.partitions.iter().map(|head| domain::Position(head.size)).collect();
    // Beside what the audit log notes of the keys.
    assert!(heads.iter().map(|head| head.0).sum::<u64>() >= 42, "all that was recorded: {heads:?}");
    for (events, head) in crate::data::read_kafka(&ledger.place, &heads).await.iter().zip(&said.partitions) {
        let mut tree = proof::tree::Tree::default();
        tree.extend(events.iter().map(proof::leaf::leaf));
        assert_eq!(tree.head(), proof::tree::Head::from(head), "the tree of exactly these events");
    }
    let file = ledger.file("figure");
    std::fs::write(&file, note).expect("written");
    let (ok, said) = run(PROGRAM, &["check", &file, "--verifier-key", &ledger.key]);
    assert!(ok && said.contains("Value        40"), "{said}");
    std::fs::write(&file, note.replacen("\"40\"", "\"41\"", 1)).expect("written");
    assert!(!run(PROGRAM, &["check", &file, "--verifier-key", &ledger.key]).0);
}

fn write_lines(path: &str, lines: impl IntoIterator<Item = Value>) {
    let text: String = lines.into_iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(Path::new(path), text).expect("written");
}

async fn stored(postgres: &mut PgConnection) -> Vec<Value> {
    let rows = sqlx::query(
        r#"SELECT *, payload::text AS payload_text, metadata::text AS metadata_text,
               to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS occurred,
               to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS recorded
           FROM ledger.events"#,
    )
    .fetch_all(postgres)
    .await
    .expect("events");
    let text = |row: &sqlx::postgres::PgRow, name: &str| row.get::<String, _>(name);
    let line = |row: &sqlx::postgres::PgRow| {
        json!({
            "partition": row.get::<i32, _>("partition"), "position": row.get::<i64, _>("position"),
            "sequence": row.get::<i64, _>("sequence"), "tenant": text(row, "tenant"),
            "aggregate_type": text(row, "aggregate_type"), "aggregate_id": text(row, "aggregate_id"),
            "event_type": text(row, "event_type"), "event_version": text(row, "event_version"),
            "partition_key": text(row, "partition_key"), "occurred_at": text(row, "occurred"),
            "recorded_at": text(row, "recorded"), "payload": text(row, "payload_text"), "metadata": text(row, "metadata_text"),
        })
    };
    rows.iter().map(line).collect()
}

/// What Kafka holds, as it holds it.
fn published(place: &Place) -> Vec<Value> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &place.kafka_brokers)
        .set("group.id", "second-verifier")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let mut assignment = TopicPartitionList::new();
    for partition in 0..2 {
        assignment.add_partition_offset(&place.topic, partition, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&assignment).expect("assigned");
    let (mut lines, mut ended, started) = (Vec::new(), 0, Instant::now());
    while ended < 2 {
        assert!(started.elapsed() < SOON, "Kafka gives its records");
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.expect("there").to_vec()).expect("UTF-8");
                let headers = message.headers().expect("headers").iter().map(|header| json!([header.key, text(header.value)]));
                lines.push(json!({
                    "partition": message.partition(), "offset": message.offset(), "key": text(message.key()),
                    "value": text(message.payload()), "headers": headers.collect::<Vec<_>>(),
                }));
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ended += 1,
            Some(Err(error)) => panic!("{error}"),
            None => {}
        }
    }
    lines
}
