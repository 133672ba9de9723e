//! The read models folded anew: beside live ones that go on, killed at any moment, over what somebody changed, and up to the past.

mod past;

use std::process::Command;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio_util::sync::CancellationToken;

use crate::program::{Client, Program, SOON, answer_of, eventually, start_up, up};
use crate::servers::Place;
use crate::signed::{all_figures_are_made, connect};

/// What `replay` says.
fn replay(place: &Place, more: &[&str]) -> (bool, Value) {
    let output = command(place, more).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.success(), report)
}

fn command(place: &Place, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"));
    command
        .args(["replay", "--json", "--topic", &place.topic])
        .args(["--database-url", &place.database_url, "--kafka-brokers", &place.kafka_brokers])
        .args(more);
    command
}

/// As [`replay`], beside whatever else the test does.
async fn replay_beside(place: &Place, more: &[&str]) -> (bool, Value) {
    let (place, more) = (place.clone(), more.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let replaying = tokio::task::spawn_blocking(move || replay(&place, &more.iter().map(String::as_str).collect::<Vec<_>>()));
    replaying.await.expect("it does not panic")
}

async fn open_capsules(client: &Client) {
    for n in 0..12 {
        client.open_capsule(&format!("c{n}")).await;
    }
}

/// Interactions of some days of March, all of them new. The token of the last.
async fn record(client: &Client, from: usize, count: usize) -> String {
    let lines: Vec<Value> = (from..from + count)
        .map(|n| {
            json!({"id": format!("i{n}"), "capsule_id": format!("c{}", n % 12), "kind": "interaction", "user_id": format!("u{}", n % 90),
                   "session_id": format!("s{}", n % 300), "occurred_at": format!("2026-03-{:02}T08:00:00Z", 1 + n % 28)})
        })
        .collect();
    let (status, body) = client.post_interactions(&lines).await;
    assert_eq!((status, &body["accepted"]), (StatusCode::OK, &json!(count)), "{body}");
    body["token"].as_str().expect("a token").to_owned()
}

/// More than one batch of a fold.
async fn record_sixty_thousand(client: &Client) {
    open_capsules(client).await;
    let mut token = String::new();
    for batch in 0..12 {
        token = record(client, batch * 5_000, 5_000).await;
    }
    assert_eq!(client.total(Some(&token)).await, 60_000);
}

async fn number_of_live(postgres: &mut PgConnection) -> i32 {
    sqlx::query_scalar("SELECT number FROM projections.generations WHERE status = 'live'")
        .fetch_one(postgres)
        .await
        .expect("a live generation")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_under_writes_takes_over_and_every_figure_stays_right() {
    let (program, client, place, _directory) = up().await;
    open_capsules(&client).await;
    let mut postgres = connect(&place.database_url).await;
    let before = number_of_live(&mut postgres).await;
    let token = record(&client, 0, 2_000).await;
    let closed = "/v1/north-star?from=2026-03&to=2026-03";
    assert_eq!(client.total(Some(&token)).await, 2_000);

    // Somebody writes all the time, and somebody reads.
    let stop = CancellationToken::new();
    let writes = tokio::spawn({
        let (client, stop) = (client.clone(), stop.clone());
        async move {
            let mut count = 2_000;
            while !stop.is_cancelled() {
                record(&client, count, 20).await;
                count += 20;
            }
            count
        }
    });
    let reads = tokio::spawn({
        let (client, stop) = (client.clone(), stop.clone());
        async move {
            let mut last = 0;
            while !stop.is_cancelled() {
                let asked = client.request("admin", reqwest::Method::GET, closed);
                let (status, series) = answer_of(asked).await;
                assert_eq!(status, StatusCode::OK, "{series}");
                let total = series["data"][0]["total"].as_u64().expect("a count");
                assert!(total >= last, "{total} after {last}: a cut-over takes nothing back");
                last = total;
            }
        }
    });
    let (ok, report) = replay_beside(&place, &[]).await;
    assert!(ok && report["outcome"] == json!("cut_over"), "{report}");
    assert_eq!(report["comparison"]["differences"], json!([]), "{report}");
    let after = number_of_live(&mut postgres).await;
    assert_ne!(after, before);
    stop.cancel();
    let count = writes.await.expect("every write is taken");
    reads.await.expect("every read is answered");

    // The projector goes on with the one that took over.
    let token = record(&client, count, 100).await;
    assert_eq!(client.total(Some(&token)).await, count as u64 + 100);
    let left: Vec<i32> =
        sqlx::query_scalar("SELECT number FROM projections.generations").fetch_all(&mut postgres).await.expect("generations");
    assert_eq!(left, [after], "the one before is removed");
    // And the audit log says so.
    let noted: Value = sqlx::query_scalar(
        "SELECT payload FROM ledger.events WHERE aggregate_type = 'audit_entry' AND event_type = 'GenerationCutOver'",
    )
    .fetch_one(&mut postgres)
    .await
    .expect("one entry");
    assert_eq!(
        (&noted["from_generation"], &noted["to_generation"], &noted["differences"], &noted["reason"]),
        (&json!(before), &json!(after), &json!(0), &json!("replay")),
        "{noted}"
    );
    assert!(program.stop().await, "it stops well");
}

/// Which generation a replay from there fills, and how many events are in it.
async fn being_filled(postgres: &mut PgConnection, from: &str) -> Option<(i32, i64)> {
    sqlx::query_as(
        "SELECT number, coalesce(sum(next_position), 0)::bigint
         FROM projections.generations LEFT JOIN projections.progress ON generation = number
         WHERE status = 'building' AND request::jsonb ->> 'from' = $1 GROUP BY number",
    )
    .bind(from)
    .fetch_optional(postgres)
    .await
    .expect("PostgreSQL answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_killed_ten_times_is_gone_on_with_and_comes_to_the_same() {
    let (program, client, place, directory) = up().await;
    record_sixty_thousand(&client).await;
    let mut postgres = connect(&place.database_url).await;

    let (mut resumed, mut halves) = (0, 0);
    for kill in 0..10_u64 {
        // Every other one in the middle of the fold; the others at another moment each time: while it begins, folds, makes indexes and
        // figures, compares, or cuts over.
        let is_half = kill % 2 == 0;
        let from = if kill / 2 % 2 == 0 { "kafka" } else { "postgres" };
        let begun = being_filled(&mut postgres, from).await;
        let is_whole = begun.is_some_and(|(_, events)| events >= 60_000);
        let fresh = if is_half && is_whole { &["--fresh"][..] } else { &[] };
        let mut replaying =
            Program::spawn(directory.path(), Some(&place), &[&["replay", "--json", "--from", from], fresh].concat());
        let before = begun.filter(|_| fresh.is_empty());
        eventually("there is something to kill", 2 * SOON, async || {
            let filled = being_filled(&mut postgres, from).await;
            let is_there = match filled {
                Some((number, events)) if is_half => {
                    let least = before.map_or(0, |(_, events)| events);
                    (before.is_some() || Some(number) != begun.map(|(number, _)| number)) && events > least
                }
                // It may be through before anybody looks.
                filled => filled.is_some() || number_of_live(&mut postgres).await > 1,
            };
            is_there.then_some(())
        })
        .await;
        if !is_half {
            tokio::time::sleep(Duration::from_millis(kill * 397 % 2_900)).await;
        }
        replaying.kill();
        let now = being_filled(&mut postgres, from).await;
        halves += usize::from(now.is_some_and(|(_, events)| events > 0 && events < 60_000));
        if let (Some((number, events)), Some((same, before))) = (now, begun)
            && number == same
        {
            assert!(events >= before, "nothing that was folded is lost: {events} after {before}");
            resumed += 1;
        }
        assert_eq!(client.total(None).await, 60_000, "whoever reads sees nothing of it");
    }
    assert!(resumed > 0 && halves >= 3, "gone on with {resumed} times, {halves} times in the middle of the fold");
    for from in ["kafka", "postgres"] {
        let (ok, report) = replay_beside(&place, &["--from", from]).await;
        assert!(ok && report["outcome"] == json!("cut_over"), "{report}");
        assert_eq!(report["comparison"]["differences"], json!([]), "{report}");
    }
    let token = record(&client, 60_000, 10).await;
    assert_eq!(client.total(Some(&token)).await, 60_010);
    for from in ["kafka", "postgres"] {
        assert_eq!(being_filled(&mut postgres, from).await, None, "nothing is left");
    }
    assert!(program.stop().await, "it stops well");
}

/// What the audit log has of cut-overs, the oldest first.
async fn noted_cut_overs(postgres: &mut PgConnection) -> Vec<Value> {
    sqlx::query_scalar(
        "SELECT payload FROM ledger.events WHERE aggregate_type = 'audit_entry' AND event_type = 'GenerationCutOver'
         ORDER BY aggregate_id",
    )
    .fetch_all(postgres)
    .await
    .expect("PostgreSQL answers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_over_that_is_killed_before_it_was_noted_is_noted_once_and_cleared_up_by_whoever_comes_next() {
    let (program, client, place, directory) = up().await;
    open_capsules(&client).await;
    client.total(Some(&record(&client, 0, 200).await)).await;
    all_figures_are_made(&place).await;
    assert!(program.stop().await, "it stops well");
    let mut postgres = connect(&place.database_url).await;
    for round in 0..2 {
        let before = number_of_live(&mut postgres).await;
        // It notes it in every tenant's log: here it waits, and is killed.
        let mut locks = connect(&place.database_url).await;
        let mut held = locks.begin().await.expect("a transaction");
        sqlx::query("LOCK TABLE ledger.tenants IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.expect("locked");
        let mut replaying = Program::spawn(directory.path(), Some(&place), &["replay", "--json"]);
        let after = eventually("it has taken over", 2 * SOON, async || {
            let live = number_of_live(&mut postgres).await;
            (live != before).then_some(live)
        })
        .await;
        replaying.kill();
        held.rollback().await.expect("unlocked");
        assert_eq!(noted_cut_overs(&mut postgres).await.len(), round, "killed before it was noted");
        let events: i64 =
            sqlx::query_scalar("SELECT sum(next_position)::bigint FROM projections.progress WHERE generation = $1")
                .bind(after)
                .fetch_one(&mut postgres)
                .await
                .expect("progress");

        let program = if round == 0 {
            let (ok, report) = replay_beside(&place, &["--check-only"]).await;
            assert!(ok && report["outcome"] == json!("same"), "{report}");
            None
        } else {
            Some(start_up(&directory, Some(&place), &[]))
        };
        let left = eventually("it is noted, and the one before removed", SOON, async || {
            let left = sqlx::query_scalar("SELECT number FROM projections.generations ORDER BY number");
            let left: Vec<i32> = left.fetch_all(&mut postgres).await.expect("generations");
            (left == [after]).then_some(noted_cut_overs(&mut postgres).await)
        })
        .await;
        assert_eq!(left.len(), round + 1, "{left:?}");
        let (numbers, noted) = ((before, after), &left[round]);
        assert_eq!((&noted["from_generation"], &noted["to_generation"]), (&json!(numbers.0), &json!(numbers.1)), "{noted}");
        assert_eq!((&noted["events"], &noted["differences"]), (&json!(events), &json!(0)), "{noted}");
        if let Some(program) = program {
            let client = Client::of(directory.path()).await;
            assert_eq!(client.total(None).await, 200);
            assert!(program.stop().await, "it stops well");
        }
        let (ok, report) = replay_beside(&place, &["--check-only"]).await;
        assert!(ok, "{report}");
        assert_eq!(noted_cut_overs(&mut postgres).await.len(), round + 1, "once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_changed_in_the_live_read_models_is_found_and_mended() {
    let (program, client, place, _directory) = up().await;
    open_capsules(&client).await;
    let token = record(&client, 0, 500).await;
    assert_eq!(client.total(Some(&token)).await, 500);
    let mut postgres = connect(&place.database_url).await;
    let (ok, report) = replay(&place, &["--check-only"]);
    assert!(ok && report["outcome"] == json!("same"), "nothing was changed: {report}");
    let live = number_of_live(&mut postgres).await;
    sqlx::query(&format!(
        "UPDATE generation_{live}.monthly_counts SET count = count + 7 WHERE kind = 'interaction' AND partition = 1"
    ))
    .execute(&mut postgres)
    .await
    .expect("changed");
    assert_eq!(client.total(None).await, 507, "the figure is wrong");

    let named = |report: &Value| -> Vec<String> {
        let differences = report["comparison"]["differences"].as_array().expect("differences");
        differences.iter().map(|difference| difference["view"].as_str().expect("a name").to_owned()).collect()
    };
    for more in [&["--check-only"][..], &["--check-only", "--only", "monthly_counts"], &["--only", "monthly_counts"], &[]] {
        let (ok, report) = replay(&place, more);
        assert!(!ok && report["outcome"] == json!("differs"), "{more:?}: {report}");
        assert_eq!(named(&report), ["monthly_counts"], "{more:?}");
        assert_eq!(report["kept"], json!(more.is_empty()), "{more:?}");
    }
    let (ok, report) = replay(&place, &["--check-only", "--only", "daily_counts"]);
    assert!(ok && report["outcome"] == json!("same"), "what was not changed: {report}");
    assert_eq!(number_of_live(&mut postgres).await, live, "without being told so, nothing takes over");

    let (ok, report) = replay(&place, &["--accept-differences"]);
    assert!(ok && report["outcome"] == json!("cut_over") && report["resumed"] == json!(true), "{report}");
    assert_eq!(client.total(None).await, 500, "mended");
    let (ok, report) = replay(&place, &["--check-only", "--from", "postgres"]);
    assert!(ok && report["outcome"] == json!("same"), "{report}");
    let differences: String =
        sqlx::query_scalar("SELECT payload ->> 'differences' FROM ledger.events WHERE event_type = 'GenerationCutOver'")
            .fetch_one(&mut postgres)
            .await
            .expect("an entry in the audit log");
    assert_eq!(differences, "1");

    // A figure, which follows from all of them.
    all_figures_are_made(&place).await;
    let live = number_of_live(&mut postgres).await;
    let changed = format!(
        "UPDATE generation_{live}.figures SET value = value + 1
         WHERE kpi = 'active_capsule_interactions' AND grain = 'month' AND segment = 'all' AND period = '2026-03-01'"
    );
    assert_eq!(sqlx::query(&changed).execute(&mut postgres).await.expect("changed").rows_affected(), 1);
    for (only, is_same) in [("figures", false), ("monthly_counts", true)] {
        let (ok, report) = replay(&place, &["--check-only", "--only", only]);
        assert_eq!((ok, report["outcome"] == json!("same")), (is_same, is_same), "{only}: {report}");
        assert_eq!(named(&report).as_slice(), if is_same { &[][..] } else { &["figures"] }, "{only}");
    }
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_that_is_told_to_stop_keeps_what_it_has_folded() {
    let (program, client, place, directory) = up().await;
    record_sixty_thousand(&client).await;
    let mut postgres = connect(&place.database_url).await;
    let replaying = Program::spawn(directory.path(), Some(&place), &["replay", "--json"]);
    let (number, events) = eventually("a part of it is folded", 2 * SOON, async || {
        being_filled(&mut postgres, "kafka").await.filter(|(_, events)| *events > 0)
    })
    .await;
    let log = replaying.log.clone();
    assert!(!replaying.stop().await, "it did not come to its end");
    let said = std::fs::read_to_string(log).expect("what it said");
    assert!(said.contains("the same command goes on with it"), "{said}");
    let (same, kept) = being_filled(&mut postgres, "kafka").await.expect("it is kept");
    assert!(same == number && kept >= events, "{kept} after {events}");
    let (ok, report) = replay_beside(&place, &[]).await;
    assert!(ok && report["outcome"] == json!("cut_over") && report["resumed"] == json!(true), "{report}");
    assert!(report["events"].as_i64() < Some(60_000), "it goes on where it was: {report}");
    assert!(program.stop().await, "it stops well");
}
