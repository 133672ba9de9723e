//! Receipts: what was promised of a write is there, had again by who lost it, and proved to be broken by who holds it.

use chrono::{TimeDelta, Utc};
use proof::checkpoint::VerifierKey;
use proof::notary::SigningKeys;
use proof::receipt::Receipt;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::program::{Client, Directory, answer_of, start_up};
use crate::proofs::{Ledger, PROGRAM, run};
use crate::servers::Place;
use crate::signed::all_is_signed;

async fn post(ledger: &Ledger, path: &str, body: &Value, headers: &[(&str, &str)]) -> (StatusCode, Value) {
    let mut request = ledger.client.request("writer", Method::POST, path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer_of(request.json(body)).await
}

const WANTED: (&str, &str) = ("Ledger-Receipt", "true");

/// What an answer promises.
fn promised(ledger: &Ledger, (status, answer): &(StatusCode, Value)) -> Receipt {
    assert_eq!(*status, StatusCode::OK, "{answer}");
    let key = VerifierKey::parse(&ledger.key).expect("a key");
    Receipt::open(answer["receipt"].as_str().unwrap_or_else(|| panic!("a receipt: {answer}")), &[key]).expect("signed")
}

fn views(capsule: &str) -> Value {
    (0..5).map(|number| json!({"id": format!("{capsule}-{number}"), "capsule_id": capsule, "kind": "view"})).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_asks_for_a_receipt_is_promised_its_place() {
    let ledger = Ledger::new().await;
    ledger.client.open_capsule("promised").await;
    let answer = post(&ledger, "/v1/interactions", &views("promised"), &[WANTED]).await;
    let receipt = promised(&ledger, &answer);
    assert_eq!((receipt.events.len(), receipt.tenant.as_str()), (5, "demo"));
    ledger.all_is_signed().await;
    let key = VerifierKey::parse(&ledger.key).expect("a key");
    for promised in &receipt.events {
        let (status, proof) = ledger.get(&format!("/v1/events/{}/proof", promised.event)).await;
        assert_eq!(status, StatusCode::OK, "{proof}");
        let proof = proof::event::EventProof::parse(&proof.to_string()).expect("a proof");
        let header = proof.check(std::slice::from_ref(&key)).expect("it holds").header;
        assert_eq!(header.leaf(), promised.leaf, "the promise was kept");
    }
    let file = ledger.file("receipt");
    std::fs::write(&file, answer.1["receipt"].as_str().expect("a receipt")).expect("written");
    let (ok, said) = run(PROGRAM, &["check", &file, "--verifier-key", &ledger.key]);
    assert!(ok && said.contains(&receipt.events[0].leaf.to_string()), "{said}");

    let (status, answer) = post(&ledger, "/v1/capsules/promised/archive", &json!({}), &[WANTED]).await;
    assert!(status == StatusCode::OK && answer["receipt"].is_string(), "{answer}");
    let (_, answer) = post(&ledger, "/v1/capsules/other/create", &json!({"title": "x"}), &[("Ledger-Receipt", "false")]).await;
    assert!(answer.get("receipt").is_none(), "{answer}");
    let maybe = [("Ledger-Receipt", "maybe")];
    let (status, problem) = post(&ledger, "/v1/capsules/third/create", &json!({"title": "x"}), &maybe).await;
    assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_header")), "{problem}");
    let (status, _) = ledger.get("/v1/capsules/third").await;
    assert_eq!(status, StatusCode::NOT_FOUND, "nothing was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_was_lost_is_had_again_by_sending_the_same_again() {
    let ledger = Ledger::new().await;
    ledger.client.open_capsule("again").await;
    // Interactions, each known by its id: a part of them was recorded before.
    let first = promised(&ledger, &post(&ledger, "/v1/interactions", &views("again"), &[WANTED]).await);
    let mut more = views("again");
    more.as_array_mut().expect("a list").push(json!({"id": "again-5", "capsule_id": "again", "kind": "view"}));
    let answer = post(&ledger, "/v1/interactions", &more, &[WANTED]).await;
    assert_eq!((&answer.1["accepted"], &answer.1["duplicates"]), (&json!(1), &json!(5)), "{}", answer.1);
    let second = promised(&ledger, &answer);
    assert_eq!(second.events.len(), 6);
    assert!(first.events.iter().all(|promised| second.events.contains(promised)), "{first:?} {second:?}");
    // What came of them since is promised too.
    let voided =
        promised(&ledger, &post(&ledger, "/v1/interactions/again-5/void", &json!({"reason": "mistake"}), &[WANTED]).await);
    let third = promised(&ledger, &post(&ledger, "/v1/interactions", &more, &[WANTED]).await);
    assert_eq!(third.events.len(), 7);
    assert!(second.events.iter().chain(&voided.events).all(|promised| third.events.contains(promised)));

    // A command under a key, answered as the first time; and said again without one.
    let keyed = [WANTED, ("Idempotency-Key", "k-1")];
    let create = json!({"title": "Keyed"});
    let first = promised(&ledger, &post(&ledger, "/v1/capsules/keyed/create", &create, &keyed).await);
    post(&ledger, "/v1/capsules/keyed/publish", &json!({}), &[]).await;
    let replayed = promised(&ledger, &post(&ledger, "/v1/capsules/keyed/create", &create, &keyed).await);
    assert_eq!((replayed.events.len(), &replayed.events), (1, &first.events));
    let answer = post(&ledger, "/v1/capsules/keyed/publish", &json!({}), &[WANTED]).await;
    assert_eq!(answer.1["events"], json!([]), "nothing more happened: {}", answer.1);
    let said_twice = promised(&ledger, &answer);
    assert_eq!((said_twice.events.len(), &said_twice.events[..1]), (2, &first.events[..]));

    // Many commands at once, with keys of their own and without.
    let line = |id: &str, key: Value| json!({"collection": "capsules", "id": id, "command": "create", "data": {"title": id}, "idempotency_key": key});
    let bulk = async |lines: &[Value]| {
        let body = lines.iter().map(|line| format!("{line}\n")).collect();
        answer_of(ledger.client.ndjson("/v1/commands", body).header(WANTED.0, WANTED.1)).await
    };
    let lines = [line("b-1", json!("k-b-1")), line("b-2", json!("k-b-2")), line("b-1", json!("k-b-3"))];
    let first = bulk(&lines).await;
    assert_eq!((&first.1["accepted"], &first.1["duplicates"]), (&json!(2), &json!(1)), "{}", first.1);
    let first = promised(&ledger, &first);
    assert_eq!(first.events.len(), 2);
    let again = bulk(&lines).await;
    assert_eq!((&again.1["accepted"], &again.1["duplicates"]), (&json!(0), &json!(3)), "{}", again.1);
    assert_eq!(promised(&ledger, &again).events, first.events);
}

/// `prove --receipt`, and `check` of what came of it.
fn held_against(directory: &Directory, receipt: &str, key: &str) -> (bool, Value) {
    let file = |name: &str| directory.path().join(name).to_str().expect("a path").to_owned();
    let (receipt_file, proofs) = (file("receipt"), file("proofs"));
    std::fs::write(&receipt_file, receipt).expect("written");
    let data_dir = directory.path().to_str().expect("a path");
    let (ok, said) = run(PROGRAM, &["prove", "--receipt", &receipt_file, "-o", &proofs, "--data-dir", data_dir]);
    assert!(ok, "{said}");
    let check = ["check", &receipt_file, "--proof", &proofs, "--verifier-key", key];
    let (ok, said) = run(PROGRAM, &check);
    assert_eq!(said.contains("broken promise"), !ok, "{said}");
    let output = std::process::Command::new(PROGRAM).args(check).arg("--json").output().expect("it runs");
    assert_eq!(output.status.success(), ok);
    (ok, serde_json::from_slice(&output.stdout).expect("JSON"))
}

/// As who holds the database and the key does it: an event is left out of partition P, what follows moves up, and all trees and
/// signatures are made anew by the program itself.
async fn leave_out(place: &Place, (partition, position): (u16, u64)) {
    let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
    for statement in [
        format!("DELETE FROM ledger.events WHERE partition = {partition} AND position = {position}"),
        format!("UPDATE ledger.events SET position = -position WHERE partition = {partition} AND position > {position}"),
        format!("UPDATE ledger.events SET position = -position - 1 WHERE partition = {partition} AND position < 0"),
        format!("UPDATE ledger.partition_heads SET next_position = next_position - 1 WHERE partition = {partition}"),
        "TRUNCATE ledger.log_entries, ledger.checkpoints, ledger.tiles, ledger.trees".to_owned(),
    ] {
        postgres.execute(statement.as_str()).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_was_broken_with_the_stolen_key_is_proved_to_be() {
    let ledger = Ledger::new().await;
    ledger.client.open_capsule("promised").await;
    let answer = post(&ledger, "/v1/interactions", &views("promised"), &[WANTED]).await;
    let receipt = promised(&ledger, &answer);
    let note = answer.1["receipt"].as_str().expect("a receipt").to_owned();
    ledger.record("promised-later", 20).await;
    ledger.all_is_signed().await;
    let (ok, said) = held_against(&ledger.directory, &note, &ledger.key);
    assert!(ok && said["events"].as_array().expect("events").iter().all(|event| event["shown"] == "kept"), "{said}");

    let Ledger { place, directory, key, program, .. } = ledger;
    assert!(program.stop().await, "it stops well");
    let (partition, position) = receipt.events[2].place().expect("a place");
    leave_out(&place, (partition.0, position.0)).await;
    let place = Place { topic: format!("test_{}", uuid::Uuid::new_v4().simple()), ..place };
    std::fs::remove_file(directory.path().join("connection.json")).expect("it was written");
    // What was signed there would keep it from signing.
    std::fs::remove_dir_all(directory.path().join("checkpoints")).expect("it was written");
    let _program = start_up(&directory, Some(&place), &["--partitions", "2"]);
    Client::of_any(directory.path()).await;
    all_is_signed(&place).await;
    let (ok, said) = held_against(&directory, &note, &key);
    let shown: Vec<&str> =
        said["events"].as_array().expect("events").iter().filter_map(|event| event["shown"].as_str()).collect();
    assert!(!ok && said["ok"] == json!(false), "{said}");
    assert_eq!(&shown[..3], ["kept", "kept", "replaced"], "{said}");

    // Promised long ago, and the ledger ends before it.
    let keys = std::fs::read_to_string(directory.path().join("signing-key")).expect("the keys");
    let keys = SigningKeys::from_file(&keys).expect("keys");
    let mut cut = Receipt { events: vec![receipt.events[0].clone()], ..receipt };
    cut.events[0].event = format!("{partition}-100000");
    let early = cut.sign(keys.current());
    let file = directory.path().join("early").to_str().expect("a path").to_owned();
    std::fs::write(&file, early).expect("written");
    let proofs = directory.path().join("proofs").to_str().expect("a path").to_owned();
    let (ok, said) = run(PROGRAM, &["check", &file, "--proof", &proofs, "--verifier-key", &key]);
    assert!(!ok && said.contains("show nothing"), "it may be covered yet: {said}");
    cut.covered_by = (Utc::now() - TimeDelta::days(1)).format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
    let (ok, said) = held_against(&directory, &cut.sign(keys.current()), &key);
    assert!(!ok && said["events"][0]["shown"] == "missing", "{said}");
}
