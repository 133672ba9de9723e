//! Faults at the worst moment, brought about rather than hoped for: a server is held still until the moment has come.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use domain::Partition;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::audit::ledger_is_whole;
use crate::faults::{client_at, on_own_servers};
use crate::program::{Client, Program, SOON, answer_of, eventually, up};
use crate::servers::Place;

const ROUNDS: usize = 3;
const BATCH: usize = 200;
/// A batch is some 60 KB on the wire; what consumers ask for is a few hundred bytes.
const A_BATCH_ARRIVED: usize = 8 << 10;
/// "Within seconds": the store's own limits and the wait in its queue.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// A process and its children, held still until this is dropped.
struct Held(Vec<u32>);

impl Held {
    fn still(pid: u32) -> Self {
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        let held = Self(std::iter::once(pid).chain(children.split_whitespace().filter_map(|pid| pid.parse().ok())).collect());
        held.signal("STOP");
        held
    }

    fn signal(&self, signal: &str) {
        // A child may have ended by itself.
        Command::new("kill").arg(format!("-{signal}")).args(self.0.iter().map(u32::to_string)).output().expect("kill runs");
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.signal("CONT");
    }
}

async fn record(client: &Client, round: usize) -> BTreeSet<String> {
    let ids: Vec<String> = (0..BATCH).map(|n| format!("r{round}-{n}")).collect();
    let lines: Vec<Value> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| {
            json!({"id": id, "capsule_id": format!("c{}", n % 12), "kind": "interaction", "user_id": format!("u{}", n % 20),
                   "occurred_at": "2026-03-01T08:00:00Z"})
        })
        .collect();
    let (status, body) = client.post_interactions(&lines).await;
    assert_eq!((status, &body["accepted"]), (StatusCode::OK, &json!(BATCH)), "{body}");
    ids.into_iter().collect()
}

/// Bytes that wait unread at sockets of this local port.
fn unread(port: u16) -> usize {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let of_port = |line: &str| {
        let mut columns = line.split_whitespace();
        let local = columns.nth(1)?.rsplit_once(':')?.1;
        let waiting = columns.nth(2)?.split_once(':')?.1;
        (u16::from_str_radix(local, 16).ok()? == port).then(|| usize::from_str_radix(waiting, 16).ok())?
    };
    tables.iter().flat_map(|table| table.lines()).filter_map(of_port).sum()
}

/// How many events Kafka holds.
async fn published(place: &Place) -> u64 {
    let mut events = 0;
    for partition in 0..8 {
        let last = event_log::last_position(&place.kafka_brokers, &place.topic, Partition(partition)).await;
        events += last.expect("Kafka answers").map_or(0, |last| last.0 + 1);
    }
    events
}

async fn heads(postgres: &mut PgConnection) -> u64 {
    let events: i64 = sqlx::query_scalar("SELECT sum(next_position)::bigint FROM ledger.partition_heads")
        .fetch_one(postgres)
        .await
        .expect("heads can be read");
    u64::try_from(events).expect("positive")
}

/// Kafka is held still while the relay sends, so that no report comes back; the relay is killed; Kafka goes on and takes what
/// was sent. The next relay has to find out that these events are there already.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_is_killed_between_its_send_and_its_report() {
    let (servers, program, client, place, directory, _own) = on_own_servers().await;
    assert!(program.stop().await, "it stops well");
    let (serve, api) = crate::roles::serve(&directory, &place).await;
    let client = client_at(&api, &client);
    let role = |name: &str| Program::spawn(directory.path(), Some(&place), &[name]);
    let project = role("project");
    let port = place.kafka_brokers.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("HOST:PORT");
    let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");

    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut relay = role("relay");
        acknowledged.extend(record(&client, round * 2).await);
        let before = heads(&mut postgres).await;
        eventually("everything is published", SOON, async || (published(&place).await == before).then_some(())).await;

        let kafka = Held::still(servers.kafka_pid().expect("Kafka runs"));
        acknowledged.extend(record(&client, round * 2 + 1).await);
        eventually("the relay has sent", SOON, async || (unread(port) > A_BATCH_ARRIVED).then_some(())).await;
        relay.kill();
        drop(kafka);
        eventually("Kafka has taken what a dead relay sent", SOON, async || (published(&place).await > before).then_some(()))
            .await;
    }
    let relay = role("relay");
    ledger_is_whole(&place, &client, &acknowledged).await;
    for program in [relay, project, serve] {
        assert!(program.stop().await, "it stops well");
    }
    servers.stop().await.expect("the servers stop");
}

/// A lock on its tables holds the projector in the middle of its transaction, where it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_projector_is_killed_in_the_middle_of_a_batch() {
    let (program, client, place, directory) = up().await;
    for n in 0..12 {
        client.open_capsule(&format!("c{n}")).await;
    }
    assert!(program.stop().await, "it stops well");
    let (serve, api) = crate::roles::serve(&directory, &place).await;
    let client = client_at(&api, &client);
    let role = |name: &str| Program::spawn(directory.path(), Some(&place), &[name]);
    let relay = role("relay");

    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        let mut lock = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
        lock.execute("BEGIN; LOCK TABLE read.interactions IN EXCLUSIVE MODE").await.expect("a lock");
        let mut project = role("project");
        acknowledged.extend(record(&client, round).await);
        let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
        eventually("the projector waits in its transaction", SOON, async || {
            let waits: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                                AND xact_start IS NOT NULL)",
            )
            .fetch_one(&mut postgres)
            .await
            .expect("PostgreSQL answers");
            waits.then_some(())
        })
        .await;
        project.kill();
        lock.execute("ROLLBACK").await.expect("unlocked");
    }
    let project = role("project");
    ledger_is_whole(&place, &client, &acknowledged).await;
    for program in [relay, project, serve] {
        assert!(program.stop().await, "it stops well");
    }
}

/// PostgreSQL says nothing at all, the worst way to be away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_postgres_is_away_writes_are_answered_within_seconds_and_lost_never() {
    let (servers, program, client, place, _directory, _own) = on_own_servers().await;
    let acknowledged = record(&client, 0).await;
    let line = json!({"id": "r0-0", "capsule_id": "c0", "kind": "interaction", "user_id": "u0",
                      "occurred_at": "2026-03-01T08:00:00Z"});
    let postgres = Held::still(servers.postgres_pid().expect("Postgres runs"));
    for (path, body) in [
        ("/v1/interactions", json!({"id": "new", "capsule_id": "c0", "kind": "view"})),
        ("/v1/interactions", line.clone()),
        ("/v1/capsules/c99/create", json!({"title": "Not now"})),
    ] {
        let asked = Instant::now();
        let request = client.request("writer", reqwest::Method::POST, path).json(&body);
        let answer = request.send().await.expect("an answer");
        let took = asked.elapsed();
        let retry_after = answer.headers().get("retry-after").cloned();
        let status = answer.status();
        let problem: Value = answer.json().await.expect("a problem document");
        assert_eq!((status.as_u16(), &problem["code"]), (503, &json!("unavailable")), "{path}: {problem}");
        assert!(retry_after.is_some_and(|seconds| seconds.to_str().is_ok_and(|text| text.parse::<u32>().is_ok())));
        assert!(took < ANSWERED_WITHIN, "{path} was answered after {took:?}");
    }
    let ready = client.http.get(format!("{}/readyz", client.api)).send().await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE, "and /readyz says so");
    drop(postgres);

    // Whether "new" and "c99" were recorded nobody knows until they are sent again; then they are, once.
    let (status, body) = eventually("writes are taken again", SOON, async || {
        let answer = answer_of(client.request("writer", reqwest::Method::POST, "/v1/interactions").json(&line)).await;
        (answer.0 != StatusCode::SERVICE_UNAVAILABLE).then_some(answer)
    })
    .await;
    assert_eq!((status, &body["duplicates"]), (StatusCode::OK, &json!(1)), "{body}");
    let mut acknowledged = acknowledged;
    let (status, body) = client.post_interactions(&[json!({"id": "new", "capsule_id": "c0", "kind": "view"})]).await;
    assert_eq!((status, &body["rejected"]), (StatusCode::OK, &json!(0)), "{body}");
    acknowledged.insert("new".to_owned());
    ledger_is_whole(&place, &client, &acknowledged).await;
    assert!(program.stop().await, "it stops well");
    servers.stop().await.expect("the servers stop");
}
