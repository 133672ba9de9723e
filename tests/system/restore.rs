//! Either copy from the other: it ends at the roots that were signed, or says where it differs.

use std::process::{Command, Output};

use domain::{Partition, Position};
use event_store::restore::{Restore, RestoreError};
use serde_json::json;

use crate::program::{Client, Directory, Program, SOON, eventually, start_up};
use crate::servers::{Place, fresh_place};
use crate::signed::{Signed, connect, try_verify, verify, verify_all};

fn restore(place: &Place, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
        .arg("restore")
        .args(more)
        .args(["--database-url", &place.database_url, "--kafka-brokers", &place.kafka_brokers, "--topic", &place.topic])
        .output()
        .expect("the program runs")
}

/// What it said, where it went well; else why not.
fn said(output: Output) -> Result<String, String> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (said, why) = (text(output.stdout), text(output.stderr));
    if output.status.success() { Ok(said) } else { Err(format!("{said}{why}")) }
}

pub fn restore_postgres(place: &Place, more: &[&str]) -> Result<String, String> {
    said(restore(place, &[&["postgres", "--from-kafka"], more].concat()))
}

/// Keeps what `checkpoint show` would.
fn keep(signed: &Signed) -> String {
    signed.directory.path().join("checkpoints/latest").to_str().expect("a path").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_deleted_is_filled_again_and_leads_to_the_same_roots() {
    let signed = Signed::new().await;
    let kept = keep(&signed);
    let (ok, before) = verify(&signed.place, &signed.key, &["--checkpoint", &kept]);
    assert!(ok, "{before}");

    // By a relay, as it starts.
    for topic in [signed.place.topic.clone(), event_log::checkpoints::topic_of(&signed.place.topic)] {
        event_log::delete_topic(&signed.place.kafka_brokers, &topic).await.expect("deleted");
    }
    let program = start_up(&signed.directory, Some(&signed.place), &["--partitions", "2"]);
    let client = Client::of(signed.directory.path()).await;
    eventually("Kafka holds all again", SOON, async || {
        // There may be no topic yet.
        let (ok, report) = try_verify(&signed.place, &signed.key, &["--copies-only", "--checkpoint", &kept]).ok()?;
        (ok && report["events"]["kafka"] == report["events"]["postgres"]).then_some(())
    })
    .await;
    let total = client.total(None).await;
    assert_eq!(total, 240);
    assert!(program.stop().await, "it stops well");

    // By the command, which ends.
    let output = restore(&signed.place, &["kafka", "--recreate"]);
    let said = said(output).expect("it goes well");
    assert!(said.contains("Kafka holds all"), "{said}");
    let (ok, after) = verify_all(&signed.place, &signed.key, &["--checkpoint", &kept]);
    assert!(ok, "{after}");
    assert_eq!(after["events"]["kafka"], after["events"]["postgres"], "{after}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_ends_where_it_should_but_has_a_hole_is_filled_before_it_is_said_to_hold_all() {
    let signed = Signed::new().await;
    let mut records = signed.records();
    records[1].remove(7);
    let place = signed.with_kafka(&records, &signed.log).await;
    let said = said(restore(&place, &["kafka"])).expect("it goes well");
    assert!(said.contains("Kafka holds all"), "{said}");
    let heads: Vec<Position> = signed.events.iter().map(|events| Position(events.len() as u64)).collect();
    assert!(crate::data::read_kafka(&place, &heads).await == signed.events, "all of them, as readers see them");

    // The hole is filled further on, as whoever audits the topic sees it, too.
    let (ok, report) = verify(&place, &signed.key, &["--checkpoint", &keep(&signed)]);
    assert!(ok && report["events"]["kafka"] == report["events"]["postgres"], "{report}");
    let restored = Place { database_url: fresh_place().await.database_url, ..place };
    restore_postgres(&restored, &["--verifier-key", &signed.key]).expect("it leads to the signed roots");
    let (ok, report) = verify(&restored, &signed.key, &["--checkpoint", &keep(&signed)]);
    assert!(ok && report["events"]["kafka"] == report["events"]["postgres"], "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_goes_on_behind_the_ledgers_end_is_not_said_to_be_a_copy_of_it() {
    let signed = Signed::new().await;
    let last = signed.events[0].len() - 1;
    let shorter = signed
        .with_postgres(&[
            format!("DELETE FROM ledger.events WHERE partition = 0 AND position = {last}"),
            format!("UPDATE ledger.partition_heads SET next_position = {last} WHERE partition = 0"),
        ])
        .await;
    let why = said(restore(&shorter, &["kafka"])).expect_err("PostgreSQL lacks an event");
    assert!(why.contains("Kafka ends before position"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_database_is_brought_back_from_kafka_and_leads_to_the_signed_roots() {
    let signed = Signed::new().await;
    let kept = keep(&signed);
    let place = Place { database_url: fresh_place().await.database_url, ..signed.place.clone() };

    // Killed while it works, it is gone on with; until it is through, nobody may write.
    let arguments = ["restore", "postgres", "--from-kafka", "--verifier-key", &signed.key];
    let mut killed = Program::spawn(signed.directory.path(), Some(&place), &arguments);
    eventually("it has begun", SOON, async || {
        let mut postgres = connect(&place.database_url).await;
        let begun: Result<bool, _> =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM ledger.restores)").fetch_one(&mut postgres).await;
        begun.ok().filter(|begun| *begun)
    })
    .await;
    killed.kill();
    let mut postgres = connect(&place.database_url).await;
    let is_open = "UPDATE ledger.restores SET finished_at = NULL";
    sqlx::query(is_open).execute(&mut postgres).await.expect("it may have been through before it was killed");
    restore_postgres(&place, &["--verifier-key", &signed.key]).expect("it is gone on with");
    let half = signed.events[1].len() / 2;
    for statement in as_killed_within_partition_1(half) {
        sqlx::query(&statement).execute(&mut postgres).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
    let pool = event_store::connect(&place.database_url, 2).await.expect("PostgreSQL answers");
    let another = Restore::begin(pool.clone(), &place.topic, None).await.expect("it goes on with the same");
    let moved = another.write(Partition(1), &signed.events[1][half + 1..]).await.expect_err("there is one before");
    assert!(another.is_resumed && matches!(moved, RestoreError::Moved { .. }), "{moved}");
    pool.close().await;
    let (refused, why) = refused(&place).await;
    assert!(refused && why.contains("being restored"), "{why}");
    let said = restore_postgres(&place, &["--verifier-key", &signed.key]).expect("it is gone on with");
    assert!(said.contains("lead to the roots that were signed"), "{said}");

    // A ledger like the one that was lost, but for its keys and its vault.
    let (ok, report) = verify(&place, &signed.key, &["--checkpoint", &kept]);
    assert!(ok, "{report}");
    assert_eq!(report["events"]["postgres"], json!(signed.events.iter().map(Vec::len).sum::<usize>()), "{report}");
    std::fs::remove_file(signed.directory.path().join("connection.json")).expect("its keys are no good any more");
    let program = start_up(&signed.directory, Some(&place), &["--partitions", "2"]);
    let client = Client::of(signed.directory.path()).await;
    eventually("the read models are folded anew", SOON, async || (client.total(None).await == 240).then_some(())).await;
    client.open_capsule("another").await;
    crate::signed::all_is_signed(&place).await;
    assert!(program.stop().await, "it stops well");
    let (ok, report) = verify_all(&place, &signed.key, &["--checkpoint", &kept]);
    assert!(ok, "it goes on from the same roots: {report}");
    let why = restore_postgres(&place, &["--verifier-key", &signed.key]).expect_err("it is not empty");
    assert!(why.contains("restore into an empty one"), "{why}");
}

/// A restore that is through, as a kill would have left it: some batches of partition 1 are there, and none of what follows on it.
fn as_killed_within_partition_1(head: usize) -> Vec<String> {
    vec![
        "UPDATE ledger.restores SET finished_at = NULL".to_owned(),
        format!("DELETE FROM ledger.events WHERE partition = 1 AND position >= {head}"),
        format!(
            "UPDATE ledger.partition_heads SET next_position = {head}, last_recorded_at = (
                 SELECT recorded_at FROM ledger.events WHERE partition = 1 AND position = {head} - 1
             ) WHERE partition = 1"
        ),
        // That of partition 0 is there.
        "DELETE FROM ledger.trees WHERE tree <> 0".to_owned(),
        "DELETE FROM ledger.tiles WHERE tree <> 0".to_owned(),
        "DELETE FROM ledger.log_entries".to_owned(),
        "DELETE FROM ledger.checkpoints".to_owned(),
    ]
}

/// Whether a program refuses to open this ledger, and what it says.
async fn refused(place: &Place) -> (bool, String) {
    let directory = Directory::new();
    let output = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
        .args(["serve", "--listen", "127.0.0.1:0", "--partitions", "2"])
        .env("DATABASE_URL", &place.database_url)
        .env("KAFKA_BROKERS", &place.kafka_brokers)
        .current_dir(directory.path())
        .output()
        .expect("the program runs");
    (!output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kafka_holds_and_nobody_signed_is_not_brought_back() {
    let signed = Signed::new().await;
    let mut records = signed.records();
    records[0][7].value = records[0][7].value.replacen("type", "typd", 1);
    let tampered = signed.with_kafka(&records, &signed.log).await;
    let place = Place { database_url: fresh_place().await.database_url, ..tampered };
    let why = restore_postgres(&place, &["--verifier-key", &signed.key]).expect_err("it differs");
    assert!(why.contains("event 0-") && why.contains("is not what was signed"), "{why}");
    let (refused, why) = refused(&place).await;
    assert!(refused && why.contains("being restored"), "{why}");
}
