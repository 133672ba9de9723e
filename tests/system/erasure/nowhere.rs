//! Looking for somebody who was erased in every store there is.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{PgConnection, Row as _};

use super::{PERSON, WORDS, connection, figures, personal, run, run_with_input, visit, visits};
use crate::data::tables;
use crate::program::{Client, Directory, answer_of, start_up};
use crate::servers::Place;
use crate::signed::{all_figures_are_made, all_is_signed, connect};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_erasure_the_person_is_in_no_store_and_all_else_is_as_it_was() {
    // On servers of its own: their files are searched, too. What the test writes down of the person is elsewhere.
    let (directory, aside) = (Directory::new(), Directory::new());
    let program = start_up(&directory, None, &["--partitions", "2"]);
    let client = Client::of(directory.path()).await;
    let connection = connection(&directory);
    let text = |name: &str| connection[name].as_str().expect("a text").to_owned();
    let place = Place { database_url: text("database_url"), kafka_brokers: text("kafka_brokers"), topic: text("topic") };
    let verifier_key = text("verifier_key");
    let data_dir = directory.path().to_str().expect("a path").to_owned();
    let aside_file = |name: &str| aside.path().join(name).to_str().expect("a path").to_owned();

    client.open_capsule("c1").await;
    let mut lines: Vec<Value> = (0..30).map(|n| visit(&format!("other-{n}"), &format!("somebody-{n}"))).collect();
    lines.iter_mut().for_each(|line| line["personal"] = json!({"name": "John Doe"}));
    lines.extend((0..5).map(|n| visit(&format!("theirs-{n}"), PERSON)));
    visits(&client, &lines).await;
    visits(&client, &lines).await;
    for (collection, id, command, data) in [
        ("sign_ups", "s1", "record", json!({"user_id": PERSON, "personal": personal()})),
        ("leads", "l1", "capture", json!({"user_id": PERSON, "channel": "search", "source": "sales", "personal": personal()})),
        ("surveys", "q1", "answer", json!({"user_id": PERSON, "kind": "nps", "score": 9, "personal": personal()})),
        ("interactions", "theirs-4", "void", json!({})),
    ] {
        let path = format!("/v1/{collection}/{id}/{command}");
        let request = client.request("writer", Method::POST, &path).header("Idempotency-Key", format!("key-{id}")).json(&data);
        let (status, answer) = answer_of(request).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
    // What goes wrong is not written down either.
    for (path, data) in [
        (
            "/v1/interactions/x/record",
            json!({"capsule_id": "nowhere", "kind": "view", "user_id": PERSON, "personal": personal()}),
        ),
        ("/v1/interactions/x/record", json!({"capsule_id": "c1", "kind": "view", "user_id": PERSON, "personal": WORDS[1]})),
        ("/v1/sign_ups/x/record", json!({"user_id": format!("{PERSON}\n")})),
        (&format!("/v1/subjects/{PERSON}/explode") as &str, json!({})),
        (&format!("/v1/nowhere/{PERSON}") as &str, json!({})),
    ] {
        let (status, _) = answer_of(client.request("admin", Method::POST, path).json(&data)).await;
        assert!(status.is_client_error(), "{path}: {status}");
    }

    all_is_signed(&place).await;
    let kept = aside_file("kept");
    let (ok, checkpoint) = run(&["checkpoint", "show", "--data-dir", &data_dir]);
    assert!(ok, "{checkpoint}");
    std::fs::write(&kept, checkpoint).expect("written");
    let theirs = client.get("/v1/events?collection=interactions&id=theirs-0").await["data"][0].clone();
    let proof = aside_file("proof");
    let (ok, said) = run(&["prove", theirs["id"].as_str().expect("an id"), "-o", &proof, "--data-dir", &data_dir]);
    assert!(ok, "{said}");
    let held = aside_file("held");
    let (ok, said) = run(&["subject", "export", PERSON, "-o", &held, "--data-dir", &data_dir]);
    assert!(ok, "{said}");
    let held: Value = serde_json::from_slice(&std::fs::read(held).expect("the export")).expect("JSON");
    assert_eq!(held["events"], 9, "{held}");
    assert_eq!(held["data"].to_string().matches(WORDS[1]).count(), 8, "{held}");
    let mut postgres = connect(&place.database_url).await;
    all_figures_are_made(&place).await;
    let before = figures(&client, &mut postgres).await;
    assert_eq!(before[1][0]["value"], json!(34), "{before}");
    let secrets: Vec<Vec<u8>> = sqlx::query("SELECT subject, key FROM vault.pseudonyms WHERE pseudonym::text = $1")
        .bind(held["subject"].as_str())
        .fetch_one(&mut postgres)
        .await
        .map(|row| vec![row.get(0), row.get(1)])
        .expect("their row");

    let (ok, said) = run(&["erase", PERSON, "--data-dir", &data_dir]);
    assert!(!ok && said.contains("--yes"), "nobody is there to be asked: {said}");
    let certificate = aside_file("certificate");
    let (ok, said) =
        run_with_input(&["erase", "-", "--yes", "-o", &certificate, "--data-dir", &data_dir], &format!("{PERSON}\n"));
    assert!(ok && said.contains("9 events remain") && !said.contains(WORDS[0]), "{said}");
    let (ok, said) = run(&["check", &certificate, "--verifier-key", &verifier_key, "--json"]);
    let said: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert!(ok && said["subject"] == held["subject"] && said["events"] == json!(9), "{said}");

    // All else is as it was.
    all_is_signed(&place).await;
    let (ok, said) = run(&["check", &proof, "--verifier-key", &verifier_key]);
    assert!(ok, "an earlier proof: {said}");
    let since = aside_file("since");
    let (ok, said) = run(&["prove", "--since", &kept, "-o", &since, "--data-dir", &data_dir]);
    assert!(ok && run(&["check", &since, "--verifier-key", &verifier_key]).0, "an earlier checkpoint: {said}");
    let (ok, said) = run(&["verify", "--verifier-key", &verifier_key, "--checkpoint", &kept, "--data-dir", &data_dir]);
    assert!(ok, "{said}");
    all_figures_are_made(&place).await;
    assert_eq!(figures(&client, &mut postgres).await, before, "no figure moved");
    let event = format!("/v1/events/{}/proof", said_event(&certificate));
    let (status, proof) = answer_of(client.request("auditor", Method::GET, &event)).await;
    assert_eq!(status, StatusCode::OK, "the event is in the ledger: {proof}");

    // The person is nowhere.
    let export = aside_file("export");
    let (ok, said) = run(&["export", "-o", &export, "--data-dir", &data_dir]);
    assert!(ok, "{said}");
    let exported = std::fs::read_to_string(&export).expect("the export");
    assert!(exported.contains(held["subject"].as_str().expect("a pseudonym")), "the events are there");
    absent("the export", exported.as_bytes());
    tables_lack_them(&mut postgres).await;
    topics_lack_them(&place, "");
    assert!(program.said().contains("publishing"), "it logs what it does: {}", program.said());
    absent("the log", program.said().as_bytes());
    for statement in ["VACUUM FULL vault.pseudonyms", "CHECKPOINT"] {
        sqlx::query(statement).execute(&mut postgres).await.expect("done");
    }
    drop(postgres);
    assert!(program.stop().await, "it stops well");
    files_lack_them(directory.path(), &secrets, held["subject"].as_str().expect("a pseudonym"));
}

fn said_event(certificate: &str) -> String {
    let note = std::fs::read_to_string(certificate).expect("the certificate");
    let said: Value = serde_json::from_str(note.lines().nth(1).expect("a line")).expect("JSON");
    said["event"].as_str().expect("an event").to_owned()
}

/// None of the person's words.
pub(super) fn absent(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    for word in WORDS {
        assert!(!text.contains(&word.to_lowercase()), "{word} is in {place}");
    }
}

/// Every row of every table of every schema, as text; bytes as their hexadecimal digits.
pub(super) async fn tables_lack_them(postgres: &mut PgConnection) {
    let tables = tables(postgres).await;
    assert!(tables.iter().any(|(name, _)| name.starts_with("vault.")));
    assert!(tables.iter().any(|(name, _)| name.starts_with("generation")));
    for (table, rows) in tables {
        absent(&table, rows.as_bytes());
        // As the person's id has them, and as a text has.
        for word in WORDS.into_iter().flat_map(|word| [word.to_owned(), word.to_lowercase()]) {
            let digits: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!rows.contains(&digits), "{word} is in the bytes of {table}");
        }
    }
}

/// Every record of every topic whose name begins so, raw.
pub(super) fn topics_lack_them(place: &Place, prefix: &str) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &place.kafka_brokers)
        .set("group.id", "search")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .expect("a consumer");
    let metadata = consumer.fetch_metadata(None, Duration::from_secs(20)).expect("the topics");
    let mut assigned = TopicPartitionList::new();
    for topic in metadata.topics().iter().filter(|topic| topic.name().starts_with(prefix)) {
        for partition in topic.partitions() {
            assigned.add_partition_offset(topic.name(), partition.id(), Offset::Beginning).expect("a partition");
        }
    }
    assert!(metadata.topics().iter().any(|topic| topic.name() == place.topic));
    let mut open = assigned.count();
    consumer.assign(&assigned).expect("assigned");
    let mut events = 0;
    while open > 0 {
        match consumer.poll(Duration::from_secs(20)).expect("Kafka is read to its end") {
            Err(KafkaError::PartitionEOF(_)) => open -= 1,
            Err(error) => panic!("{error}"),
            Ok(message) => {
                events += usize::from(message.topic() == place.topic);
                let mut bytes = [message.key().unwrap_or_default(), b"\n", message.payload().unwrap_or_default()].concat();
                for header in message.headers().into_iter().flat_map(|headers| headers.iter()) {
                    bytes.extend([header.key.as_bytes(), b"\n", header.value.unwrap_or_default()].concat());
                }
                absent(message.topic(), &bytes);
            }
        }
    }
    assert!(events > 20, "only {events} events were searched");
}

/// Every file of the servers, but PostgreSQL's write-ahead log. What is there, a pseudonym, is found in the same way.
fn files_lack_them(directory: &Path, secrets: &[Vec<u8>], pseudonym: &str) {
    for word in WORDS {
        assert_eq!(files_with(directory, &exactly(word.as_bytes())), "", "{word} is in these files");
    }
    for secret in secrets {
        // A line end would part it; the rest is telling enough.
        let part = secret.split(|byte| *byte == b'\n').max_by_key(|part| part.len()).expect("a part");
        assert!(part.len() >= 8, "the longest part has {} bytes", part.len());
        assert_eq!(files_with(directory, &exactly(part)), "", "the person's row is in these files");
    }
    assert!(files_with(directory, &exactly(pseudonym.as_bytes())).contains("/base/"), "events are searched");
}

/// As `grep -P` takes it.
fn exactly(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect()
}

fn files_with(directory: &Path, pattern: &str) -> String {
    let grep = Command::new("grep")
        .env("LC_ALL", "C")
        .args(["-rlaiP", "--exclude-dir=pg_wal", "-e", pattern])
        .arg(directory)
        .output()
        .expect("grep runs");
    assert!(grep.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&grep.stderr));
    String::from_utf8_lossy(&grep.stdout).into_owned()
}
