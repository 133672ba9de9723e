//! A ledger of one's own, and short ways to say commands.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{AggregateType, Command, Metadata, Partition, Position, RecordedEvent, TenantId};
use event_store::{ExecuteError, IdempotencyKey, Outcome, Request, Settings, Store};
use sqlx::{Connection, PgConnection, PgPool};

pub(crate) const PARTITIONS: u16 = 4;

pub(crate) struct Ledger {
    pub(crate) store: Store,
    pub(crate) url: String,
    admin: String,
    database: String,
}

impl Ledger {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let admin = std::env::var("TEST_DATABASE_URL")
            .unwrap_or_else(|_| panic!("TEST_DATABASE_URL is not set: run `make test`, which sets it"));
        let database = format!("store_{}", uuid::Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(&admin).await.expect("a server");
        sqlx::query(&format!("CREATE DATABASE {database}")).execute(&mut connection).await.expect("a database");
        let mut url: String = admin.clone();
        let path = url.rfind('/').expect("a URL with a database");
        url.replace_range(path + 1.., &database);
        let pool = event_store::connect(&url, 8).await.expect("a pool");
        event_store::migrate(&pool, PARTITIONS).await.expect("a ledger");
        let store = Store::open(pool, settings).await.expect("a store");
        Self { store, url, admin, database }
    }

    /// Another process on the same ledger.
    pub(crate) async fn another_store(&self) -> Store {
        let pool = event_store::connect(&self.url, 8).await.expect("a pool");
        Store::open(pool, Settings::default()).await.expect("a store")
    }

    pub(crate) fn pool(&self) -> &PgPool {
        self.store.pool()
    }

    /// An open capsule.
    pub(crate) async fn open_capsule(&self, id: &str) {
        self.store.execute(create(id)).await.expect("created");
        self.store.execute(publish(id)).await.expect("published");
    }

    /// Everything in the ledger, which must be dense.
    pub(crate) async fn everything(&self) -> Vec<RecordedEvent> {
        let heads = self.store.heads().await.expect("heads");
        let mut events = Vec::new();
        for (number, head) in heads.into_iter().enumerate() {
            let partition = Partition(number as u16);
            let run = self.store.read(partition, Position(0), 1_000_000).await.expect("events");
            assert_eq!(run.len() as u64, head.0, "the head of partition {partition} counts its events");
            assert!(run.iter().zip(0..).all(|(event, position)| event.position == Position(position)));
            assert!(run.windows(2).all(|pair| pair[0].recorded_at <= pair[1].recorded_at));
            events.extend(run);
        }
        events
    }

    pub(crate) async fn end(self) {
        self.store.shutdown().await;
        self.store.pool().close().await;
        let mut connection = PgConnection::connect(&self.admin).await.expect("a server");
        sqlx::query(&format!("DROP DATABASE {} WITH (FORCE)", self.database)).execute(&mut connection).await.expect("dropped");
    }
}

pub(crate) fn tenant() -> TenantId {
    TenantId::parse("acme").expect("a tenant")
}

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-10-31T12:00:00Z".parse().expect("a time")
}

pub(crate) fn metadata(command: &str) -> Arc<Metadata> {
    Arc::new(Metadata {
        key: "k1".to_owned(),
        command: command.to_owned(),
        correlation_id: "r1".to_owned(),
        received_at: noon(),
    })
}

pub(crate) fn request(collection: &str, id: &str, command: &str, data: &str) -> Request {
    let aggregate_type = AggregateType::from_collection(collection).expect("a collection");
    Request {
        tenant: tenant(),
        id: id.to_owned(),
        command: Command::parse(aggregate_type, command, data.as_bytes()).expect("a command"),
        expected_version: None,
        metadata: metadata(&format!("{collection}/{command}")),
        idempotency: None,
    }
}

pub(crate) fn create(id: &str) -> Request {
    request("capsules", id, "create", r#"{"title":"One"}"#)
}
pub(crate) fn rename(id: &str, title: &str) -> Request {
    request("capsules", id, "rename", &format!(r#"{{"title":"{title}"}}"#))
}
pub(crate) fn publish(id: &str) -> Request {
    request("capsules", id, "publish", "{}")
}
pub(crate) fn archive(id: &str) -> Request {
    request("capsules", id, "archive", "{}")
}
/// An interaction whose content is told apart by `response_ms`.
pub(crate) fn record(id: &str, capsule: &str, response_ms: u32) -> Request {
    let data = format!(
        r#"{{"capsule_id":"{capsule}","session_id":"s1","kind":"interaction","occurred_at":"2026-10-31T12:00:00Z","response_ms":{response_ms}}}"#
    );
    request("interactions", id, "record", &data)
}
pub(crate) fn void(id: &str) -> Request {
    request("interactions", id, "void", "{}")
}

pub(crate) fn keyed(mut request: Request, key: &str, hash: u8) -> Request {
    request.idempotency = Some(IdempotencyKey { key: key.to_owned(), request_hash: [hash; 32] });
    request
}
pub(crate) fn at_version(mut request: Request, version: u64) -> Request {
    request.expected_version = Some(version);
    request
}

/// The outcome in a word.
pub(crate) fn word(answer: &Result<Outcome, ExecuteError>) -> &'static str {
    match answer {
        Ok(outcome) if outcome.replayed => "replayed",
        Ok(outcome) if outcome.appended.is_empty() => "unchanged",
        Ok(_) => "appended",
        Err(error) => error.code(),
    }
}
