use std::time::{Duration, Instant};

use event_store::lease::Leases;

use crate::support::*;

async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(started.elapsed() < Duration::from_secs(10), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn two_members_share_fairly_and_the_survivor_takes_all() {
    let ledger = Ledger::new().await;
    let mut one = Leases::join(&ledger.url, "relay").await.expect("a member");
    assert_eq!(one.balance(8).await.expect("leases").len(), 8);
    let mut stranger = Leases::join(&ledger.url, "other role").await.expect("a member");
    assert_eq!(stranger.balance(8).await.expect("leases").len(), 8);
    let mut two = Leases::join(&ledger.url, "relay").await.expect("a member");
    assert_eq!(two.balance(8).await.expect("leases").len(), 0);
    let kept = one.balance(8).await.expect("leases");
    let taken = two.balance(8).await.expect("leases");
    assert_eq!((kept.len(), taken.len()), (4, 4));
    assert!(kept.iter().all(|partition| !taken.contains(partition)));
    drop(one);
    until("the survivor leads all", async || two.balance(8).await.expect("leases").len() == 8).await;
    drop((two, stranger));
    ledger.end().await;
}

#[tokio::test]
async fn a_member_that_lost_its_connection_leads_nothing_until_it_asks_again() {
    let ledger = Ledger::new().await;
    let mut member = Leases::join(&ledger.url, "relay").await.expect("a member");
    assert_eq!(member.balance(4).await.expect("leases").len(), 4);
    sqlx::query("SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'capsule-ledger-leases'")
        .execute(ledger.pool())
        .await
        .expect("ended");
    member.balance(4).await.expect_err("the connection is gone");
    until("it leads again", async || member.balance(4).await.is_ok_and(|leases| leases.len() == 4)).await;
    drop(member);
    ledger.end().await;
}
