//! The ledger behind cqrs-es: its framework runs on our streams. Aggregate ids are `TENANT/ID`.

use std::sync::Arc;

use cqrs_es::Aggregate;
use cqrs_es::persist::{PersistedEventRepository, PersistenceError, ReplayStream, SerializedEvent, SerializedSnapshot};
use domain::{AggregateType, CapsuleId, Event, NewEvent, State, Stream, TenantId};
use serde_json::Value;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::commit::{AppendError, Commit, Expected};
use crate::error::Error;
use crate::store::Store;

const STREAM_CHANNEL: usize = 200;
const PAGE_EVENTS: i64 = 1_000;

/// `cqrs_es::persist::PersistedEventRepository` over [`Store`]. It keeps no snapshots.
#[derive(Debug, Clone)]
pub struct LedgerRepository {
    store: Store,
}

impl LedgerRepository {
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    async fn stored<A: Aggregate>(&self, aggregate_id: &str, after: usize) -> Result<Vec<SerializedEvent>, PersistenceError> {
        let rows = sqlx::query(include_str!("sql/repository_stream.sql"))
            .bind(A::TYPE)
            .bind(aggregate_id)
            .bind(after as i64)
            .fetch_all(self.store.pool())
            .await
            .map_err(|error| unavailable(error.into()))?;
        rows.iter().map(serialized).collect()
    }
}

impl PersistedEventRepository for LedgerRepository {
    async fn get_events<A: Aggregate>(&self, aggregate_id: &str) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.stored::<A>(aggregate_id, 0).await
    }

    async fn get_last_events<A: Aggregate>(
        &self,
        aggregate_id: &str,
        last_sequence: usize,
    ) -> Result<Vec<SerializedEvent>, PersistenceError> {
        self.stored::<A>(aggregate_id, last_sequence).await
    }

    async fn get_snapshot<A: Aggregate>(&self, _: &str) -> Result<Option<SerializedSnapshot>, PersistenceError> {
        Ok(None)
    }

    async fn persist<A: Aggregate>(
        &self,
        events: &[SerializedEvent],
        snapshot_update: Option<(String, Value, usize)>,
    ) -> Result<(), PersistenceError> {
        if snapshot_update.is_some() {
            return Err(PersistenceError::UnknownError("the ledger keeps no snapshots: use new_event_store".into()));
        }
        let Some(first) = events.first() else { return Ok(()) };
        let stream = stream(A::TYPE, &first.aggregate_id)?;
        let expected = first.sequence.checked_sub(1).ok_or_else(|| unknown("sequences count from 1"))? as u64;
        let decoded: Vec<Event> = events.iter().map(event).collect::<Result<_, _>>()?;
        let commit = Commit {
            partition_key: self.partition_key(&stream, &decoded).await?,
            expected: Expected::Exact(expected),
            events: decoded.iter().map(NewEvent::from).collect(),
            metadata: Arc::from(first.metadata.to_string()),
            guard: None,
            idempotency: None,
            people_as_of: None,
            stream,
        };
        match self.store.append(vec![commit]).await.pop().expect("one result for each commit") {
            Ok(_) => Ok(()),
            Err(AppendError::Conflict { .. }) => Err(PersistenceError::OptimisticLockError),
            Err(AppendError::Unavailable(error)) => Err(unavailable(error)),
            Err(error) => Err(PersistenceError::ConnectionError(Box::new(error))),
        }
    }

    async fn stream_events<A: Aggregate>(&self, aggregate_id: &str) -> Result<ReplayStream, PersistenceError> {
        let events = self.stored::<A>(aggregate_id, 0).await?;
        let (mut feed, stream) = ReplayStream::new(STREAM_CHANNEL);
        tokio::spawn(async move {
            for event in events {
                if feed.push(Ok(event)).await.is_err() {
                    return; // The reader has seen enough.
                }
            }
        });
        Ok(stream)
    }

    /// All events of a type, stream by stream.
    async fn stream_all_events<A: Aggregate>(&self) -> Result<ReplayStream, PersistenceError> {
        let pool = self.store.pool().clone();
        let (mut feed, stream) = ReplayStream::new(STREAM_CHANNEL);
        tokio::spawn(async move {
            let (mut after_id, mut after_sequence) = (String::new(), 0_i64);
            loop {
                let page = sqlx::query(include_str!("sql/repository_all.sql"))
                    .bind(A::TYPE)
                    .bind(&after_id)
                    .bind(after_sequence)
                    .bind(PAGE_EVENTS)
                    .fetch_all(&pool)
                    .await;
                let rows = match page {
                    Ok(rows) => rows,
                    Err(error) => return drop(feed.push(Err(unavailable(error.into()))).await),
                };
                for row in &rows {
                    let event = serialized(row);
                    if let Ok(event) = &event {
                        after_id.clone_from(&event.aggregate_id);
                        after_sequence = event.sequence as i64;
                    }
                    let is_last = event.is_err();
                    if feed.push(event).await.is_err() || is_last {
                        return;
                    }
                }
                if (rows.len() as i64) < PAGE_EVENTS {
                    return;
                }
            }
        });
        Ok(stream)
    }
}

impl LedgerRepository {
    /// The stream's own, or for a new stream what its first events say.
    async fn partition_key(&self, stream: &Stream, events: &[Event]) -> Result<String, PersistenceError> {
        if let Some(loaded) = self.store.load(stream).await.map_err(unavailable)? {
            return Ok(loaded.partition_key);
        }
        let state = events.iter().fold(State::initial(stream.aggregate_type), State::evolve);
        Ok(match &state {
            State::Interaction(interaction) => interaction.capsule_id().map_or(&*stream.id, CapsuleId::as_str).to_owned(),
            _ => stream.id.clone(),
        })
    }
}

fn stream(aggregate_type: &str, aggregate_id: &str) -> Result<Stream, PersistenceError> {
    let (tenant, id) = aggregate_id.split_once('/').ok_or_else(|| unknown("an aggregate id is TENANT/ID"))?;
    Ok(Stream {
        tenant: TenantId::parse(tenant).map_err(|error| PersistenceError::UnknownError(Box::new(error)))?,
        aggregate_type: AggregateType::from_stored(aggregate_type).ok_or_else(|| unknown("no such aggregate type"))?,
        id: id.to_owned(),
    })
}

fn event(serialized: &SerializedEvent) -> Result<Event, PersistenceError> {
    let payload = serialized.payload.to_string();
    Event::decode(&serialized.event_type, &serialized.event_version, payload.as_bytes())
        .map_err(|error| PersistenceError::DeserializationError(Box::new(error)))
}

fn serialized(row: &PgRow) -> Result<SerializedEvent, PersistenceError> {
    let read = || {
        Ok(SerializedEvent {
            aggregate_id: row.try_get("aggregate_id")?,
            sequence: row.try_get::<i64, _>("sequence")? as usize,
            aggregate_type: row.try_get("aggregate_type")?,
            event_type: row.try_get("event_type")?,
            event_version: row.try_get("event_version")?,
            payload: row.try_get("payload")?,
            metadata: row.try_get("metadata")?,
        })
    };
    read().map_err(|error: sqlx::Error| PersistenceError::DeserializationError(Box::new(error)))
}

fn unknown(text: &'static str) -> PersistenceError {
    PersistenceError::UnknownError(text.into())
}

fn unavailable(error: Error) -> PersistenceError {
    PersistenceError::ConnectionError(Box::new(error))
}
