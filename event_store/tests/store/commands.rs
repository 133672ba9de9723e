use std::collections::BTreeMap;

use chrono::TimeDelta;
use domain::{Event, Partition, RecordedEvent, Rejection, Stream, TenantId};
use event_store::{EventQuery, ExecuteError, Settings};

use crate::support::*;

#[tokio::test]
async fn an_outcome_says_where_its_events_are() {
    let ledger = Ledger::new().await;
    let created = ledger.store.execute(create("c1")).await.expect("created");
    let partition = Partition::of(&tenant(), "c1", PARTITIONS);
    assert_eq!((created.version, created.partition, created.events.as_slice()), (1, partition, &["CapsuleCreated"][..]));
    ledger.store.execute(publish("c1")).await.expect("published");
    let recorded = ledger.store.execute(record("i1", "c1", 1)).await.expect("recorded");
    assert_eq!((recorded.version, recorded.appended.len(), recorded.partition), (1, 1, partition));
    let (partition, position) = recorded.appended[0];
    assert_eq!(recorded.next_position, position.next());
    let event = ledger.store.event(&tenant(), partition, position).await.expect("read").expect("there");
    assert_eq!((event.aggregate_id.as_str(), event.partition_key.as_str(), event.sequence), ("i1", "c1", 1));
    assert_eq!(event.occurred_at, noon());
    let again = ledger.store.execute(record("i1", "c1", 1)).await.expect("a repetition");
    assert!(again.appended.is_empty() && again.next_position == recorded.next_position && again.version == 1);
    let voided = ledger.store.execute(void("i1")).await.expect("voided");
    assert_eq!((voided.version, voided.partition), (2, partition));
    ledger.end().await;
}

#[tokio::test]
async fn rules_are_answered_as_rejections() {
    let ledger = Ledger::new().await;
    let rejected = |answer: Result<_, ExecuteError>| match answer {
        Err(ExecuteError::Rejected(rejection)) => rejection,
        other => panic!("{other:?}"),
    };
    assert_eq!(rejected(ledger.store.execute(record("i1", "c1", 1)).await), Rejection::CapsuleUnknown);
    ledger.store.execute(create("c1")).await.expect("created");
    assert_eq!(rejected(ledger.store.execute(record("i1", "c1", 1)).await), Rejection::CapsuleNotPublished);
    ledger.store.execute(publish("c1")).await.expect("published");
    assert_eq!(word(&ledger.store.execute(record("i1", "c1", 1)).await), "appended");
    assert_eq!(rejected(ledger.store.execute(record("i1", "c1", 2)).await), Rejection::InteractionConflict);
    assert_eq!(rejected(ledger.store.execute(record("i1", "c9", 1)).await), Rejection::InteractionConflict);
    ledger.store.execute(archive("c1")).await.expect("archived");
    assert_eq!(rejected(ledger.store.execute(record("i2", "c1", 1)).await), Rejection::CapsuleArchived { archived_at: noon() });
    assert_eq!(word(&ledger.store.execute(record("i1", "c1", 1)).await), "unchanged");
    assert_eq!(rejected(ledger.store.execute(void("i9")).await), Rejection::InteractionUnknown);
    ledger.end().await;
}

#[tokio::test]
async fn a_version_that_the_caller_expects_is_checked() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let answer = ledger.store.execute(at_version(rename("c1", "Two"), 1)).await;
    assert!(matches!(answer, Err(ExecuteError::VersionMismatch { actual: 2 })), "{answer:?}");
    assert_eq!(ledger.store.execute(at_version(rename("c1", "Two"), 2)).await.expect("renamed").version, 3);
    // Of many that expect the same version, one wins.
    let rivals = (0..20).map(|number| ledger.store.execute(at_version(rename("c1", &format!("T{number}")), 3)));
    let answers = futures::future::join_all(rivals).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    let lost = answers.iter().filter(|answer| matches!(answer, Err(ExecuteError::VersionMismatch { actual: 4 }))).count();
    assert_eq!(lost, 19, "{answers:?}");
    // Without an expected version all go through, one after the other.
    let renames = (0..6).map(|number| ledger.store.execute(rename("c1", &format!("U{number}"))));
    assert!(futures::future::join_all(renames).await.iter().all(Result::is_ok));
    let loaded = ledger.store.load(&Stream { tenant: tenant(), ..capsule("c1") }).await.expect("loaded").expect("there");
    assert_eq!(loaded.version, 10);
    ledger.end().await;
}

fn capsule(id: &str) -> Stream {
    Stream::capsule(&tenant(), &domain::CapsuleId::parse(id).expect("an id"))
}

#[tokio::test]
async fn the_same_id_twice_in_one_request_counts_once() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let mut requests: Vec<_> = (0..500).map(|number| record(&format!("i{}", number % 5), "c1", 1)).collect();
    requests.push(record("i1", "c1", 2));
    let answers = ledger.store.execute_many(requests).await;
    let words: Vec<_> = answers.iter().map(word).collect();
    assert_eq!(words[..5], ["appended"; 5]);
    assert!(words[5..500].iter().all(|word| *word == "unchanged"), "{words:?}");
    assert_eq!(words[500], "interaction_conflict");
    let (first, repeated) = (answers[3].as_ref().unwrap(), answers[8].as_ref().unwrap());
    assert_eq!((first.version, first.next_position), (repeated.version, repeated.next_position));
    assert_eq!(ledger.everything().await.len(), 2 + 5);
    ledger.end().await;
}

#[tokio::test]
async fn commands_in_one_request_follow_each_other() {
    let ledger = Ledger::new().await;
    let answers = ledger
        .store
        .execute_many(vec![
            record("i0", "c1", 1),
            create("c1"),
            publish("c1"),
            record("i1", "c1", 1),
            void("i1"),
            rename("c1", "Two"),
            record("i2", "c1", 1),
            archive("c1"),
            archive("c1"),
            record("i3", "c1", 1),
        ])
        .await;
    let words: Vec<_> = answers.iter().map(word).collect();
    let appended = "appended";
    assert_eq!(
        words,
        [
            "capsule_unknown",
            appended,
            appended,
            appended,
            appended,
            appended,
            appended,
            appended,
            "unchanged",
            "capsule_archived"
        ]
    );
    ledger.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_callers_get_each_their_own_right_answer() {
    // Small batches, so that there are many of them.
    let ledger = Ledger::with(Settings { batch_events_max: 40, ..Settings::default() }).await;
    for number in 0..3 {
        ledger.open_capsule(&format!("c{number}")).await;
    }
    let callers = (0..64_u32).map(|caller| {
        let store = ledger.store.clone();
        tokio::spawn(async move {
            let mut told = Vec::new();
            for number in 0..30_u32 {
                // Half of the ids are one's own, half are shared with all; of these every eighth caller says otherwise.
                let (id, content) = if number % 2 == 0 {
                    (format!("own-{caller}-{number}"), 1)
                } else {
                    (format!("all-{number}"), caller % 8 / 7)
                };
                let answer = store.execute(record(&id, &format!("c{}", number % 3), content)).await;
                told.push((id, content, answer));
            }
            told
        })
    });
    let mut appended = BTreeMap::new();
    let mut others = Vec::new();
    for told in futures::future::join_all(callers).await {
        for (id, content, answer) in told.expect("a caller") {
            if word(&answer) == "appended" {
                let place = answer.expect("appended").appended[0];
                assert!(appended.insert(id, (content, place)).is_none(), "told twice that it is new");
            } else {
                others.push((id, content, answer));
            }
        }
    }
    for (id, content, answer) in &others {
        let expected = if appended[id].0 == *content { "unchanged" } else { "interaction_conflict" };
        assert_eq!(word(answer), expected, "{id} {answer:?}");
        if let Ok(outcome) = answer {
            assert_eq!(outcome.next_position, appended[id].1.1.next());
        }
    }
    let events = ledger.everything().await;
    let recorded: BTreeMap<_, _> = events
        .iter()
        .filter(|event| event.event_type == "InteractionRecorded")
        .map(|event| (event.aggregate_id.clone(), (event.partition, event.position)))
        .collect();
    assert_eq!(recorded, appended.into_iter().map(|(id, (_, place))| (id, place)).collect());
    ledger.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_interaction_follows_the_archive_of_its_capsule() {
    let ledger = Ledger::new().await;
    let other = ledger.another_store().await;
    for number in 0..10 {
        let id = format!("c{number}");
        ledger.open_capsule(&id).await;
        let callers = (0..20_u32).map(|caller| {
            let store = if caller % 2 == 0 { ledger.store.clone() } else { other.clone() };
            let id = id.clone();
            tokio::spawn(async move {
                let mut words = Vec::new();
                for number in 0..10 {
                    words.push(word(&store.execute(record(&format!("{id}-{caller}-{number}"), &id, 1)).await));
                }
                words
            })
        });
        let callers: Vec<_> = callers.collect();
        while ledger.store.heads().await.expect("heads").iter().map(|head| head.0).sum::<u64>() % 7 != 3 {
            tokio::task::yield_now().await;
            if callers.iter().all(tokio::task::JoinHandle::is_finished) {
                break;
            }
        }
        let archived = other.execute(archive(&id)).await.expect("archived").appended[0];
        let words: Vec<_> = futures::future::join_all(callers).await.into_iter().flat_map(Result::unwrap).collect();
        let appended = words.iter().filter(|word| **word == "appended").count();
        assert!(words.iter().all(|word| ["appended", "capsule_archived"].contains(word)), "{words:?}");
        let recorded: Vec<_> = ledger
            .everything()
            .await
            .into_iter()
            .filter(|event| event.partition_key == id && event.event_type == "InteractionRecorded")
            .collect();
        assert_eq!(recorded.len(), appended);
        assert!(recorded.iter().all(|event| event.position < archived.1), "an interaction follows the archive");
    }
    other.shutdown().await;
    ledger.end().await;
}

#[tokio::test]
async fn a_capsule_published_elsewhere_is_open_here_at_once() {
    let ledger = Ledger::new().await;
    let other = ledger.another_store().await;
    ledger.store.execute(create("c1")).await.expect("created");
    assert_eq!(word(&ledger.store.execute(record("i1", "c1", 1)).await), "capsule_not_published");
    other.execute(publish("c1")).await.expect("published");
    assert_eq!(word(&ledger.store.execute(record("i1", "c1", 1)).await), "appended");
    assert_eq!(word(&other.execute(record("i1", "c1", 1)).await), "unchanged");
    assert_eq!(word(&ledger.store.execute(archive("c1")).await), "appended");
    assert_eq!(word(&other.execute(record("i2", "c1", 1)).await), "capsule_archived");
    other.shutdown().await;
    ledger.end().await;
}

#[tokio::test]
async fn a_tenant_sees_only_its_own() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let place = ledger.store.execute(record("i1", "c1", 1)).await.expect("recorded").appended[0];
    let stranger = TenantId::parse("other").expect("a tenant");
    assert_eq!(ledger.store.event(&stranger, place.0, place.1).await.expect("read"), None);
    assert!(ledger.store.events(&stranger, EventQuery { limit: 10, ..EventQuery::default() }).await.unwrap().events.is_empty());
    let mut theirs = record("i2", "c1", 1);
    theirs.tenant = stranger.clone();
    assert_eq!(word(&ledger.store.execute(theirs).await), "capsule_unknown");
    let mut theirs = void("i1");
    theirs.tenant = stranger.clone();
    assert_eq!(word(&ledger.store.execute(theirs).await), "interaction_unknown");
    assert!(ledger.store.load(&Stream { tenant: stranger, ..capsule("c1") }).await.expect("read").is_none());
    ledger.end().await;
}

async fn every_page(ledger: &Ledger, mut query: EventQuery) -> Vec<RecordedEvent> {
    let mut seen = Vec::new();
    loop {
        let page = ledger.store.events(&tenant(), query.clone()).await.expect("a page");
        seen.extend(page.events);
        match page.next {
            Some(next) => query.after = Some(next),
            None => return seen,
        }
    }
}

#[tokio::test]
async fn an_auditor_pages_through_what_they_ask_for() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    ledger.open_capsule("c2").await;
    let requests = (0..25).map(|number| record(&format!("i{number}"), if number % 2 == 0 { "c1" } else { "c2" }, 1));
    ledger.store.execute_many(requests.collect()).await;
    let interactions = EventQuery { event_type: Some("InteractionRecorded".to_owned()), limit: 10, ..EventQuery::default() };
    assert_eq!(every_page(&ledger, interactions).await.len(), 25);
    let by_id = EventQuery { aggregate_id: Some("c2".to_owned()), limit: 10, ..EventQuery::default() };
    let page = ledger.store.events(&tenant(), by_id).await.expect("a page");
    assert_eq!(page.events.iter().map(|event| &*event.event_type).collect::<Vec<_>>(), ["CapsuleCreated", "CapsulePublished"]);
    assert!(matches!(page.events[0].decode(), Ok(Event::Capsule(_))));

    // Who did what in a time.
    let ask = async |query: EventQuery| {
        ledger.store.events(&tenant(), EventQuery { limit: 100, ..query }).await.expect("a page").events
    };
    let of_key = |key: &str| EventQuery { key: Some(key.to_owned()), ..EventQuery::default() };
    let all = ask(of_key("k1")).await;
    assert_eq!((all.len(), ask(of_key("k2")).await.len()), (4 + 25, 0));
    let mut times: Vec<_> = all.iter().map(|event| event.recorded_at).collect();
    times.sort_unstable();
    let (from, to) = (times[1], *times.last().expect("events"));
    let between = ask(EventQuery { from: Some(from), to: Some(to), ..of_key("k1") }).await;
    let expected: Vec<_> = all.iter().filter(|event| (from..to).contains(&event.recorded_at)).cloned().collect();
    assert!(!expected.is_empty());
    assert_eq!(between, expected);
    for (from, to) in [(Some(from), None), (None, Some(to)), (Some(to), Some(from)), (None, None)] {
        for partition in (0..PARTITIONS).map(|number| Some(Partition(number))).chain([None, Some(Partition(PARTITIONS))]) {
            let query = EventQuery { from, to, partition, limit: 2, ..EventQuery::default() };
            let seen = every_page(&ledger, query.clone()).await;
            let is_asked = |event: &&RecordedEvent| {
                from.is_none_or(|from| event.recorded_at >= from)
                    && to.is_none_or(|to| event.recorded_at < to)
                    && partition.is_none_or(|partition| event.partition == partition)
            };
            assert_eq!(seen, all.iter().filter(is_asked).cloned().collect::<Vec<_>>(), "{query:?}");
        }
    }
    ledger.end().await;
}

#[tokio::test]
async fn subscribers_get_what_is_committed_in_order() {
    let ledger = Ledger::new().await;
    let mut committed = ledger.store.committed();
    ledger.open_capsule("c1").await;
    ledger.open_capsule("c2").await;
    let requests = (0..200).map(|number| record(&format!("i{number}"), if number % 2 == 0 { "c1" } else { "c2" }, 1));
    let mut later = requests.collect::<Vec<_>>();
    // Long ago, and at a second 60, which PostgreSQL holds as the one after it.
    let times = [(noon() - TimeDelta::days(40)).to_rfc3339(), "2026-10-31T11:59:60.123456Z".to_owned()];
    for (request, time) in later[150..].iter_mut().step_by(2).zip(times) {
        request.metadata = metadata("interactions/record");
        request.command = domain::Command::parse(
            domain::AggregateType::Interaction,
            "record",
            format!(r#"{{"capsule_id":"c1","kind":"view","occurred_at":"{time}"}}"#).as_bytes(),
        )
        .expect("a command");
    }
    ledger.store.execute_many(later).await;
    let mut seen = Vec::new();
    while seen.len() < 204 {
        seen.extend(committed.recv().await.expect("a run").iter().cloned());
    }
    seen.sort_by_key(|event| (event.partition, event.position));
    assert_eq!(seen, ledger.everything().await, "the same to the byte");
    ledger.end().await;
}

#[tokio::test]
async fn after_the_shutdown_nothing_is_taken_and_everything_taken_is_answered() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let taken = (0..50).map(|number| {
        let store = ledger.store.clone();
        tokio::spawn(async move { store.execute(record(&format!("i{number}"), "c1", 1)).await })
    });
    let taken: Vec<_> = taken.collect();
    tokio::task::yield_now().await;
    ledger.store.shutdown().await;
    let answers: Vec<_> = futures::future::join_all(taken).await.into_iter().map(Result::unwrap).collect();
    assert!(answers.iter().all(|answer| ["appended", "shutting_down"].contains(&word(answer))), "{answers:?}");
    let appended = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(ledger.everything().await.len(), 2 + appended);
    assert_eq!(word(&ledger.store.execute(record("late", "c1", 1)).await), "shutting_down");
    ledger.end().await;
}

#[tokio::test]
async fn a_ledger_keeps_its_number_of_partitions() {
    let ledger = Ledger::new().await;
    event_store::migrate(ledger.pool(), PARTITIONS).await.expect("the same again");
    let error = event_store::migrate(ledger.pool(), PARTITIONS + 1).await.expect_err("another number");
    assert!(matches!(error, event_store::Error::PartitionCount { asked: 5, actual: 4 }), "{error:?}");
    ledger.store.ping().await.expect("an answer");
    ledger.end().await;
}

#[tokio::test]
async fn a_lost_connection_is_told_and_then_made_anew() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let kill =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::query(kill).execute(ledger.pool()).await.expect("killed");
    let first = ledger.store.execute(record("i1", "c1", 1)).await;
    assert!(["appended", "unavailable"].contains(&word(&first)), "{first:?}");
    let again = ledger.store.execute(record("i1", "c1", 1)).await;
    assert!(again.is_ok(), "{again:?}");
    assert_eq!(ledger.everything().await.len(), 3);
    ledger.end().await;
}
