//! Leaves of what this process appends, made while the events are in memory. A hint, like the hand-over itself: what is missed is
//! read from PostgreSQL.

use std::sync::{Arc, Mutex, PoisonError};

use domain::RecordedEvent;
use event_store::CommittedEvents;
use proof::Hash;
use proof::leaf::leaf;

/// Of each partition, so many wait to be sealed; of more the older are forgotten, and read.
const WAITING_MAX: usize = 200_000;

/// Leaves of consecutive positions, by partition.
#[derive(Debug, Clone)]
pub(super) struct Handed(Arc<Vec<Mutex<Run>>>);

#[derive(Debug, Default)]
struct Run {
    /// The position of the first.
    from: u64,
    leaves: Vec<Hash>,
}

impl Handed {
    pub(super) fn new(partitions: u16) -> Self {
        Self(Arc::new((0..partitions).map(|_| Mutex::new(Run::default())).collect()))
    }

    /// Runs until the store is gone.
    pub(super) async fn follow(self, mut committed: CommittedEvents) {
        while let Some(events) = committed.recv().await {
            let handed = self.clone();
            // Some microseconds an event.
            tokio::task::spawn_blocking(move || handed.take(&events)).await.expect("hashing does not panic");
        }
    }

    fn take(&self, events: &[RecordedEvent]) {
        let Some(first) = events.first() else { return };
        let leaves: Vec<Hash> = events.iter().map(leaf).collect();
        let mut run = self.0[usize::from(first.partition.0)].lock().unwrap_or_else(PoisonError::into_inner);
        if run.from + run.leaves.len() as u64 != first.position.0 || run.leaves.len() + leaves.len() > WAITING_MAX {
            *run = Run { from: first.position.0, leaves: Vec::new() };
        }
        run.leaves.extend(leaves);
    }

    /// Those from this position on, up to before another; none where they are not known.
    pub(super) fn leaves(&self, partition: usize, from: u64, end: u64) -> Vec<Hash> {
        let mut run = self.0[partition].lock().unwrap_or_else(PoisonError::into_inner);
        let known = run.from + run.leaves.len() as u64;
        if from < run.from || from >= known {
            return Vec::new();
        }
        let (skipped, taken) = ((from - run.from) as usize, (end.min(known) - run.from) as usize);
        let leaves = run.leaves[skipped..taken].to_vec();
        run.leaves.drain(..taken);
        run.from += taken as u64;
        leaves
    }
}

#[cfg(test)]
mod tests {
    use domain::{AggregateType, Partition, Position, TenantId};

    use super::*;

    fn event(position: u64) -> RecordedEvent {
        RecordedEvent {
            partition: Partition(1),
            position: Position(position),
            tenant: TenantId::parse("demo").expect("a tenant"),
            aggregate_type: AggregateType::Capsule,
            aggregate_id: "c1".to_owned(),
            sequence: 1,
            event_type: "CapsuleCreated".to_owned(),
            event_version: "1.0".to_owned(),
            partition_key: "c1".to_owned(),
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            payload: "{}".to_owned(),
            metadata: "{}".into(),
        }
    }

    fn events(positions: std::ops::Range<u64>) -> Vec<RecordedEvent> {
        positions.map(event).collect()
    }

    #[test]
    fn leaves_are_those_of_the_positions_asked_for_or_none() {
        let handed = Handed::new(2);
        let right = |positions: std::ops::Range<u64>| events(positions).iter().map(leaf).collect::<Vec<_>>();
        handed.take(&events(3..6));
        handed.take(&events(6..9));
        assert_eq!(handed.leaves(1, 0, 9), [], "what came before is not known");
        assert_eq!(handed.leaves(1, 4, 7), right(4..7));
        assert_eq!(handed.leaves(1, 7, 100), right(7..9), "as far as they are known");
        assert_eq!(handed.leaves(1, 9, 10), []);
        handed.take(&events(12..14));
        assert_eq!(handed.leaves(1, 9, 14), [], "some were missed");
        assert_eq!(handed.leaves(1, 12, 14), right(12..14));
        assert_eq!(handed.leaves(0, 12, 14), [], "of another partition");
    }
}
