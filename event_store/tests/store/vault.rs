use std::collections::BTreeSet;

use domain::{TenantId, UserId};

use crate::support::*;

fn users(count: usize) -> Vec<UserId> {
    (0..count).map(|number| UserId::parse(format!("user-{number}@example.com")).expect("a user")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_seen_first_by_two_processes_at_once_gets_one_pseudonym() {
    let ledger = Ledger::new().await;
    let other = ledger.another_store().await;
    let calls = (0..16).map(|caller| {
        let store = if caller % 2 == 0 { ledger.store.clone() } else { other.clone() };
        tokio::spawn(async move {
            let mut users = users(200);
            if caller % 3 == 0 {
                users.reverse();
            }
            let mut pseudonyms = store.vault().pseudonyms(&tenant(), &users).await.expect("entered");
            if caller % 3 == 0 {
                pseudonyms.reverse();
            }
            pseudonyms
        })
    });
    let results: Vec<_> = futures::future::join_all(calls).await.into_iter().map(Result::unwrap).collect();
    assert!(results.iter().all(|pseudonyms| *pseudonyms == results[0]));
    let distinct: BTreeSet<_> = results[0].iter().collect();
    assert_eq!(distinct.len(), 200);
    other.shutdown().await;
    ledger.end().await;
}

#[tokio::test]
async fn two_tenants_know_one_user_by_two_pseudonyms() {
    let ledger = Ledger::new().await;
    let here = ledger.store.vault().pseudonyms(&tenant(), &users(1)).await.expect("entered");
    let there = ledger.store.vault().pseudonyms(&TenantId::parse("other").unwrap(), &users(1)).await.expect("entered");
    assert_ne!(here, there);
    ledger.end().await;
}

#[tokio::test]
async fn no_user_id_is_stored_anywhere() {
    let ledger = Ledger::new().await;
    ledger.open_capsule("c1").await;
    let data = r#"{"capsule_id":"c1","kind":"view","user_id":"jane@example.com"}"#;
    let calls = (0..2).map(|number| request("interactions", &format!("i{number}"), "record", data));
    assert!(ledger.store.execute_many(calls.collect()).await.iter().all(Result::is_ok));
    let again = ledger.store.execute(request("interactions", "i0", "record", data)).await;
    assert_eq!(word(&again), "unchanged", "the same user is the same content");
    let everything: String = sqlx::query_scalar(
        "SELECT concat((SELECT string_agg(events::text, '') FROM ledger.events AS events),
                       (SELECT string_agg(pseudonyms::text, '') FROM vault.pseudonyms AS pseudonyms),
                       (SELECT string_agg(tenants::text, '') FROM vault.tenants AS tenants))",
    )
    .fetch_one(ledger.pool())
    .await
    .expect("everything");
    assert!(!everything.contains("jane") && everything.contains("user_id"));
    ledger.end().await;
}
