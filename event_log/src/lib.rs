//! The event log: the ledger's events in Kafka, one Kafka partition for each of the ledger's.
//!
//! Knows Kafka. Must not know PostgreSQL, nor what an event means: it carries a [`domain::RecordedEvent`] there and back,
//! byte for byte, in the order of positions.
//!
//! One rule holds it together: *accept the next position, skip lower ones, stop at a gap*. Writers may then repeat
//! themselves as they like, as long as each of them writes consecutive positions; see [`relay`] for how it makes sure.
//!
//! Where to start:
//! * [`record`]: an event as Kafka holds it, a CloudEvent in binary mode.
//! * [`checkpoints`]: the heads of the trees over the events, in a topic beside them.
//! * [`topic`]: makes the topic, or refuses one that would lose events.
//! * [`relay`]: publishes what the store has committed.
//! * [`consumer`]: reads it back, in a group or alone, by the rule.

pub mod checkpoints;
mod client;
pub mod consumer;
pub mod copy;
pub mod record;
pub mod relay;
mod tail;
pub mod topic;

use std::error::Error as StdError;

use domain::Partition;
use rdkafka::error::KafkaError;

pub use consumer::{Batch, Consumed, Consumer, Fault, PartitionBatch, Reader, Start, Starts};
pub use relay::{Committed, Relay, RelayStatus};
pub use tail::last_position;
pub use topic::{delete_topic, ensure_topic};

/// An error of whoever implements one of this crate's traits.
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Why the log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings are wrong: nothing will change by trying again.
    #[error("the Kafka client could not be made")]
    Client(#[source] KafkaError),
    /// Kafka is away or busy: try again.
    #[error("Kafka did not answer: {doing}")]
    Unavailable { doing: &'static str, source: KafkaError },
    /// Kafka answered and said no.
    #[error("Kafka refused: {doing}")]
    Refused { doing: &'static str, source: KafkaError },
    /// An operator must look at the topic: it would lose events, or it is another ledger's.
    #[error("topic {topic} cannot hold this ledger: {reason}")]
    WrongTopic { topic: String, reason: String },
    /// The last record of a partition is not one of the ledger's.
    #[error("partition {partition} ends in a record that is not an event")]
    NotAnEvent { partition: Partition, source: record::RecordError },
    /// Whoever reads has gone, or the thread that reads has.
    #[error("the consumer has ended")]
    Ended,
}
