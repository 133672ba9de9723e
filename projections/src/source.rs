//! Where events come from. Live and replay differ in nothing else.

use std::future::Future;
use std::time::Duration;

use domain::{Partition, Position, RecordedEvent};

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

/// Why a partition cannot go on at this position: a gap, or bytes that are no event.
#[derive(Debug, Clone)]
pub struct SourceFault {
    pub partition: Partition,
    pub position: Position,
    pub detail: String,
}
