//! Where a partition of the topic ends: what the relay goes on from, and what an audit compares with.

use std::time::{Duration, Instant};

use domain::{Partition, Position};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::client::{Quiet, config};
use crate::consumer::message::position_of;
use crate::{Error, record::RecordError};

/// How long Kafka may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// The end of one partition of the topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) partition: Partition,
    /// The position that a writer goes on with.
    pub(crate) next: Position,
    /// Whether something is missing before it. Only a broker that lost what it had confirmed makes such a hole.
    pub(crate) hole: Option<Hole>,
}

/// The records from `next` to the last are there, but they do not follow on what is before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) last: Position,
}

/// The position of the last record in a partition of the topic, or none where it is empty.
pub async fn last_position(brokers: &str, topic: &str, partition: Partition) -> Result<Option<Position>, Error> {
    let (brokers, topic) = (brokers.to_owned(), topic.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let log = Log::open(&brokers, &topic)?;
        Ok(log.last(partition)?.map(|last| last.position))
    });
    read.await.expect("reading the end of a partition does not panic")
}

/// Where a writer goes on, in each of these partitions. Blocks: not for a task.
pub(crate) fn tails(brokers: &str, topic: &str, partitions: &[Partition]) -> Result<Vec<Tail>, Error> {
    let log = Log::open(brokers, topic)?;
    partitions.iter().map(|partition| log.tail(*partition)).collect()
}

/// The offsets of a partition's first record, and after its last.
pub(crate) struct Ends {
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// As a client sees them that knows nothing else of the topic. Blocks: not for a task.
pub(crate) fn ends(brokers: &str, topic: &str, partitions: &[Partition]) -> Result<Vec<Ends>, Error> {
    let log = Log::open(brokers, topic)?;
    partitions.iter().map(|partition| log.ends(*partition)).collect()
}

struct Last {
    low: i64,
    offset: i64,
    position: Position,
}

struct Log<'a> {
    consumer: BaseConsumer<Quiet>,
    topic: &'a str,
}

impl<'a> Log<'a> {
    fn open(brokers: &str, topic: &'a str) -> Result<Self, Error> {
        let mut config = config(brokers);
        // Assigning by hand needs a group's name, but never joins the group.
        config
            .set("group.id", "capsule-ledger-tail")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_uncommitted")
            .set("fetch.wait.max.ms", "50")
            .set("enable.partition.eof", "true");
        let consumer = config.create_with_context(Quiet).map_err(Error::Client)?;
        Ok(Self { consumer, topic })
    }

    fn tail(&self, partition: Partition) -> Result<Tail, Error> {
        let Some(last) = self.last(partition)? else {
            return Ok(Tail { partition, next: Position(0), hole: None });
        };
        // Each position is there at least once, so there are at least as many records as positions.
        let records = u64::try_from(last.offset).unwrap_or(0) + 1;
        if last.low > 0 || records > last.position.0 {
            return Ok(Tail { partition, next: last.position.next(), hole: None });
        }
        let next = self.first_missing(partition, &last)?;
        Ok(Tail { partition, next, hole: Some(Hole { last: last.position }) })
    }

    fn ends(&self, partition: Partition) -> Result<Ends, Error> {
        let watermarks = self.consumer.fetch_watermarks(self.topic, i32::from(partition.0), LIMIT);
        let (low, high) = watermarks.map_err(|source| Error::Unavailable { doing: "asking where a partition ends", source })?;
        Ok(Ends { low, high })
    }

    fn last(&self, partition: Partition) -> Result<Option<Last>, Error> {
        let unavailable = |source| Error::Unavailable { doing: "reading the end of a partition", source };
        let Ends { low, high } = self.ends(partition)?;
        if high <= low {
            return Ok(None);
        }
        let mut last = None;
        self.read(partition, high - 1, |offset, position| {
            last = Some((offset, position));
            false
        })?;
        let (offset, position) = last.ok_or_else(|| unavailable(KafkaError::NoMessageReceived))?;
        let position = position.map_err(|source| Error::NotAnEvent { partition, source })?;
        Ok(Some(Last { low, offset, position }))
    }

    /// Reads the whole partition by the rule: only after a disaster.
    fn first_missing(&self, partition: Partition, last: &Last) -> Result<Position, Error> {
        let mut next = Position(0);
        self.read(partition, last.low, |offset, position| {
            if position.is_ok_and(|position| position == next) {
                next = next.next();
            }
            offset < last.offset
        })?;
        Ok(next)
    }

    /// Hands on records from an offset, until `more` wants no more or the partition ends.
    fn read(
        &self,
        partition: Partition,
        from: i64,
        mut more: impl FnMut(i64, Result<Position, RecordError>) -> bool,
    ) -> Result<(), Error> {
        let unavailable = |source| Error::Unavailable { doing: "reading the end of a partition", source };
        let mut assignment = TopicPartitionList::new();
        let added = assignment.add_partition_offset(self.topic, i32::from(partition.0), Offset::Offset(from));
        added.and_then(|()| self.consumer.assign(&assignment)).map_err(unavailable)?;
        let mut silent_since = Instant::now();
        while silent_since.elapsed() < LIMIT {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    if !more(message.offset(), position_of(&message)) {
                        return Ok(());
                    }
                    silent_since = Instant::now();
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) => tracing::debug!(%error, "while reading the end of a partition"),
                None => {}
            }
        }
        Err(unavailable(KafkaError::NoMessageReceived))
    }
}
