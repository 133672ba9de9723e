//! A search's pages together are what a plain filter over all events gives, the newest first.

use domain::{AggregateType, Metadata, RecordedEvent, TenantId};
use event_store::{SearchQuery, Settings};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::support::*;

fn newest_first(mut events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
    events.sort_by_key(|event| std::cmp::Reverse((event.recorded_at, event.partition, event.position)));
    events
}

fn matches(query: &SearchQuery, event: &RecordedEvent) -> bool {
    let happens_in_capsules = matches!(event.aggregate_type, AggregateType::Capsule | AggregateType::Interaction);
    query.capsule.as_ref().is_none_or(|capsule| *capsule == event.partition_key && happens_in_capsules)
        && query.mentions.as_ref().is_none_or(|text| event.payload.contains(text))
        && query.aggregate_type.is_none_or(|aggregate_type| aggregate_type == event.aggregate_type)
        && query.aggregate_id.as_ref().is_none_or(|id| *id == event.aggregate_id)
        && query.event_type.as_ref().is_none_or(|event_type| *event_type == event.event_type)
        && query.key.as_ref().is_none_or(|key| event.metadata.contains(&format!("\"key\":\"{key}\"")))
        && query.from.is_none_or(|from| event.recorded_at >= from)
        && query.to.is_none_or(|to| event.recorded_at < to)
}

#[tokio::test]
async fn the_pages_of_a_search_are_all_that_matches_each_once_and_the_newest_first() {
    // So few that a page often ends before it is full.
    let ledger = Ledger::with(Settings { search_looks_max: 9, batch_events_max: 8, ..Settings::default() }).await;
    let mut random = StdRng::seed_from_u64(5);
    for capsule in 0..6 {
        ledger.open_capsule(&format!("c{capsule}")).await;
    }
    let mut number = 0;
    for _ in 0..40 {
        let requests: Vec<_> = (0..random.random_range(1..6))
            .map(|_| {
                number += 1;
                let (capsule, response_ms) = (random.random_range(0..6), random.random_range(0..4));
                let mut request = record(&format!("i{number}"), &format!("c{capsule}"), response_ms);
                if random.random_range(0..4) == 0 {
                    request.metadata = Metadata { key: "k2".to_owned(), ..(*request.metadata).clone() }.into();
                }
                request
            })
            .collect();
        ledger.store.execute_many(requests).await;
    }
    ledger.store.execute(void("i7")).await.expect("voided");
    // Named like a capsule, and so keyed like it.
    for capsule in 0..6 {
        let ticket = request("tickets", &format!("c{capsule}"), "open", r#"{"account_id":"one"}"#);
        ledger.store.execute(ticket).await.expect("opened");
    }
    let all = newest_first(ledger.everything().await);
    assert!(all.len() > 80, "{}", all.len());

    let mut found_any = 0;
    for round in 0..120 {
        let one_in = |random: &mut StdRng, of: u32| random.random_range(0..of) == 0;
        let some = all.choose(&mut random).expect("there are events").clone();
        let query = SearchQuery {
            capsule: one_in(&mut random, 3).then(|| some.partition_key.clone()),
            mentions: one_in(&mut random, 4).then(|| "\"response_ms\":2".to_owned()),
            aggregate_type: one_in(&mut random, 3).then_some(AggregateType::Interaction),
            aggregate_id: one_in(&mut random, 6).then(|| some.aggregate_id.clone()),
            event_type: one_in(&mut random, 4).then(|| some.event_type.clone()),
            key: one_in(&mut random, 4).then(|| ["k1", "k2"][random.random_range(0..2)].to_owned()),
            from: one_in(&mut random, 3).then(|| all.choose(&mut random).expect("one").recorded_at),
            to: one_in(&mut random, 3).then(|| all.choose(&mut random).expect("one").recorded_at),
            before: None,
            limit: random.random_range(1..12),
        };
        let expected: Vec<RecordedEvent> = all.iter().filter(|event| matches(&query, event)).cloned().collect();
        let mut found = Vec::new();
        let mut asked = query.clone();
        for page in 0.. {
            assert!(page < 400, "round {round} comes to an end: {query:?}");
            let answer = ledger.store.search(&tenant(), &asked).await.expect("an answer");
            assert!(answer.events.len() <= query.limit);
            found.extend(answer.events);
            let Some(next) = answer.next else { break };
            asked.before = Some(next);
        }
        assert_eq!(found, expected, "round {round}: {query:?}");
        found_any += usize::from(!expected.is_empty());
    }
    assert!(found_any > 60, "{found_any} searches found something");
    let stranger = TenantId::parse("stranger").expect("a tenant");
    let theirs = ledger.store.search(&stranger, &SearchQuery { limit: 10, ..SearchQuery::default() }).await.expect("an answer");
    assert_eq!(theirs.events, [], "another tenant's events are not found");
    ledger.end().await;
}
