//! The log between two places, from either copy.

use std::time::Duration;

use domain::{Partition, Position};
use event_log::Reader;
use event_log::consumer::Settings as LogSettings;
use event_store::Store;
use futures::future::try_join_all;
use projections::{BoxError, PartitionBatch, Source, SourceBatch, Sourced, Start};

use crate::roles::project::{as_log_start, as_source_batch};

/// From where each partition goes on, and where it ends.
type Part = (Start, Position);

pub(super) struct FromKafka(Reader);

impl FromKafka {
    pub(super) fn start(brokers: &str, topic: &str, parts: &[Part]) -> anyhow::Result<Self> {
        let parts: Vec<_> = parts.iter().map(|(from, end)| (as_log_start(*from), *end)).collect();
        Ok(Self(Reader::between(&LogSettings::new(brokers, topic, format!("{topic}.refold")), &parts)?))
    }
}

impl Source for FromKafka {
    async fn next_batch(&mut self, events_max: usize, wait_max: Duration) -> Result<SourceBatch, BoxError> {
        match self.0.next_batch(events_max, wait_max).await? {
            Some(batch) => Ok(as_source_batch(batch)),
            None => Ok(SourceBatch { ended: true, ..SourceBatch::default() }),
        }
    }
}

pub(super) struct FromPostgres {
    store: Store,
    /// The partitions that are not at their end.
    open: Vec<(Partition, Position, Position)>,
}

impl FromPostgres {
    pub(super) fn new(store: Store, parts: &[Part]) -> Self {
        Self { store, open: parts.iter().map(|(start, end)| (start.partition, start.next_position, *end)).collect() }
    }
}

impl Source for FromPostgres {
    async fn next_batch(&mut self, events_max: usize, _: Duration) -> Result<SourceBatch, BoxError> {
        self.open.retain(|(_, next, end)| next < end);
        if self.open.is_empty() {
            return Ok(SourceBatch { ended: true, ..SourceBatch::default() });
        }
        // A share for each, so that all writers have something to do.
        let share = (events_max / self.open.len()).max(1);
        let reads = self.open.iter().map(|(partition, next, end)| {
            let count = usize::try_from(end.0 - next.0).unwrap_or(usize::MAX).min(share);
            self.store.read(*partition, *next, count)
        });
        let read = try_join_all(reads).await?;
        let mut partitions = Vec::with_capacity(read.len());
        for ((partition, next, _), events) in self.open.iter_mut().zip(read) {
            let last = events.last().ok_or_else(|| format!("PostgreSQL lacks event {partition}-{next}"))?;
            *next = last.position.next();
            // Where Kafka holds it is found by its position.
            let events = events.into_iter().map(|event| Sourced { event, offset: None }).collect();
            partitions.push(PartitionBatch { partition: *partition, events });
        }
        Ok(SourceBatch { partitions, ..SourceBatch::default() })
    }
}
