//! A partition of Kafka's copy on its way back: its events in order, held against what was signed.

use std::collections::VecDeque;

use anyhow::Context as _;
use domain::{Partition, RecordedEvent};
use event_log::copy::Copy;
use proof::Hash;
use proof::audit::{Fault, PartitionAudit};
use proof::leaf::leaf;
use proof::tree::Head;

use crate::verify::Place;

/// A relay that starts again repeats what was on its way: no more than this.
const REPEATED_MAX: usize = 100_000;

pub(super) struct FromKafka {
    partition: Partition,
    copy: Copy,
    /// The last leaves, for what is there twice.
    last: VecDeque<Hash>,
    audit: PartitionAudit,
}

/// Events that follow on the ones before, with their leaves.
pub(super) type Piece = Vec<(RecordedEvent, Hash)>;

impl FromKafka {
    pub(super) async fn open(place: &Place, partition: Partition, marks: Vec<Head>) -> anyhow::Result<Self> {
        let copy = Copy::open(&place.kafka_brokers, &place.topic, partition, None).await.context("cannot read Kafka's copy")?;
        Ok(Self { partition, copy, last: VecDeque::new(), audit: PartitionAudit::new(partition, marks) })
    }

    /// The next piece; none: it is at its end, or at a fault.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        if self.audit.fault().is_some() {
            return Ok(None);
        }
        let Some(records) = self.copy.next().await.transpose()? else {
            self.audit.end();
            return Ok(None);
        };
        let mut piece = Piece::with_capacity(records.len());
        for record in records {
            let next = self.audit.next();
            match record.event {
                Ok(event) if event.partition != self.partition => {
                    let reason = format!("offset {} holds event {}", record.offset, event.id());
                    self.audit.fail(Fault::Unreadable { position: next, reason });
                }
                Ok(event) => {
                    let leaf = leaf(&event);
                    if self.takes(event.position.0, leaf) {
                        piece.push((event, leaf));
                    }
                }
                Err(error) => {
                    let reason = format!("offset {}: {error}", record.offset);
                    self.audit.fail(Fault::Unreadable { position: next, reason });
                }
            }
        }
        Ok(Some(piece))
    }

    /// Whether an event follows on those before. A relay that starts again may repeat itself, but only word for word.
    fn takes(&mut self, position: u64, leaf: Hash) -> bool {
        let next = self.audit.next();
        if position < next {
            let back = usize::try_from(next - position).unwrap_or(usize::MAX);
            if self.last.len().checked_sub(back).is_none_or(|at| self.last[at] != leaf) {
                self.audit.fail(Fault::Repeated { position });
            }
            return false;
        }
        self.audit.take_leaf(self.partition, position, || leaf);
        if position == next && self.audit.fault().is_none() {
            if self.last.len() == REPEATED_MAX {
                self.last.pop_front();
            }
            self.last.push_back(leaf);
            return true;
        }
        false
    }

    /// What is wrong with it. A tree of so many leaves was kept over it.
    pub(super) fn end(mut self, sealed: u64) -> Option<Fault> {
        if self.audit.fault().is_none() && self.audit.next() < sealed {
            self.audit.fail(Fault::Short { position: self.audit.next(), signed: sealed });
        }
        self.audit.fault().cloned()
    }
}
