//! Publishing from a store in memory.

use std::time::Duration;

use domain::{Partition, Position};
use event_log::{Error, Relay, consumer, last_position, relay};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{Memory, Pen, Progress, Read, brokers, consumer, eventually, topic};

struct Running {
    settings: relay::Settings,
    cancel: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
}

fn start(topic: &str, partitions: u16, store: &Memory) -> Running {
    let settings = relay::Settings::new(brokers(), topic, partitions);
    let cancel = CancellationToken::new();
    let task = tokio::spawn(Relay::run(settings.clone(), store.clone(), cancel.clone()));
    Running { settings, cancel, task }
}

impl Running {
    async fn published(&self, partition: u16, next: u64) {
        let status = self.settings.status();
        eventually(&format!("partition {partition} at {next}"), || async {
            let published = status.borrow().published(Partition(partition));
            (published == Some(Position(next))).then_some(())
        })
        .await;
    }

    async fn end(self) {
        self.cancel.cancel();
        self.task.await.expect("no panic").expect("no error");
    }
}

/// Everything in the topic, by the rule, from the beginning.
async fn read(topic: &str, heads: &[u64]) -> Read {
    let heads: Vec<Position> = heads.iter().copied().map(Position).collect();
    let mut reader = consumer::Reader::start(&crate::support::settings(topic), &heads).expect("a reader");
    let mut read = Read::default();
    let all = async {
        while let Some(batch) = reader.next_batch(500, Duration::from_secs(1)).await.expect("a batch") {
            read.add(batch);
        }
    };
    tokio::time::timeout(crate::support::LIMIT, all).await.expect("everything in time");
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_published_in_order_however_it_arrives() {
    let topic = topic(2).await;
    let store = Memory::leading(2, [0, 1]);
    store.append(0, 5_000);
    let relay = start(&topic, 2, &store);
    relay.published(0, 5_000).await;
    for _ in 0..50 {
        store.append_and_hand_over(0, 7);
        store.append(1, 3); // by another process: nothing is handed over
        store.append_and_hand_over(1, 2);
    }
    relay.published(0, 5_350).await;
    relay.published(1, 250).await;
    let read = read(&topic, &[5_350, 250]).await;
    assert_eq!(read.positions(0), (0..5_350).collect::<Vec<_>>());
    assert_eq!(read.positions(1), (0..250).collect::<Vec<_>>());
    let last = read.events.iter().rfind(|consumed| consumed.event.partition.0 == 0).expect("an event");
    assert_eq!((last.offset, &last.event), (5_349, &crate::support::event(0, 5_349)), "published once, byte for byte");
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_over_is_not_read_again() {
    let topic = topic(1).await;
    let store = Memory::leading(1, [0]);
    let relay = start(&topic, 1, &store);
    relay.published(0, 0).await;
    for _ in 0..100 {
        store.append_and_hand_over(0, 50);
        tokio::task::yield_now().await;
    }
    relay.published(0, 5_000).await;
    assert!(store.reads() <= 10, "the store was read {} times", store.reads());
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_killed_midway_is_gone_on_from_by_the_next() {
    let topic = topic(1).await;
    let store = Memory::leading(1, [0]);
    store.append(0, 20_000);
    let mut rounds = 0;
    let finished = loop {
        let relay = start(&topic, 1, &store);
        let status = relay.settings.status();
        let before = last_position(&brokers(), &topic, Partition(0)).await.expect("an answer").map_or(0, |last| last.0 + 1);
        eventually("something published", || async {
            let now = status.borrow().published(Partition(0));
            now.filter(|now| now.0 > before || now.0 == 20_000)
        })
        .await;
        rounds += 1;
        if rounds == 4 {
            break relay;
        }
        relay.task.abort(); // nothing is finished, nothing is said goodbye to
        let _ = relay.task.await;
        store.append(0, 100);
    };
    finished.published(0, 20_300).await;
    assert_eq!(last_position(&brokers(), &topic, Partition(0)).await.expect("an answer"), Some(Position(20_299)));
    let read = read(&topic, &[20_300]).await;
    assert_eq!(read.positions(0), (0..20_300).collect::<Vec<_>>());
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    finished.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_that_both_lead_a_partition_do_no_harm() {
    let topic = topic(1).await;
    let store = Memory::leading(1, [0]);
    let zombie_store = store.also_led([0]);
    let (relay, zombie) = (start(&topic, 1, &store), start(&topic, 1, &zombie_store));
    relay.published(0, 0).await;
    zombie.published(0, 0).await;
    for _ in 0..20 {
        store.append_and_hand_over(0, 100);
        zombie_store.append_and_hand_over(0, 100);
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    relay.published(0, 2_000).await;
    zombie.published(0, 2_000).await;
    let mut member = consumer(&topic, &Progress::default());
    let read = Read::until(&mut member, |read| read.events.len() >= 2_000).await;
    assert_eq!(read.positions(0), (0..2_000).collect::<Vec<_>>());
    assert!(read.events[1_999].offset > 1_999, "the two have published the same at least once");
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    relay.end().await;
    zombie.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lead_that_is_lost_and_won_again_goes_on() {
    let topic = topic(2).await;
    let store = Memory::leading(2, [0, 1]);
    store.append(0, 10);
    store.append(1, 10);
    let relay = start(&topic, 2, &store);
    relay.published(0, 10).await;
    relay.published(1, 10).await;
    store.lead([1]);
    let status = relay.settings.status();
    eventually("one lead lost", || async { (status.borrow().leads.len() == 1).then_some(()) }).await;
    store.append_and_hand_over(0, 10);
    store.append_and_hand_over(1, 10);
    relay.published(1, 20).await;
    assert_eq!(last_position(&brokers(), &topic, Partition(0)).await.expect("an answer"), Some(Position(9)));
    store.lead([0, 1]);
    relay.published(0, 20).await;
    assert_eq!(read(&topic, &[20, 20]).await.positions(0), (0..20).collect::<Vec<_>>());
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_ahead_of_the_store_stops_that_partition_only() {
    let topic = topic(2).await;
    Pen::new(&topic).write(0, 0..10).await;
    let store = Memory::leading(2, [0, 1]);
    store.append(0, 5);
    store.append(1, 5);
    let relay = start(&topic, 2, &store);
    relay.published(1, 5).await;
    let status = relay.settings.status();
    let error = eventually("an error of partition 0", || async {
        let status = status.borrow();
        status.leads.iter().find(|lead| lead.partition == Partition(0)).and_then(|lead| lead.error.clone())
    })
    .await;
    assert!(error.starts_with("Kafka ends before position 10, the store before 5"), "{error}");
    assert_eq!(last_position(&brokers(), &topic, Partition(0)).await.expect("an answer"), Some(Position(9)));
    relay.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hole_that_kafka_made_is_filled_and_read_over() {
    let topic = topic(1).await;
    Pen::new(&topic).write(0, (0..10).chain(20..30)).await;
    let store = Memory::leading(1, [0]);
    store.append(0, 40);
    let mut member = consumer(&topic, &Progress::default());
    let before = Read::until(&mut member, |read| !read.faults.is_empty()).await;
    assert_eq!(before.positions(0), (0..10).collect::<Vec<_>>());
    assert_eq!((before.faults[0].partition, before.faults[0].position), (Partition(0), Position(10)));
    let relay = start(&topic, 1, &store);
    relay.published(0, 40).await;
    let after = Read::until(&mut member, |read| read.events.len() >= 30).await;
    assert_eq!(after.positions(0), (10..40).collect::<Vec<_>>(), "the same member goes on by itself");
    let again = read(&topic, &[40]).await;
    assert_eq!(again.positions(0), (0..40).collect::<Vec<_>>());
    assert!(again.faults.is_empty(), "whoever reads the topic later meets no gap: {:?}", again.faults);
    relay.end().await;
}
