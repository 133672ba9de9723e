//! A partition of either copy, read from its first event on, or from where an audit ended that found all before sound.

mod kafka;
mod postgres;

use domain::Partition;
use event_store::PgPool;
use event_store::copy::rows;
use event_store::trees::{TileId, TreeId, Trees};
use proof::Hash;
use proof::audit::PartitionAudit;
use proof::leaf::leaf;
use proof::tree::Head;

use self::kafka::{FromKafka, leaves_in_kafka};
use self::postgres::FromPostgres;
use super::Place;
use super::pace::Pace;
use super::state::PartitionState;

/// Leaves of a tile of level 0.
const TILE: u64 = 256;

/// Both copies of one partition.
pub(super) struct Copies {
    partition: Partition,
    kafka: FromKafka,
    postgres: FromPostgres,
}

impl Copies {
    /// Opens neither before it is read.
    pub(super) fn new(
        place: &Place,
        pool: &PgPool,
        partition: Partition,
        marks: &[Head],
        from: Option<PartitionState>,
    ) -> Self {
        let PartitionState { postgres, kafka, kafka_offset } = from.unwrap_or_default();
        let audit = |sound| PartitionAudit::resume(partition, sound, marks.to_vec());
        Self {
            partition,
            kafka: FromKafka::new(place, pool, partition, audit(kafka), kafka_offset),
            postgres: FromPostgres::new(pool.clone(), partition, audit(postgres)),
        }
    }

    /// Another look from where both were sound last.
    pub(super) fn again(&self, place: &Place, pool: &PgPool) -> Self {
        let marks = |audit: &PartitionAudit| audit.marks().to_vec();
        let PartitionState { postgres, kafka, kafka_offset } = self.state();
        let kafka = PartitionAudit::resume(self.partition, kafka, marks(&self.kafka.audit));
        let postgres = PartitionAudit::resume(self.partition, postgres, marks(&self.postgres.audit));
        Self {
            partition: self.partition,
            kafka: FromKafka::new(place, pool, self.partition, kafka, kafka_offset),
            postgres: FromPostgres::new(pool.clone(), self.partition, postgres),
        }
    }

    pub(super) fn kafka(&self) -> &PartitionAudit {
        &self.kafka.audit
    }

    pub(super) fn postgres(&self) -> &PartitionAudit {
        &self.postgres.audit
    }

    pub(super) fn postgres_mut(&mut self) -> &mut PartitionAudit {
        &mut self.postgres.audit
    }

    /// What more was signed.
    pub(super) fn marked(&mut self, marks: &[Head]) {
        self.kafka.audit.marked(marks.to_vec());
        self.postgres.audit.marked(marks.to_vec());
    }

    /// Kafka's end is known from here on. Looked at before PostgreSQL's, it cannot be ahead by chance.
    pub(super) async fn open_kafka(&mut self) -> anyhow::Result<()> {
        self.kafka.open().await
    }

    /// Reads both on, each until this position is the next, until it ends or until something is wrong. Whether there may be more
    /// of one of them.
    pub(super) async fn read(&mut self, until: u64, pace: Pace) -> anyhow::Result<bool> {
        let (in_kafka, in_postgres) = tokio::join!(self.kafka.read(until, pace), self.postgres.read(until, pace));
        Ok(in_kafka? | in_postgres?)
    }

    /// Nothing more is there.
    pub(super) fn end(&mut self) {
        self.kafka.audit.end();
        self.postgres.audit.end();
    }

    /// Up to there it was signed, so each that ended before is cut.
    pub(super) fn must_reach(&mut self, until: u64) {
        for audit in [&mut self.kafka.audit, &mut self.postgres.audit] {
            if audit.next() < until {
                audit.end();
            }
        }
    }

    pub(super) fn is_faulty(&self) -> bool {
        self.kafka().fault().is_some() || self.postgres().fault().is_some()
    }

    /// As far as both were read.
    pub(super) fn next(&self) -> u64 {
        self.kafka().next().min(self.postgres().next())
    }

    pub(super) fn state(&self) -> PartitionState {
        PartitionState {
            postgres: self.postgres().sound().clone(),
            kafka: self.kafka().sound().clone(),
            kafka_offset: self.kafka.sound_offset(),
        }
    }

    /// Names the position where a copy differs from what was signed, by the trees' leaves or by the other copy, whichever lead to
    /// what was signed.
    pub(super) async fn narrow(&mut self, place: &Place, pool: &PgPool) -> anyhow::Result<()> {
        let partition = self.partition;
        if let Some(range) = self.kafka.audit.wanted() {
            let stored = stored_leaves(pool, partition, &range).await?;
            if !self.kafka.audit.narrow(&stored) {
                let others = rows(pool, partition, range.start as i64 - 1, (range.end - range.start) as usize).await?;
                let others: Vec<Hash> = others.iter().filter_map(|row| row.event.as_ref().ok().map(leaf)).collect();
                self.kafka.audit.narrow(&others);
            }
        }
        if let Some(range) = self.postgres.audit.wanted() {
            let stored = stored_leaves(pool, partition, &range).await?;
            if !self.postgres.audit.narrow(&stored) {
                let others = leaves_in_kafka(place, partition, &range).await?;
                self.postgres.audit.narrow(&others);
            }
        }
        Ok(())
    }
}

/// As the trees in PostgreSQL have them; whether they are right is for the caller to check.
async fn stored_leaves(pool: &PgPool, partition: Partition, range: &std::ops::Range<u64>) -> anyhow::Result<Vec<Hash>> {
    let tree = TreeId::Partition(partition.0);
    let tiles = range.start / TILE..range.end.div_ceil(TILE);
    let wanted: Vec<TileId> = tiles.map(|index| TileId { tree, level: 0, index }).collect();
    let mut tiles = Trees::new(pool.clone()).tiles(&wanted).await?;
    tiles.sort_by_key(|tile| tile.id.index);
    let first = tiles.first().map_or(0, |tile| tile.id.index * TILE);
    let leaves = tiles.iter().flat_map(|tile| tile.hashes.chunks_exact(32));
    let leaves = leaves.map(|hash| Hash(hash.try_into().expect("chunks of 32 bytes")));
    let (skipped, taken) = (range.start.saturating_sub(first) as usize, (range.end - range.start) as usize);
    Ok(leaves.skip(skipped).take(taken).collect())
}
