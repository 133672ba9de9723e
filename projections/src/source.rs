//! Where events come from. Live and replay differ in nothing else.

use std::future::Future;
use std::time::Duration;

use domain::{Partition, Position, RecordedEvent};
use serde::Serialize;

use crate::error::BoxError;

/// Hands over each partition's events in position order, without a hole. May repeat what it gave before.
pub trait Source: Send {
    /// Answers as soon as there is anything, with at most `events_max` events; after `wait_max` with nothing. It loses
    /// nothing when its future is dropped only because the runner ends.
    fn next_batch(
        &mut self,
        events_max: usize,
        wait_max: Duration,
    ) -> impl Future<Output = Result<SourceBatch, BoxError>> + Send;
}

#[derive(Debug, Clone, Default)]
pub struct SourceBatch {
    pub partitions: Vec<PartitionBatch>,
    /// Partitions in which the source cannot go on.
    pub faults: Vec<SourceFault>,
    /// The source has nothing more and never will; for a replay with an end.
    pub ended: bool,
}

/// Consecutive events of one partition.
#[derive(Debug, Clone)]
pub struct PartitionBatch {
    pub partition: Partition,
    pub events: Vec<Sourced>,
}

#[derive(Debug, Clone)]
pub struct Sourced {
    pub event: RecordedEvent,
    /// Where the source holds it, to find the place again quickly; a hint only.
    pub offset: Option<i64>,
}

/// Why a partition cannot go on at this position.
#[derive(Debug, Clone)]
pub struct SourceFault {
    pub partition: Partition,
    pub position: Position,
    pub kind: FaultKind,
    pub detail: String,
}

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The event of this position did not come: the source has a gap there, or bytes that are no event. Nothing is known of the
    /// event itself, so it is never left out: it may be sound, and come yet.
    Missing,
    /// The event came, and cannot be applied.
    Refused,
}

impl FaultKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Refused => "refused",
        }
    }

    pub(crate) fn of(stored: &str) -> Self {
        match stored {
            "refused" => Self::Refused,
            _ => Self::Missing,
        }
    }
}
