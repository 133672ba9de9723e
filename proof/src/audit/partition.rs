//! A partition of a copy against the heads that the log says it had.

use domain::{Partition, RecordedEvent};
use tlog_tiles::Hash;

use crate::leaf::leaf;
use crate::tree::{Head, Tree};

/// What is wrong with a partition of a copy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("position {position} is missing")]
    Missing { position: u64 },
    #[error("position {position} is there twice")]
    Repeated { position: u64 },
    #[error("position {position} cannot be read: {reason}")]
    Unreadable { position: u64, reason: String },
    /// It is not what was signed.
    #[error("position {position} is not what was signed")]
    Changed { position: u64 },
    /// Something from here on, and before `to`, is not what was signed.
    #[error("something from position {from} to before {to} is not what was signed")]
    ChangedWithin { from: u64, to: u64 },
    #[error("it ends before position {position}, and {signed} events were signed")]
    Short { position: u64, signed: u64 },
}

impl Fault {
    /// The first position that may be wrong.
    pub fn position(&self) -> u64 {
        match self {
            Self::Missing { position }
            | Self::Repeated { position }
            | Self::Unreadable { position, .. }
            | Self::Changed { position }
            | Self::Short { position, .. } => *position,
            Self::ChangedWithin { from, .. } => *from,
        }
    }
}

/// One partition of one copy, read from its first event on, or from where an audit ended that found all before sound.
#[derive(Debug, Clone)]
pub struct PartitionAudit {
    partition: Partition,
    tree: Tree,
    /// As signed, in order of size.
    marks: Vec<Head>,
    passed: usize,
    /// The tree at the last mark that was passed, and the leaves since.
    sound: Tree,
    since: Vec<Hash>,
    fault: Option<Fault>,
}

impl PartitionAudit {
    /// # Panics
    /// On marks that are not in order of size, from 1 on: none after such a one would ever be held against anything.
    pub fn new(partition: Partition, marks: Vec<Head>) -> Self {
        let sizes = || std::iter::once(0).chain(marks.iter().map(|mark| mark.size));
        assert!(sizes().is_sorted_by(|before, after| before < after), "marks are in order of size, from 1 on");
        Self { partition, tree: Tree::default(), marks, passed: 0, sound: Tree::default(), since: Vec::new(), fault: None }
    }

    /// From where an audit ended that found all before sound: its [`PartitionAudit::sound`]. What comes next leads to the next
    /// mark only from the very same events.
    ///
    /// # Panics
    /// As [`PartitionAudit::new`].
    pub fn resume(partition: Partition, sound: Tree, marks: Vec<Head>) -> Self {
        let mut audit = Self { tree: sound.clone(), sound, ..Self::new(partition, Vec::new()) };
        let head = audit.head();
        let of_this_size = marks.iter().find(|mark| mark.size == head.size);
        let is_another = of_this_size.is_some_and(|mark| *mark != head);
        if is_another || marks.last().is_some_and(|last| last.size < head.size) {
            audit.fail(Fault::ChangedWithin { from: 0, to: head.size });
        }
        audit.marked(marks);
        audit
    }

    /// More heads were signed; those that were passed already are left out.
    ///
    /// # Panics
    /// Unless they are in order of size.
    pub fn marked(&mut self, marks: Vec<Head>) {
        let last = self.signed();
        // Marks that were passed have had their use.
        self.marks.drain(..std::mem::take(&mut self.passed));
        self.marks.extend(marks.into_iter().skip_while(|mark| mark.size <= last));
        assert!(self.marks.is_sorted_by(|before, after| before.size < after.size), "marks are in order of size");
    }

    /// The tree at the last mark that was passed: up to there the copy is what was signed.
    pub fn sound(&self) -> &Tree {
        &self.sound
    }

    /// What it is held against, from the last mark that was passed on.
    pub fn marks(&self) -> &[Head] {
        &self.marks[self.passed..]
    }

    /// How many events are signed.
    pub fn signed(&self) -> u64 {
        self.marks.last().map_or(self.sound.size(), |mark| mark.size)
    }

    /// The position that must come next.
    pub fn next(&self) -> u64 {
        self.tree.size()
    }

    pub fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Something else is wrong at this place, as whoever reads has found.
    pub fn fail(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    /// The next event. After the first fault nothing more is looked at.
    ///
    /// # Panics
    /// On an event of another partition: that is the reader's mistake.
    pub fn take(&mut self, event: &RecordedEvent) {
        self.take_leaf(event.partition, event.position.0, || leaf(event));
    }

    pub fn take_leaf(&mut self, partition: Partition, position: u64, leaf: impl FnOnce() -> Hash) {
        assert_eq!(partition, self.partition, "events are of the partition that is audited");
        if self.fault.is_some() {
            return;
        }
        let next = self.next();
        if position != next {
            let fault = if position > next { Fault::Missing { position: next } } else { Fault::Repeated { position } };
            return self.fail(fault);
        }
        let leaf = leaf();
        self.tree.push(leaf, |_, _| {});
        self.since.push(leaf);
        let Some(mark) = self.marks.get(self.passed).filter(|mark| mark.size == self.tree.size()) else { return };
        if self.tree.head() == *mark {
            self.passed += 1;
            self.sound = self.tree.clone();
            self.since.clear();
        } else {
            self.fail(Fault::ChangedWithin { from: self.sound.size(), to: mark.size });
        }
    }

    /// The copy ends here.
    ///
    /// # Panics
    /// Where a mark was passed over and nothing said so.
    pub fn end(&mut self) {
        if let Some(mark) = self.marks.last().filter(|mark| mark.size > self.tree.size()) {
            self.fail(Fault::Short { position: self.tree.size(), signed: mark.size });
        }
        assert!(self.fault.is_some() || self.passed == self.marks.len(), "a sound copy was held against every mark");
    }

    /// With a fault, the leaves that are right are wanted: of the positions that lead to the mark which was not reached. What came
    /// before the fault may be wrong as well.
    pub fn wanted(&self) -> Option<std::ops::Range<u64>> {
        self.fault.as_ref()?;
        let mark = self.marks.get(self.passed)?;
        Some(self.sound.size()..mark.size)
    }

    /// Narrows the fault down by leaves from elsewhere, if these are the ones that were signed. Whether they are.
    pub fn narrow(&mut self, leaves: &[Hash]) -> bool {
        let Some(mark) = self.marks.get(self.passed) else { return false };
        let mut tree = self.sound.clone();
        tree.extend(leaves.iter().copied());
        if tree.head() != *mark {
            return false;
        }
        if let Some(first) = leaves.iter().zip(&self.since).position(|(right, found)| right != found) {
            self.fault = Some(Fault::Changed { position: self.sound.size() + first as u64 });
        }
        true
    }

    /// The leaves that are not signed yet, from the last mark on.
    pub fn unsigned_leaves(&self) -> (u64, &[Hash]) {
        (self.sound.size(), &self.since)
    }

    /// How far the copy was read.
    pub fn head(&self) -> Head {
        self.tree.head()
    }

    /// How many of its events are not signed yet.
    pub fn unsigned(&self) -> u64 {
        self.tree.size().saturating_sub(self.signed())
    }
}
