use std::sync::Arc;

use domain::{AggregateType, NewEvent, Stream};
use event_store::{AppendError, Commit, Expected, Guard, IdempotencyKey};

use crate::support::*;

fn published(id: &str, expected: Expected) -> Commit {
    Commit {
        stream: Stream { tenant: tenant(), aggregate_type: AggregateType::Capsule, id: id.to_owned() },
        partition_key: id.to_owned(),
        expected,
        events: vec![NewEvent {
            event_type: "CapsulePublished",
            event_version: "1.0",
            occurred_at: noon(),
            payload: r#"{"type":"CapsulePublished","occurred_at":"2026-10-31T12:00:00Z"}"#.to_owned(),
        }],
        metadata: Arc::from("{}"),
        guard: None,
        idempotency: None,
        people_as_of: None,
    }
}

#[tokio::test]
async fn facts_that_expect_any_version_take_the_next_sequence() {
    let ledger = Ledger::new().await;
    let mut longer = published("c1", Expected::Any);
    longer.events.extend(longer.events.clone());
    let results = ledger.store.append(vec![published("c1", Expected::Any), longer, published("c2", Expected::Any)]).await;
    let versions: Vec<u64> = results.iter().map(|result| result.as_ref().expect("appended").version).collect();
    assert_eq!(versions, [1, 3, 1]);
    let many = (0..20).map(|_| ledger.store.append(vec![published("c1", Expected::Any)]));
    let mut versions: Vec<u64> =
        futures::future::join_all(many).await.iter().map(|results| results[0].as_ref().expect("appended").version).collect();
    versions.sort_unstable();
    assert_eq!(versions, (4..24).collect::<Vec<_>>());
    assert_eq!(ledger.everything().await.len(), 24);
    ledger.end().await;
}

#[tokio::test]
async fn an_exact_commit_fails_alone_where_its_stream_or_guard_moved() {
    let ledger = Ledger::new().await;
    ledger.store.append(vec![published("c1", Expected::Any)]).await;
    let other = |id: &str| {
        // A stream of another aggregate in the partition of c1.
        let mut commit = published(id, Expected::Exact(0));
        commit.stream.aggregate_type = AggregateType::Interaction;
        commit.partition_key = "c1".to_owned();
        commit
    };
    let stream = Arc::new(published("c1", Expected::Any).stream);
    let mut right = other("i1");
    right.guard = Some(Guard { stream: Arc::clone(&stream), version: 1 });
    let mut stale = other("i2");
    stale.guard = Some(Guard { stream, version: 0 });
    let results = ledger
        .store
        .append(vec![published("c2", Expected::Exact(0)), published("c3", Expected::Exact(7)), right, stale, other("i1")])
        .await;
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(matches!(results[1], Err(AppendError::Conflict { actual: Some(0) })), "{results:?}");
    assert!(matches!(results[3], Err(AppendError::GuardMoved { actual: Some(1) })), "{results:?}");
    assert!(matches!(results[4], Err(AppendError::Conflict { actual: None })), "{results:?}");
    assert_eq!(ledger.everything().await.len(), 3);
    ledger.end().await;
}

#[tokio::test]
async fn a_commit_that_the_database_refuses_takes_no_other_with_it() {
    let ledger = Ledger::new().await;
    let mut commits: Vec<Commit> = (0..10).map(|number| published(&format!("c{number}"), Expected::Exact(0))).collect();
    commits[4].events[0].payload = "{".to_owned();
    commits[7].stream.id = "x".repeat(9_000);
    let results = ledger.store.append(commits).await;
    let failed: Vec<usize> = (0..10).filter(|index| results[*index].is_err()).collect();
    assert_eq!(failed[..1], [4]);
    assert!(failed.len() <= 2, "{results:?}");
    assert_eq!(ledger.everything().await.len(), 10 - failed.len());
    ledger.end().await;
}

#[tokio::test]
async fn a_key_is_taken_once_and_its_commit_left_out_the_second_time() {
    let ledger = Ledger::new().await;
    let with_key = |id: &str| {
        let mut commit = published(id, Expected::Exact(0));
        commit.idempotency = Some(IdempotencyKey { key: "k".to_owned(), request_hash: [1; 32] });
        commit
    };
    assert!(ledger.store.append(vec![with_key("c1")]).await[0].is_ok());
    let results = ledger.store.append(vec![with_key("c2"), published("c3", Expected::Exact(0))]).await;
    assert!(matches!(results[0], Err(AppendError::KeyTaken)), "{results:?}");
    assert!(results[1].is_ok());
    assert_eq!(ledger.everything().await.len(), 2);
    ledger.end().await;
}
