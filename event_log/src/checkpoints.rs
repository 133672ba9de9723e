//! The checkpoints' topic: the ledger's own log beside its events, so that Kafka alone is enough to prove what it holds.
//!
//! One partition; a record an entry. Key: the entry's index. Value: the entry's exact bytes. Header `checkpoint`: the signed head
//! over all entries up to this one, where there is one. The same rule as for events: accept the next index, skip lower ones,
//! stop at a gap; so a writer that starts again may repeat itself.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Header, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::util::Timeout;

use crate::Error;
use crate::client::{Quiet, config};
use crate::consumer::message::{guarded, headers};

const CHECKPOINT: &str = "checkpoint";
/// How long Kafka may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// An entry of the ledger's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogRecord {
    pub index: u64,
    pub entry: String,
    /// Signed, over all entries up to this one.
    pub checkpoint: Option<String>,
}

/// The checkpoints' topic of a ledger whose events are in `topic`.
pub fn topic_of(topic: &str) -> String {
    format!("{topic}.checkpoints")
}

/// Makes the topic, kept for ever, or refuses one that would lose entries.
pub async fn ensure(brokers: &str, topic: &str) -> Result<(), Error> {
    crate::topic::ensure_topic(brokers, &topic_of(topic), 1).await
}

/// Writes entries in their order.
pub struct Writer {
    producer: FutureProducer<Quiet>,
    topic: String,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writer").field("topic", &self.topic).finish_non_exhaustive()
    }
}

impl Writer {
    pub fn new(brokers: &str, topic: &str) -> Result<Self, Error> {
        let mut config = config(brokers);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("enable.gapless.guarantee", "true")
            .set("linger.ms", "0")
            .set("message.timeout.ms", "30000")
            .set("request.timeout.ms", "10000");
        let producer = config.create_with_context(Quiet).map_err(Error::Client)?;
        Ok(Self { producer, topic: topic_of(topic) })
    }

    /// Returns once Kafka has confirmed every one. After an error some may be there: read where to go on by [`next_index`], with
    /// a new writer.
    pub async fn write(&self, records: &[LogRecord]) -> Result<(), Error> {
        let sent = records.iter().map(|record| async {
            let key = record.index.to_string();
            let mut message = FutureRecord::to(&self.topic).partition(0).key(&key).payload(&record.entry);
            if let Some(checkpoint) = &record.checkpoint {
                let header = Header { key: CHECKPOINT, value: Some(checkpoint) };
                message = message.headers(OwnedHeaders::new().insert(header));
            }
            self.producer.send(message, Timeout::After(LIMIT)).await
        });
        let refused = |(source, _)| Error::Unavailable { doing: "writing checkpoints", source };
        try_join_all(sent).await.map_err(refused)?;
        Ok(())
    }
}

/// The record that was written last.
pub async fn last(brokers: &str, topic: &str) -> Result<Option<LogRecord>, Error> {
    let (brokers, topic) = (brokers.to_owned(), topic_of(topic));
    let read = tokio::task::spawn_blocking(move || {
        let mut last = None;
        records(&brokers, &topic, Begin::Last, |record| {
            last = Some(record);
            Ok(())
        })?;
        Ok(last)
    });
    read.await.expect("reading the end of a partition does not panic")
}

/// The index that a writer goes on with.
pub async fn next_index(brokers: &str, topic: &str) -> Result<u64, Error> {
    Ok(last(brokers, topic).await?.map_or(0, |last| last.index + 1))
}

/// All entries that are there now, from the first on, by the rule.
///
/// # Errors
/// [`Error::WrongTopic`] at a gap, or at what is no entry.
pub async fn read_all(brokers: &str, topic: &str) -> Result<Vec<LogRecord>, Error> {
    let (brokers, topic) = (brokers.to_owned(), topic_of(topic));
    let read = tokio::task::spawn_blocking(move || {
        let mut all: Vec<LogRecord> = Vec::new();
        let wrong = |reason: String| Error::WrongTopic { topic: topic.clone(), reason };
        records(&brokers, &topic, Begin::First, |record| {
            match record.index.checked_sub(all.len() as u64) {
                Some(0) => all.push(record),
                Some(_) => return Err(wrong(format!("entry {} follows on {}", record.index, all.len()))),
                None if all[record.index as usize].entry == record.entry => {}
                None => return Err(wrong(format!("entry {} is there twice, and differs", record.index))),
            }
            Ok(())
        })?;
        Ok(all)
    });
    read.await.expect("reading a partition does not panic")
}

enum Begin {
    First,
    Last,
}

/// Hands on every record until the end that the topic has now. Blocks: not for a task.
fn records(
    brokers: &str,
    topic: &str,
    begin: Begin,
    mut each: impl FnMut(LogRecord) -> Result<(), Error>,
) -> Result<(), Error> {
    let unavailable = |source| Error::Unavailable { doing: "reading checkpoints", source };
    let mut config = config(brokers);
    // Assigning by hand needs a group's name, but never joins the group.
    config
        .set("group.id", "capsule-ledger-checkpoints")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("fetch.wait.max.ms", "50");
    let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet).map_err(Error::Client)?;
    let (low, high) = consumer.fetch_watermarks(topic, 0, LIMIT).map_err(unavailable)?;
    if high <= low {
        return Ok(());
    }
    let from = match begin {
        Begin::First => low,
        Begin::Last => high - 1,
    };
    let mut assignment = TopicPartitionList::new();
    let added = assignment.add_partition_offset(topic, 0, Offset::Offset(from));
    added.and_then(|()| consumer.assign(&assignment)).map_err(unavailable)?;
    let mut silent_since = Instant::now();
    while silent_since.elapsed() < LIMIT {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                let offset = message.offset();
                let read = read(&message).ok_or_else(|| Error::WrongTopic {
                    topic: topic.to_owned(),
                    reason: format!("the record at offset {offset} is no entry of a log"),
                })?;
                each(read)?;
                if offset + 1 >= high {
                    return Ok(());
                }
                silent_since = Instant::now();
            }
            Some(Err(error)) => tracing::debug!(%error, "while reading checkpoints"),
            None => {}
        }
    }
    Err(unavailable(KafkaError::NoMessageReceived))
}

fn read(message: &BorrowedMessage<'_>) -> Option<LogRecord> {
    let text = |bytes: Option<&[u8]>| Some(std::str::from_utf8(bytes?).ok()?.to_owned());
    let key = text(message.key())?;
    let index: u64 = key.parse().ok().filter(|index: &u64| index.to_string() == key)?;
    let checkpoint = match guarded(|| Ok(headers(message).find(|(name, _)| *name == CHECKPOINT))).ok()? {
        Some((_, value)) => Some(text(value)?),
        None => None,
    };
    Some(LogRecord { index, entry: text(message.payload())?, checkpoint })
}
