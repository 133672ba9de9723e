//! Whatever is done to a ledger behind its back, `verify` finds it and names the place; what was done to nothing, it passes.

use std::time::Duration;

use chrono::Utc;
use domain::{Position, RecordedEvent};
use event_log::checkpoints::LogRecord;
use proof::Hash;
use proof::checkpoint::Checkpoint;
use proof::entry::{self, Entry};
use proof::leaf::leaf;
use proof::notary::{LogState, Notary, SigningKeys};
use proof::tree::{Head, Tree};
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use crate::audit::the_watch_finds_nothing;
use crate::program::{Client, Directory, Program, SOON, eventually, start_up, verifier_key};
use crate::servers::{Place, fresh_place};
use crate::signed::{Record, Signed, all_is_signed, connect, try_verify, verify, verify_all};

/// That `verify` finds it, in this copy, at this position of this partition.
fn is_found(what: &str, place: &Place, key: &str, copy: &str, (partition, position): (usize, usize)) {
    let (ok, report) = verify(place, key, &[]);
    assert!(!ok, "{what} at {partition}-{position}: {report}");
    let found = report["findings"].as_array().expect("findings").iter().any(|finding| {
        finding["copy"] == copy && finding["partition"] == json!(partition) && finding["position"] == json!(position)
    });
    assert!(found, "{what} at {partition}-{position}: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_postgres_is_found_and_named() {
    let signed = Signed::new().await;
    let (ok, report) = verify(&signed.place, &signed.key, &[]);
    assert!(ok, "nothing was changed: {report}");
    assert_eq!(report["events"]["signed"], report["events"]["postgres"], "{report}");
    for (partition, position) in signed.places() {
        let (place, last) = ((partition, position), signed.events[partition].len() - 1);
        let of_it = format!("WHERE partition = {partition} AND position");
        let at = format!("{of_it} = {position}");
        let update = |set: &str| vec![format!("UPDATE ledger.events SET {set} {at}")];
        // One bit of a letter within a name, so that it stays JSON.
        let flip = |column: &str| {
            update(&format!(
                "{column} = overlay({column}::text PLACING chr(ascii(substring({column}::text FROM 3)) # 1) FROM 3 FOR 1)::json"
            ))
        };
        let changes = [
            ("a bit of the payload", flip("payload")),
            ("a bit of the metadata", flip("metadata")),
            ("occurred_at", update("occurred_at = occurred_at + interval '1 microsecond'")),
            ("recorded_at", update("recorded_at = recorded_at - interval '1 microsecond'")),
            ("a time that is none", update("recorded_at = 'infinity'")),
            ("a time too far ahead to be read", update("occurred_at = '290000-01-01'")),
            ("a time too far ahead to be read", update("recorded_at = '290000-01-01'")),
            ("a time too long ago to be written", update("occurred_at = '4000-01-01 BC'")),
            ("a time too long ago to be written", update("recorded_at = '4000-01-01 BC'")),
            ("partition_key", update("partition_key = partition_key || 'x'")),
            ("aggregate_id", update("aggregate_id = aggregate_id || 'x'")),
            ("tenant", update("tenant = 'other', aggregate_id = 'other/' || aggregate_id")),
            ("event_type", update("event_type = event_type || 'x'")),
            ("event_version", update("event_version = event_version || '0'")),
            ("sequence", update("sequence = sequence + 1000")),
            ("a sequence below 0", update("sequence = -1")),
            ("a sequence beyond all numbers of JSON", update("sequence = 9223372036854775807")),
        ];
        for (what, tamper) in changes {
            is_found(what, &signed.with_postgres(&tamper).await, &signed.key, "postgres", place);
        }
        let dropped = signed.with_postgres(&[format!("DELETE FROM ledger.events {at}")]).await;
        is_found("dropped", &dropped, &signed.key, "postgres", place);
        let closed = signed
            .with_postgres(&[
                format!("DELETE FROM ledger.events {at}"),
                format!("UPDATE ledger.events SET position = -position {of_it} > {position}"),
                format!("UPDATE ledger.events SET position = -position - 1 {of_it} < 0"),
                format!("UPDATE ledger.partition_heads SET next_position = next_position - 1 WHERE partition = {partition}"),
            ])
            .await;
        is_found("dropped, and the gap closed", &closed, &signed.key, "postgres", place);
        let inserted = signed
            .with_postgres(&[
                format!("UPDATE ledger.events SET position = -position - 1 {of_it} >= {position}"),
                format!("UPDATE ledger.events SET position = -position {of_it} < 0"),
                format!(
                    "INSERT INTO ledger.events SELECT aggregate_type, aggregate_id || 'x', sequence, event_type, event_version,
                         payload, metadata, tenant, partition, {position}, partition_key, occurred_at, recorded_at
                     FROM ledger.events {of_it} = {}",
                    position + 1
                ),
                format!("UPDATE ledger.partition_heads SET next_position = next_position + 1 WHERE partition = {partition}"),
            ])
            .await;
        is_found("inserted", &inserted, &signed.key, "postgres", place);
        // Where the keys that forbid it are gone.
        let duplicated = signed
            .with_postgres(&[
                "ALTER TABLE ledger.events DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_partition_position_key"
                    .to_owned(),
                format!("INSERT INTO ledger.events SELECT * FROM ledger.events {at}"),
            ])
            .await;
        is_found("there twice", &duplicated, &signed.key, "postgres", place);
        if position < last {
            let swapped = signed
                .with_postgres(&[
                    format!("UPDATE ledger.events SET position = -1 {at}"),
                    format!("UPDATE ledger.events SET position = {position} {of_it} = {}", position + 1),
                    format!("UPDATE ledger.events SET position = {} {of_it} = -1", position + 1),
                ])
                .await;
            is_found("swapped", &swapped, &signed.key, "postgres", place);
        }
        let cut = signed
            .with_postgres(&[
                format!("DELETE FROM ledger.events {of_it} >= {position}"),
                format!("UPDATE ledger.partition_heads SET next_position = {position} WHERE partition = {partition}"),
            ])
            .await;
        is_found("cut", &cut, &signed.key, "postgres", place);
        // With the trees' own leaves gone too, the place is known by the other copy.
        let mut blind = flip("payload");
        blind.push(format!(
            "UPDATE ledger.tiles SET hashes = substring(hashes FROM 2) || '\\x00'::bytea WHERE tree = {partition}"
        ));
        is_found("without tiles", &signed.with_postgres(&blind).await, &signed.key, "postgres", place);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_kafka_is_found_and_named() {
    let signed = Signed::new().await;
    let all = signed.records();
    // A relay that starts again repeats itself: that is no fault.
    let mut repeated = all.clone();
    let again: Vec<Record> = repeated[0][3..9].to_vec();
    repeated[0].splice(9..9, again);
    let (ok, report) = verify(&signed.with_kafka(&repeated, &signed.log).await, &signed.key, &[]);
    assert!(ok, "repeated word for word: {report}");
    for (partition, position) in signed.places() {
        let last = all[partition].len() - 1;
        let placed = async |what: &str, at: usize, change: &dyn Fn(&mut Vec<Record>)| {
            let mut records = all.clone();
            change(&mut records[partition]);
            is_found(what, &signed.with_kafka(&records, &signed.log).await, &signed.key, "kafka", (partition, at));
        };
        let changed = async |what: &str, change: &dyn Fn(&mut Record)| {
            placed(what, position, &|records| change(&mut records[position])).await
        };
        changed("a bit of the payload", &|record| {
            record.value = record.value.replacen("type", "typd", 1);
        })
        .await;
        for (name, _) in &all[partition][position].headers {
            // Renumbered it is not at that place any more, but something is missing there.
            changed(name, &|record| *record.header(name).last_mut().expect("a byte") ^= 1).await;
        }
        for name in ["ce_time", "ledger_recorded_at"] {
            changed("another time", &|record| {
                let digit = &mut record.header(name)[18];
                *digit = if *digit == b'9' { b'8' } else { *digit + 1 };
            })
            .await;
        }
        for beyond in [1 << 53, u64::MAX] {
            let beyond = beyond.to_string();
            changed("a sequence beyond all numbers of JSON", &|record| {
                *record.header("ledger_sequence") = beyond.clone().into_bytes();
            })
            .await;
            changed("a position beyond all numbers of JSON", &|record| {
                *record.header("ledger_position") = beyond.clone().into_bytes();
                *record.header("ce_id") = format!("{partition}-{beyond}").into_bytes();
            })
            .await;
        }
        changed("its key", &|record| record.key.push('x')).await;
        changed("a header is gone", &|record| record.headers.retain(|(name, _)| name != "ledger_metadata")).await;

        placed("dropped", position, &|records| {
            records.remove(position);
        })
        .await;
        placed("cut", position, &|records| records.truncate(position)).await;
        placed("inserted, and no event", position, &|records| {
            let stranger = Record { key: "x".to_owned(), value: "{}".to_owned(), headers: Vec::new() };
            records.insert(position, stranger);
        })
        .await;
        placed("there twice, and differs", position, &|records| {
            let mut other = records[position].clone();
            other.value.push(' ');
            records.insert(position + 1, other);
        })
        .await;
        if position < last {
            placed("swapped", position, &|records| records.swap(position, position + 1)).await;
        }
        // As the program would have written it, had it been so.
        let renumbered = async |what: &str, change: &dyn Fn(&mut Vec<RecordedEvent>)| {
            let mut events = signed.events[partition].clone();
            change(&mut events);
            events.iter_mut().zip(0..).for_each(|(event, number)| event.position = Position(number));
            placed(what, position, &|records| *records = events.iter().map(Record::of).collect()).await;
        };
        renumbered("dropped, and the gap closed", &|events| {
            events.remove(position);
        })
        .await;
        renumbered("inserted, well formed", &|events| {
            let mut stranger = events[position].clone();
            stranger.aggregate_id.push('x');
            events.insert(position, stranger);
        })
        .await;
    }
}

fn tree_of(events: &[RecordedEvent]) -> Tree {
    let mut tree = Tree::default();
    tree.extend(events.iter().map(leaf));
    tree
}

/// Partition 0 with one event changed, and all that follows from the events made anew and signed by this key.
fn rewritten(signed: &Signed, keys: &SigningKeys) -> (Vec<Vec<RecordedEvent>>, Vec<String>, String) {
    let mut events = signed.events.clone();
    events[0][7].payload = events[0][7].payload.replacen("interaction", "content_access", 1);
    events[0][7].payload.push(' ');
    let log = LogState { tree: Tree::default(), key: None };
    let id = keys.current().name().trim_start_matches("capsule-ledger/").to_owned();
    let mut notary = Notary::new(id, vec![Tree::default(); 2], log);
    let leaves = |events: &Vec<RecordedEvent>| events.iter().map(leaf).collect::<Vec<Hash>>();
    (0..2).for_each(|partition| notary.extend(partition, leaves(&events[partition])));
    let sealed = notary.seal(keys, Utc::now()).expect("signed").expect("grown");
    (events, sealed.entries, sealed.checkpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_was_rewritten_or_rolled_back_is_not_believed() {
    let signed = Signed::new().await;
    let kept = signed.directory.path().join("kept-checkpoint");
    std::fs::copy(signed.directory.path().join("checkpoints/latest"), &kept).expect("a checkpoint");
    let kept = kept.to_str().expect("a path");
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let with_log = |entries: &[String], note: &str, size: usize| {
        let mut statements = vec![
            "TRUNCATE ledger.log_entries, ledger.checkpoints, ledger.tiles, ledger.trees".to_owned(),
            format!("INSERT INTO ledger.checkpoints VALUES ({size}, {})", quoted(note)),
        ];
        let entry =
            |(index, entry): (usize, &String)| format!("INSERT INTO ledger.log_entries VALUES ({index}, {})", quoted(entry));
        statements.extend(entries.iter().enumerate().map(entry));
        statements
    };
    let says = |report: &Value, text: &str| {
        let findings = report["findings"].as_array().expect("findings");
        assert!(findings.iter().any(|finding| finding["what"].as_str().is_some_and(|what| what.contains(text))), "{report}");
    };

    // A checkpoint that cannot be verified says nothing for the ledger: its key was to be named.
    let stranger = SigningKeys::generate(signed.keys.current().name().trim_start_matches("capsule-ledger/"));
    let (events, entries, note) = rewritten(&signed, &stranger);
    let theirs = signed.directory.path().join("their-checkpoint");
    std::fs::write(&theirs, &note).expect("written");
    let (ok, report) = verify(&signed.place, &signed.key, &["--checkpoint", theirs.to_str().expect("a path")]);
    assert!(!ok, "it was held against nothing: {report}");
    says(&report, "name the key that signed it");

    // All of both copies, rewritten consistently and signed by a key of the forger's own.
    let change = |note: &str, entries: &[String]| {
        let mut statements = with_log(entries, note, entries.len());
        let payload = quoted(&events[0][7].payload);
        statements.push(format!("UPDATE ledger.events SET payload = {payload} WHERE partition = 0 AND position = 7"));
        statements
    };
    let records: Vec<Vec<Record>> = events.iter().map(|events| events.iter().map(Record::of).collect()).collect();
    let log_of = |entries: &[String], note: &str| {
        let last = entries.len() - 1;
        let record = |(index, entry): (usize, &String)| LogRecord {
            index: index as u64,
            entry: entry.clone(),
            checkpoint: (index == last).then(|| note.to_owned()),
        };
        entries.iter().enumerate().map(record).collect::<Vec<_>>()
    };
    let kafka = signed.with_kafka(&records, &log_of(&entries, &note)).await;
    let forged = Place { database_url: signed.with_postgres(&change(&note, &entries)).await.database_url, ..kafka };
    let (ok, report) = verify(&forged, &signed.key, &[]);
    assert!(!ok, "signed by another key: {report}");
    says(&report, "trusted");

    // What was signed left as it is, and after it a hand-over to the forger's key that this key alone signs.
    let mut entries: Vec<String> = signed.log.iter().map(|record| record.entry.clone()).collect();
    let heads: Vec<Head> = signed.events.iter().map(|events| tree_of(events).head()).collect();
    let later = stranger.current();
    entries.push(Entry::key(later.verifier_key(), Utc::now()).canonical());
    entries.push(Entry::heads(&heads, Utc::now()).canonical());
    let mut log = Tree::default();
    log.extend(entries.iter().map(|text| entry::leaf(text)));
    let note = Checkpoint { origin: later.name().to_owned(), head: log.head() }.sign(&[later]);
    let kafka = signed.with_kafka(&signed.records(), &log_of(&entries, &note)).await;
    let postgres = signed.with_postgres(&with_log(&entries, &note, entries.len())).await;
    let handed_over = Place { database_url: postgres.database_url, ..kafka };
    let (ok, report) = verify(&handed_over, &signed.key, &[]);
    assert!(!ok, "the key before did not sign the hand-over: {report}");
    says(&report, "trusted");

    // By the ledger's own key, stolen: then a checkpoint that somebody kept tells.
    let (_, entries, note) = rewritten(&signed, &signed.keys);
    let kafka = signed.with_kafka(&records, &log_of(&entries, &note)).await;
    let stolen = Place { database_url: signed.with_postgres(&change(&note, &entries)).await.database_url, ..kafka };
    let (ok, report) = verify(&stolen, &signed.key, &[]);
    assert!(ok, "nothing in it tells: {report}");
    let (ok, report) = verify(&stolen, &signed.key, &["--checkpoint", kept]);
    assert!(!ok, "the kept checkpoint tells: {report}");
    says(&report, "rolled back");

    // Only PostgreSQL, by whoever has the key: Kafka's copy tells.
    let alone = signed.with_postgres(&change(&note, &entries)).await;
    let (ok, report) = verify(&alone, &signed.key, &[]);
    assert!(!ok, "Kafka's copy tells: {report}");

    // Back to an older checkpoint, in both copies.
    let older = signed.log.iter().position(|record| record.checkpoint.is_some() && record.index > 1).expect("an older one");
    let log = signed.log[..=older].to_vec();
    let Ok(Entry::Heads { partitions, .. }) = Entry::parse(&log[older].entry) else { panic!("heads: {}", log[older].entry) };
    let sizes: Vec<usize> = partitions.iter().map(|head| head.size as usize).collect();
    let entries: Vec<String> = log.iter().map(|record| record.entry.clone()).collect();
    let mut statements = with_log(&entries, log[older].checkpoint.as_ref().expect("it has one"), entries.len());
    for (partition, size) in sizes.iter().enumerate() {
        statements.push(format!("DELETE FROM ledger.events WHERE partition = {partition} AND position >= {size}"));
        statements.push(format!("UPDATE ledger.partition_heads SET next_position = {size} WHERE partition = {partition}"));
    }
    let records: Vec<Vec<Record>> =
        signed.records().into_iter().zip(&sizes).map(|(records, size)| records[..*size].to_vec()).collect();
    let kafka = signed.with_kafka(&records, &log).await;
    let postgres = signed.with_postgres(&statements).await;
    let rolled_back = Place { database_url: postgres.database_url.clone(), ..kafka };
    let (ok, report) = verify(&rolled_back, &signed.key, &[]);
    assert!(ok, "nothing in it tells: {report}");
    let (ok, report) = verify(&rolled_back, &signed.key, &["--checkpoint", kept]);
    assert!(!ok, "the kept checkpoint tells: {report}");
    says(&report, "rolled back");
    let (ok, report) = verify(&postgres, &signed.key, &[]);
    assert!(!ok, "Kafka's copy tells: {report}");
    says(&report, "rolled back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_under_load_and_restarted_raises_no_false_alarm() {
    let place = fresh_place().await;
    let directory = Directory::new();
    let mut program = start_up(&directory, Some(&place), &["--partitions", "2"]);
    let mut client = Client::of(directory.path()).await;
    let key = verifier_key(&directory);
    for round in 0..4 {
        client.open_capsule(&format!("r{round}")).await;
        let writing = tokio::spawn({
            let client = client.clone();
            async move {
                for batch in 0..60 {
                    let lines: Vec<Value> = (0..50)
                        .map(|number| {
                            json!({"id": format!("{round}-{batch}-{number}"), "capsule_id": format!("r{round}"), "kind": "view"})
                        })
                        .collect();
                    // Each twice, as a client does that missed the answer. It is killed meanwhile, so some are not answered.
                    for _ in 0..2 {
                        let sent = client.request("writer", reqwest::Method::POST, "/v1/interactions").json(&lines).send();
                        if sent.await.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        tokio::time::sleep(Duration::from_millis(700)).await;
        let (ok, report) = tokio::task::spawn_blocking({
            let (place, key) = (place.clone(), key.clone());
            move || verify_all(&place, &key, &[])
        })
        .await
        .expect("it runs");
        assert!(ok, "round {round}: {report}");
        program.kill();
        writing.await.expect("the writer ends");
        let (ok, report) = verify_all(&place, &key, &[]);
        assert!(ok, "killed in round {round}: {report}");
        // A killed one leaves its address there.
        std::fs::remove_file(directory.path().join("connection.json")).expect("it was written");
        program = start_up(&directory, Some(&place), &["--partitions", "2"]);
        client = Client::of(directory.path()).await;
    }
    all_is_signed(&place).await;
    let (ok, report) = verify_all(&place, &key, &[]);
    assert!(ok && report["events"]["signed"].as_u64() >= Some(200), "{report}");
    assert_eq!(report["events"]["signed"], report["events"]["kafka"], "{report}");
    the_watch_finds_nothing(&client, report["events"]["signed"].as_i64().expect("a count")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_cannot_be_read_is_no_finding_and_one_that_lacks_an_entry_is() {
    let signed = Signed::new().await;
    let away = signed.with_postgres(&["ALTER TABLE ledger.log_entries RENAME TO log_entries_away".to_owned()]).await;
    let why = try_verify(&away, &signed.key, &["--copies-only"]).expect_err("nothing could be found out");
    assert!(why.contains("cannot read the log"), "{why}");
    let broken = signed.with_postgres(&["DELETE FROM ledger.log_entries WHERE index = 1".to_owned()]).await;
    let (ok, report) = verify(&broken, &signed.key, &[]);
    assert!(!ok && report["findings"].to_string().contains("lacks its entry 1"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_that_is_asked_to_stop_leaves_nothing_and_one_that_is_asked_twice_ends_at_once() {
    let signed = Signed::new().await;
    // It waits for events that never come.
    let place =
        signed.with_postgres(&["UPDATE projections.progress SET next_position = next_position + 1000".to_owned()]).await;
    let spawn = || Program::spawn(signed.directory.path(), Some(&place), &["verify", "--verifier-key", &signed.key]);
    let folds = async |verifying: &Program| {
        let folds = async || verifying.said().contains("folding the read models anew").then_some(());
        eventually("it folds", SOON, folds).await
    };
    let verifying = spawn();
    folds(&verifying).await;
    let log = verifying.log.clone();
    assert!(!verifying.stop().await, "it did not come to its end");
    let said = std::fs::read_to_string(log).expect("its output");
    assert!(said.contains("stopped while the read models were folded"), "{said}");
    let mut postgres = connect(&place.database_url).await;
    let generations = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM projections.generations");
    assert_eq!(generations.fetch_one(&mut postgres).await.expect("a count"), 1, "what it folded is removed");

    let mut transaction = postgres.begin().await.expect("a transaction");
    transaction.execute("LOCK TABLE projections.generations IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    let verifying = spawn();
    folds(&verifying).await;
    verifying.signal("INT");
    verifying.signal("TERM");
    let log = verifying.log.clone();
    assert!(!verifying.stop_by_itself().await, "it did not come to its end");
    let said = std::fs::read_to_string(log).expect("its output");
    assert!(said.contains("stopped at once"), "{said}");
}
