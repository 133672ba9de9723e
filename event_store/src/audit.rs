//! The audit log: noting what was done with the ledger itself, and reading it again.
//!
//! An entry is an event like any other: appended, published, signed and proved. Each is a stream of its own, whose id begins
//! with the moment it was noted at, so that a tenant's entries of a time are found by the events' primary key.
//!
//! An erasure is an entry, too, and its own event says all there is to say: it is noted nowhere else, so it is in the log exactly
//! if it was done.

mod place;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, Utc};
use domain::audit::{AuditCommand, AuditEvent, KeyCreated, KeyRevoked, NoteEntry};
use domain::{AggregateType, Command, EventRef, KeyId, Metadata, RecordedEvent, TenantId};
use rand::{Rng as _, RngCore as _};
use sha2::{Digest as _, Sha256};
use sqlx::PgPool;
use uuid::Uuid;

use crate::error::Error;
use crate::keys;
use crate::read::recorded;
use crate::request::{ExecuteError, IdempotencyKey, Outcome, Request};
use crate::store::Store;

pub use place::AuditPlace;

/// How an entry's metadata names the command; no client can send it.
const COMMAND: &str = "audit_entries/note";
const ATTEMPTS_MAX: u32 = 5;
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const IN_USE_PAUSE: Duration = Duration::from_millis(5);
const IN_USE_MAX: Duration = Duration::from_secs(10);

/// Who did what an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    key: String,
    correlation_id: String,
}

impl Who {
    /// Whoever holds this API key. The correlation id is the request's.
    pub fn key(id: &str, correlation_id: &str) -> Self {
        Self { key: id.to_owned(), correlation_id: correlation_id.to_owned() }
    }

    /// Somebody with a tool of the command line and access to the database. Who of them, the operating system knows.
    pub fn operator() -> Self {
        Self::named("operator")
    }

    /// The program by itself.
    pub fn program() -> Self {
        Self::named("program")
    }

    fn named(key: &str) -> Self {
        Self { key: key.to_owned(), correlation_id: Uuid::now_v7().to_string() }
    }
}

/// Which entries are asked for; what is left out matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Noted at this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Noted before this moment.
    pub to: Option<DateTime<Utc>>,
    /// Types of events, such as `KeyUsed`.
    pub event_types: Option<Vec<String>>,
    /// An API key that did it, or that it was done to; or `operator` or `program`.
    pub key: Option<String>,
    /// Only what was noted before this entry; from [`AuditPage::next`].
    pub before: Option<AuditPlace>,
    pub limit: usize,
}

/// The newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditPage {
    pub entries: Vec<RecordedEvent>,
    /// The `before` of the next page; none: this was the last.
    pub next: Option<AuditPlace>,
}

impl Store {
    /// Notes an entry in a tenant's audit log. When this returns, it is durable: call it before what it says is given out.
    ///
    /// Noted again, what there is only one entry of ([`AuditEvent::once`]) is answered as the first time.
    pub async fn record(&self, tenant: &TenantId, entry: impl Into<AuditEvent>, who: &Who) -> Result<Outcome, ExecuteError> {
        let request = request(tenant, entry.into(), who);
        let (mut attempts, mut pause) = (1, PAUSE_FIRST);
        let started = Instant::now();
        loop {
            match self.execute(request.clone()).await {
                // Another one of this process notes the same at this moment.
                Err(ExecuteError::IdempotencyKeyInUse) if started.elapsed() < IN_USE_MAX => {
                    let again = IN_USE_PAUSE + Duration::from_millis(rand::rng().random_range(0..40));
                    tokio::time::sleep(again).await;
                }
                Err(ExecuteError::TooBusy | ExecuteError::Unavailable(_)) if attempts < ATTEMPTS_MAX => {
                    attempts += 1;
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                answer => return answer,
            }
        }
    }

    /// Notes in every tenant's audit log what was done with the whole ledger. Noted again after it failed half-way, those that
    /// have an entry get no other, where there is only one of it.
    pub async fn record_for_all(&self, entry: impl Into<AuditEvent>, who: &Who) -> Result<(), RecordError> {
        let entry = entry.into();
        for tenant in tenants(self.pool()).await? {
            self.record(&tenant, entry.clone(), who).await?;
        }
        Ok(())
    }

    /// A page of a tenant's audit log.
    pub async fn audit(&self, tenant: &TenantId, query: &AuditQuery) -> Result<AuditPage, Error> {
        page(self.pool(), tenant, query).await
    }
}

/// Why what concerns all tenants was not noted for all of them.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("the tenants cannot be read")]
    Tenants(#[from] Error),
    #[error("an entry of the audit log was not recorded")]
    Execute(#[from] ExecuteError),
}

/// Notes of keys what a crash right after it kept from being noted: that one was made, or revoked. Says of how many.
pub async fn note_keys(store: &Store) -> Result<usize, RecordError> {
    let rows = sqlx::query(include_str!("sql/keys_not_noted.sql")).fetch_all(store.pool()).await.map_err(Error::from)?;
    for row in &rows {
        let key = keys::info(row)?;
        let key_id = KeyId::parse(key.id.clone()).map_err(|_| Error::Broken("api_keys.id".to_owned()))?;
        let (role, expires_at) = (key.role, key.expires_at);
        let made = KeyCreated { key_id: key_id.clone(), role, expires_at, occurred_at: key.created_at };
        store.record(&key.tenant, made, &Who::program()).await?;
        if let Some(occurred_at) = key.revoked_at {
            store.record(&key.tenant, KeyRevoked { key_id, role, occurred_at }, &Who::program()).await?;
        }
    }
    Ok(rows.len())
}

/// Every tenant, by name.
pub async fn tenants(pool: &PgPool) -> Result<Vec<TenantId>, Error> {
    let names: Vec<String> = sqlx::query_scalar("SELECT tenant FROM ledger.tenants ORDER BY tenant").fetch_all(pool).await?;
    let parsed = names.into_iter().map(TenantId::parse);
    parsed.map(|tenant| tenant.map_err(|_| Error::Broken("tenants.tenant".to_owned()))).collect()
}

/// The events that operators had left out of the read models, of all tenants.
pub async fn skipped(pool: &PgPool) -> Result<Vec<EventRef>, Error> {
    let events: Vec<String> = sqlx::query_scalar(
        "SELECT payload ->> 'event' FROM ledger.events WHERE aggregate_type = 'audit_entry' AND event_type = 'EventSkipped'",
    )
    .fetch_all(pool)
    .await?;
    events.iter().map(|event| event.parse().map_err(|_| Error::Broken(format!("an entry skips {event:?}")))).collect()
}

/// Whose an event is; none: there is no such event.
pub async fn tenant_of(pool: &PgPool, event: EventRef) -> Result<Option<TenantId>, Error> {
    let Ok(position) = i64::try_from(event.position.0) else { return Ok(None) };
    let tenant: Option<String> = sqlx::query_scalar("SELECT tenant FROM ledger.events WHERE partition = $1 AND position = $2")
        .bind(i32::from(event.partition.0))
        .bind(position)
        .fetch_optional(pool)
        .await?;
    tenant.map(|tenant| TenantId::parse(tenant).map_err(|_| Error::Broken("events.tenant".to_owned()))).transpose()
}

/// Where the tenant's data are to reside, as was said last.
pub async fn region(pool: &PgPool, tenant: &TenantId) -> Result<Option<String>, Error> {
    let (least, most) = bounds(&AuditQuery::default());
    let region = sqlx::query_scalar(
        "SELECT payload ->> 'region' FROM ledger.events
         WHERE aggregate_type = 'audit_entry' AND aggregate_id >= $1 AND aggregate_id < $2
             AND event_type = 'TenantRegionSet' AND tenant = $3
         ORDER BY aggregate_id DESC LIMIT 1",
    )
    .bind(least.stored(tenant))
    .bind(most.stored(tenant))
    .bind(tenant.as_str())
    .fetch_optional(pool)
    .await?;
    Ok(region)
}

async fn page(pool: &PgPool, tenant: &TenantId, query: &AuditQuery) -> Result<AuditPage, Error> {
    let (least, most) = bounds(query);
    let rows = sqlx::query(include_str!("sql/audit_page.sql"))
        .bind(least.stored(tenant))
        .bind(most.stored(tenant))
        .bind(&query.event_types)
        .bind(&query.key)
        .bind(tenant.as_str())
        .bind(query.limit as i64 + 1)
        .bind(least.noted_at)
        .bind(most.noted_at)
        .bind(format!("{tenant}/{}", most.rest))
        .fetch_all(pool)
        .await?;
    let mut entries = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
    let has_more = entries.len() > query.limit;
    entries.truncate(query.limit);
    let next = entries.last().filter(|_| has_more).map(AuditPlace::of).transpose()?;
    Ok(AuditPage { entries, next })
}

/// The places between which the entries asked for are: the least, and the one after the last.
fn bounds(query: &AuditQuery) -> (AuditPlace, AuditPlace) {
    let least = AuditPlace::at(query.from.unwrap_or(DateTime::UNIX_EPOCH));
    let to = query.to.map_or_else(AuditPlace::last, AuditPlace::at);
    let most = query.before.clone().map_or(to.clone(), |before| before.min(to));
    (least, most)
}

fn request(tenant: &TenantId, entry: AuditEvent, who: &Who) -> Request {
    let received_at = Utc::now().trunc_subsecs(6);
    let idempotency = entry.once().map(|once| {
        // No client's key holds a blank, so none takes the place of one of these.
        let key = format!("audit {once}");
        IdempotencyKey { request_hash: Sha256::digest(&key).into(), key }
    });
    Request {
        tenant: tenant.clone(),
        id: AuditPlace::new(received_at, rand::rng().next_u32()).to_string(),
        command: Command::AuditEntry(AuditCommand::Note(NoteEntry { entry: Box::new(entry), occurred_at: None })),
        expected_version: None,
        metadata: Arc::new(Metadata {
            key: who.key.clone(),
            command: COMMAND.to_owned(),
            correlation_id: who.correlation_id.clone(),
            received_at,
        }),
        idempotency,
    }
}

/// Every type of entry there is.
pub fn entry_types() -> Vec<&'static str> {
    let all = [AggregateType::AuditEntry, AggregateType::Subject].into_iter().flat_map(AggregateType::events);
    all.map(|event| event.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Role;

    fn at(time: &str) -> DateTime<Utc> {
        time.parse().expect("a time")
    }

    #[test]
    fn the_ids_of_a_time_lie_between_its_bounds_and_others_do_not() {
        let tenant = TenantId::parse("demo").expect("a tenant");
        let between = |query: AuditQuery| {
            let (least, most) = bounds(&query);
            (least.stored(&tenant), most.stored(&tenant))
        };
        let (from, to) = (Some(at("2026-10-31T12:00:00Z")), Some(at("2026-10-31T13:00:00Z")));
        let (least, most) = between(AuditQuery { from, to, ..AuditQuery::default() });
        let id = |time: &str| AuditPlace::new(at(time), 0x0a1b_2c3d).stored(&tenant);
        for inside in ["2026-10-31T12:00:00Z", "2026-10-31T12:00:00.000001Z", "2026-10-31T12:59:59.999999Z"] {
            assert!(least <= id(inside) && id(inside) < most, "{inside}");
        }
        for outside in ["2026-10-31T11:59:59.999999Z", "2026-10-31T13:00:00Z", "2027-01-01T00:00:00Z"] {
            assert!(id(outside) < least || id(outside) >= most, "{outside}");
        }
        let (least, most) = between(AuditQuery::default());
        assert!(least <= id("1970-01-01T00:00:00Z") && id("9999-12-31T23:59:59Z") < most);
        let other = TenantId::parse("demo-2").expect("a tenant");
        let of_other = AuditPlace::at(at("2026-10-31T12:00:00Z")).stored(&other);
        assert!(of_other < least || of_other >= most, "another tenant of a like name");
    }

    #[test]
    fn what_there_is_one_of_has_a_key_that_no_client_can_send() {
        let key_id = domain::KeyId::parse("k1").expect("a key's id");
        let revoked = domain::audit::KeyRevoked { key_id, role: Role::Writer, occurred_at: at("2026-10-31T12:00:00Z") };
        let tenant = TenantId::parse("demo").expect("a tenant");
        let request = request(&tenant, revoked.into(), &Who::operator());
        assert_eq!(request.idempotency.expect("a key").key, "audit KeyRevoked k1");
        assert_eq!((request.metadata.key.as_str(), request.metadata.command.as_str()), ("operator", COMMAND));
    }
}
