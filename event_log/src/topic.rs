//! The topic that holds the ledger: made once, or found and checked.

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::client::{Quiet, config};
use crate::{BoxError, Error};

/// The largest record that the topic takes. An event is at most 32 KiB: this leaves room for batches.
pub const MESSAGE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// How long Kafka may take to answer, or to make the topic known everywhere.
const LIMIT: Duration = Duration::from_secs(30);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
const REPLICAS_MAX: usize = 3;

/// What must hold of a topic for nothing ever to be lost from it.
const REQUIRED: [(&str, &str); 3] = [("cleanup.policy", "delete"), ("retention.ms", "-1"), ("retention.bytes", "-1")];

/// Makes the topic with as many partitions as the ledger has, kept for ever, in up to three copies where there are as many
/// brokers. One that exists is left as it is; if it has another number of partitions, or would lose events by retention or
/// compaction, it is refused with [`Error::WrongTopic`].
pub async fn ensure_topic(brokers: &str, topic: &str, partitions: u16) -> Result<(), Error> {
    let admin: AdminClient<Quiet> = config(brokers).create_with_context(Quiet).map_err(Error::Client)?;
    let admin = std::sync::Arc::new(admin);
    let deadline = Instant::now() + LIMIT;
    if described(&admin, topic, deadline).await?.partitions == 0 {
        create(&admin, topic, partitions, deadline).await?;
    }
    loop {
        let now = described(&admin, topic, deadline).await?;
        if now.partitions != 0 && now.partitions != usize::from(partitions) {
            return Err(wrong(topic, format!("it has {} partitions, the ledger {partitions}", now.partitions)));
        }
        if now.led == usize::from(partitions) {
            break;
        }
        if Instant::now() > deadline {
            let source = KafkaError::MetadataFetch(RDKafkaErrorCode::LeaderNotAvailable);
            return Err(Error::Unavailable { doing: "waiting for the new topic's leaders", source });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    check_settings(&admin, topic).await
}

/// Deletes a topic with all that is in it, and returns when it is gone. Does nothing where there is none.
pub async fn delete_topic(brokers: &str, topic: &str) -> Result<(), Error> {
    let admin: AdminClient<Quiet> = config(brokers).create_with_context(Quiet).map_err(Error::Client)?;
    let admin = std::sync::Arc::new(admin);
    let deadline = Instant::now() + LIMIT;
    if described(&admin, topic, deadline).await?.partitions == 0 {
        return Ok(());
    }
    let options = AdminOptions::new().operation_timeout(Some(ANSWER_LIMIT)).request_timeout(Some(ANSWER_LIMIT));
    let unavailable = |source| Error::Unavailable { doing: "deleting the topic", source };
    let deleted = admin.delete_topics(&[topic], &options).await.map_err(unavailable)?;
    match deleted.into_iter().next() {
        None | Some(Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition))) => {}
        Some(Err((_, code))) => return Err(unavailable(KafkaError::AdminOp(code))),
    }
    while described(&admin, topic, deadline).await?.partitions > 0 {
        if Instant::now() > deadline {
            return Err(unavailable(KafkaError::AdminOp(RDKafkaErrorCode::OperationTimedOut)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn wrong(topic: &str, reason: String) -> Error {
    Error::WrongTopic { topic: topic.to_owned(), reason }
}

/// What the brokers say of a topic; zero partitions where there is none.
struct Described {
    brokers: usize,
    partitions: usize,
    /// How many partitions have a leader.
    led: usize,
}

async fn described(admin: &std::sync::Arc<AdminClient<Quiet>>, topic: &str, deadline: Instant) -> Result<Described, Error> {
    loop {
        let (client, name) = (admin.clone(), topic.to_owned());
        let asked = tokio::task::spawn_blocking(move || describe(&client, &name)).await;
        match asked.expect("reading metadata does not panic") {
            Ok(described) => return Ok(described),
            Err(source) if Instant::now() > deadline => {
                return Err(Error::Unavailable { doing: "describing the topic", source });
            }
            Err(error) => tracing::debug!(%error, topic, "Kafka does not describe the topic yet"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn describe(admin: &AdminClient<Quiet>, topic: &str) -> Result<Described, KafkaError> {
    let metadata = admin.inner().fetch_metadata(Some(topic), ANSWER_LIMIT)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic && found.error().is_none());
    let partitions = found.map_or(&[][..], |found| found.partitions());
    let led = partitions.iter().filter(|partition| partition.leader() >= 0).count();
    Ok(Described { brokers: metadata.brokers().len(), partitions: partitions.len(), led })
}

async fn create(
    admin: &std::sync::Arc<AdminClient<Quiet>>,
    topic: &str,
    partitions: u16,
    deadline: Instant,
) -> Result<(), Error> {
    let doing = "creating the topic";
    let replicas = described(admin, topic, deadline).await?.brokers.clamp(1, REPLICAS_MAX);
    let replication = TopicReplication::Fixed(i32::try_from(replicas).expect("at most three"));
    let message_bytes_max = MESSAGE_BYTES_MAX.to_string();
    let mut new = NewTopic::new(topic, i32::from(partitions), replication)
        .set("max.message.bytes", &message_bytes_max)
        // A record's time is when its event was recorded, by PostgreSQL's clock: the broker's must not overrule it.
        .set("message.timestamp.type", "CreateTime")
        .set("message.timestamp.after.max.ms", "9223372036854775807");
    for (name, value) in REQUIRED {
        new = new.set(name, value);
    }
    if replicas == REPLICAS_MAX {
        new = new.set("min.insync.replicas", "2");
    }
    let options = AdminOptions::new().request_timeout(Some(LIMIT)).operation_timeout(Some(LIMIT));
    let answers = admin.create_topics([&new], &options).await;
    let answers = answers.map_err(|source| Error::Unavailable { doing, source })?;
    match answers.into_iter().next() {
        Some(Err((_, code))) if code != RDKafkaErrorCode::TopicAlreadyExists => {
            Err(Error::Refused { doing, source: KafkaError::AdminOp(code) })
        }
        // Somebody else may have made it a moment ago: what they made is checked like any other.
        _ => Ok(()),
    }
}

async fn check_settings(admin: &AdminClient<Quiet>, topic: &str) -> Result<(), Error> {
    let doing = "reading the topic's settings";
    let options = AdminOptions::new().request_timeout(Some(ANSWER_LIMIT));
    let answers = admin.describe_configs([&ResourceSpecifier::Topic(topic)], &options).await;
    let answers = answers.map_err(|source| Error::Unavailable { doing, source })?;
    let settings: ConfigResource = match answers.into_iter().next() {
        Some(Ok(settings)) => settings,
        Some(Err(code)) => return Err(Error::Refused { doing, source: KafkaError::AdminOp(code) }),
        None => return Err(Error::Refused { doing, source: KafkaError::NoMessageReceived }),
    };
    for (name, required) in REQUIRED {
        let value = settings.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or("unknown");
        if value != required {
            return Err(wrong(topic, format!("its {name} is {value}, not {required}: it would lose events")));
        }
    }
    Ok(())
}

/// Kept here so that the crate has one place that turns a stranger's error into words.
pub(crate) fn words(error: &BoxError) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
