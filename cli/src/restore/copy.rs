//! A partition of Kafka's copy on its way back: its events in order, held against what was signed.

use anyhow::Context as _;
use domain::{Partition, RecordedEvent};
use event_log::copy::Copy;
use proof::Hash;
use proof::audit::{Fault, PartitionAudit};
use proof::tree::Head;

use crate::ordered::{Older, Ordered};
use crate::verify::Place;

pub(super) struct FromKafka {
    copy: Copy,
    ordered: Ordered,
    audit: PartitionAudit,
}

/// Events that follow on the ones before, with their leaves.
pub(super) type Piece = Vec<(RecordedEvent, Hash)>;

impl FromKafka {
    pub(super) async fn open(place: &Place, partition: Partition, marks: Vec<Head>) -> anyhow::Result<Self> {
        let copy = Copy::open(&place.kafka_brokers, &place.topic, partition, None).await.context("cannot read Kafka's copy")?;
        Ok(Self { copy, ordered: Ordered::new(partition), audit: PartitionAudit::new(partition, marks) })
    }

    /// The next piece; none: it is at its end, or at a fault.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Piece>> {
        if self.audit.fault().is_some() {
            return Ok(None);
        }
        let Some(records) = self.copy.next().await.transpose()? else {
            self.ordered.end(&mut self.audit);
            self.audit.end();
            return Ok(None);
        };
        // Of what came long before, nothing is at hand; `verify` holds repeats of that against what was signed.
        Ok(Some(records.into_iter().filter_map(|record| self.ordered.take(&mut self.audit, record, &Older::Unknown)).collect()))
    }

    /// What is wrong with it. A tree of so many leaves was kept over it.
    pub(super) fn end(mut self, sealed: u64) -> Option<Fault> {
        if self.audit.fault().is_none() && self.audit.next() < sealed {
            self.audit.fail(Fault::Short { position: self.audit.next(), signed: sealed });
        }
        self.audit.fault().cloned()
    }
}
