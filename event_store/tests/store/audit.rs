use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::{AccessDenied, DataExported, DenialReason, EventSkipped, ExportFormat, Exported, KeyRole, TenantRegionSet};
use domain::{KeyId, Label, Reason, RecordedEvent, Region, Route, TenantId, UserId};
use event_store::audit::{AuditQuery, Who, note_keys, region, skipped};
use event_store::keys::{Keys, Role};

use crate::support::*;

fn all() -> AuditQuery {
    AuditQuery { limit: 100, ..AuditQuery::default() }
}

fn exported(at: DateTime<Utc>) -> DataExported {
    let (what, format) = (Exported::Events, ExportFormat::Ndjson);
    DataExported { what, name: None, format, rows: Some(3), from: None, to: None, occurred_at: at }
}

fn denied(key: &str, at: DateTime<Utc>) -> AccessDenied {
    let (key_id, route) = (KeyId::parse(key).expect("an id"), Route::parse("GET /v1/events/{id}").expect("a route"));
    AccessDenied { key_id, role: KeyRole::Analyst, reason: DenialReason::Role, route, occurred_at: at }
}

#[tokio::test]
async fn an_entry_is_an_event_of_its_tenant_and_says_who() {
    let ledger = Ledger::new().await;
    event_store::keys::ensure_tenant(ledger.pool(), &tenant()).await.expect("a tenant");
    let who = Who::key("k1", "request-7");
    let outcome = ledger.store.record(&tenant(), exported(Utc::now()), &who).await.expect("recorded");
    assert_eq!((outcome.version, outcome.events.as_slice()), (1, ["DataExported"].as_slice()));
    let page = ledger.store.audit(&tenant(), &all()).await.expect("a page");
    let [entry] = &page.entries[..] else { panic!("{page:?}") };
    assert!(entry.payload.contains(r#""what":"events","format":"ndjson","rows":3"#), "{}", entry.payload);
    let metadata: domain::Metadata = serde_json::from_str(&entry.metadata).expect("metadata");
    assert_eq!((metadata.key.as_str(), metadata.correlation_id.as_str()), ("k1", "request-7"));
    assert_eq!(metadata.command, "audit_entries/note");
    assert_eq!(outcome.appended, [(entry.partition, entry.position)]);
    let other = TenantId::parse("acme-2").unwrap();
    assert!(ledger.store.audit(&other, &all()).await.expect("a page").entries.is_empty());
    ledger.end().await;
}

#[tokio::test]
async fn what_there_is_one_of_is_recorded_once_however_often_and_from_wherever() {
    let ledger = Ledger::new().await;
    event_store::keys::ensure_tenant(ledger.pool(), &tenant()).await.expect("a tenant");
    let other = ledger.another_store().await;
    let noon: DateTime<Utc> = "2026-10-31T12:00:00Z".parse().unwrap();
    let tenant = tenant();
    let noting = (0..40).map(|second| {
        let store = if second % 2 == 0 { &ledger.store } else { &other };
        let entry = denied("k1", noon + TimeDelta::seconds(second));
        let tenant = &tenant;
        async move { store.record(tenant, entry, &Who::key("k1", "c")).await }
    });
    for answer in futures::future::join_all(noting).await {
        answer.expect("recorded");
    }
    ledger.store.record(&tenant, denied("k1", noon + TimeDelta::hours(1)), &Who::key("k1", "c")).await.expect("recorded");
    ledger.store.record(&tenant, denied("k2", noon), &Who::key("k2", "c")).await.expect("recorded");
    for _ in 0..2 {
        ledger.store.record(&tenant, exported(noon), &Who::key("k1", "c")).await.expect("recorded");
    }
    let page = ledger.store.audit(&tenant, &all()).await.expect("a page");
    let types: Vec<_> = page.entries.iter().map(|entry| entry.event_type.as_str()).collect();
    assert_eq!(types, ["DataExported", "DataExported", "AccessDenied", "AccessDenied", "AccessDenied"]);
    assert_eq!(ledger.everything().await.len(), 5);
    other.shutdown().await;
    ledger.end().await;
}

#[tokio::test]
async fn the_log_is_read_by_time_type_and_key_a_page_at_a_time() {
    let ledger = Ledger::new().await;
    event_store::keys::ensure_tenant(ledger.pool(), &tenant()).await.expect("a tenant");
    for number in 0..7 {
        let key = format!("k{}", number % 2);
        ledger.store.record(&tenant(), exported(Utc::now()), &Who::key(&key, "c")).await.expect("recorded");
    }
    ledger.store.record(&tenant(), denied("k1", Utc::now()), &Who::key("k1", "c")).await.expect("recorded");
    let ask = async |query: AuditQuery| ledger.store.audit(&tenant(), &query).await.expect("a page");
    let entries = ask(all()).await.entries;
    assert!(entries.windows(2).all(|pair| pair[0].aggregate_id > pair[1].aggregate_id), "the newest first");

    assert_eq!(paged(&ledger, 3).await, entries);

    let of_key = ask(AuditQuery { key: Some("k1".into()), ..all() }).await.entries;
    assert_eq!(of_key.len(), 4);
    let denials = ask(AuditQuery { event_types: Some(vec!["AccessDenied".into()]), ..all() }).await.entries;
    assert_eq!(denials.len(), 1);

    let metadata = |at: usize| serde_json::from_str::<domain::Metadata>(&entries[at].metadata).expect("metadata").received_at;
    let between = ask(AuditQuery { from: Some(metadata(5)), to: Some(metadata(2)), ..all() }).await.entries;
    assert_eq!(between, entries[3..=5]);
    ledger.end().await;
}

async fn paged(ledger: &Ledger, limit: usize) -> Vec<RecordedEvent> {
    let mut paged = Vec::new();
    let mut before = None;
    loop {
        let page = ledger.store.audit(&tenant(), &AuditQuery { limit, before, ..all() }).await.expect("a page");
        paged.extend(page.entries);
        before = page.next;
        if before.is_none() {
            return paged;
        }
    }
}

#[tokio::test]
async fn an_erasure_is_an_entry_by_its_own_event_in_the_order_of_time() {
    let ledger = Ledger::new().await;
    event_store::keys::ensure_tenant(ledger.pool(), &tenant()).await.expect("a tenant");
    let user = |number: u32| UserId::parse(format!("user-{number}")).expect("a user");
    for number in 0..5 {
        ledger.store.vault().pseudonyms(&tenant(), &[user(number)]).await.expect("entered");
        ledger.store.record(&tenant(), exported(Utc::now()), &Who::key("k2", "c")).await.expect("recorded");
        let key = format!("e{number}");
        let erase = async || ledger.store.erase(&tenant(), &user(number), &metadata("subjects/erase"), Some(&key)).await;
        assert_eq!(erase().await.expect("erased"), erase().await.expect("told again"));
    }
    // Those of one moment, as of one batch, are told apart.
    sqlx::query(
        "UPDATE ledger.events SET recorded_at = (SELECT max(recorded_at) FROM ledger.events) WHERE partition_key IN (
            SELECT partition_key FROM ledger.events WHERE aggregate_type = 'subject' ORDER BY recorded_at DESC LIMIT 3)",
    )
    .execute(ledger.pool())
    .await
    .expect("moved");
    let entries = ledger.store.audit(&tenant(), &all()).await.expect("a page").entries;
    let types: Vec<_> = entries.iter().map(|entry| entry.event_type.as_str()).collect();
    let (erased, exports) = (["SubjectErased"; 3], ["DataExported"; 3]);
    let pairs = ["SubjectErased", "DataExported"].repeat(2);
    assert_eq!(types, [&erased[..], &exports[..], &pairs[..]].concat());
    for limit in 1..=4 {
        assert_eq!(paged(&ledger, limit).await, entries, "{limit} a page");
    }

    let ask = async |query: AuditQuery| ledger.store.audit(&tenant(), &query).await.expect("a page").entries;
    let erasures = ask(AuditQuery { event_types: Some(vec!["SubjectErased".into()]), ..all() }).await;
    assert_eq!(erasures.len(), 5);
    assert_eq!(ask(AuditQuery { key: Some("k1".into()), ..all() }).await, erasures, "who did it");
    let (from, to) = (Some(erasures[4].recorded_at), Some(erasures[2].recorded_at));
    let between = ask(AuditQuery { event_types: Some(vec!["SubjectErased".into()]), from, to, ..all() }).await;
    assert_eq!(between, erasures[3..]);
    let other = TenantId::parse("acme-2").unwrap();
    assert!(ledger.store.audit(&other, &all()).await.expect("a page").entries.is_empty());
    ledger.end().await;
}

#[tokio::test]
async fn what_concerns_the_whole_ledger_is_in_every_tenants_log() {
    let ledger = Ledger::new().await;
    let tenants = ["acme", "globex"].map(|name| TenantId::parse(name).unwrap());
    for tenant in &tenants {
        event_store::keys::ensure_tenant(ledger.pool(), tenant).await.expect("a tenant");
    }
    let skip = EventSkipped {
        event: "3-41".parse().unwrap(),
        projection: Label::parse("read_models").unwrap(),
        reason: Reason::parse("not of this build").unwrap(),
        occurred_at: Utc::now(),
    };
    for _ in 0..2 {
        ledger.store.record_for_all(skip.clone(), &Who::operator()).await.expect("recorded");
    }
    for tenant in &tenants {
        assert_eq!(ledger.store.audit(tenant, &all()).await.expect("a page").entries.len(), 1, "{tenant}");
    }
    assert_eq!(skipped(ledger.pool()).await.expect("skipped"), ["3-41".parse().unwrap(); 2]);
    ledger.end().await;
}

#[tokio::test]
async fn a_tenants_region_is_what_was_said_last() {
    let ledger = Ledger::new().await;
    event_store::keys::ensure_tenant(ledger.pool(), &tenant()).await.expect("a tenant");
    assert_eq!(region(ledger.pool(), &tenant()).await.expect("an answer"), None);
    for name in ["eu-central-1", "eu-west-1"] {
        let set = TenantRegionSet { region: Region::parse(name).unwrap(), occurred_at: Utc::now() };
        ledger.store.record(&tenant(), set, &Who::operator()).await.expect("recorded");
    }
    assert_eq!(region(ledger.pool(), &tenant()).await.expect("an answer").as_deref(), Some("eu-west-1"));
    ledger.end().await;
}

#[tokio::test]
async fn what_a_crash_kept_from_being_noted_of_keys_is_made_up_for() {
    let ledger = Ledger::new().await;
    let keys = Keys::new(ledger.pool().clone());
    let (kept, _) = keys.create(&tenant(), Role::Writer, "ingest", None).await.expect("a key");
    let (ended, _) = keys.create(&tenant(), Role::Auditor, "year's end", None).await.expect("a key");
    keys.revoke(&tenant(), &ended.id).await.expect("an answer").expect("a key");
    assert_eq!(note_keys(&ledger.store).await.expect("noted"), 2);
    assert_eq!(note_keys(&ledger.store).await.expect("noted"), 0);
    let entries = ledger.store.audit(&tenant(), &all()).await.expect("a page").entries;
    let types: Vec<_> = entries.iter().rev().map(|entry| entry.event_type.as_str()).collect();
    assert_eq!(types, ["KeyCreated", "KeyCreated", "KeyRevoked"]);
    let of_key = ledger.store.audit(&tenant(), &AuditQuery { key: Some(kept.id.clone()), ..all() }).await.expect("a page");
    let [made] = &of_key.entries[..] else { panic!("{of_key:?}") };
    assert_eq!(made.occurred_at.timestamp_micros(), kept.created_at.timestamp_micros());
    assert!(!made.payload.contains("ingest"), "a key's name may be a person's");
    ledger.end().await;
}
