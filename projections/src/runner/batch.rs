//! What the source gave, decoded and folded; pure.

use std::collections::BTreeSet;

use domain::Partition;

use super::apply::Slice;
use crate::delta::{Decoded, Delta, Only};
use crate::progress::Progress;
use crate::runner::Skipped;
use crate::source::{FaultKind, PartitionBatch, SourceBatch, SourceFault, Sourced};

/// A batch's partitions of one lane, which are written in one transaction.
#[derive(Debug)]
pub(super) struct Group {
    /// In the order of their partitions.
    pub(super) runs: Vec<Run>,
    /// Of all the runs together.
    pub(super) delta: Delta,
    /// What each partition stands still at, after the events that are here.
    pub(super) faults: Vec<SourceFault>,
    /// The source has nothing more.
    pub(super) ended: bool,
}

/// Consecutive events of one partition.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) partition: Partition,
    pub(super) events: Vec<Decoded>,
}

impl Run {
    pub(super) fn slice(&self) -> Slice<'_> {
        Slice { partition: self.partition, events: &self.events }
    }
}

/// Which of so many writers writes a partition.
pub(super) fn lane_of(partition: Partition, writers: usize) -> usize {
    usize::from(partition.0) % writers.max(1)
}

/// A batch for each of so many writers, ready to be written.
pub(super) fn prepare(
    batch: SourceBatch,
    until: Option<&Progress>,
    skipped: &Skipped,
    writers: usize,
    only: Option<&Only>,
) -> Vec<Group> {
    let mut lanes: Vec<(Vec<Run>, Vec<SourceFault>)> = std::iter::repeat_with(Default::default).take(writers).collect();
    let mut partitions = batch.partitions;
    partitions.sort_by_key(|partition| partition.partition);
    for partition in partitions {
        let (runs, faults) = &mut lanes[lane_of(partition.partition, writers)];
        let (run, fault) = decode(partition, until, skipped);
        faults.extend(fault);
        if !run.events.is_empty() {
            runs.push(run);
        }
    }
    // After those of decoding, which come earlier in their partitions.
    for fault in batch.faults {
        lanes[lane_of(fault.partition, writers)].1.push(fault);
    }
    lanes.into_iter().map(|(runs, faults)| Group { faults, ended: batch.ended, ..Group::of(runs, only) }).collect()
}

impl Group {
    fn of(runs: Vec<Run>, only: Option<&Only>) -> Self {
        let delta = Delta::of(runs.iter().flat_map(|run| &run.events), only);
        Self { runs, delta, faults: Vec::new(), ended: false }
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.runs.is_empty() && self.faults.is_empty() && !self.ended
    }

    pub(super) fn events(&self) -> usize {
        self.runs.iter().map(|run| run.events.len()).sum()
    }

    /// Without the partitions that stand still.
    pub(super) fn without(self, faulted: &BTreeSet<Partition>, only: Option<&Only>) -> Self {
        if self.runs.iter().any(|run| faulted.contains(&run.partition)) {
            let runs = self.runs.into_iter().filter(|run| !faulted.contains(&run.partition)).collect();
            Self { faults: self.faults, ended: self.ended, ..Self::of(runs, only) }
        } else {
            self
        }
    }
}

/// The events up to the first that cannot be applied, and why that cannot. What is skipped keeps its place, and says nothing.
fn decode(batch: PartitionBatch, until: Option<&Progress>, skipped: &Skipped) -> (Run, Option<SourceFault>) {
    let partition = batch.partition;
    let end = until.and_then(|until| until.get(&partition).copied());
    let mut events: Vec<Decoded> = Vec::with_capacity(batch.events.len());
    let mut fault = None;
    for Sourced { event: recorded, offset } in batch.events {
        if end.is_some_and(|end| recorded.position >= end) {
            break;
        }
        let expected = events.last().map_or(recorded.position, |last| last.recorded.position.next());
        if recorded.position < expected {
            continue; // the source repeats itself
        }
        let stands = |kind, detail| Some(SourceFault { partition, position: expected, kind, detail });
        if recorded.partition != partition {
            fault = stands(FaultKind::Missing, format!("an event of partition {} came instead", recorded.partition));
            break;
        }
        if recorded.position > expected {
            fault = stands(FaultKind::Missing, format!("position {} came instead", recorded.position));
            break;
        }
        if skipped.contains(&(partition, recorded.position)) {
            events.push(Decoded { recorded, event: None, offset });
            continue;
        }
        match recorded.decode().map(Some) {
            Ok(event) => events.push(Decoded { recorded, event, offset }),
            Err(source) => {
                fault = stands(FaultKind::Refused, with_causes(&source));
                break;
            }
        }
    }
    (Run { partition, events }, fault)
}

/// An error and what caused it, in one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    causes.collect::<Vec<_>>().join(": ")
}
