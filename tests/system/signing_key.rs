//! The key that signs: it is in its file and nowhere else, and what it signed is kept where it is published.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::data::tables;
use crate::proofs::{Ledger, PROGRAM, run};

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

#[tokio::test(flavor = "multi_thread")]
async fn every_checkpoint_is_kept_on_disk() {
    let ledger = Ledger::new().await;
    for round in 0..3 {
        ledger.record(&format!("round-{round}"), 5).await;
        ledger.all_is_signed().await;
    }
    let (_, answer) = ledger.get("/v1/checkpoints?limit=1000").await;
    let checkpoints = answer["data"].as_array().expect("checkpoints");
    assert!(checkpoints.len() >= 3 && answer["next"] == json!(null), "{answer}");
    let history = std::fs::read_to_string(ledger.directory.path().join("checkpoints/history")).expect("the history");
    for checkpoint in checkpoints {
        let note = checkpoint["checkpoint"].as_str().expect("a note");
        assert!(history.contains(note), "{note} is not in the history");
    }
}
