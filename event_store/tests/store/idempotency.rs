use event_store::ExecuteError;

use crate::support::*;

#[tokio::test]
async fn the_same_key_and_request_get_the_first_answer() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let first = ledger.store.execute(keyed(rename("c1", "Two"), "k1", 1)).await.expect("renamed");
    ledger.store.execute(rename("c1", "Three")).await.expect("renamed");
    for store in [ledger.store.clone(), ledger.another_store().await] {
        let again = store.execute(keyed(rename("c1", "Two"), "k1", 1)).await.expect("the first answer");
        assert!(again.replayed);
        assert_eq!((again.version, &again.appended, again.next_position), (3, &first.appended, first.next_position));
        assert_eq!(again.events, ["CapsuleRenamed"]);
    }
    let other = ledger.store.execute(keyed(rename("c1", "Two"), "k1", 2)).await;
    assert!(matches!(other, Err(ExecuteError::IdempotencyKeyReused)), "{other:?}");
    ledger.end().await;
}

#[tokio::test]
async fn a_key_remembers_that_nothing_happened_but_no_rejection() {
    let ledger = Ledger::new().await;
    assert_eq!(word(&ledger.store.execute(keyed(publish("c1"), "k1", 1)).await), "capsule_unknown");
    ledger.store.execute(create("c1")).await.expect("created");
    assert_eq!(word(&ledger.store.execute(keyed(publish("c1"), "k1", 1)).await), "appended");
    assert_eq!(word(&ledger.store.execute(keyed(publish("c1"), "k2", 1)).await), "unchanged");
    ledger.store.execute(archive("c1")).await.expect("archived");
    let again = ledger.store.execute(keyed(publish("c1"), "k2", 1)).await.expect("the first answer");
    assert!(again.replayed && again.appended.is_empty() && again.version == 2);
    ledger.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_from_two_processes_at_once_does_one_thing() {
    let ledger = Ledger::new().await;
    let other = ledger.another_store().await;
    for round in 0..20 {
        // Two different capsules, so that only the key can hold them apart.
        let calls = [
            ledger.store.execute(keyed(create(&format!("a{round}")), &format!("k{round}"), 1)),
            other.execute(keyed(create(&format!("b{round}")), &format!("k{round}"), 1)),
        ];
        let answers = futures::future::join_all(calls).await;
        let mut words: Vec<_> = answers.iter().map(word).collect();
        words.sort_unstable();
        assert_eq!(words, ["appended", "replayed"], "{answers:?}");
        assert_eq!(answers[0].as_ref().unwrap().appended, answers[1].as_ref().unwrap().appended);
    }
    assert_eq!(ledger.everything().await.len(), 20);
    other.shutdown().await;
    ledger.end().await;
}

#[tokio::test]
async fn a_key_whose_request_is_still_running_is_in_use() {
    let ledger = Ledger::new().await;
    let calls = (0..10).map(|number| ledger.store.execute(keyed(create(&format!("c{number}")), "k1", 1)));
    let answers = futures::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| word(answer) == "appended").count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| word(answer) == "idempotency_key_in_use").count(), 9);
    ledger.end().await;
}
