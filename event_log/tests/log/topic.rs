//! Topics that can hold a ledger, and topics that cannot.

use event_log::{Error, ensure_topic};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::support::{brokers, unused_name};

async fn made_by_others(partitions: i32, settings: &[(&'static str, &'static str)]) -> String {
    let name = unused_name();
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers()).create().expect("an admin client");
    let new = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    let new = settings.iter().fold(new, |new, (key, value)| new.set(key, value));
    admin.create_topics([&new], &AdminOptions::new()).await.expect("an answer")[0].as_ref().expect("a topic");
    name
}

async fn refusal(topic: &str, partitions: u16) -> String {
    match ensure_topic(&brokers(), topic, partitions).await {
        Err(Error::WrongTopic { topic: named, reason }) => {
            assert_eq!(named, topic);
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_topic_is_made_once_however_often_it_is_asked_for() {
    let (name, brokers) = (unused_name(), brokers());
    let together = (0..4).map(|_| ensure_topic(&brokers, &name, 3));
    for made in futures::future::join_all(together).await {
        made.expect("a topic");
    }
    ensure_topic(&brokers, &name, 3).await.expect("the same topic");
}

#[tokio::test]
async fn another_number_of_partitions_is_refused() {
    let name = made_by_others(2, &[("retention.ms", "-1")]).await;
    assert_eq!(refusal(&name, 8).await, "it has 2 partitions, the ledger 8");
}

#[tokio::test]
async fn a_topic_that_would_lose_events_is_refused() {
    let brief = made_by_others(1, &[("retention.ms", "86400000")]).await;
    assert_eq!(refusal(&brief, 1).await, "its retention.ms is 86400000, not -1: it would lose events");
    let small = made_by_others(1, &[("retention.ms", "-1"), ("retention.bytes", "1000000")]).await;
    assert_eq!(refusal(&small, 1).await, "its retention.bytes is 1000000, not -1: it would lose events");
    let compacted = made_by_others(1, &[("retention.ms", "-1"), ("cleanup.policy", "compact")]).await;
    assert_eq!(refusal(&compacted, 1).await, "its cleanup.policy is compact, not delete: it would lose events");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_an_error_at_once() {
    assert!(matches!(ensure_topic("", "topic", 1).await, Err(Error::Client(_) | Error::Unavailable { .. })));
}
