//! A source that holds a ledger in memory.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::{Partition, RecordedEvent};
use projections::{BoxError, PartitionBatch, Source, SourceBatch, SourceFault, Sourced};

/// Gives every partition's events in turn, a slice of each a batch, and ends.
#[derive(Debug)]
pub(crate) struct Memory {
    rest: BTreeMap<Partition, std::collections::VecDeque<RecordedEvent>>,
    /// At most so many a batch, whatever the runner would take.
    batch_events_max: usize,
    pub(crate) faults: Vec<SourceFault>,
}

impl Memory {
    pub(crate) fn of(events: &BTreeMap<Partition, Vec<RecordedEvent>>, batch_events_max: usize) -> Self {
        let rest = events.iter().map(|(partition, events)| (*partition, events.iter().cloned().collect())).collect();
        Self { rest, batch_events_max, faults: Vec::new() }
    }
}

impl Source for Memory {
    async fn next_batch(&mut self, events_max: usize, _: Duration) -> Result<SourceBatch, BoxError> {
        self.rest.retain(|_, events| !events.is_empty());
        let share = (events_max.min(self.batch_events_max) / self.rest.len().max(1)).max(1);
        let partitions: Vec<PartitionBatch> = self
            .rest
            .iter_mut()
            .map(|(partition, rest)| PartitionBatch {
                partition: *partition,
                events: rest
                    .drain(..share.min(rest.len()))
                    .map(|event| Sourced { offset: i64::try_from(event.position.0).ok(), event })
                    .collect(),
            })
            .collect();
        let ended = self.rest.values().all(std::collections::VecDeque::is_empty);
        Ok(SourceBatch { partitions, faults: std::mem::take(&mut self.faults), ended })
    }
}
