//! How far a generation has come, and what it stands still at.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Partition, Position};
use serde::Serialize;
use sqlx::{PgExecutor, PgPool, Row};

use crate::error::Error;
use crate::generations::Generation;
use crate::source::FaultKind;

/// The next position of each partition that a runner has applied something of. Everything below is in the read models.
pub type Progress = BTreeMap<Partition, Position>;

/// Where a source goes on in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    pub partition: Partition,
    pub next_position: Position,
    /// Where the source held the last applied event, or nothing; a hint only.
    pub offset_hint: Option<i64>,
}

/// How far the live generation has come in one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    pub partition: Partition,
    pub next_position: Position,
    /// When the last applied event was recorded.
    pub last_recorded_at: Option<DateTime<Utc>>,
    pub updated_at: DateTime<Utc>,
}

/// What the live generation stands still at in one partition. It goes once the position is passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    pub partition: Partition,
    pub position: Position,
    pub kind: FaultKind,
    pub detail: String,
    pub since: DateTime<Utc>,
}

/// Where a source starts in each of these partitions; in one that was never applied, at 0.
pub async fn starts(pool: &PgPool, generation: &Generation, partitions: &[Partition]) -> Result<Vec<Start>, Error> {
    let numbers: Vec<i32> = partitions.iter().map(|partition| i32::from(partition.0)).collect();
    let rows = sqlx::query(
        "SELECT partition, next_position, kafka_offset_hint FROM projections.progress
         WHERE generation = $1 AND projection = 'read_models' AND partition = ANY($2)",
    )
    .bind(generation.number)
    .bind(numbers)
    .fetch_all(pool)
    .await?;
    let mut known = BTreeMap::new();
    for row in rows {
        let partition = partition(row.try_get(0)?);
        let start = Start { partition, next_position: position(row.try_get(1)?), offset_hint: row.try_get(2)? };
        known.insert(partition, start);
    }
    let unknown = |partition| Start { partition, next_position: Position(0), offset_hint: None };
    Ok(partitions.iter().map(|partition| known.get(partition).copied().unwrap_or_else(|| unknown(*partition))).collect())
}

/// How far the live generation has come, by partition.
pub async fn marks(executor: impl PgExecutor<'_>) -> Result<Vec<Mark>, Error> {
    let rows = sqlx::query(
        "SELECT partition, next_position, last_recorded_at, updated_at
         FROM projections.progress JOIN projections.generations ON number = generation
         WHERE status = 'live' AND projection = 'read_models' ORDER BY partition",
    )
    .fetch_all(executor)
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Mark {
                partition: partition(row.try_get(0)?),
                next_position: position(row.try_get(1)?),
                last_recorded_at: row.try_get(2)?,
                updated_at: row.try_get(3)?,
            })
        })
        .collect()
}

/// What the live generation stands still at.
pub async fn faults(pool: &PgPool) -> Result<Vec<Fault>, Error> {
    faults_where(pool, "status = 'live'").await
}

/// What any one generation stands still at.
pub async fn faults_of(pool: &PgPool, generation: &Generation) -> Result<Vec<Fault>, Error> {
    faults_where(pool, &format!("number = {}", generation.number)).await
}

async fn faults_where(pool: &PgPool, condition: &str) -> Result<Vec<Fault>, Error> {
    let statement = format!(
        "SELECT partition, position, kind, detail, since
         FROM projections.projection_faults JOIN projections.generations ON number = generation
         WHERE {condition} ORDER BY partition"
    );
    let rows = sqlx::query(&statement).fetch_all(pool).await?;
    rows.iter()
        .map(|row| {
            Ok(Fault {
                partition: partition(row.try_get(0)?),
                position: position(row.try_get(1)?),
                kind: FaultKind::of(row.try_get(2)?),
                detail: row.try_get(3)?,
                since: row.try_get(4)?,
            })
        })
        .collect()
}

pub(crate) fn partition(stored: i32) -> Partition {
    Partition(u16::try_from(stored).expect("a constraint keeps partitions within u16"))
}

pub(crate) fn position(stored: i64) -> Position {
    Position(u64::try_from(stored).expect("a constraint keeps positions from 0 up"))
}

/// A position as Postgres stores it.
pub(crate) fn stored(position: Position) -> i64 {
    i64::try_from(position.0).expect("no partition holds 2^63 events")
}
