//! Kafka's copy of a partition, with what stands there twice.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use anyhow::Context as _;
use domain::Partition;
use event_log::copy::{Copy as KafkaCopy, CopyRecord};
use event_store::PgPool;
use proof::Hash;
use proof::audit::{Fault, PartitionAudit};
use proof::leaf::leaf;

use super::stored_leaves;
use crate::ordered::{Older, Ordered};
use crate::verify::Place;
use crate::verify::pace::Pace;

/// Of one piece of Kafka's, so many events are looked up at most: a relay repeats what was on its way, and no more.
const LOOKED_UP_MAX: u64 = 100_000;

pub(super) struct FromKafka {
    brokers: String,
    topic: String,
    pool: PgPool,
    partition: Partition,
    copy: Option<KafkaCopy>,
    pending: VecDeque<CopyRecord>,
    /// The offset that it goes on at.
    next_offset: Option<i64>,
    /// The same, of the last signed head that was reached.
    sound_offset: Option<i64>,
    /// Nothing was read since it was opened at an offset that was only remembered.
    is_hint: bool,
    /// Positions below this one were seen: what was found sound before must be there still.
    seen: u64,
    ordered: Ordered,
    pub(super) audit: PartitionAudit,
}

impl FromKafka {
    pub(super) fn new(place: &Place, pool: &PgPool, partition: Partition, audit: PartitionAudit, offset: Option<i64>) -> Self {
        Self {
            brokers: place.kafka_brokers.clone(),
            topic: place.topic.clone(),
            pool: pool.clone(),
            partition,
            copy: None,
            pending: VecDeque::new(),
            // The last one that was found sound is to be seen again.
            next_offset: offset.map(|offset| offset - 1),
            sound_offset: offset,
            is_hint: offset.is_some(),
            seen: 0,
            ordered: Ordered::new(partition),
            audit,
        }
    }

    pub(super) fn sound_offset(&self) -> Option<i64> {
        self.sound_offset
    }

    pub(crate) async fn open(&mut self) -> anyhow::Result<()> {
        let opened = KafkaCopy::open(&self.brokers, &self.topic, self.partition, self.next_offset).await;
        self.copy = Some(opened.context("cannot read Kafka's copy")?);
        Ok(())
    }

    /// Whether there may be more.
    pub(super) async fn read(&mut self, until: u64, pace: Pace) -> anyhow::Result<bool> {
        if self.copy.is_none() && self.pending.is_empty() {
            self.open().await?;
        }
        while self.audit.fault().is_none() {
            if self.audit.next() >= until {
                return Ok(true);
            }
            let began = Instant::now();
            if !self.fetch().await? {
                return Ok(false);
            }
            self.take_pending(until).await?;
            pace.rest(began).await;
        }
        Ok(false)
    }

    /// Sees to it that records are pending, if there are more.
    async fn fetch(&mut self) -> anyhow::Result<bool> {
        while self.pending.is_empty() {
            let Some(copy) = &mut self.copy else { return Ok(false) };
            match copy.next().await {
                Some(records) => self.pending = records?.into(),
                None => {
                    self.copy = None;
                    self.ordered.end(&mut self.audit);
                    if self.seen < self.audit.next() {
                        self.audit.fail(Fault::Short { position: self.seen, signed: self.audit.next() });
                    }
                    return Ok(false);
                }
            }
            if std::mem::take(&mut self.is_hint) && self.is_elsewhere() {
                // The topic was filled anew since: what is known of its offsets says nothing.
                self.pending.clear();
                self.next_offset = None;
                self.open().await?;
            }
        }
        Ok(true)
    }

    fn is_elsewhere(&self) -> bool {
        let first = self.pending.front().and_then(|record| record.event.as_ref().ok());
        first.is_some_and(|event| event.position.0 >= self.audit.next())
    }

    /// Takes each event that follows on those before.
    async fn take_pending(&mut self, until: u64) -> anyhow::Result<()> {
        let known = self.look_up().await?;
        while self.audit.next() < until && self.audit.fault().is_none() {
            let Some(record) = self.pending.pop_front() else { break };
            self.next_offset = Some(record.offset + 1);
            let next = self.audit.next();
            if let Some(event) = record.event.as_ref().ok().filter(|event| event.partition == self.partition) {
                self.seen = self.seen.max(event.position.0.saturating_add(1));
            }
            self.ordered.take(&mut self.audit, record, &Older::Leaves(&known));
            if self.audit.next() > next && self.audit.sound().size() == self.audit.next() {
                self.sound_offset = self.next_offset;
            }
        }
        Ok(())
    }

    /// The leaves that were signed where the pending records repeat more than is remembered.
    async fn look_up(&self) -> anyhow::Result<HashMap<u64, Hash>> {
        let remembered = self.ordered.remembered_from(&self.audit);
        let positions = self.pending.iter().filter_map(|record| Some(record.event.as_ref().ok()?.position.0));
        let repeated = || positions.clone().filter(|position| *position < remembered);
        let (Some(from), Some(last)) = (repeated().min(), repeated().max()) else { return Ok(HashMap::new()) };
        let range = from..(last + 1).min(from + LOOKED_UP_MAX);
        let leaves = stored_leaves(&self.pool, self.partition, &range).await?;
        Ok(range.zip(leaves).collect())
    }
}

pub(super) async fn leaves_in_kafka(
    place: &Place,
    partition: Partition,
    range: &std::ops::Range<u64>,
) -> anyhow::Result<Vec<Hash>> {
    let mut copy = KafkaCopy::open(&place.kafka_brokers, &place.topic, partition, None).await?;
    let mut leaves = Vec::new();
    let mut next = range.start;
    while let Some(records) = copy.next().await {
        for event in records?.into_iter().filter_map(|record| record.event.ok()) {
            if event.position.0 == next && next < range.end {
                leaves.push(leaf(&event));
                next += 1;
            }
        }
        if next == range.end {
            break;
        }
    }
    Ok(leaves)
}
