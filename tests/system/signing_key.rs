//! The key that signs: it is in its file and nowhere else, and what it signed is kept where it is published.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sqlx::{Connection as _, PgConnection};

use crate::audit::the_watch_finds_nothing;
use crate::data::tables;
use crate::program::{Client, SOON, eventually, start_up};
use crate::proofs::{Ledger, PROGRAM, run};
use crate::servers::Place;
use crate::signed::signed_size;

#[tokio::test(flavor = "multi_thread")]
async fn the_signing_key_is_in_its_file_alone() {
    let ledger = Ledger::new().await;
    ledger.record("signed", 30).await;
    ledger.all_is_signed().await;
    let data_dir = ledger.directory.path().to_str().expect("a path").to_owned();
    let (ok, said) = run(PROGRAM, &["checkpoint", "rotate-key", "--data-dir", &data_dir]);
    assert!(ok, "{said}");
    ledger.record("rotated", 30).await;
    ledger.receipt("promised").await;
    ledger.all_is_signed().await;

    let file = ledger.directory.path().join("signing-key");
    let mode = std::fs::metadata(&file).expect("the key's file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others may not read it");
    let text = std::fs::read_to_string(&file).expect("the keys");
    let secrets: Vec<&str> = text.lines().filter(|line| line.starts_with("PRIVATE")).map(secret).collect();
    assert_eq!(secrets.len(), 2, "the key, and the one before");
    let mut postgres = PgConnection::connect(&ledger.place.database_url).await.expect("PostgreSQL answers");
    let mut places = tables(&mut postgres).await;
    assert!(places.iter().any(|(table, rows)| table == "ledger.log_entries" && rows.contains(&ledger.key)));
    places.push(("the log".to_owned(), ledger.program.said()));
    places.push(("what rotate-key said".to_owned(), said));
    for (place, text) in places {
        for secret in &secrets {
            let digits: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!text.contains(secret) && !text.contains(&digits), "the key is in {place}");
        }
    }
}

/// What is secret of `PRIVATE+KEY+NAME+ID+KEY`.
fn secret(line: &str) -> &str {
    line.splitn(5, '+').last().expect("five parts")
}

/// Every checkpoint of the database once, one after another.
async fn all_is_on_disk(place: &Place, folder: &Path) {
    let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
    eventually("every checkpoint is on disk", SOON, async || {
        let stored = "SELECT note FROM ledger.checkpoints ORDER BY size";
        let stored: Vec<String> = sqlx::query_scalar(stored).fetch_all(&mut postgres).await.expect("checkpoints");
        let all: String = stored.iter().map(|note| format!("{note}\n")).collect();
        let read = |name| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
        (stored.len() >= 3 && read("history") == all && Some(&read("latest")) == stored.last()).then_some(())
    })
    .await;
}

/// Started again, after something was done to it while it stood.
async fn restarted(ledger: Ledger, tamper: impl AsyncFnOnce(&Place)) -> Ledger {
    let Ledger { place, directory, key, program, .. } = ledger;
    assert!(program.stop().await, "it stops well");
    tamper(&place).await;
    let connection = directory.path().join("connection.json");
    std::fs::remove_file(&connection).expect("it was written");
    let program = start_up(&directory, Some(&place), &["--partitions", "2"]);
    let client = Client::of_any(directory.path()).await;
    Ledger { place, directory, key, program, client }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_checkpoint_is_on_disk_once_and_nothing_is_signed_over_one_that_the_database_lacks() {
    let mut ledger = Ledger::new().await;
    for round in 0..3 {
        ledger.record(&format!("round-{round}"), 5).await;
        ledger.all_is_signed().await;
    }
    let folder = ledger.directory.path().join("checkpoints");
    all_is_on_disk(&ledger.place, &folder).await;

    // As of a disk that was full from the second on, in the middle of writing it.
    let read = |name| std::fs::read_to_string(folder.join(name)).expect("it was written");
    ledger = restarted(ledger, async |_| {
        let history = read("history");
        let first = history.split_inclusive("\n\n").take(2).collect::<String>();
        let (note, half) = (first.strip_suffix('\n').expect("an empty line"), &history[first.len()..first.len() + 70]);
        std::fs::write(folder.join("latest"), note).expect("written");
        std::fs::write(folder.join("history"), format!("{first}{half}")).expect("written");
    })
    .await;
    all_is_on_disk(&ledger.place, &folder).await;
    // As of a new disk.
    ledger = restarted(ledger, async |_| std::fs::remove_dir_all(&folder).expect("removed")).await;
    ledger.record("later", 5).await;
    ledger.all_is_signed().await;
    all_is_on_disk(&ledger.place, &folder).await;

    // As of a database that lost its end.
    let mut latest = String::new();
    ledger = restarted(ledger, async |place| {
        latest = read("latest");
        let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
        let cut = sqlx::query("DELETE FROM ledger.checkpoints WHERE note = $1").bind(&latest).execute(&mut postgres).await;
        assert_eq!(cut.expect("it is cut").rows_affected(), 1);
    })
    .await;
    ledger.record("not-signed", 5).await;
    eventually("it says why it signs nothing", SOON, async || {
        ledger.program.said().contains("this ledger does not hold that checkpoint").then_some(())
    })
    .await;
    let mut postgres = PgConnection::connect(&ledger.place.database_url).await.expect("PostgreSQL answers");
    let signed = "SELECT count(*) FROM ledger.checkpoints WHERE size >= (SELECT size FROM ledger.trees WHERE tree < 0)";
    assert_eq!(sqlx::query_scalar::<_, i64>(signed).fetch_one(&mut postgres).await.expect("a count"), 0);
    assert_eq!(read("latest"), latest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_whose_key_was_changed_while_it_stood_is_found_sound_from_where_the_watch_was() {
    let mut ledger = Ledger::new().await;
    ledger.record("before", 30).await;
    crate::signed::all_is_signed(&ledger.place).await;
    the_watch_finds_nothing(&ledger.client, signed_size(&ledger.place).await).await;
    let data_dir = ledger.directory.path().to_str().expect("a path").to_owned();
    ledger = restarted(ledger, async |_| {
        let (ok, said) = run(PROGRAM, &["checkpoint", "rotate-key", "--data-dir", &data_dir]);
        assert!(ok, "{said}");
    })
    .await;
    ledger.record("after", 30).await;
    crate::signed::all_is_signed(&ledger.place).await;
    the_watch_finds_nothing(&ledger.client, signed_size(&ledger.place).await).await;
    assert!(!ledger.program.said().contains("is not what was signed"), "no false alarm");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_where_the_database_does_not_hold_what_kafka_does() {
    let mut ledger = Ledger::new().await;
    ledger.record("signed", 5).await;
    crate::signed::all_is_signed(&ledger.place).await;
    let entries = async |place: &Place| {
        let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM ledger.log_entries");
        count.fetch_one(&mut postgres).await.expect("a count")
    };
    let folder = ledger.directory.path().join("checkpoints");
    let tampers = [
        // As of an older copy that was signed on by itself.
        (
            "another",
            r#"UPDATE ledger.log_entries SET entry = replace(entry, '"taken_at":"2', '"taken_at":"1')
           WHERE index = (SELECT max(index) FROM ledger.log_entries)"#,
        ),
        // As of one from before anything was signed.
        ("none", "TRUNCATE ledger.log_entries, ledger.checkpoints, ledger.tiles, ledger.trees"),
    ];
    for (what, tamper) in tampers {
        let mut before = 0;
        ledger = restarted(ledger, async |place| {
            let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
            sqlx::query(tamper).execute(&mut postgres).await.expect("it is changed");
            before = entries(place).await;
            // Of a relay without a folder, so that Kafka alone can tell.
            std::fs::remove_dir_all(&folder).ok();
        })
        .await;
        ledger.record(what, 5).await;
        eventually("it says why it signs nothing", SOON, async || {
            ledger.program.said().contains("does not hold that entry as it was signed").then_some(())
        })
        .await;
        assert_eq!(entries(&ledger.place).await, before, "{what}");
    }
}
