//! Kafka's copy of a partition, with what stands there twice.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use anyhow::Context as _;
use domain::{Partition, RecordedEvent};
use event_log::copy::{Copy as KafkaCopy, CopyRecord};
use event_store::PgPool;
use proof::Hash;
use proof::audit::{Fault, PartitionAudit};
use proof::leaf::leaf;

use super::stored_leaves;
use crate::verify::Place;
use crate::verify::pace::Pace;

/// The leaves that are kept in memory for what a relay repeats when it starts again; older ones are looked up.
const REMEMBERED_MAX: usize = 100_000;
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
    /// The last leaves.
    last: VecDeque<Hash>,
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
            last: VecDeque::new(),
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
            self.take_pending(until, |_, _| {}).await?;
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

    /// Hands on each event that follows on those before.
    async fn take_pending(&mut self, until: u64, mut each: impl FnMut(RecordedEvent, Hash)) -> anyhow::Result<()> {
        let known = self.look_up().await?;
        while self.audit.next() < until && self.audit.fault().is_none() {
            let Some(CopyRecord { offset, event }) = self.pending.pop_front() else { break };
            self.next_offset = Some(offset + 1);
            let next = self.audit.next();
            match event {
                Ok(event) if event.partition != self.partition => {
                    let reason = format!("offset {offset} holds event {}", event.id());
                    self.audit.fail(Fault::Unreadable { position: next, reason });
                }
                Ok(event) => {
                    let leaf = leaf(&event);
                    self.take(event.position.0, leaf, &known);
                    if self.audit.next() > next {
                        each(event, leaf);
                    }
                }
                Err(error) => {
                    self.audit.fail(Fault::Unreadable { position: next, reason: format!("offset {offset}: {error}") });
                }
            }
            if self.audit.next() > next && self.audit.sound().size() == self.audit.next() {
                self.sound_offset = self.next_offset;
            }
        }
        Ok(())
    }

    /// A relay that starts again may repeat itself, but only word for word: readers skip that.
    fn take(&mut self, position: u64, leaf: Hash, known: &HashMap<u64, Hash>) {
        let next = self.audit.next();
        if position < next {
            let back = usize::try_from(next - position).unwrap_or(usize::MAX);
            let before = self.last.len().checked_sub(back).map(|at| self.last[at]).or_else(|| known.get(&position).copied());
            if before != Some(leaf) {
                self.audit.fail(Fault::Repeated { position });
            }
            self.seen = self.seen.max(position + 1);
            return;
        }
        self.seen = self.seen.max(position.saturating_add(1));
        self.audit.take_leaf(self.partition, position, || leaf);
        if position == next {
            if self.last.len() == REMEMBERED_MAX {
                self.last.pop_front();
            }
            self.last.push_back(leaf);
        }
    }

    /// The leaves that were signed where the pending records repeat more than is remembered.
    async fn look_up(&self) -> anyhow::Result<HashMap<u64, Hash>> {
        let remembered = self.audit.next() - self.last.len() as u64;
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
