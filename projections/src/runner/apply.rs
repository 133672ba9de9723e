//! One transaction: progress is locked and checked, rows are written, progress moves.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Partition, Position};
use sqlx::{Executor, PgConnection, PgPool, Row};

use crate::delta::{Decoded, Delta, Only, WriteError};
use crate::generations::Generation;
use crate::progress::{Progress, partition, position, stored};
use crate::source::{FaultKind, SourceFault};

/// Where rows go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) pool: PgPool,
    pub(super) generation: Generation,
    /// It is being built: nobody relies on it yet, so its commits need not wait for the disk. The cut-over's does.
    pub(super) loading: bool,
    /// One read model alone; none: all.
    pub(super) only: Option<Only>,
}

/// Consecutive events of one partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice<'a> {
    pub(super) partition: Partition,
    pub(super) events: &'a [Decoded],
}

/// What a transaction did.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) progress: Progress,
    pub(super) last_recorded_at: Option<DateTime<Utc>>,
    /// Partitions whose events do not follow on what is applied.
    pub(super) faults: Vec<SourceFault>,
}

#[derive(Debug)]
pub(super) enum ApplyError {
    /// Nothing is wrong with the events.
    Away(sqlx::Error),
    /// Trying again is no use.
    Poison(WriteError),
    /// The generation is not in use any more.
    Retired,
}

impl From<sqlx::Error> for ApplyError {
    fn from(source: sqlx::Error) -> Self {
        Self::from(WriteError::from(source))
    }
}

impl From<WriteError> for ApplyError {
    fn from(source: WriteError) -> Self {
        match source {
            WriteError::Database(source) if !is_poison(&source) => Self::Away(source),
            source => Self::Poison(source),
        }
    }
}

/// Whether an error lies in the rows themselves: bad data, a broken constraint, too large. All else may pass.
fn is_poison(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            error.code().is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
        }
        sqlx::Error::Encode(_) => true,
        _ => false,
    }
}

impl Target {
    /// Applies the events that follow on what is applied already, which it passes over: however often and by whomever
    /// events are brought here, each is counted once. `folded` is the delta of exactly these slices, if it is there already.
    pub(super) async fn apply(&self, slices: &[Slice<'_>], folded: Option<&Delta>) -> Result<Applied, ApplyError> {
        let mut transaction = self.pool.begin().await?;
        let settings = format!(
            "SET LOCAL search_path = {}; SET LOCAL synchronous_commit = {}",
            self.generation.schema,
            if self.loading { "off" } else { "on" }
        );
        (&mut *transaction).execute(settings.as_str()).await?;
        let next = self.lock(&mut transaction, slices).await?;
        let mut applied = Applied::default();
        let mut fresh: Vec<Slice<'_>> = Vec::with_capacity(slices.len());
        for slice in slices {
            let expected = next.get(&slice.partition).copied().unwrap_or_default();
            let known = slice.events.partition_point(|event| event.recorded.position < expected);
            applied.progress.insert(slice.partition, expected);
            match slice.events.get(known) {
                None => {}
                Some(first) if first.recorded.position == expected => {
                    fresh.push(Slice { partition: slice.partition, events: &slice.events[known..] });
                }
                Some(first) => applied.faults.push(SourceFault {
                    partition: slice.partition,
                    position: expected,
                    kind: FaultKind::Missing,
                    detail: format!("position {} came instead", first.recorded.position),
                }),
            }
        }
        let Some(owner) = fresh.first().map(|slice| slice.partition) else { return Ok(applied) };
        let events = |slices: &[Slice<'_>]| slices.iter().map(|slice| slice.events.len()).sum::<usize>();
        match folded {
            Some(delta) if events(&fresh) == events(slices) => delta.add(&mut transaction, owner).await?,
            _ => {
                let delta = Delta::of(fresh.iter().flat_map(|slice| slice.events), self.only.as_ref());
                delta.add(&mut transaction, owner).await?;
            }
        }
        self.advance(&mut transaction, &fresh).await?;
        transaction.commit().await?;
        for slice in &fresh {
            let last = slice.events.last().expect("a fresh slice has an event");
            applied.progress.insert(slice.partition, last.recorded.position.next());
            applied.last_recorded_at = applied.last_recorded_at.max(Some(last.recorded.recorded_at));
        }
        Ok(applied)
    }

    /// Locks the partitions' progress, in their order, and says where each stands.
    async fn lock(&self, connection: &mut PgConnection, slices: &[Slice<'_>]) -> Result<Progress, ApplyError> {
        let partitions: Vec<i32> = slices.iter().map(|slice| i32::from(slice.partition.0)).collect();
        let mut known = self.locked(connection, &partitions).await?;
        if known.len() < partitions.len() {
            sqlx::query(
                "INSERT INTO projections.progress (generation, projection, partition, next_position)
                 SELECT $1, 'read_models', partition, 0 FROM unnest($2::integer[]) AS partition ORDER BY partition
                 ON CONFLICT DO NOTHING",
            )
            .bind(self.generation.number)
            .bind(&partitions)
            .execute(&mut *connection)
            .await?;
            known = self.locked(connection, &partitions).await?;
        }
        Ok(known)
    }

    async fn locked(&self, connection: &mut PgConnection, partitions: &[i32]) -> Result<Progress, ApplyError> {
        let rows = sqlx::query(
            "SELECT partition, next_position FROM projections.progress
             WHERE generation = $1 AND projection = 'read_models' AND partition = ANY ($2)
             ORDER BY partition FOR UPDATE",
        )
        .bind(self.generation.number)
        .bind(partitions)
        .fetch_all(&mut *connection)
        .await?;
        // Read after the lock was had: a cut-over holds the same rows while it changes the status.
        let status: Option<String> = sqlx::query_scalar("SELECT status FROM projections.generations WHERE number = $1")
            .bind(self.generation.number)
            .fetch_optional(connection)
            .await?;
        if !matches!(status.as_deref(), Some("live" | "building")) {
            return Err(ApplyError::Retired);
        }
        let progress: Result<BTreeMap<Partition, Position>, sqlx::Error> =
            rows.iter().map(|row| Ok((partition(row.try_get(0)?), position(row.try_get(1)?)))).collect();
        Ok(progress?)
    }

    /// Moves progress past these events, and takes away the faults that are thereby passed.
    async fn advance(&self, connection: &mut PgConnection, slices: &[Slice<'_>]) -> Result<(), ApplyError> {
        let lasts: Vec<&Decoded> = slices.iter().filter_map(|slice| slice.events.last()).collect();
        let firsts: Vec<i64> =
            slices.iter().filter_map(|slice| slice.events.first()).map(|first| stored(first.recorded.position)).collect();
        let moved = sqlx::query(include_str!("advance.sql"))
            .bind(self.generation.number)
            .bind(lasts.iter().map(|last| i32::from(last.recorded.partition.0)).collect::<Vec<_>>())
            .bind(&firsts)
            .bind(lasts.iter().map(|last| stored(last.recorded.position.next())).collect::<Vec<_>>())
            .bind(lasts.iter().map(|last| last.offset).collect::<Vec<_>>())
            .bind(lasts.iter().map(|last| last.recorded.recorded_at).collect::<Vec<_>>())
            .execute(connection)
            .await?
            .rows_affected();
        assert_eq!(moved, lasts.len() as u64, "progress moved under its own lock");
        Ok(())
    }

    /// Writes down what a partition stands still at.
    pub(super) async fn record(&self, fault: &SourceFault) -> Result<(), sqlx::Error> {
        sqlx::query(
            "INSERT INTO projections.projection_faults AS known (generation, partition, position, kind, detail)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT ON CONSTRAINT projection_faults_pkey DO UPDATE SET
                 since = CASE WHEN known.position = excluded.position THEN known.since ELSE now() END,
                 position = excluded.position,
                 kind = excluded.kind,
                 detail = excluded.detail",
        )
        .bind(self.generation.number)
        .bind(i32::from(fault.partition.0))
        .bind(stored(fault.position))
        .bind(fault.kind.as_str())
        .bind(fault.detail.replace('\0', ""))
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    pub(super) async fn progress(&self) -> Result<Progress, sqlx::Error> {
        let rows = sqlx::query("SELECT partition, next_position FROM projections.progress WHERE generation = $1")
            .bind(self.generation.number)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((partition(row.try_get(0)?), position(row.try_get(1)?)))).collect()
    }
}
