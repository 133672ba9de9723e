//! The right to fill a generation, so that two never fill the same one, and what a killed one left is gone on with.

use std::time::Duration;

use domain::Position;
use sqlx::{Connection as _, PgConnection, PgPool, Row};
use tokio::time::Instant;

use super::{Generation, GenerationStatus, create, lock};
use crate::error::Error;

/// The first part of the locks on generations; the second is the generation's number.
const LOCK: i32 = 0x6765_6e65;

/// How long PostgreSQL may take to notice that whoever filled a generation was killed.
const KILLED_WAIT_MAX: Duration = Duration::from_secs(10);

/// What a generation is filled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To take the place of one that another version of the program made.
    Rebuild,
    /// As an operator or auditor asked, in these words: only the same request goes on with it.
    Replay(String),
    /// To be held against the live one, and then removed.
    Verify,
}

impl Purpose {
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Replay(_) => "replay",
            Self::Verify => "verify",
        }
    }

    pub(super) fn request(&self) -> Option<&str> {
        match self {
            Self::Replay(request) => Some(request),
            Self::Rebuild | Self::Verify => None,
        }
    }

    pub(super) fn of(purpose: Option<&str>, request: Option<String>) -> Option<Self> {
        match purpose? {
            "rebuild" => Some(Self::Rebuild),
            "verify" => Some(Self::Verify),
            _ => Some(Self::Replay(request.unwrap_or_default())),
        }
    }
}

/// A generation that nobody else fills or removes, as long as this has its connection.
#[derive(Debug)]
pub struct Filling {
    pub generation: Generation,
    /// Somebody began it before.
    pub is_resumed: bool,
    connection: PgConnection,
}

impl Filling {
    /// A new, empty generation.
    pub async fn create(pool: &PgPool, purpose: Purpose) -> Result<Self, Error> {
        let mut connection = pool.acquire().await?.detach();
        let mut transaction = connection.begin().await?;
        lock(&mut transaction).await?;
        let generation = create(&mut transaction, GenerationStatus::Building, Some(purpose)).await?;
        // The session's, taken before anybody else can see the generation.
        let taken = try_lock(&mut transaction, generation.number).await?;
        assert!(taken, "nobody ever knew a generation {}", generation.number);
        transaction.commit().await?;
        Ok(Self { generation, is_resumed: false, connection })
    }

    /// The one that was begun for the same purpose by this build of the program, else a new one.
    ///
    /// # Errors
    /// [`Error::BeingFilled`] where another process is at it.
    pub async fn resume(pool: &PgPool, purpose: Purpose) -> Result<Self, Error> {
        let latest = Instant::now() + KILLED_WAIT_MAX;
        loop {
            let begun = Generation::all(pool).await?.into_iter().find(|generation| {
                generation.status == GenerationStatus::Building
                    && generation.purpose.as_ref() == Some(&purpose)
                    && generation.is_of_this_build()
            });
            let Some(begun) = begun else { return Self::create(pool, purpose).await };
            let number = begun.number;
            match Self::take(pool, begun).await? {
                Some(filling) => return Ok(filling),
                None if Instant::now() > latest => return Err(Error::BeingFilled(number)),
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// None: somebody else has it, or it is gone.
    async fn take(pool: &PgPool, generation: Generation) -> Result<Option<Self>, Error> {
        let mut connection = pool.acquire().await?.detach();
        if try_lock(&mut connection, generation.number).await? {
            match Generation::find(pool, generation.number).await {
                Ok(found) if found == generation => return Ok(Some(Self { generation, is_resumed: true, connection })),
                Ok(_) | Err(Error::UnknownGeneration(_)) => {}
                Err(error) => return Err(error),
            }
        }
        connection.close().await?;
        Ok(None)
    }

    /// Writes down how far it is to be filled, and how far it is now: for [`underway`].
    pub async fn aim(&self, pool: &PgPool, until: &[Position]) -> Result<(), Error> {
        let events: u64 = until.iter().map(|position| position.0).sum();
        sqlx::query(
            "UPDATE projections.generations
             SET target_events = $2, resumed_at = clock_timestamp(), resumed_events = (
                 SELECT coalesce(sum(next_position), 0)::bigint FROM projections.progress WHERE generation = $1
             )
             WHERE number = $1",
        )
        .bind(self.generation.number)
        .bind(i64::try_from(events).unwrap_or(i64::MAX))
        .execute(pool)
        .await?;
        Ok(())
    }

    /// Leaves the generation as it is: live, or for the same request to go on with.
    pub async fn leave(self) -> Result<(), Error> {
        Ok(self.connection.close().await?)
    }

    pub async fn remove(self, pool: &PgPool) -> Result<(), Error> {
        self.generation.remove(pool).await?;
        self.leave().await
    }
}

async fn try_lock(connection: &mut PgConnection, generation: i32) -> Result<bool, Error> {
    let taken = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)").bind(LOCK).bind(generation);
    Ok(taken.fetch_one(connection).await?)
}

/// Removes generations that are not live, that nobody fills, and that `which` takes; says which they were.
pub async fn remove_left(pool: &PgPool, which: impl Fn(&Generation) -> bool) -> Result<Vec<Generation>, Error> {
    let mut removed = Vec::new();
    for left in Generation::all(pool).await? {
        if left.status == GenerationStatus::Live || !which(&left) {
            continue;
        }
        if let Some(filling) = Filling::take(pool, left).await? {
            removed.push(filling.generation.clone());
            filling.remove(pool).await?;
        }
    }
    Ok(removed)
}

/// A generation that is being filled to serve next.
#[derive(Debug, Clone, PartialEq)]
pub struct Underway {
    pub generation: i32,
    pub purpose: Purpose,
    pub done_events: u64,
    pub target_events: u64,
    /// To fold the rest, by the rate since it was last gone on with; none: nothing has moved yet.
    pub seconds_left: Option<f64>,
    /// Some process fills it at the moment; else it was left, for the same request to go on with.
    pub is_held: bool,
    /// How long ago it last moved.
    pub still_for: Duration,
}

impl Underway {
    /// Whether somebody is at it: folds, or, once all is folded, makes indexes and figures and cuts over.
    pub fn is_moving(&self, still_max: Duration) -> bool {
        self.is_held && (self.still_for < still_max || self.done_events >= self.target_events)
    }
}

/// What is being filled to serve next, if anything: the rebuild or replay that moved last.
pub async fn underway(pool: &PgPool) -> Result<Option<Underway>, Error> {
    let row = sqlx::query(
        "SELECT number, purpose, request, target_events, least(done, target_events) AS done,
                greatest(moved_at, resumed_at) AS last_moved_at,
                extract(epoch FROM clock_timestamp() - greatest(moved_at, resumed_at))::float8 AS still_for,
                CASE WHEN done > resumed_events THEN
                    (extract(epoch FROM clock_timestamp() - resumed_at) * greatest(target_events - done, 0) / (done - resumed_events))::float8
                END AS seconds_left,
                EXISTS (
                    SELECT FROM pg_locks JOIN pg_database ON oid = database AND datname = current_database()
                    WHERE locktype = 'advisory' AND classid = $1::oid AND objid = number::oid AND objsubid = 2 AND granted
                ) AS is_held
         FROM projections.generations CROSS JOIN LATERAL (
             SELECT coalesce(sum(next_position), 0)::bigint AS done, max(updated_at) AS moved_at
             FROM projections.progress WHERE generation = number
         ) AS progress
         WHERE status = 'building' AND purpose IN ('rebuild', 'replay') AND target_events IS NOT NULL
         ORDER BY last_moved_at DESC LIMIT 1",
    )
    .bind(LOCK)
    .fetch_optional(pool)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(purpose) = Purpose::of(row.try_get("purpose")?, row.try_get("request")?) else { return Ok(None) };
    let events = |name| row.try_get::<i64, _>(name).map(|events| u64::try_from(events).unwrap_or(0));
    Ok(Some(Underway {
        generation: row.try_get("number")?,
        purpose,
        done_events: events("done")?,
        target_events: events("target_events")?,
        seconds_left: row.try_get("seconds_left")?,
        is_held: row.try_get("is_held")?,
        still_for: Duration::from_secs_f64(row.try_get::<f64, _>("still_for")?.max(0.0)),
    }))
}
