//! What the ledger holds of a person, with what is personal opened: for whoever answers a request for access.
//!
//! There is no index over whom events are about, as it would slow every append: the log is read through.

use std::sync::Arc;
use std::time::Duration;

use domain::{Partition, Pseudonym, RecordedEvent, Sealed, Stream, TenantId, UserId};
use serde::Deserialize;
use sqlx::PgTransaction;

use crate::error::Error;
use crate::read::recorded;
use crate::sealing::SealingKey;
use crate::store::Store;

/// Somebody of whom something is known.
#[derive(Debug, Clone)]
pub struct Subject {
    tenant: TenantId,
    pub pseudonym: Pseudonym,
    key: Arc<SealingKey>,
}

/// An event of theirs.
#[derive(Debug, Clone)]
pub struct OpenedEvent {
    pub event: RecordedEvent,
    /// JSON; none: nothing was sealed in it.
    pub personal: Option<String>,
}

impl Store {
    /// None: nothing is known of them.
    pub async fn subject(&self, tenant: &TenantId, user: &UserId) -> Result<Option<Subject>, Error> {
        let known = self.inner.vault.find_with_key(tenant, user).await?;
        Ok(known.and_then(|known| Some(Subject { tenant: tenant.clone(), pseudonym: known.pseudonym, key: known.key? })))
    }

    /// All events of a partition in streams that name them, in order.
    ///
    /// # Errors
    /// Where it takes longer than `limit`, as it does where nobody waits for it any more.
    pub async fn events_of(&self, subject: &Subject, partition: Partition, limit: Duration) -> Result<Vec<OpenedEvent>, Error> {
        let mut transaction = self.limited(limit).await?;
        let rows = sqlx::query(include_str!("sql/subject_events.sql"))
            .bind(subject.tenant.as_str())
            .bind(subject.pseudonym.to_string())
            .bind(i32::from(partition.0))
            .fetch_all(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        rows.iter().map(|row| recorded(row).and_then(|event| subject.open(event))).collect()
    }

    /// How many events name them.
    ///
    /// # Errors
    /// As [`Store::events_of`].
    pub async fn count_naming(&self, tenant: &TenantId, pseudonym: Pseudonym, limit: Duration) -> Result<u64, Error> {
        let mut transaction = self.limited(limit).await?;
        let count: i64 = sqlx::query_scalar(include_str!("sql/subject_count.sql"))
            .bind(tenant.as_str())
            .bind(pseudonym.to_string())
            .fetch_one(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        Ok(count as u64)
    }

    /// What is read through in it ends by itself: a caller who gives up ends nothing that the server does, which would hold a
    /// connection until it is done.
    async fn limited(&self, limit: Duration) -> Result<PgTransaction<'static>, Error> {
        let mut transaction = self.inner.pool.begin().await?;
        sqlx::query("SELECT set_config('statement_timeout', $1, true)")
            .bind(limit.as_millis().max(1).to_string())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction)
    }
}

impl Subject {
    fn open(&self, event: RecordedEvent) -> Result<OpenedEvent, Error> {
        #[derive(Deserialize)]
        struct Holding {
            sealed: Option<Sealed>,
        }
        let broken = || Error::Broken(format!("what is sealed in event {}", event.id()));
        let holding: Holding = serde_json::from_str(&event.payload).map_err(|_| broken())?;
        let personal = match &holding.sealed {
            None => None,
            Some(sealed) => {
                let stream = Stream {
                    tenant: event.tenant.clone(),
                    aggregate_type: event.aggregate_type,
                    id: event.aggregate_id.clone(),
                };
                Some(self.key.open(&stream, sealed).ok_or_else(broken)?)
            }
        };
        Ok(OpenedEvent { event, personal })
    }
}
