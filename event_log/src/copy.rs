//! A partition of the topic as it is, record by record, for whoever audits it: what repeats, and what is no event, too.

use std::time::{Duration, Instant};

use domain::{Partition, RecordedEvent};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use crate::Error;
use crate::client::{Quiet, config};
use crate::consumer::message::event_of;
use crate::record::RecordError;

const LIMIT: Duration = Duration::from_secs(30);
const CHUNK: usize = 2_000;
/// A chunk ends with the record that exceeds it: few large records are held as easily as many small ones.
const CHUNK_BYTES: usize = 4 << 20;
const CHUNKS_MAX: usize = 4;

/// What Kafka holds at an offset.
#[derive(Debug)]
pub struct CopyRecord {
    pub offset: i64,
    pub event: Result<RecordedEvent, RecordError>,
}

/// A partition's records, from the first or from an offset on, up to the end that it had when it was opened.
#[derive(Debug)]
pub struct Copy {
    chunks: mpsc::Receiver<Result<Vec<CopyRecord>, Error>>,
}

impl Copy {
    /// An offset that the partition does not have is taken for its first.
    pub async fn open(brokers: &str, topic: &str, partition: Partition, from: Option<i64>) -> Result<Self, Error> {
        let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
        let opened = tokio::task::spawn_blocking(move || {
            let mut config = config(&brokers);
            // Assigning by hand needs a group's name, but never joins the group.
            config
                .set("group.id", "capsule-ledger-audit")
                .set("enable.auto.commit", "false")
                .set("auto.offset.reset", "earliest")
                .set("enable.partition.eof", "true")
                .set("check.crcs", "true");
            let consumer: BaseConsumer<Quiet> = config.create_with_context(Quiet).map_err(Error::Client)?;
            let unavailable = |source| Error::Unavailable { doing: "asking where a partition ends", source };
            let (low, high) = consumer.fetch_watermarks(&topic, i32::from(partition.0), LIMIT).map_err(unavailable)?;
            let from = from.filter(|from| (low..=high).contains(from)).unwrap_or(low);
            Ok((consumer, topic, from, high))
        });
        let (consumer, topic, from, high) = opened.await.expect("opening a consumer does not panic")?;
        let (sender, chunks) = mpsc::channel(CHUNKS_MAX);
        tokio::task::spawn_blocking(move || {
            let read = read(&consumer, (&topic, partition), (from, high), &sender);
            if let Err(error) = read {
                // Nobody listens any more, or hears of it.
                let _ = sender.blocking_send(Err(error));
            }
        });
        Ok(Self { chunks })
    }

    /// The next records, in the order of their offsets; none: the end.
    pub async fn next(&mut self) -> Option<Result<Vec<CopyRecord>, Error>> {
        self.chunks.recv().await
    }
}

fn read(
    consumer: &BaseConsumer<Quiet>,
    (topic, partition): (&str, Partition),
    (from, high): (i64, i64),
    sender: &mpsc::Sender<Result<Vec<CopyRecord>, Error>>,
) -> Result<(), Error> {
    if high <= from {
        return Ok(());
    }
    let unavailable = |source| Error::Unavailable { doing: "reading a partition", source };
    let mut assignment = TopicPartitionList::new();
    let added = assignment.add_partition_offset(topic, i32::from(partition.0), Offset::Offset(from));
    added.and_then(|()| consumer.assign(&assignment)).map_err(unavailable)?;
    let (mut chunk, mut chunk_bytes) = (Vec::with_capacity(CHUNK), 0);
    let mut silent_since = Instant::now();
    loop {
        let ended = match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                chunk_bytes += message.payload_len();
                chunk.push(CopyRecord { offset: message.offset(), event: event_of(&message) });
                silent_since = Instant::now();
                message.offset() + 1 >= high
            }
            Some(Err(KafkaError::PartitionEOF(_))) => true,
            Some(Err(error)) => {
                tracing::debug!(%error, "while reading a partition");
                false
            }
            None => false,
        };
        if ended || chunk.len() == CHUNK || chunk_bytes >= CHUNK_BYTES {
            chunk_bytes = 0;
            if sender.blocking_send(Ok(std::mem::take(&mut chunk))).is_err() {
                return Ok(()); // whoever asked has gone
            }
            // Who takes his time is not Kafka.
            silent_since = Instant::now();
        }
        if ended {
            return Ok(());
        }
        if silent_since.elapsed() > LIMIT {
            return Err(unavailable(KafkaError::NoMessageReceived));
        }
    }
}
