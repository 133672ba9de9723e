//! Who came in and who was turned away: noted in the audit log and said in the log, beside the requests' way.
//!
//! A decision is queued and the request goes on. Of each key there is one entry for its first use on a day, and one an hour for
//! each reason that it was turned away for. What finds the queue full is not marked as noted, so that the next one is; a crash can
//! lose what is queued, and nothing else.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::Method;
use axum::http::request::Parts;
use chrono::{DateTime, NaiveDate, Utc};
use domain::audit::{
    AccessDenied, AuditEvent, DataExported, DenialReason, ExportFormat, Exported, KeyUsed, PersonalDataPurpose,
    PersonalDataRead,
};
use domain::{KeyId, Label, Pseudonym, Route, TenantId};
use event_store::Store;
use event_store::audit::Who;
use event_store::keys::KeyInfo;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::around::CorrelationId;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::state::{Api, Shared};
use crate::table::Form;

const QUEUE_MAX: usize = 1_024;
/// So many exports in pages are remembered for their hour.
const PAGES_MAX: usize = 10_000;
const PAUSE: Duration = Duration::from_secs(1);
/// How long what is queued may take to be noted when the server stops.
const LAST_MAX: Duration = Duration::from_secs(5);

/// Where a request was headed, without what stood in its path.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    method: Method,
    path: Option<MatchedPath>,
    correlation_id: Option<CorrelationId>,
}

impl Asked {
    pub(crate) fn of(parts: &Parts) -> Self {
        let (path, correlation_id) = (parts.extensions.get().cloned(), parts.extensions.get().cloned());
        Self { method: parts.method.clone(), path, correlation_id }
    }

    fn route(&self) -> String {
        format!("{} {}", self.method, self.path.as_ref().map_or("unmatched", MatchedPath::as_str))
    }

    fn correlation_id(&self) -> &str {
        self.correlation_id.as_ref().map_or("", |id| &id.0)
    }
}

impl FromRequestParts<Shared> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// An entry on its way to the audit log.
#[derive(Debug)]
struct Queued {
    tenant: TenantId,
    entry: AuditEvent,
    who: Who,
}

#[derive(Debug)]
pub(crate) struct Access {
    noted: Mutex<Noted>,
    queue: mpsc::Sender<Queued>,
    queued: Mutex<Option<mpsc::Receiver<Queued>>>,
}

/// What this process has noted of each key. There are as many keys as were made, and few.
#[derive(Debug, Default)]
struct Noted {
    used: FxHashMap<String, NaiveDate>,
    /// By key and reason, the hours since 1970.
    denied: FxHashMap<(String, DenialReason), i64>,
    /// Of what is exported in pages: the hours since 1970.
    exported: FxHashMap<Pages, i64>,
}

/// What is exported in pages by one key: what it asks for, and the key's id.
type Pages = (Export, String);

fn hour(moment: DateTime<Utc>) -> i64 {
    moment.timestamp().div_euclid(3_600)
}

impl Access {
    pub(crate) fn new() -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        Self { noted: Mutex::default(), queue, queued: Mutex::new(Some(queued)) }
    }

    /// A key was let in.
    pub(crate) fn used(&self, key: &KeyInfo, asked: &Asked) {
        let now = Utc::now();
        let today = now.date_naive();
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.used.get(&key.id) == Some(&today) {
            return;
        }
        let Ok(key_id) = KeyId::parse(key.id.clone()) else { return };
        let entry = KeyUsed { key_id, role: key.role, occurred_at: now };
        if self.put(key, entry.into(), asked) {
            noted.used.insert(key.id.clone(), today);
        }
    }

    /// A key that is known was turned away.
    pub(crate) fn denied(&self, key: &KeyInfo, reason: DenialReason, asked: &Asked) {
        let (role, route) = (key.role.as_str(), asked.route());
        tracing::info!(
            target: "access",
            key = key.id, tenant = key.tenant.as_str(), role, route, reason = reason.as_str(), decision = "denied",
            correlation_id = asked.correlation_id(), "denied"
        );
        metrics::counter!("access_denied_total", "role" => role, "reason" => reason.as_str()).increment(1);
        let now = Utc::now();
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        let of = (key.id.clone(), reason);
        if noted.denied.get(&of) == Some(&hour(now)) {
            return;
        }
        let (Ok(key_id), Ok(route)) = (KeyId::parse(key.id.clone()), Route::parse(route)) else { return };
        let entry = AccessDenied { key_id, role: key.role, reason, route, occurred_at: now };
        if self.put(key, entry.into(), asked) {
            noted.denied.insert(of, hour(now));
        }
    }

    /// False where the queue is full: it is said, and the next one of its kind is tried again.
    fn put(&self, key: &KeyInfo, entry: AuditEvent, asked: &Asked) -> bool {
        let who = Who::key(&key.id, asked.correlation_id());
        let is_queued = self.queue.try_send(Queued { tenant: key.tenant.clone(), entry, who }).is_ok();
        if !is_queued {
            metrics::counter!("audit_entries_put_off_total").increment(1);
            tracing::warn!(target: "access", key = key.id, "the queue to the audit log is full; the next one is noted");
        }
        is_queued
    }

    /// Notes what is queued, until cancelled; then what is left.
    pub(crate) async fn run(&self, store: &Store, cancel: &CancellationToken) {
        let Some(mut queued) = self.queued.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        while let Some(Some(one)) = cancel.run_until_cancelled(queued.recv()).await {
            let mut note = note(store, &one).await;
            while !note && !cancel.is_cancelled() {
                cancel.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                note = self::note(store, &one).await;
            }
            if !note {
                lost(1);
            }
        }
        queued.close();
        let last = async {
            while let Some(one) = queued.recv().await {
                if !note(store, &one).await {
                    lost(1);
                }
            }
        };
        if tokio::time::timeout(LAST_MAX, last).await.is_err() {
            lost(queued.len() + 1);
        }
    }

    /// Whether pages of this were exported in this hour.
    fn has_exported(&self, pages: &Pages, now: DateTime<Utc>) -> bool {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).exported.get(pages) == Some(&hour(now))
    }

    fn exported(&self, pages: Pages, now: DateTime<Utc>) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        // What was noted in another hour says nothing any more.
        noted.exported.retain(|_, at| *at == hour(now));
        if noted.exported.len() >= PAGES_MAX {
            noted.exported.clear(); // what goes on is noted once more
        }
        noted.exported.insert(pages, hour(now));
    }
}

async fn note(store: &Store, Queued { tenant, entry, who }: &Queued) -> bool {
    match store.record(tenant, entry.clone(), who).await {
        Ok(_) => true,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, entry = entry.name(), "not in the audit log yet");
            false
        }
    }
}

fn lost(entries: usize) {
    metrics::counter!("audit_entries_lost_total").increment(entries as u64);
    tracing::error!(entries, "uses or refusals of keys were not noted in the audit log before the server stopped");
}

/// Data in bulk that is about to be given out.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Export {
    pub(crate) what: Exported,
    /// Which one of them; left out of the entry where it is no label, which no name of ours is.
    pub(crate) name: Option<String>,
    pub(crate) format: ExportFormat,
    pub(crate) rows: Option<usize>,
    pub(crate) from: Option<DateTime<Utc>>,
    pub(crate) to: Option<DateTime<Utc>>,
    /// Whose doings, and of which aggregate: what tells two exports apart, and is not in the entry.
    pub(crate) narrowed_to: [Option<String>; 2],
}

impl Export {
    pub(crate) fn table(what: Exported, name: &str, form: Form, rows: usize) -> Self {
        let format = match form {
            Form::Json => ExportFormat::Json,
            Form::Csv => ExportFormat::Csv,
            Form::Parquet => ExportFormat::Parquet,
        };
        Self { what, name: Some(name.to_owned()), format, rows: Some(rows), from: None, to: None, narrowed_to: [None, None] }
    }
}

/// Notes an export; of what comes in pages the first of an hour, for a key and what it asks for. Nothing is given out before this has returned.
pub(crate) async fn export<P>(api: &Api, caller: &Caller<P>, export: Export) -> Result<(), Problem> {
    let now = Utc::now();
    let is_pages = matches!(export.what, Exported::Events | Exported::AuditLog);
    let pages = (export, caller.key.id.clone());
    if is_pages && api.access.has_exported(&pages, now) {
        return Ok(());
    }
    let Export { what, name, format, rows, from, to, .. } = pages.0.clone();
    let name = name.and_then(|name| Label::parse(name).ok());
    let entry = DataExported { what, name, format, rows: rows.map(|rows| rows as u64), from, to, occurred_at: now };
    api.store.record(caller.tenant(), entry, &caller.who()).await?;
    if is_pages {
        api.access.exported(pages, now);
    }
    Ok(())
}

/// Notes that a person's data are read. Nothing is given out before this has returned.
pub(crate) async fn personal_data_read<P>(
    api: &Api,
    caller: &Caller<P>,
    subject: Pseudonym,
    purpose: PersonalDataPurpose,
) -> Result<(), Problem> {
    let entry = PersonalDataRead { subject, purpose, occurred_at: Utc::now() };
    api.store.record(caller.tenant(), entry, &caller.who()).await?;
    Ok(())
}

impl<P> Caller<P> {
    /// As the audit log names whoever sent this request.
    pub(crate) fn who(&self) -> Who {
        Who::key(&self.key.id, self.asked.correlation_id())
    }

    /// Turned away by whoever says so in words of its own.
    pub(crate) fn turned_away(&self, api: &Api) {
        api.access.denied(&self.key, DenialReason::Role, &self.asked);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use event_store::keys::Role;

    use super::*;

    fn key(id: &str) -> Arc<KeyInfo> {
        Arc::new(KeyInfo {
            id: id.to_owned(),
            tenant: TenantId::parse("demo").expect("a tenant"),
            role: Role::Analyst,
            name: String::new(),
            created_at: Utc::now(),
            expires_at: None,
            revoked_at: None,
        })
    }

    fn asked() -> Asked {
        Asked { method: Method::GET, path: None, correlation_id: None }
    }

    fn queued(access: &Access) -> usize {
        QUEUE_MAX - access.queue.capacity()
    }

    #[test]
    fn a_thousand_uses_and_refusals_are_one_entry_each() {
        let access = Access::new();
        for _ in 0..1_000 {
            access.used(&key("k1"), &asked());
        }
        // The day may change meanwhile, and so may the hour.
        assert!((1..=2).contains(&queued(&access)));
        let before = queued(&access);
        for _ in 0..1_000 {
            access.denied(&key("k1"), DenialReason::Role, &asked());
        }
        assert!((1..=2).contains(&(queued(&access) - before)));
        let before = queued(&access);
        access.denied(&key("k1"), DenialReason::Revoked, &asked());
        access.denied(&key("k2"), DenialReason::Role, &asked());
        assert_eq!(queued(&access) - before, 2, "another reason and another key");
    }

    #[test]
    fn what_finds_the_queue_full_is_noted_the_next_time() {
        let access = Access::new();
        for number in 0..QUEUE_MAX {
            access.used(&key(&format!("k{number}")), &asked());
        }
        access.used(&key("late"), &asked());
        let mut entries = access.queued.lock().expect("nobody else").take().expect("nobody took it");
        entries.try_recv().expect("an entry");
        access.used(&key("late"), &asked());
        let last = std::iter::from_fn(|| entries.try_recv().ok()).last().expect("an entry");
        assert!(matches!(last.entry, AuditEvent::KeyUsed(KeyUsed { key_id, .. }) if key_id.as_str() == "late"));
    }
}
