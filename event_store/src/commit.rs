//! What is appended, below the level of commands.

use std::sync::Arc;

use domain::{NewEvent, Partition, Position, Stream};

use crate::error::Error;
use crate::request::IdempotencyKey;

/// One command's events: appended all or none, one after the other.
#[derive(Debug, Clone)]
pub struct Commit {
    pub stream: Stream,
    /// Must be the key of the stream's earlier events.
    pub partition_key: String,
    pub expected: Expected,
    /// At least one.
    pub events: Vec<NewEvent>,
    /// JSON of [`domain::Metadata`].
    pub metadata: Arc<str>,
    pub guard: Option<Guard>,
    pub idempotency: Option<IdempotencyKey>,
    /// The epoch of the vault at which the decision knew whom it is about; none: it is about nobody.
    pub people_as_of: Option<i64>,
}

/// The version that a stream must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// A state change: 0 for a stream without events.
    Exact(u64),
    /// A fact that does not depend on the others: takes the next sequence.
    Any,
}

/// A stream that a decision relied on, at its version then. It must live in the commit's own partition, whose lock keeps
/// it from moving.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    pub stream: Arc<Stream>,
    pub version: u64,
}

/// Where a commit's events are: durable, at `first` and the positions after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The stream's version, its last event's sequence.
    pub version: u64,
    pub partition: Partition,
    pub first: Position,
    pub events: u64,
}

impl Appended {
    /// The position after its last event.
    pub fn next_position(&self) -> Position {
        Position(self.first.0 + self.events)
    }
}

/// Why a commit was not appended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Load and decide again. `None`: a commit before it in the same batch moved it.
    #[error("the stream moved")]
    Conflict { actual: Option<u64> },
    /// Load and decide again.
    #[error("a stream that the decision relied on moved")]
    GuardMoved { actual: Option<u64> },
    /// The idempotency key has an answer already.
    #[error("the idempotency key was used before")]
    KeyTaken,
    /// Find the people and decide again.
    #[error("somebody was erased since the decision was made")]
    PeopleMoved,
    #[error("too many commits are waiting")]
    TooBusy,
    #[error("the store is shutting down")]
    ShuttingDown,
    /// The events may or may not have been appended.
    #[error("the ledger's database is not available")]
    Unavailable(#[source] Error),
}

impl AppendError {
    /// Whether loading and deciding again may lead further.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::GuardMoved { .. } | Self::KeyTaken | Self::PeopleMoved)
    }
}

impl Commit {
    pub(crate) fn bytes(&self) -> usize {
        self.events.iter().map(|event| event.payload.len() + self.metadata.len()).sum()
    }
}
