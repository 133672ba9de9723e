//! Verification that goes on: from where the last one came to, and for ever.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Executor as _;

use crate::audit::{metric, the_watch_finds_nothing};
use crate::program::{Client, Directory, Program, SOON, eventually, start_up, verifier_key};
use crate::servers::fresh_place;
use crate::signed::{Record, Signed, all_is_signed, connect, signed_size, verify};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// Twenty more events, signed.
async fn write_more(directory: &Directory, place: &crate::servers::Place, capsule: &str) {
    // Whoever stopped leaves its address there.
    std::fs::remove_file(directory.path().join("connection.json")).ok();
    let program = start_up(directory, Some(place), &["--partitions", "2"]);
    let client = Client::of(directory.path()).await;
    client.open_capsule(capsule).await;
    let line = |number| json!({"id": format!("{capsule}-{number}"), "capsule_id": capsule, "kind": "interaction"});
    client.post_interactions(&(0..18).map(line).collect::<Vec<_>>()).await;
    all_is_signed(place).await;
    assert!(program.stop().await, "it stops well");
}

/// The last event there is: its partition and position.
async fn last_event(url: &str) -> (i32, i64) {
    let last = sqlx::query_as("SELECT partition, position FROM ledger.events ORDER BY recorded_at DESC, position DESC LIMIT 1");
    last.fetch_one(&mut connect(url).await).await.expect("there are events")
}

const CHANGED: &str = "jsonb_set(payload::jsonb, '{kind}', '\"view\"')::json";

fn change((partition, position): (i32, i64)) -> String {
    format!("UPDATE ledger.events SET payload = {CHANGED} WHERE partition = {partition} AND position = {position}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verification_goes_on_where_the_last_one_came_to() {
    let signed = Signed::new().await;
    let (place, key) = (&signed.place, &signed.key);
    let state = signed.directory.path().join("state.json");
    let resume = ["--resume", text(&state)];
    let (ok, first) = verify(place, key, &resume);
    assert!(ok && first["events"]["sound_before"] == 0, "{first}");
    let (ok, second) = verify(place, key, &resume);
    assert!(ok && second["events"]["sound_before"] == first["events"]["signed"], "{second}");

    // A topic that was filled anew: what is known of its offsets says nothing, and what repeats there is skipped.
    let repeated: Vec<Vec<Record>> =
        signed.records().into_iter().map(|records| [records[..7].to_vec(), records].concat()).collect();
    let again = signed.with_kafka(&repeated, &signed.log).await;
    let (ok, report) = verify(&again, key, &resume);
    assert!(ok && report["events"]["sound_before"] == first["events"]["signed"], "{report}");
    // And one that lost its end.
    let cut: Vec<Vec<Record>> = signed.records().into_iter().map(|records| records[..records.len() - 3].to_vec()).collect();
    let (ok, report) = verify(&signed.with_kafka(&cut, &signed.log).await, key, &resume);
    assert!(!ok && report["findings"][0]["copy"] == "kafka", "{report}");

    // What came since is read; what was sound before is not, which a whole verification is for.
    write_more(&signed.directory, place, "later").await;
    let last = last_event(&place.database_url).await;
    let copied = signed.directory.path().join("copied.json");
    std::fs::copy(&state, &copied).expect("a copy");
    let old = signed.with_postgres(&[change((0, 5))]).await;
    assert!(verify(&old, key, &["--resume", text(&copied)]).0, "that was read before");
    assert!(!verify(&old, key, &[]).0, "it was changed");
    let new = signed.with_postgres(&[change(last)]).await;
    let (ok, report) = verify(&new, key, &resume);
    let found = &report["findings"][0];
    assert!(!ok && found["partition"] == last.0 && found["position"] == last.1 && found["copy"] == "postgres", "{report}");
    let (ok, report) = verify(place, key, &resume);
    assert!(ok && report["events"]["sound_before"].as_u64() >= first["events"]["signed"].as_u64(), "{report}");

    // A ledger that was rolled back to before what was found sound.
    let older: Vec<Vec<Record>> = signed.records();
    let rolled_back = signed.with_kafka(&older, &signed.log).await;
    let (ok, report) = verify(&rolled_back, key, &resume);
    assert!(!ok && report["findings"].to_string().contains("rolled back"), "{report}");

    // Files that are of no use are refused, not overwritten.
    let other = Signed::new().await;
    for (wrong, said) in [("{}".to_owned(), "is not where"), (std::fs::read_to_string(&state).expect("a state"), "is of")] {
        let file = other.directory.path().join("wrong.json");
        std::fs::write(&file, &wrong).expect("written");
        let arguments = ["verify", "--copies-only", "--verifier-key", &other.key, "--resume", text(&file)];
        let program = Program::spawn(other.directory.path(), Some(&other.place), &arguments);
        let log = program.log.clone();
        assert!(!program.stop_by_itself().await, "{wrong} is refused");
        let output = std::fs::read_to_string(log).expect("its output");
        assert!(output.contains(said) || output.contains("rolled back") || output.contains("trusted"), "{output}");
        assert_eq!(std::fs::read_to_string(&file).expect("it is there still"), wrong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_watched_and_what_is_found_makes_it_unready_until_it_is_mended() {
    let place = fresh_place().await;
    let directory = Directory::new();
    write_more(&directory, &place, "first").await;
    let key = verifier_key(&directory);
    let state = directory.path().join("watched.json");
    let watch = ["verify", "--watch", "--share", "1", "--verifier-key", &key, "--resume", text(&state)];
    let is_kept = |of: &'static str| {
        let state = directory.path().join(of);
        async move || {
            let state: Value = serde_json::from_slice(&std::fs::read(&state).ok()?).ok()?;
            (!state["whole_at"].is_null()).then_some(())
        }
    };

    // A sound one: it goes on until it is asked to stop.
    let watching = Program::spawn(directory.path(), Some(&place), &watch);
    eventually("all was read", SOON, is_kept("watched.json")).await;
    assert!(watching.stop().await, "nothing was found");

    // What comes later is looked at later.
    write_more(&directory, &place, "second").await;
    let last = last_event(&place.database_url).await;
    let mut postgres = connect(&place.database_url).await;
    let payload: String = sqlx::query_scalar("SELECT payload::text FROM ledger.events WHERE partition = $1 AND position = $2")
        .bind(last.0)
        .bind(last.1)
        .fetch_one(&mut postgres)
        .await
        .expect("the event");
    postgres.execute(change(last).as_str()).await.expect("changed");
    let watching = Program::spawn(directory.path(), Some(&place), &watch);
    let log = watching.log.clone();
    assert!(!watching.stop_by_itself().await, "it ends with what it found");
    let said = std::fs::read_to_string(log).expect("its output");
    assert!(said.contains(&format!("event {}-{}", last.0, last.1)) && said.contains("not what was signed"), "{said}");

    // Whoever is started next begins with the first event, so that it is found again.
    let kept: Value = serde_json::from_slice(&std::fs::read(&state).expect("a state")).expect("JSON");
    assert!(kept["whole_at"].is_null() && kept["partitions"][0]["postgres"]["size"] == 0, "{kept}");
    let watching = Program::spawn(directory.path(), Some(&place), &watch);
    assert!(!watching.stop_by_itself().await, "it is found again");

    // The running ledger says so too, until it is mended and all was read again.
    std::fs::remove_file(directory.path().join("verified.json")).expect("up keeps how far it was");
    std::fs::remove_file(directory.path().join("connection.json")).ok();
    let program = start_up(&directory, Some(&place), &["--partitions", "2"]);
    let client = Client::of_any(directory.path()).await;
    let ready = async || client.http.get(format!("{}/readyz", client.api)).send().await.ok()?.json::<Value>().await.ok();
    let of_verify = |ready: &Value| {
        let checks = ready["checks"].as_array().cloned().unwrap_or_default();
        checks.into_iter().find(|check| check["name"] == "verify")
    };
    let check = eventually("it is found", SOON, async || of_verify(&ready().await?).filter(|check| check["ok"] == false)).await;
    assert!(check["detail"].as_str().is_some_and(|detail| detail.contains(&format!("event {}-{}", last.0, last.1))), "{check}");
    let mend = sqlx::query("UPDATE ledger.events SET payload = $3::json WHERE partition = $1 AND position = $2");
    mend.bind(last.0).bind(last.1).bind(&payload).execute(&mut postgres).await.expect("mended");
    eventually("all is well", SOON + Duration::from_secs(30), async || {
        of_verify(&ready().await?).filter(|check| check["ok"] == true)
    })
    .await;
    assert!(program.stop().await, "it stops well");
    eventually("it is kept", SOON, is_kept("verified.json")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_in_either_copy_ends_a_watch_that_names_it() {
    let signed = Signed::new().await;
    let all = signed.records();
    for (partition, position) in signed.places() {
        let of_it = format!("WHERE partition = {partition} AND position = {position}");
        let with_kafka = async |change: &dyn Fn(&mut Vec<Record>)| {
            let mut records = all.clone();
            change(&mut records[partition]);
            signed.with_kafka(&records, &signed.log).await
        };
        let changed = [
            ("changed in PostgreSQL", signed.with_postgres(&[change((partition as i32, position as i64))]).await),
            ("dropped in PostgreSQL", signed.with_postgres(&[format!("DELETE FROM ledger.events {of_it}")]).await),
            ("changed in Kafka", with_kafka(&|records| records[position].value.push(' ')).await),
            ("another header in Kafka", with_kafka(&|records| records[position].header("ce_time")[18] ^= 1).await),
            ("cut in Kafka", with_kafka(&|records| records.truncate(position)).await),
        ];
        // All at once, as each looks twice, with a pause between.
        let watches = changed.map(|(what, place)| {
            let arguments = ["verify", "--watch", "--share", "1", "--verifier-key", &signed.key];
            let watching = Program::spawn(signed.directory.path(), Some(&place), &arguments);
            async move {
                let log = watching.log.clone();
                assert!(!watching.stop_by_itself().await, "{what} at {partition}-{position}: it ends with what it found");
                let said = std::fs::read_to_string(log).expect("its output");
                assert!(said.contains(&format!("event {partition}-{position}")), "{what} at {partition}-{position}: {said}");
            }
        });
        futures::future::join_all(watches).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_is_found_sound_at_the_first_look() {
    let place = fresh_place().await;
    let directory = Directory::new();
    let program = start_up(&directory, Some(&place), &["--partitions", "2"]);
    let client = Client::of(directory.path()).await;
    for capsule in ["first", "second", "third", "fourth"] {
        client.open_capsule(capsule).await;
        all_is_signed(&place).await;
        the_watch_finds_nothing(&client, signed_size(&place).await).await;
    }
    let looks = metric(&client, "verify_second_looks_total").await;
    assert_eq!(looks, None, "it had no reason to look again");
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_when_what_could_not_be_read_is_there_again() {
    let signed = Signed::new().await;
    let place = signed.with_postgres(&[]).await;
    let state = signed.directory.path().join("state.json");
    let arguments = ["verify", "--watch", "--share", "1", "--verifier-key", &signed.key, "--resume", text(&state)];
    let watching = Program::spawn(signed.directory.path(), Some(&place), &arguments);
    // What is not there at the very first ends it.
    eventually("all was read", SOON, async || {
        let state: Value = serde_json::from_slice(&std::fs::read(&state).ok()?).ok()?;
        (!state["whole_at"].is_null()).then_some(())
    })
    .await;
    let says = async |what: &str| eventually(what, 2 * SOON, async || watching.said().contains(what).then_some(())).await;
    let mut postgres = connect(&place.database_url).await;
    postgres.execute("ALTER TABLE ledger.trees RENAME TO trees_away").await.expect("renamed");
    says("nothing can be verified").await;
    postgres.execute("ALTER TABLE ledger.trees_away RENAME TO trees").await.expect("renamed");
    says("signed events are sound").await;
    assert!(watching.stop().await, "nothing was found");
}
