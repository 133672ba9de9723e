//! Reads the log, by the one rule: *accept the next position, skip lower ones, stop at a gap*.
//!
//! [`Consumer`] shares the partitions with the other members of its group. Where it starts is not Kafka's to say: at every
//! assignment it asks [`Starts`], which answers from where the effects are stored. [`Reader`] reads alone, up to a given
//! place: for replays, audits and tests.
//!
//! A partition can go to another member while a batch of it is under way here, and it can come back. So a batch may hold
//! what another member has applied already, or what was delivered before: whoever applies batches must check the first
//! position against its own progress, under a lock, in the transaction that holds the effects. Then neither does harm.
//!
//! Must not know what the events mean, or where progress is stored.

mod mailbox;
pub(crate) mod message;
mod reader;
mod rule;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use domain::{Partition, Position, RecordedEvent};
use futures::future::BoxFuture;

use self::mailbox::Mailbox;
use crate::{BoxError, Error};

pub use self::reader::Reader;

/// Which log, and how much of it to hold in memory.
#[derive(Debug, Clone)]
pub struct Settings {
    pub brokers: String,
    pub topic: String,
    /// Members of one group share the partitions.
    pub group: String,
    /// The most bytes that are read ahead of whoever takes batches; default 32 MiB. The Kafka client holds as much again.
    pub buffer_bytes_max: usize,
}

impl Settings {
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>, group: impl Into<String>) -> Self {
        Self { brokers: brokers.into(), topic: topic.into(), group: group.into(), buffer_bytes_max: 32 * 1024 * 1024 }
    }
}

/// Where to go on in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    pub partition: Partition,
    pub next_position: Position,
    /// The Kafka offset after the last event applied ([`PartitionBatch::next_offset`]). Only a hint: where it is wrong, the
    /// place is found by position.
    pub offset_hint: Option<i64>,
}

/// Knows where each partition goes on. Asked at every assignment, until it answers.
pub trait Starts: Send + Sync + 'static {
    fn starts(&self, partitions: &[Partition]) -> BoxFuture<'static, Result<Vec<Start>, BoxError>>;
}

/// What was read since the last batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// At most one entry for each partition.
    pub partitions: Vec<PartitionBatch>,
    /// Partitions that stopped, each reported once.
    pub faults: Vec<Fault>,
}

/// Consecutive events of one partition, at least one.
#[derive(Debug)]
pub struct PartitionBatch {
    pub partition: Partition,
    pub events: Vec<Consumed>,
}

/// An event, and where Kafka holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumed {
    pub event: RecordedEvent,
    pub offset: i64,
}

/// A partition that cannot go on. After a gap it does so by itself if the missing position turns up; then its events come
/// again, from exactly `position` on. After a record that is no event, only a new assignment tries again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub partition: Partition,
    /// The position that should have come.
    pub position: Position,
    pub reason: String,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.partitions.is_empty() && self.faults.is_empty()
    }

    pub fn events(&self) -> usize {
        self.partitions.iter().map(|batch| batch.events.len()).sum()
    }
}

impl PartitionBatch {
    /// The position of its first event.
    pub fn first(&self) -> Position {
        self.events.first().expect("a batch of a partition holds an event").event.position
    }

    /// The position after its last event.
    pub fn next(&self) -> Position {
        self.events.last().expect("a batch of a partition holds an event").event.position.next()
    }

    /// The hint to store beside [`next`](Self::next).
    pub fn next_offset(&self) -> i64 {
        self.events.last().expect("a batch of a partition holds an event").offset + 1
    }
}

/// A member of a group. Dropping it leaves the group, within about 0.1 s and without waiting; [`close`](Self::close) waits.
#[derive(Debug)]
pub struct Consumer {
    mailbox: Arc<Mailbox>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Consumer {
    /// Joins the group. Must be called within a tokio runtime, on which `starts` is then asked.
    pub fn start(settings: &Settings, starts: impl Starts) -> Result<Self, Error> {
        let mailbox = Arc::new(Mailbox::new(settings.buffer_bytes_max));
        let thread = worker::in_group(settings, Arc::new(starts), mailbox.clone())?;
        Ok(Self { mailbox, thread: Some(thread) })
    }

    /// Waits up to `wait_max` for the first event or fault, then takes what is there: up to `events_max` events. An empty
    /// batch means that there was nothing. An error means that this consumer is at its end: start another.
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next_batch(&mut self, events_max: usize, wait_max: Duration) -> Result<Batch, Error> {
        self.mailbox.take(events_max, wait_max).await
    }

    /// Leaves the group and waits until the others can know.
    pub async fn close(mut self) {
        self.mailbox.close();
        if let Some(thread) = self.thread.take() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the thread that reads Kafka panicked");
            }
        }
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}
