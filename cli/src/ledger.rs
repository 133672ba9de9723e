//! One ledger, opened: its database migrated, its topic there, its store ready. And the two seams between crates that do
//! not know each other: the relay reads the store, the projector reads the log.

use std::sync::Arc;

use anyhow::Context as _;
use domain::{Partition, Position, RecordedEvent};
use event_log::BoxError;
use event_store::lease::Leases;
use event_store::{CommittedEvents, PgPool, Store};
use tokio::sync::Mutex;

use crate::config::LedgerArguments;

/// Connects and sees to it that the ledger is there. Any number of processes may do so at once.
pub(crate) async fn open_database(arguments: &LedgerArguments) -> anyhow::Result<PgPool> {
    let shape = &arguments.shape;
    let pool = event_store::connect(&arguments.database_url, shape.database_connections)
        .await
        .context("cannot reach PostgreSQL (--database-url)")?;
    event_store::migrate(&pool, shape.partitions).await.context("cannot prepare the ledger in PostgreSQL")?;
    projections::migrate(&pool).await.context("cannot prepare the read models in PostgreSQL")?;
    Ok(pool)
}

/// Opens the store, and takes no command before people who were erased are forgotten, also by a vault that was restored.
pub(crate) async fn open_store(pool: &PgPool) -> anyhow::Result<Store> {
    let store = Store::open(pool.clone(), settings()).await?;
    store.forget_erased().await.context("who was erased could not be forgotten")?;
    Ok(store)
}

fn settings() -> event_store::Settings {
    #[cfg(debug_assertions)]
    let hold_erasure_at = std::env::var("LEDGER_TEST_HOLD_ERASURE_AT").ok();
    #[cfg(not(debug_assertions))]
    let hold_erasure_at = None;
    event_store::Settings { hold_erasure_at, ..event_store::Settings::default() }
}

pub(crate) async fn open_topic(arguments: &LedgerArguments) -> anyhow::Result<()> {
    event_log::ensure_topic(&arguments.kafka_brokers, &arguments.shape.topic, arguments.shape.partitions)
        .await
        .context("cannot prepare the topic in Kafka (--kafka-brokers, --topic)")
}

/// The store as the relay sees it.
#[derive(Debug)]
pub(crate) struct StoreForRelay {
    pub(crate) store: Store,
    /// Where this process appends too, its events come this way without a query.
    pub(crate) fresh: Option<Mutex<CommittedEvents>>,
    pub(crate) leases: Mutex<Leases>,
}

impl event_log::relay::Committed for StoreForRelay {
    async fn read(&self, partition: Partition, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, BoxError> {
        Ok(self.store.read(partition, from, limit).await?)
    }

    async fn heads(&self) -> Result<Vec<Position>, BoxError> {
        Ok(self.store.heads().await?)
    }

    async fn next_fresh(&self) -> Option<Arc<[RecordedEvent]>> {
        match &self.fresh {
            Some(fresh) => fresh.lock().await.recv().await,
            None => std::future::pending().await,
        }
    }

    async fn balance(&self) -> Result<Vec<Partition>, BoxError> {
        Ok(self.leases.lock().await.balance(self.store.partitions()).await?)
    }
}
