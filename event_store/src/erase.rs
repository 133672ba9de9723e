//! Erasing somebody: the row that leads from them to their events, and their key, are destroyed; no event is touched.
//!
//! All of it is one transaction: the event that says so, the row that is destroyed, and the epoch that tells every process to
//! trust nothing that it remembers of the tenant's people. A process or a server that dies at any moment has done all of it
//! or nothing. The transaction holds the heads of all partitions: so no append is between its look at the epoch and its end,
//! and none that knew the person comes after.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::privacy::{EraseSubject, ErasureReason, SubjectCommand};
use domain::{
    AggregateType, Command, Context, Event, Metadata, NewEvent, Partition, Position, Pseudonym, RecordedEvent, State, Stream,
    TenantId, UserId,
};
use sqlx::PgConnection;
use tokio::time::timeout;
use uuid::Uuid;

use crate::batch::{self, Mode};
use crate::commit::{AppendError, Commit, Expected};
use crate::error::Error;
use crate::idempotency;
use crate::read;
use crate::request::IdempotencyKey;
use crate::retention::seen_between;
use crate::store::Store;

const WAIT_MAX: Duration = Duration::from_secs(10);
const ATTEMPTS_MAX: usize = 5;

/// What an erasure's idempotency key is bound to. Not the person: nothing is to tell who it was.
const REQUEST_HASH: [u8; 32] = *b"capsule-ledger subjects/erase   ";

/// Somebody who was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// What they were known by; now nobody's.
    pub pseudonym: Pseudonym,
    /// `SubjectErased`.
    pub event: RecordedEvent,
}

/// Why nobody was erased.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EraseError {
    /// Nothing was ever recorded of them, or they were erased before: it cannot be told which.
    #[error("nothing is known of this person")]
    Unknown,
    /// Use another key for another person.
    #[error("the idempotency key was used for something else")]
    IdempotencyKeyReused,
    /// It is done or not: ask again with the same key.
    #[error("the ledger's database is not available")]
    Unavailable(#[from] Error),
}

/// Who is to be erased.
enum Whom<'a> {
    User(&'a UserId),
    /// Unless an event of theirs was recorded at these positions or later.
    Idle(Pseudonym, &'a [Position]),
}

/// What came of one try.
enum Tried {
    Erased(Partition, Position),
    /// Their vault row is gone, and before this the ledger said already that they were erased.
    SaidBefore(Pseudonym),
    Unknown,
    KeyTaken,
}

impl Store {
    /// Erases somebody. With an idempotency key, a second call of the same key is told of the same erasure, as long as nothing
    /// was recorded of the person again.
    ///
    /// # Errors
    /// [`EraseError`]; whichever it is, nothing is half done.
    pub async fn erase(
        &self,
        tenant: &TenantId,
        user: &UserId,
        metadata: &Metadata,
        key: Option<&str>,
    ) -> Result<Erasure, EraseError> {
        if let Some(key) = key
            && let Some(erasure) = self.erased_under(tenant, user, key).await?
        {
            return Ok(erasure);
        }
        match self.erase_whom(tenant, &Whom::User(user), ErasureReason::Request, metadata, key).await? {
            Tried::Erased(partition, position) => self.erasure(tenant, partition, position).await,
            Tried::SaidBefore(pseudonym) => self.erasure_of(tenant, pseudonym).await,
            Tried::Unknown => Err(EraseError::Unknown),
            Tried::KeyTaken => match key {
                Some(key) => self.erased_under(tenant, user, key).await?.ok_or(EraseError::IdempotencyKeyReused),
                None => Err(EraseError::IdempotencyKeyReused),
            },
        }
    }

    /// Erases somebody of whom no event was recorded at these positions or later. Whether they were.
    pub(crate) async fn erase_idle(
        &self,
        tenant: &TenantId,
        pseudonym: Pseudonym,
        heads: &[Position],
        metadata: &Metadata,
    ) -> Result<bool, EraseError> {
        let tried = self.erase_whom(tenant, &Whom::Idle(pseudonym, heads), ErasureReason::Retention, metadata, None).await?;
        Ok(matches!(tried, Tried::Erased(..) | Tried::SaidBefore(_)))
    }

    /// What a key was answered with before.
    async fn erased_under(&self, tenant: &TenantId, user: &UserId, key: &str) -> Result<Option<Erasure>, EraseError> {
        let Some(answered) = idempotency::answered(&self.inner.pool, &[(tenant, key)]).await?.remove(&0) else {
            return Ok(None);
        };
        // Of another person something is known; of the one whom the key erased, nothing.
        let is_known = self.inner.vault.find(tenant, user).await?.is_some();
        match answered.outcome.appended.last() {
            Some((partition, position)) if answered.request_hash == REQUEST_HASH && !is_known => {
                self.erasure(tenant, *partition, *position).await.map(Some)
            }
            _ => Err(EraseError::IdempotencyKeyReused),
        }
    }

    async fn erasure(&self, tenant: &TenantId, partition: Partition, position: Position) -> Result<Erasure, EraseError> {
        let broken = || Error::Broken(format!("the erasure {partition}-{position}"));
        let event = read::event(&self.inner.pool, tenant, partition, position).await?.ok_or_else(broken)?;
        let pseudonym = Uuid::parse_str(&event.aggregate_id).map_err(|_| broken())?;
        Ok(Erasure { pseudonym: Pseudonym(pseudonym), event })
    }

    async fn erasure_of(&self, tenant: &TenantId, pseudonym: Pseudonym) -> Result<Erasure, EraseError> {
        let places = read::places_of(&self.inner.pool, &[(stream(tenant, pseudonym), 1)], 1).await?;
        let (partition, position) =
            places.first().ok_or_else(|| Error::Broken(format!("{pseudonym} was erased by no event")))?;
        self.erasure(tenant, *partition, *position).await
    }

    async fn erase_whom(
        &self,
        tenant: &TenantId,
        whom: &Whom<'_>,
        reason: ErasureReason,
        metadata: &Metadata,
        key: Option<&str>,
    ) -> Result<Tried, EraseError> {
        let subject = match whom {
            Whom::User(user) => Some(self.inner.vault.tenant(tenant).await?.subject(user)),
            Whom::Idle(..) => None,
        };
        let limit = WAIT_MAX;
        let too_late = |_| Error::Timeout { limit_ms: limit.as_millis() as u64 };
        let mut attempt = 1;
        let tried = loop {
            let trying = self.erase_once(tenant, whom, subject.as_ref(), reason, metadata, key);
            match timeout(limit, trying).await.map_err(too_late)? {
                Err(error) if error.is_lost_race() && attempt < ATTEMPTS_MAX => attempt += 1,
                tried => break tried?,
            }
        };
        self.inner.vault.forget(tenant);
        Ok(tried)
    }

    async fn erase_once(
        &self,
        tenant: &TenantId,
        whom: &Whom<'_>,
        subject: Option<&[u8; 32]>,
        reason: ErasureReason,
        metadata: &Metadata,
        key: Option<&str>,
    ) -> Result<Tried, Error> {
        self.hold_at("asked").await;
        let mut transaction = self.inner.pool.begin().await?;
        sqlx::query("SELECT FROM ledger.partition_heads ORDER BY partition FOR UPDATE").execute(&mut *transaction).await?;
        let pseudonym = match whom {
            Whom::User(_) => pseudonym_of(&mut transaction, tenant, subject).await?,
            Whom::Idle(pseudonym, heads) => {
                let seen = seen_between(&mut *transaction, tenant, heads, None).await?;
                (!seen.contains(pseudonym)).then_some(*pseudonym)
            }
        };
        let Some(pseudonym) = pseudonym else { return Ok(Tried::Unknown) };
        let commit = commit(tenant, pseudonym, reason, metadata, key);
        let answer = batch::append(&mut transaction, &[commit], self.inner.partitions, Mode::LeaveOut).await?;
        let tried = match answer.results.into_iter().next() {
            Some(Ok(appended)) => Tried::Erased(appended.partition, appended.first),
            Some(Err(AppendError::Conflict { .. })) => Tried::SaidBefore(pseudonym),
            Some(Err(AppendError::KeyTaken)) => return Ok(Tried::KeyTaken),
            other => return Err(Error::Broken(format!("the append of an erasure: {other:?}"))),
        };
        self.hold_at("recorded").await;
        let destroyed = sqlx::query("DELETE FROM vault.pseudonyms WHERE tenant = $1 AND pseudonym = $2")
            .bind(tenant.as_str())
            .bind(pseudonym.0)
            .execute(&mut *transaction)
            .await?;
        if destroyed.rows_affected() == 0 {
            return Ok(Tried::Unknown); // rolled back: another process was first
        }
        sqlx::query("UPDATE vault.tenants SET epoch = epoch + 1 WHERE tenant = $1")
            .bind(tenant.as_str())
            .execute(&mut *transaction)
            .await?;
        self.hold_at("destroyed").await;
        transaction.commit().await?;
        self.hold_at("committed").await;
        Ok(tried)
    }

    /// Destroys what a restored vault holds of people whom the ledger says were erased. To be called before commands are taken.
    pub async fn forget_erased(&self) -> Result<(), Error> {
        sqlx::query(include_str!("sql/vault_reconcile.sql")).execute(&self.inner.pool).await?;
        Ok(())
    }

    /// Where a test kills the process.
    async fn hold_at(&self, step: &str) {
        if self.inner.settings.hold_erasure_at.as_deref() == Some(step) {
            tracing::warn!(step, "an erasure is held, for a test");
            std::future::pending::<()>().await;
        }
    }
}

fn stream(tenant: &TenantId, pseudonym: Pseudonym) -> Stream {
    Stream { tenant: tenant.clone(), aggregate_type: AggregateType::Subject, id: pseudonym.to_string() }
}

fn commit(tenant: &TenantId, pseudonym: Pseudonym, reason: ErasureReason, metadata: &Metadata, key: Option<&str>) -> Commit {
    let command = Command::Subject(SubjectCommand::Erase(EraseSubject { reason, occurred_at: None }));
    let context = Context::at(metadata.received_at);
    let events = State::initial(AggregateType::Subject).decide(command, &context).expect("who was not erased can be");
    let events: Vec<Event> = events;
    Commit {
        stream: stream(tenant, pseudonym),
        partition_key: pseudonym.to_string(),
        expected: Expected::Exact(0),
        events: events.iter().map(NewEvent::from).collect(),
        metadata: metadata.json(),
        guard: None,
        idempotency: key.map(|key| IdempotencyKey { key: key.to_owned(), request_hash: REQUEST_HASH }),
        people_as_of: None,
    }
}

async fn pseudonym_of(
    connection: &mut PgConnection,
    tenant: &TenantId,
    subject: Option<&[u8; 32]>,
) -> Result<Option<Pseudonym>, Error> {
    let found: Option<Uuid> = sqlx::query_scalar("SELECT pseudonym FROM vault.pseudonyms WHERE tenant = $1 AND subject = $2")
        .bind(tenant.as_str())
        .bind(subject.map(<[u8; 32]>::as_slice))
        .fetch_optional(connection)
        .await?;
    Ok(found.map(Pseudonym))
}

impl Erasure {
    /// When the ledger took it.
    pub fn erased_at(&self) -> DateTime<Utc> {
        self.event.recorded_at
    }
}
