//! What must be true of a ledger after anything: nothing acknowledged is lost, positions are dense, Kafka holds what
//! Postgres holds, and the read models say the same.

use std::collections::BTreeSet;

use domain::{Partition, Position, RecordedEvent};
use serde_json::Value;
use sqlx::{Connection as _, PgConnection, Row as _};

use crate::program::{Client, SOON, eventually};
use crate::servers::Place;

/// Checks a ledger whose clients sent exactly these interactions, all of them acknowledged in the end.
pub async fn ledger_is_whole(place: &Place, client: &Client, acknowledged: &BTreeSet<String>) {
    let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
    let recorded: Vec<String> = sqlx::query_scalar(
        "SELECT split_part(aggregate_id, '/', 2) FROM ledger.events WHERE event_type = 'InteractionRecorded'",
    )
    .fetch_all(&mut postgres)
    .await
    .expect("events can be read");
    let once: BTreeSet<String> = recorded.iter().cloned().collect();
    assert_eq!(once.len(), recorded.len(), "an interaction is recorded once");
    let lost: Vec<_> = acknowledged.difference(&once).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert_eq!(once.len(), acknowledged.len(), "and none that nobody sent");

    let heads = positions_are_dense(&mut postgres).await;
    kafka_is_a_copy(place, &mut postgres, &heads).await;
    let counted = eventually("the read models have counted every interaction", SOON, async || {
        let total = client.total(None).await;
        (total >= recorded.len() as u64).then_some(total)
    })
    .await;
    assert_eq!(counted, recorded.len() as u64, "each is counted exactly once");
    let rows: i64 =
        sqlx::query_scalar("SELECT count(*) FROM read.interactions").fetch_one(&mut postgres).await.expect("a count");
    assert_eq!(usize::try_from(rows).expect("a count"), recorded.len(), "and is one row for analysts");
    the_watch_finds_nothing(client, heads.iter().sum()).await;
}

/// Where the program verifies what it holds: that it has come so far, and raised no alarm on its way.
pub async fn the_watch_finds_nothing(client: &Client, events: i64) {
    let ready = async || client.http.get(format!("{}/readyz", client.api)).send().await.ok()?.json::<Value>().await.ok();
    eventually("every event is found to be sound", 2 * SOON, async || {
        let checks = ready().await?["checks"].as_array().cloned().unwrap_or_default();
        let Some(verify) = checks.into_iter().find(|check| check["name"] == "verify") else { return Some(()) };
        assert_eq!(verify["ok"], true, "a false alarm: {verify}");
        (sound_events(client).await? >= events).then_some(())
    })
    .await;
}

/// How many events the running verification has found to be sound in both copies.
async fn sound_events(client: &Client) -> Option<i64> {
    metric(client, "verify_sound_events").await
}

pub async fn metric(client: &Client, name: &str) -> Option<i64> {
    let metrics = client.http.get(format!("{}/metrics", client.api)).send().await.ok()?.text().await.ok()?;
    metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?.parse().ok()
}

/// Every partition's positions run from 0 without a gap, and end at its head.
pub async fn positions_are_dense(postgres: &mut PgConnection) -> Vec<i64> {
    let rows = sqlx::query(
        "SELECT h.next_position, count(e.position), min(e.position), max(e.position) FROM ledger.partition_heads h
         LEFT JOIN ledger.events e USING (partition) GROUP BY h.partition, h.next_position ORDER BY h.partition",
    )
    .fetch_all(postgres)
    .await
    .expect("heads can be read");
    rows.iter()
        .map(|row| {
            let (next, count): (i64, i64) = (row.get(0), row.get(1));
            assert_eq!(next, count, "as many events as the head says");
            if count > 0 {
                assert_eq!((row.get::<i64, _>(2), row.get::<i64, _>(3)), (0, next - 1), "from 0 to the head");
            }
            next
        })
        .collect()
}

/// Reads both logs from their beginnings and compares every event's every field.
async fn kafka_is_a_copy(place: &Place, postgres: &mut PgConnection, heads: &[i64]) {
    let partitions = u16::try_from(heads.len()).expect("few partitions");
    for (partition, head) in (0..partitions).zip(heads) {
        let last = (*head > 0).then(|| Position(u64::try_from(head - 1).expect("positive")));
        eventually("the relay has published everything", SOON, async || {
            let published = event_log::last_position(&place.kafka_brokers, &place.topic, Partition(partition)).await.ok()?;
            (published >= last).then_some(())
        })
        .await;
    }
    let heads: Vec<Position> = heads.iter().map(|head| Position(u64::try_from(*head).expect("positive"))).collect();
    let published = crate::data::read_kafka(place, &heads).await;
    for (partition, events) in published.iter().enumerate() {
        let stored = stored_events(postgres, u16::try_from(partition).expect("few partitions")).await;
        assert_eq!(events.len(), stored.len(), "partition {partition}: as many events in Kafka as in Postgres");
        for (kafka, postgres) in events.iter().zip(&stored) {
            assert_eq!(kafka, postgres, "partition {partition}: the copy is exact");
        }
    }
}

async fn stored_events(postgres: &mut PgConnection, partition: u16) -> Vec<RecordedEvent> {
    let rows = sqlx::query(
        "SELECT tenant, aggregate_type, split_part(aggregate_id, '/', 2) AS id, sequence, event_type, event_version, partition_key,
                occurred_at, recorded_at, payload::text AS payload, metadata::text AS metadata, position
         FROM ledger.events WHERE partition = $1 ORDER BY position",
    )
    .bind(i32::from(partition))
    .fetch_all(postgres)
    .await
    .expect("events can be read");
    rows.iter()
        .map(|row| RecordedEvent {
            partition: Partition(partition),
            position: Position(u64::try_from(row.get::<i64, _>("position")).expect("positive")),
            tenant: domain::TenantId::parse(row.get::<String, _>("tenant")).expect("a tenant"),
            aggregate_type: domain::AggregateType::from_stored(row.get("aggregate_type")).expect("a known type"),
            aggregate_id: row.get("id"),
            sequence: u64::try_from(row.get::<i64, _>("sequence")).expect("positive"),
            event_type: row.get("event_type"),
            event_version: row.get("event_version"),
            partition_key: row.get("partition_key"),
            occurred_at: row.get("occurred_at"),
            recorded_at: row.get("recorded_at"),
            payload: row.get("payload"),
            metadata: row.get::<String, _>("metadata").into(),
        })
        .collect()
}
