//! A partition of Kafka's copy in the order of its positions, by the rule that every reader keeps: the next position is taken, lower ones
//! are repeats, and where one comes too early, the missing one is looked for further on, where a relay that found the hole has
//! published it with all that follows. For whoever audits the copy: what is passed over must be word for word what is taken.

use std::collections::{BTreeMap, HashMap, VecDeque};

use domain::{Partition, RecordedEvent};
use event_log::copy::CopyRecord;
use proof::Hash;
use proof::audit::{Fault, PartitionAudit};
use proof::leaf::leaf;

/// The leaves that are remembered of what was taken: a relay that starts again repeats what was on its way, and no more.
const TAKEN_MAX: usize = 100_000;
/// The leaves that are remembered of what came too early: all that was published behind a hole until a relay found it.
const EARLY_MAX: usize = 1_000_000;

/// What is known of events that were taken longer ago than is remembered.
pub(crate) enum Older<'a> {
    /// Their leaves, where they were looked up: other repeats of them are faults.
    Leaves(&'a HashMap<u64, Hash>),
    /// Nothing: repeats of them are passed over, as readers do; an audit later holds them against what was signed.
    Unknown,
}

pub(crate) struct Ordered {
    partition: Partition,
    /// The leaves that were taken last.
    taken: VecDeque<Hash>,
    /// The leaves of what came too early; none: two came that differ.
    early: BTreeMap<u64, Option<Hash>>,
    /// The position that was missing when the first of them came.
    hole: u64,
}

impl Ordered {
    pub(crate) fn new(partition: Partition) -> Self {
        Self { partition, taken: VecDeque::new(), early: BTreeMap::new(), hole: 0 }
    }

    /// Positions from here on are remembered; those below are [`Older`].
    pub(crate) fn remembered_from(&self, audit: &PartitionAudit) -> u64 {
        audit.next() - self.taken.len() as u64
    }

    /// The next record of the copy: its event and leaf, where it is the next event and nothing is wrong.
    pub(crate) fn take(
        &mut self,
        audit: &mut PartitionAudit,
        record: CopyRecord,
        older: &Older<'_>,
    ) -> Option<(RecordedEvent, Hash)> {
        let next = audit.next();
        let event = match record.event {
            Ok(event) if event.partition == self.partition => event,
            Ok(event) => {
                let reason = format!("offset {} holds event {}", record.offset, event.id());
                audit.fail(Fault::Unreadable { position: next, reason });
                return None;
            }
            Err(error) => {
                let reason = format!("offset {}: {error}", record.offset);
                audit.fail(Fault::Unreadable { position: next, reason });
                return None;
            }
        };
        let (position, leaf) = (event.position.0, leaf(&event));
        if position < next {
            if !self.is_known(next - position, position, leaf, older) {
                audit.fail(Fault::Repeated { position });
            }
        } else if position > next {
            self.wait(audit, position, leaf);
        } else if self.early.remove(&position).is_some_and(|early| early != Some(leaf)) {
            audit.fail(Fault::Repeated { position });
        } else {
            audit.take_leaf(self.partition, position, || leaf);
            if audit.fault().is_none() {
                self.remember(leaf);
                return Some((event, leaf));
            }
        }
        None
    }

    /// Nothing more is there, further on neither.
    pub(crate) fn end(&self, audit: &mut PartitionAudit) {
        if !self.early.is_empty() {
            audit.fail(Fault::Missing { position: self.hole });
        }
    }

    fn is_known(&self, back: u64, position: u64, leaf: Hash, older: &Older<'_>) -> bool {
        let back = usize::try_from(back).unwrap_or(usize::MAX);
        match (self.taken.len().checked_sub(back), older) {
            (Some(at), _) => self.taken[at] == leaf,
            (None, Older::Leaves(leaves)) => leaves.get(&position) == Some(&leaf),
            (None, Older::Unknown) => true,
        }
    }

    fn wait(&mut self, audit: &mut PartitionAudit, position: u64, leaf: Hash) {
        if self.early.is_empty() {
            self.hole = audit.next();
        }
        if self.early.len() == EARLY_MAX {
            return audit.fail(Fault::Missing { position: self.hole });
        }
        let early = self.early.entry(position).or_insert(Some(leaf));
        *early = early.filter(|early| *early == leaf);
    }

    fn remember(&mut self, leaf: Hash) {
        if self.taken.len() == TAKEN_MAX {
            self.taken.pop_front();
        }
        self.taken.push_back(leaf);
    }
}

#[cfg(test)]
mod tests {
    use domain::{AggregateType, Position, TenantId};

    use super::*;

    const PARTITION: Partition = Partition(3);

    fn record((position, payload): (u64, &str)) -> CopyRecord {
        let event = RecordedEvent {
            partition: PARTITION,
            position: Position(position),
            tenant: TenantId::parse("demo").expect("a tenant"),
            aggregate_type: AggregateType::Capsule,
            aggregate_id: "c1".into(),
            sequence: 1,
            event_type: "CapsulePublished".into(),
            event_version: "1.0".into(),
            partition_key: "c1".into(),
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            payload: payload.into(),
            metadata: "{}".into(),
        };
        CopyRecord { offset: 0, event: Ok(event) }
    }

    /// The positions that are taken of these records, and what is wrong with them.
    fn read(records: impl IntoIterator<Item = (u64, &'static str)>) -> (Vec<u64>, Option<Fault>) {
        let (mut ordered, mut audit) = (Ordered::new(PARTITION), PartitionAudit::new(PARTITION, Vec::new()));
        let older = HashMap::new();
        let taken = records.into_iter().filter_map(|one| ordered.take(&mut audit, record(one), &Older::Leaves(&older)));
        let taken = taken.map(|(event, _)| event.position.0).collect();
        ordered.end(&mut audit);
        (taken, audit.fault().cloned())
    }

    fn same(positions: &[u64]) -> (Vec<u64>, Option<Fault>) {
        read(positions.iter().map(|position| (*position, "{}")))
    }

    #[test]
    fn repeats_are_passed_over_and_a_hole_that_is_filled_further_on_is_read_over() {
        assert_eq!(same(&[0, 1, 2, 1, 2, 3]), (vec![0, 1, 2, 3], None));
        assert_eq!(same(&[0, 1, 4, 5, 4, 2, 3, 4, 5, 6]), ((0..7).collect(), None));
    }

    #[test]
    fn a_hole_that_is_not_filled_with_all_that_follows_is_named() {
        let missing = |position| Some(Fault::Missing { position });
        assert_eq!(same(&[0, 1, 3, 4]), (vec![0, 1], missing(2)));
        assert_eq!(same(&[0, 2, 1, 3]), (vec![0, 1], missing(1)), "two that are swapped");
        assert_eq!(same(&[0, 1, 4, 5, 2, 3, 4]), (vec![0, 1, 2, 3, 4], missing(2)));
    }

    #[test]
    fn what_is_there_twice_and_differs_is_named() {
        let repeated = |position| Some(Fault::Repeated { position });
        assert_eq!(read([(0, "{}"), (1, "{}"), (0, "[]")]), (vec![0, 1], repeated(0)));
        assert_eq!(
            read([(0, "{}"), (2, "[]"), (1, "{}"), (2, "{}")]),
            (vec![0, 1], repeated(2)),
            "the one that came too early"
        );
        assert_eq!(read([(0, "{}"), (2, "{}"), (2, "[]"), (1, "{}"), (2, "{}")]), (vec![0, 1], repeated(2)));
    }

    #[test]
    fn of_what_is_older_than_is_remembered_only_who_looks_it_up_says_that_it_is_another() {
        let mut ordered = Ordered::new(PARTITION);
        let mut audit = PartitionAudit::new(PARTITION, Vec::new());
        let older = HashMap::new();
        for position in 0..3 {
            ordered.take(&mut audit, record((position, "{}")), &Older::Unknown).expect("the next one");
        }
        ordered.taken.pop_front();
        assert_eq!(ordered.remembered_from(&audit), 1);
        ordered.take(&mut audit, record((0, "[]")), &Older::Unknown);
        assert_eq!(audit.fault(), None);
        ordered.take(&mut audit, record((0, "{}")), &Older::Leaves(&older));
        assert_eq!(audit.fault(), Some(&Fault::Repeated { position: 0 }), "nothing was found of it");
    }
}
