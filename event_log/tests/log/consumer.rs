//! Reading in a group, by the rule.

use std::time::Duration;

use domain::{Partition, Position};
use event_log::consumer::Settings;
use event_log::{BoxError, Consumer, Start, Starts, ensure_topic, last_position};
use futures::FutureExt;
use futures::future::BoxFuture;
use rdkafka::message::{Header, OwnedHeaders};

use crate::support::{LIMIT, Pen, Progress, Read, brokers, consumer, delete, event, settings, topic};

const WAIT: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn two_members_share_the_partitions_and_one_takes_over_from_where_the_other_was() {
    let topic = topic(8).await;
    let pen = Pen::new(&topic);
    let progress = Progress::default();
    let (mut first, mut second) = (consumer(&topic, &progress), consumer(&topic, &progress));
    let mut given = [0, 0];
    let mut written = 0;
    while given.contains(&0) || progress.total() < written {
        if written < 20_000 {
            for partition in 0..8 {
                pen.write(partition, written / 8..written / 8 + 10).await;
            }
            written += 80;
        }
        given[0] += progress.apply(&first.next_batch(100, WAIT / 10).await.expect("a batch"));
        given[1] += progress.apply(&second.next_batch(100, WAIT / 10).await.expect("a batch"));
    }
    first.close().await;
    for partition in 0..8 {
        pen.write(partition, written / 8..written / 8 + 10).await;
    }
    written += 80;
    let started = std::time::Instant::now();
    while progress.total() < written {
        progress.apply(&second.next_batch(100, WAIT).await.expect("a batch"));
        assert!(started.elapsed() < Duration::from_secs(15), "the second member has not taken over");
    }
    for partition in 0..8 {
        assert_eq!(progress.next(partition), written / 8);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_dropped_leaves_at_once() {
    let topic = topic(1).await;
    Pen::new(&topic).write(0, 0..10).await;
    let progress = Progress::default();
    let mut first = consumer(&topic, &progress);
    Read::until(&mut first, |read| read.events.len() == 10).await;
    let mut second = consumer(&topic, &progress);
    assert!(second.next_batch(10, WAIT).await.expect("a batch").is_empty(), "one partition, one reader");
    drop(first);
    let left = std::time::Instant::now();
    Read::until(&mut second, |read| read.events.len() == 10).await;
    assert!(left.elapsed() < Duration::from_secs(5), "a session's end was waited for: {:?}", left.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_hint_only_costs_time() {
    let topic = topic(1).await;
    // Repeats, so that offsets and positions are not the same: 0..600, then 300..1000.
    Pen::new(&topic).write(0, (0..600).chain(300..1_000)).await;
    for hint in [None, Some(0), Some(1), Some(500), Some(601), Some(850), Some(1_299), Some(1_300), Some(5_000), Some(-7)] {
        let settings = Settings { group: format!("{topic}-{hint:?}"), ..settings(&topic) };
        let mut member = Consumer::start(&settings, Progress::at(0, 500, hint)).expect("a consumer");
        let read = Read::until(&mut member, |read| read.events.len() >= 500 || !read.faults.is_empty()).await;
        assert_eq!(read.positions(0), (500..1_000).collect::<Vec<_>>(), "{hint:?}");
        assert!(read.faults.is_empty(), "{hint:?}: {:?}", read.faults);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_refilled_with_less_is_read_on_from() {
    let topic = topic(1).await;
    let pen = Pen::new(&topic);
    pen.write(0, 0..100).await;
    // Progress was made on a longer log than this one: the hint lies behind its end.
    let mut member = consumer(&topic, &Progress::at(0, 120, Some(150)));
    assert!(member.next_batch(10, Duration::from_secs(1)).await.expect("a batch").is_empty());
    pen.write(0, 100..130).await;
    let read = Read::until(&mut member, |read| read.events.len() >= 10).await;
    assert_eq!(read.positions(0), (120..130).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_stops_its_partition_only() {
    let topic = topic(2).await;
    let pen = Pen::new(&topic);
    pen.write(0, (0..10).chain(11..20)).await;
    pen.write(1, 0..100).await;
    let mut member = consumer(&topic, &Progress::default());
    let read = Read::until(&mut member, |read| read.events.len() >= 110 && !read.faults.is_empty()).await;
    pen.write(1, 100..200).await;
    pen.write(0, 20..30).await;
    let more = Read::until(&mut member, |read| read.events.len() >= 100).await;
    assert_eq!(read.positions(0), (0..10).collect::<Vec<_>>());
    assert_eq!(read.positions(1), (0..100).collect::<Vec<_>>());
    assert_eq!(more.positions(1), (100..200).collect::<Vec<_>>());
    let faults: Vec<_> = read.faults.iter().chain(&more.faults).collect();
    assert_eq!(faults.len(), 1, "reported once: {faults:?}");
    assert_eq!((faults[0].partition, faults[0].position), (Partition(0), Position(10)));
    assert_eq!(faults[0].reason, "position 10 is nowhere in the partition");
    assert!(member.next_batch(10, WAIT).await.expect("a batch").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_no_event_stops_its_partition_only() {
    let topic = topic(3).await;
    let pen = Pen::new(&topic);
    for partition in 0..3 {
        pen.write(partition, 0..5).await;
    }
    pen.write_raw(0, "k", OwnedHeaders::new(), "hello").await;
    let headers = OwnedHeaders::new().insert(Header { key: "ledger_position", value: Some("5") });
    pen.write_raw(1, "k", headers, "{}").await;
    for partition in 0..3 {
        pen.write(partition, 5..10).await;
    }
    let mut member = consumer(&topic, &Progress::default());
    let read = Read::until(&mut member, |read| read.events.len() >= 20 && read.faults.len() >= 2).await;
    for (partition, positions) in [(0, 0..5), (1, 0..5), (2, 0..10)] {
        assert_eq!(read.positions(partition), positions.collect::<Vec<_>>());
    }
    let mut faults = read.faults;
    faults.sort_by_key(|fault| fault.partition);
    let faults: Vec<_> = faults.iter().map(|fault| (fault.position.0, fault.reason.as_str())).collect();
    let missing = |name| format!("the record at offset 5 is not an event: {name} is missing");
    assert_eq!(faults, [(5, missing("ledger_position").as_str()), (5, missing("ledger_partition").as_str())]);
    assert!(last_position(&brokers(), &topic, Partition(0)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_partition_is_no_event_of_this_one() {
    let topic = topic(1).await;
    let pen = Pen::new(&topic);
    let mut headers = OwnedHeaders::new();
    event_log::record::encode_headers(&event(4, 0), |key, value| {
        let so_far = std::mem::take(&mut headers);
        headers = so_far.insert(Header { key, value: Some(value) });
    });
    pen.write_raw(0, "k", headers, "{}").await;
    let mut member = consumer(&topic, &Progress::default());
    let read = Read::until(&mut member, |read| !read.faults.is_empty()).await;
    assert_eq!(read.faults[0].reason, "the record at offset 0 is not an event: it is of partition 4");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_slow_is_waited_for_and_loses_nothing() {
    let topic = topic(2).await;
    let pen = Pen::new(&topic);
    pen.write(0, 0..3_000).await;
    pen.write(1, 0..3_000).await;
    let settings = Settings { buffer_bytes_max: 100_000, ..settings(&topic) };
    let mut member = Consumer::start(&settings, Progress::default()).expect("a consumer");
    // Long enough for the thread to lose patience and pause.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let read = Read::until(&mut member, |read| read.events.len() >= 6_000).await;
    for partition in 0..2 {
        assert_eq!(read.positions(partition), (0..3_000).collect::<Vec<_>>());
    }
    assert!(read.faults.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn places_that_are_unknown_for_a_while_are_asked_for_again() {
    struct Late(std::sync::atomic::AtomicUsize);
    impl Starts for Late {
        fn starts(&self, partitions: &[Partition]) -> BoxFuture<'static, Result<Vec<Start>, BoxError>> {
            let asked = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let all = partitions.iter().map(|partition| Start {
                partition: *partition,
                next_position: Position(3),
                offset_hint: Some(3),
            });
            let answer = if asked < 2 { Err("the database is away".into()) } else { Ok(all.collect()) };
            async { answer }.boxed()
        }
    }
    let topic = topic(1).await;
    Pen::new(&topic).write(0, 0..5).await;
    let mut member = Consumer::start(&settings(&topic), Late(0.into())).expect("a consumer");
    let read = Read::until(&mut member, |read| read.events.len() >= 2).await;
    assert_eq!(read.positions(0), [3, 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_holds_what_is_there_and_does_not_wait_for_more() {
    let topic = topic(1).await;
    let pen = Pen::new(&topic);
    pen.write(0, 0..1).await;
    let mut member = consumer(&topic, &Progress::default());
    Read::until(&mut member, |read| read.events.len() == 1).await;
    pen.write(0, 1..2).await;
    let asked = std::time::Instant::now();
    let batch = member.next_batch(1_000, Duration::from_secs(20)).await.expect("a batch");
    assert_eq!(batch.events(), 1);
    assert!(asked.elapsed() < Duration::from_secs(5));
    pen.write(0, 2..102).await;
    let mut sizes = vec![];
    while sizes.iter().sum::<usize>() < 100 {
        sizes.push(member.next_batch(30, Duration::from_secs(20)).await.expect("a batch").events());
    }
    assert!(sizes.iter().all(|size| (1..=30).contains(size)), "{sizes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_again_is_read_on_from() {
    let topic = topic(1).await;
    Pen::new(&topic).write(0, 0..10).await;
    let progress = Progress::default();
    let mut member = consumer(&topic, &progress);
    while progress.total() < 10 {
        progress.apply(&member.next_batch(100, WAIT).await.expect("a batch"));
    }
    delete(&topic).await;
    // Somebody joins while there is no topic, so that the group is told that there is nothing to read.
    let mut late = consumer(&topic, &progress);
    assert!(late.next_batch(100, Duration::from_secs(4)).await.expect("a batch").is_empty());
    ensure_topic(&brokers(), &topic, 1).await.expect("the topic again");
    Pen::new(&topic).write(0, 0..20).await;
    let started = std::time::Instant::now();
    while progress.total() < 20 {
        progress.apply(&member.next_batch(100, WAIT).await.expect("a batch"));
        progress.apply(&late.next_batch(100, WAIT).await.expect("a batch"));
        assert!(started.elapsed() < LIMIT, "nobody reads the new topic");
    }
}
