use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::{Partition, UserId};
use event_store::{EraseError, OpenedEvent, Request};
use sqlx::Row as _;

use crate::support::*;

const LIMIT: Duration = Duration::from_secs(30);

fn jane() -> UserId {
    UserId::parse("jane@example.com").expect("a user")
}

fn visit(id: &str, personal: &str) -> Request {
    let data = format!(
        r#"{{"capsule_id":"c1","kind":"view","user_id":"jane@example.com","occurred_at":"2026-10-31T12:00:00Z"{personal}}}"#
    );
    request("interactions", id, "record", &data)
}

const NAME: &str = r#","personal":{"name":"Jane Doe","note":"likes birds"}"#;

async fn held(ledger: &Ledger) -> Vec<OpenedEvent> {
    let Some(subject) = ledger.store.subject(&tenant(), &jane()).await.expect("asked") else { return vec![] };
    let mut events = Vec::new();
    for partition in 0..PARTITIONS {
        events.extend(ledger.store.events_of(&subject, Partition(partition), LIMIT).await.expect("read"));
    }
    events
}

async fn erase(ledger: &Ledger, key: Option<&str>) -> Result<event_store::Erasure, EraseError> {
    ledger.store.erase(&tenant(), &jane(), &metadata("subjects/erase"), key).await
}

#[tokio::test]
async fn what_is_personal_is_sealed_opens_for_who_asks_and_said_twice_is_no_news() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let first = ledger.store.execute(visit("i1", NAME)).await;
    assert_eq!(word(&first), "appended");
    let reordered = r#", "personal": { "note": "likes birds", "name": "Jane Doe" }"#;
    for again in [NAME, reordered] {
        assert_eq!(word(&ledger.store.execute(visit("i1", again)).await), "unchanged");
    }
    for other in ["", r#","personal":{"name":"Jane Roe"}"#] {
        assert_eq!(word(&ledger.store.execute(visit("i1", other)).await), "interaction_conflict");
    }
    let together = ledger.store.execute_many(vec![visit("i2", NAME), visit("i2", reordered), visit("i2", "")]).await;
    assert_eq!(together.iter().map(word).collect::<Vec<_>>(), ["appended", "unchanged", "interaction_conflict"]);

    let sign_up = r#"{"user_id":"jane@example.com","personal":{"email":"jane@example.com"}}"#;
    assert_eq!(word(&ledger.store.execute(request("sign_ups", "s1", "record", sign_up)).await), "appended");
    let lead = r#"{"channel":"search","source":"marketing","user_id":"jane@example.com","personal":{"phone":"555"}}"#;
    assert_eq!(word(&ledger.store.execute(request("leads", "l1", "capture", lead)).await), "appended");
    assert_eq!(word(&ledger.store.execute(request("leads", "l1", "score", r#"{"score":7}"#)).await), "appended");
    let answer = r#"{"kind":"nps","score":9,"user_id":"jane@example.com","personal":{"wrote":"great"}}"#;
    assert_eq!(word(&ledger.store.execute(request("surveys", "q1", "answer", answer)).await), "appended");
    assert_eq!(word(&ledger.store.execute(void("i2")).await), "appended");
    let nobodys = r#"{"capsule_id":"c1","kind":"view","personal":{"name":"Jane"}}"#;
    assert_eq!(word(&ledger.store.execute(request("interactions", "i3", "record", nobodys)).await), "invalid_field");

    let mut found: Vec<(String, Option<String>)> =
        held(&ledger).await.into_iter().map(|held| (held.event.event_type, held.personal)).collect();
    found.sort();
    let opened = |event: &str, personal: Option<&str>| (event.to_owned(), personal.map(str::to_owned));
    let name = Some(r#"{"name":"Jane Doe","note":"likes birds"}"#);
    assert_eq!(
        found,
        [
            opened("InteractionRecorded", name),
            opened("InteractionRecorded", name),
            opened("InteractionVoided", None),
            opened("LeadCaptured", Some(r#"{"phone":"555"}"#)),
            opened("LeadScored", None),
            opened("SurveyAnswered", Some(r#"{"wrote":"great"}"#)),
            opened("UserSignedUp", Some(r#"{"email":"jane@example.com"}"#)),
        ]
    );
    let stored: Vec<String> = ledger.everything().await.into_iter().map(|event| event.payload).collect();
    assert!(!stored.join("").contains("Jane") && !stored.join("").contains("birds"));
    ledger.end().await;
}

#[tokio::test]
async fn whom_an_event_names_is_found_whatever_its_attributes_hold() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let nul = visit("i1", r#","attributes":{"note":"a\u0000b"}"#);
    assert_eq!(word(&ledger.store.execute(nul).await), "appended");
    assert_eq!(word(&ledger.store.execute(void("i1")).await), "appended");
    let known = ledger.store.vault().find(&tenant(), &jane()).await.expect("asked").expect("known");
    // What others write of her pseudonym names nobody.
    for (id, attributes) in [
        ("o1", format!(r#"{{"user_id":"{known}"}}"#)),
        ("o2", format!(r#"{{"a":{{"user_id":"{known}"}},"b":",\"attributes\":{{"}}"#)),
        ("o3", format!(r#"{{"a":"\"user_id\":\"{known}\""}}"#)),
    ] {
        let other = format!(r#"{{"capsule_id":"c1","kind":"view","attributes":{attributes}}}"#);
        assert_eq!(word(&ledger.store.execute(request("interactions", id, "record", &other)).await), "appended");
    }
    let found: Vec<String> = held(&ledger).await.into_iter().map(|held| held.event.event_type).collect();
    assert_eq!(found, ["InteractionRecorded", "InteractionVoided"]);
    assert_eq!(ledger.store.count_naming(&tenant(), known, LIMIT).await.expect("counted"), 2);

    let rule = request("retention_rules", "people", "set", r#"{"after_days":30}"#);
    ledger.store.execute(rule).await.expect("set");
    let apply = async || ledger.store.apply_retention(Duration::ZERO).await.expect("applied");
    assert_eq!(apply().await, 0);
    for moved in [
        "UPDATE ledger.events SET recorded_at = recorded_at - interval '40 days'",
        "UPDATE vault.pseudonyms SET created_at = created_at - interval '40 days'",
    ] {
        sqlx::query(moved).execute(ledger.pool()).await.expect("moved");
    }
    assert_eq!(apply().await, 1);
    ledger.end().await;
}

#[tokio::test]
async fn what_is_read_of_a_person_ends_with_its_limit_also_for_who_gave_up() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    ledger.store.execute(visit("i1", "")).await.expect("recorded");
    let subject = ledger.store.subject(&tenant(), &jane()).await.expect("asked").expect("known");
    // Whoever holds the table so makes everybody wait who reads it.
    let mut held = ledger.pool().begin().await.expect("a transaction");
    sqlx::query("LOCK TABLE ledger.events IN ACCESS EXCLUSIVE MODE").execute(&mut *held).await.expect("locked");
    let (limit, patience) = (Duration::from_millis(300), Duration::from_millis(100));
    let tenant = tenant();
    let read = ledger.store.events_of(&subject, Partition::of(&tenant, "c1", PARTITIONS), limit);
    tokio::time::timeout(patience, read).await.expect_err("it waits");
    let count = ledger.store.count_naming(&tenant, subject.pseudonym, limit);
    tokio::time::timeout(patience, count).await.expect_err("it waits");
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let ended = async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(ledger.pool()).await.expect("a count") > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LIMIT, ended).await.expect("nothing of it goes on");
    held.rollback().await.expect("released");
    assert_eq!(ledger.store.count_naming(&tenant, subject.pseudonym, LIMIT).await.expect("counted"), 1);
    ledger.end().await;
}

#[tokio::test]
async fn whom_it_erased_the_ledger_knows_no_more_and_no_event_is_touched() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    ledger.store.execute(visit("i1", NAME)).await.expect("recorded");
    let before = ledger.everything().await;
    let known = ledger.store.vault().find(&tenant(), &jane()).await.expect("asked").expect("known");
    let erasure = erase(&ledger, None).await.expect("erased");
    assert_eq!((erasure.pseudonym, erasure.event.event_type.as_str()), (known, "SubjectErased"));
    assert_eq!(erasure.event.aggregate_id, known.to_string());
    let after = ledger.everything().await;
    assert_eq!(after.len(), before.len() + 1, "one event more");
    assert!(before.iter().all(|event| after.contains(event)), "and the others as they were");
    assert_eq!(ledger.store.vault().find(&tenant(), &jane()).await.expect("asked"), None);
    assert!(held(&ledger).await.is_empty());
    assert_eq!(ledger.store.count_naming(&tenant(), known, LIMIT).await.expect("counted"), 1);
    assert!(matches!(erase(&ledger, None).await, Err(EraseError::Unknown)));

    // Sent late, her own event is another's: she is somebody else by now.
    assert_eq!(word(&ledger.store.execute(visit("i1", NAME)).await), "interaction_conflict");
    assert_eq!(word(&ledger.store.execute(visit("i2", NAME)).await), "appended");
    let new = ledger.store.vault().find(&tenant(), &jane()).await.expect("asked").expect("known again");
    assert_ne!(new, known);
    ledger.end().await;
}

#[tokio::test]
async fn a_lost_answer_is_had_again_by_its_key_and_not_for_another_person() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    ledger.store.execute(visit("i1", "")).await.expect("recorded");
    let first = erase(&ledger, Some("e1")).await.expect("erased");
    assert_eq!(erase(&ledger, Some("e1")).await.expect("again"), first);
    let other = r#"{"capsule_id":"c1","kind":"view","user_id":"bob@example.com"}"#;
    ledger.store.execute(request("interactions", "b1", "record", other)).await.expect("recorded");
    let bob = UserId::parse("bob@example.com").expect("a user");
    let refused = ledger.store.erase(&tenant(), &bob, &metadata("subjects/erase"), Some("e1")).await;
    assert!(matches!(refused, Err(EraseError::IdempotencyKeyReused)), "{refused:?}");
    assert!(ledger.store.vault().find(&tenant(), &bob).await.expect("asked").is_some(), "nobody was erased");
    let taken = keyed(create("c9"), "k9", 1);
    ledger.store.execute(taken).await.expect("created");
    let refused = ledger.store.erase(&tenant(), &bob, &metadata("subjects/erase"), Some("k9")).await;
    assert!(matches!(refused, Err(EraseError::IdempotencyKeyReused)), "{refused:?}");
    ledger.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_process_uses_what_it_remembers_of_somebody_whom_another_erased() {
    let ledger = Ledger::new().await;
    let other = ledger.another_store().await;
    ledger.open_capsule("c1").await;
    // Both remember her, with her key.
    for (store, id) in [(&ledger.store, "i1"), (&other, "i2")] {
        store.execute(visit(id, NAME)).await.expect("recorded");
    }
    let sign_up = || keyed(request("sign_ups", "s1", "record", r#"{"user_id":"jane@example.com"}"#), "k1", 7);
    assert_eq!(word(&other.execute(sign_up()).await), "appended");
    assert_eq!(word(&other.execute(sign_up()).await), "replayed");
    let erased = erase(&ledger, None).await.expect("erased").pseudonym;

    assert_eq!(word(&other.execute(visit("i2", NAME)).await), "interaction_conflict", "not recognised as hers");
    let late = ledger.another_store().await;
    assert_eq!(word(&late.execute(visit("i3", NAME)).await), "appended");
    assert_eq!(word(&other.execute(visit("i4", NAME)).await), "appended");
    assert_eq!(word(&other.execute(sign_up()).await), "idempotency_key_reused");
    assert_eq!(ledger.store.count_naming(&tenant(), erased, LIMIT).await.expect("counted"), 3, "what was recorded before");
    let again = ledger.store.vault().find(&tenant(), &jane()).await.expect("asked").expect("known again");
    assert_eq!(ledger.store.count_naming(&tenant(), again, LIMIT).await.expect("counted"), 2);
    let personal: Vec<_> = held(&ledger).await.into_iter().filter_map(|held| held.personal).collect();
    assert_eq!(personal.len(), 2, "sealed with the new key, by both");
    other.shutdown().await;
    late.shutdown().await;
    ledger.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_race_with_an_erasure_are_before_it_or_of_somebody_new() {
    let ledger = Ledger::new().await;
    let other = ledger.another_store().await;
    ledger.open_capsule("c1").await;
    ledger.store.execute(visit("first", NAME)).await.expect("recorded");
    let written = Arc::new(AtomicUsize::new(0));
    let writing = |store: event_store::Store, name: &'static str| {
        let written = Arc::clone(&written);
        tokio::spawn(async move {
            for number in 0..60 {
                let answers = store.execute_many((0..5).map(|n| visit(&format!("{name}{number}-{n}"), NAME)).collect()).await;
                assert!(answers.iter().all(|answer| word(answer) == "appended"), "{answers:?}");
                written.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let writers = [writing(ledger.store.clone(), "a"), writing(other.clone(), "b")];
    let mut erased = Vec::new();
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
        match erase(&ledger, None).await {
            Ok(erasure) => {
                erased.push(erasure);
                // Whoever erases without end keeps everybody from writing about people; the next falls among other writes.
                let before = written.load(Ordering::Relaxed);
                while written.load(Ordering::Relaxed) < before + 2 && !writers.iter().all(tokio::task::JoinHandle::is_finished)
                {
                    tokio::task::yield_now().await;
                }
            }
            Err(EraseError::Unknown) => tokio::task::yield_now().await,
            Err(error) => panic!("{error:?}"),
        }
    }
    for writer in writers {
        writer.await.expect("no write failed");
    }
    assert!(erased.len() > 1, "several fell between the writes");
    let naming = |pseudonym: domain::Pseudonym| {
        let text = pseudonym.to_string();
        move |payload: &str| payload.contains(&text)
    };
    let everything = ledger.everything().await;
    for erasure in &erased {
        let names = naming(erasure.pseudonym);
        let last = everything.iter().filter(|event| names(&event.payload)).map(|event| event.recorded_at).max();
        assert!(last.is_none_or(|last| last <= erasure.erased_at()), "nothing names her after she was erased");
    }
    let recorded = everything.iter().filter(|event| event.event_type == "InteractionRecorded").count();
    assert_eq!(recorded, 601, "and nothing was lost");
    other.shutdown().await;
    ledger.end().await;
}

#[tokio::test]
async fn a_vault_from_before_an_erasure_forgets_again_before_anything_is_recorded() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    ledger.store.execute(visit("i1", NAME)).await.expect("recorded");
    sqlx::query("CREATE TABLE public.backup AS SELECT * FROM vault.pseudonyms").execute(ledger.pool()).await.expect("kept");
    erase(&ledger, None).await.expect("erased");
    sqlx::query("INSERT INTO vault.pseudonyms SELECT * FROM public.backup").execute(ledger.pool()).await.expect("restored");
    assert!(ledger.store.vault().find(&tenant(), &jane()).await.expect("asked").is_some());
    ledger.store.forget_erased().await.expect("forgotten");
    assert_eq!(ledger.store.vault().find(&tenant(), &jane()).await.expect("asked"), None);

    // Or by who asks to erase her again meanwhile.
    sqlx::query("INSERT INTO vault.pseudonyms SELECT * FROM public.backup").execute(ledger.pool()).await.expect("restored");
    let events = ledger.everything().await.len();
    assert_eq!(erase(&ledger, None).await.expect("erased").event.sequence, 1);
    assert_eq!(ledger.everything().await.len(), events, "the ledger says it already");
    assert_eq!(ledger.store.vault().find(&tenant(), &jane()).await.expect("asked"), None);
    ledger.end().await;
}

#[tokio::test]
async fn no_hash_is_left_by_which_a_guess_could_be_tried() {
    let ledger = Ledger::new().await;
    let sign_up = |key, hash| keyed(request("sign_ups", "s1", "record", r#"{"user_id":"jane@example.com"}"#), key, hash);
    ledger.store.execute(sign_up("k1", 7)).await.expect("recorded");
    let kept = sqlx::query("SELECT request_hash FROM ledger.idempotency_keys").fetch_one(ledger.pool()).await.expect("a row");
    assert_ne!(kept.get::<Vec<u8>, _>("request_hash"), [7_u8; 32], "only who has her key could make it of the request");
    assert_eq!(word(&ledger.store.execute(sign_up("k1", 7)).await), "replayed");
    assert_eq!(word(&ledger.store.execute(sign_up("k1", 8)).await), "idempotency_key_reused");
    ledger.end().await;
}

#[tokio::test]
async fn a_retention_rule_erases_those_of_whom_nothing_was_recorded_for_so_long() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let view = |user: &str, id: &str| {
        request("interactions", id, "record", &format!(r#"{{"capsule_id":"c1","kind":"view","user_id":"{user}"}}"#))
    };
    let view_of = async |user, id| ledger.store.execute(view(user, id)).await.expect("recorded");
    let lead = async |id, command, data: &str| {
        ledger.store.execute(request("leads", id, command, data)).await.expect("recorded");
    };
    view_of("gone", "g1").await;
    view_of("back", "b1").await;
    for user in ["cold", "warm"] {
        lead(user, "capture", &format!(r#"{{"channel":"search","source":"marketing","user_id":"{user}"}}"#)).await;
    }
    let other = domain::TenantId::parse("other").expect("a tenant");
    ledger.store.vault().pseudonyms(&other, &[jane()]).await.expect("entered");
    // All of it happened 40 days ago, but for one visit, and what names nobody again.
    let moved = [
        "UPDATE ledger.events SET recorded_at = recorded_at - interval '40 days'",
        "UPDATE vault.pseudonyms SET created_at = created_at - interval '40 days'",
    ];
    for statement in moved {
        sqlx::query(statement).execute(ledger.pool()).await.expect("moved");
    }
    view_of("back", "b2").await;
    lead("warm", "touch", r#"{"channel":"email"}"#).await;
    let find = async |user: &str| {
        ledger.store.vault().find(&tenant(), &UserId::parse(user).expect("a user")).await.expect("asked").is_some()
    };
    let apply = async |every| ledger.store.apply_retention(Duration::from_secs(every)).await.expect("applied");
    assert_eq!(apply(0).await, 0, "without a rule nobody is erased");
    for (id, days) in [("long", 50), ("short", 30)] {
        let rule = request("retention_rules", id, "set", &format!(r#"{{"after_days":{days}}}"#));
        ledger.store.execute(rule).await.expect("set");
    }
    ledger.store.execute(request("retention_rules", "short", "lift", "{}")).await.expect("lifted");
    assert_eq!(apply(0).await, 0, "a lifted rule erases nobody");
    ledger.store.execute(request("retention_rules", "short", "set", r#"{"after_days":30}"#)).await.expect("set");
    assert_eq!(apply(3_600).await, 0, "it is not its turn");
    assert_eq!(apply(0).await, 2);
    assert_eq!((find("gone").await, find("back").await), (false, true));
    assert_eq!((find("cold").await, find("warm").await), (false, true));
    assert!(ledger.store.vault().find(&other, &jane()).await.expect("asked").is_some(), "another tenant's rule");
    let said: Vec<String> = ledger
        .everything()
        .await
        .into_iter()
        .filter(|event| event.event_type == "SubjectErased")
        .map(|event| event.payload)
        .collect();
    assert!(said.len() == 2 && said.iter().all(|said| said.contains("retention")), "{said:?}");
    ledger.end().await;
}

#[tokio::test]
async fn rules_that_cannot_be_applied_keep_no_other_tenants_from_theirs() {
    let ledger = Ledger::new().await;
    let other = domain::TenantId::parse("other").expect("a tenant");
    let spoilt = tenant();
    for tenant in [&spoilt, &other] {
        ledger.store.vault().pseudonyms(tenant, &[jane()]).await.expect("entered");
        let mut rule = request("retention_rules", "people", "set", r#"{"after_days":30}"#);
        rule.tenant = tenant.clone();
        ledger.store.execute(rule).await.expect("set");
    }
    let run = async |statement: &str| sqlx::query(statement).execute(ledger.pool()).await.expect("done").rows_affected();
    run("UPDATE vault.pseudonyms SET created_at = created_at - interval '40 days'").await;
    let spoil = "UPDATE ledger.events SET event_version = event_version || 'x' WHERE tenant = 'acme'";
    assert_eq!(run(spoil).await, 1);
    let known = async |tenant| ledger.store.vault().find(tenant, &jane()).await.expect("asked").is_some();

    let hour = Duration::from_secs(3_600);
    ledger.store.apply_retention(hour).await.expect_err("a rule that cannot be read");
    assert_eq!((known(&spoilt).await, known(&other).await), (true, false));
    run("UPDATE ledger.events SET event_version = rtrim(event_version, 'x')").await;
    assert_eq!(ledger.store.apply_retention(hour).await.expect("applied"), 1, "it is its turn still");
    assert!(!known(&spoilt).await);
    assert_eq!(ledger.store.apply_retention(hour).await.expect("applied"), 0);
    ledger.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_while_a_rule_is_applied_is_kept() {
    let ledger = Ledger::new().await;
    for id in ["l1", "l2"] {
        let lead = format!(r#"{{"channel":"search","source":"marketing","user_id":"{id}"}}"#);
        ledger.store.execute(request("leads", id, "capture", &lead)).await.expect("recorded");
    }
    let rule = request("retention_rules", "people", "set", r#"{"after_days":30}"#);
    ledger.store.execute(rule).await.expect("set");
    for moved in [
        "UPDATE ledger.events SET recorded_at = recorded_at - interval '40 days'",
        "UPDATE vault.pseudonyms SET created_at = created_at - interval '40 days'",
    ] {
        sqlx::query(moved).execute(ledger.pool()).await.expect("moved");
    }
    let known = async || {
        let people = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM vault.pseudonyms");
        people.fetch_one(ledger.pool()).await.expect("a count")
    };
    // The first is about to be erased: who is idle is known by now.
    let mut held = ledger.pool().begin().await.expect("a transaction");
    sqlx::query("SELECT FROM ledger.partition_heads FOR UPDATE").execute(&mut *held).await.expect("locked");
    let store = ledger.store.clone();
    let applying = tokio::spawn(async move { store.apply_retention(Duration::ZERO).await });
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%partition_heads%'";
    let locked = async {
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(ledger.pool()).await.expect("a count") == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), locked).await.expect("somebody is about to be erased");
    // Both are touched, as another process would.
    sqlx::query(
        "WITH touched AS (
             INSERT INTO ledger.events
             SELECT aggregate_type, aggregate_id, 2, 'LeadTouched', '1.0', '{}', metadata, tenant, partition,
                 next_position - 1 + row_number() OVER (PARTITION BY partition), partition_key, now(), now()
             FROM ledger.events JOIN ledger.partition_heads USING (partition)
             WHERE aggregate_type = 'lead'
             RETURNING partition, position
         )
         UPDATE ledger.partition_heads AS heads
         SET next_position = (SELECT max(position) + 1 FROM touched WHERE touched.partition = heads.partition)
         WHERE partition IN (SELECT partition FROM touched)",
    )
    .execute(&mut *held)
    .await
    .expect("touched");
    held.commit().await.expect("committed");
    assert_eq!(applying.await.expect("no panic").expect("applied"), 0);
    assert_eq!(known().await, 2);
    ledger.end().await;
}
