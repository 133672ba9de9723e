//! Builds of all read models: each in a Postgres schema of its own, at most one of them live.

use std::time::Duration;

use domain::Partition;
use domain::audit::GenerationCutOver;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use sqlx::{Connection as _, Executor, PgConnection, PgPool, Row};

use crate::analysts;
use crate::error::Error;
use crate::facts::columns;
use crate::progress::partition;

pub use self::filling::{Filling, Purpose, Underway, remove_left, underway};
pub use self::views::changed as changed_views;
use self::views::show_all;
pub(crate) use self::views::{all_views, show};

mod filling;
mod views;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GenerationStatus {
    Building,
    Live,
    Retired,
}

/// One build of all read models.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    pub number: i32,
    /// The Postgres schema of its tables.
    pub schema: String,
    pub status: GenerationStatus,
    /// What it was made for; none: it was live from the start, or nobody goes on with it.
    pub purpose: Option<Purpose>,
    /// What its tables and folds were made by.
    build: Option<String>,
    /// It took over, and the audit log has no entry of that yet.
    is_to_be_noted: bool,
}

static CONTROL: sqlx::migrate::Migrator = sqlx::migrate!("../migrations/projections");

/// The tables of one generation, in order; those of facts come after them.
const TABLES: &[&str] = &[
    include_str!("../../migrations/read_models/01_capsules.sql"),
    include_str!("../../migrations/read_models/02_interactions.sql"),
    include_str!("../../migrations/read_models/03_daily_counts.sql"),
    include_str!("../../migrations/read_models/04_daily_totals.sql"),
    include_str!("../../migrations/read_models/05_monthly_counts.sql"),
    include_str!("../../migrations/read_models/06_members.sql"),
    include_str!("../../migrations/read_models/07_distincts.sql"),
    include_str!("../../migrations/read_models/08_figures.sql"),
];

/// What a generation needs to be read but not to be built: made after the load, when it is cheaper.
const INDEXES: &str = include_str!("../../migrations/read_models/90_indexes.sql");

/// What the tables and their columns are. No part of their form: with other words a generation stays as it is.
const COMMENTS: &str = include_str!("../../migrations/read_models/91_comments.sql");

/// Of the rows that the folds write of a sample of events; a test holds it. So a fold that writes others makes the read models anew.
const FOLDS: &str = include_str!("folds.sha256");

fn tables() -> String {
    let facts: String = columns::aggregate_types().map(columns::create_table).collect();
    format!("{}\n{facts}", TABLES.join("\n"))
}

/// What this program's tables and folds are.
fn this_build() -> String {
    Sha256::digest(format!("{FOLDS}\n{}", tables())).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn indexes() -> String {
    let facts: String = columns::aggregate_types().map(columns::create_index).collect();
    format!("{INDEXES}\n{facts}")
}

fn comments() -> String {
    let facts: String = columns::aggregate_types().map(columns::explain_table).collect();
    format!("{COMMENTS}\n{facts}")
}

/// Held while generations are made or exchanged, so that processes that do so at once take turns.
const GENERATIONS_LOCK: i64 = 0x6361_7073_756c_6567;

/// Held while read models are rebuilt for another build of the program.
const REBUILD_LOCK: i64 = 0x6361_7073_7265_6275;

/// Readers that come while a cut-over waits for those that are there already wait with it: no longer than this.
const READERS_WAIT_MAX: Duration = Duration::from_secs(1);

/// How long a removal waits for those who still read what it removes.
const LAST_READERS_WAIT_MAX: Duration = Duration::from_secs(5);

/// Brings the control tables up to date and makes the first generation. Safe to run from many processes at once.
pub async fn migrate(pool: &PgPool) -> Result<(), Error> {
    let mut migrator = sqlx::migrate::Migrator { ignore_missing: true, ..sqlx::migrate::Migrator::DEFAULT };
    migrator.migrations = CONTROL.migrations.clone();
    migrator.run(pool).await?;
    let mut transaction = pool.begin().await?;
    lock(&mut transaction).await?;
    let any: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM projections.generations)").fetch_one(&mut *transaction).await?;
    if !any {
        let generation = create(&mut transaction, GenerationStatus::Live, None).await?;
        index(&mut transaction, &generation).await?;
    }
    let live = sqlx::query(&select("status = 'live'")).fetch_optional(&mut *transaction).await?;
    if let Some(live) = live.as_ref().map(generation).transpose()?.filter(Generation::is_of_this_build) {
        if !is_explained(&mut transaction, &live).await? {
            in_schema(&mut transaction, &live, &comments()).await?;
        }
        show_all(&mut transaction, &live).await?;
    }
    transaction.commit().await?;
    Ok(())
}

impl Generation {
    /// The one that the views in schema `read` show.
    pub async fn live(pool: &PgPool) -> Result<Self, Error> {
        let row = sqlx::query(&select("status = 'live'")).fetch_optional(pool).await?;
        row.as_ref().map(generation).transpose()?.ok_or(Error::NoLiveGeneration)
    }

    pub async fn find(pool: &PgPool, number: i32) -> Result<Self, Error> {
        let row = sqlx::query(&select("number = $1")).bind(number).fetch_optional(pool).await?;
        row.as_ref().map(generation).transpose()?.ok_or(Error::UnknownGeneration(number))
    }

    /// Every generation that still has its tables, oldest first.
    pub async fn all(pool: &PgPool) -> Result<Vec<Self>, Error> {
        let rows = sqlx::query(&select("true ORDER BY number")).fetch_all(pool).await?;
        rows.iter().map(generation).collect()
    }

    /// Whether this program made it: its tables are as this program knows them.
    pub fn is_of_this_build(&self) -> bool {
        self.build.as_deref() == Some(this_build().as_str())
    }

    /// Whether another one took its place, and all that the audit log is to say of it is noted: then nobody needs it any more.
    pub fn is_done_with(&self) -> bool {
        self.status == GenerationStatus::Retired && !self.is_to_be_noted
    }

    /// A new, empty generation beside the live one, for a runner to fill from position 0; nobody else goes on with it: see
    /// [`Filling`].
    pub async fn create_building(pool: &PgPool) -> Result<Self, Error> {
        let mut transaction = pool.begin().await?;
        lock(&mut transaction).await?;
        let generation = create(&mut transaction, GenerationStatus::Building, None).await?;
        transaction.commit().await?;
        Ok(generation)
    }

    /// Makes the indexes that were left out while it was loaded, and tells PostgreSQL what is in it, so that its first readers
    /// need not wait for that. Does nothing where that is done.
    pub async fn finish_loading(&self, pool: &PgPool) -> Result<(), Error> {
        let mut transaction = pool.begin().await?;
        index(&mut transaction, self).await?;
        transaction.commit().await?;
        for table in loaded_tables(pool, self).await? {
            // Not within a transaction: one by one.
            pool.execute(format!("VACUUM (ANALYZE) {}.{table}", self.schema).as_str()).await?;
        }
        Ok(())
    }

    async fn is_building(&self, connection: &mut PgConnection) -> Result<(), Error> {
        let status: Option<String> = sqlx::query_scalar("SELECT status FROM projections.generations WHERE number = $1")
            .bind(self.number)
            .fetch_optional(connection)
            .await?;
        match status.as_deref() {
            Some("building") => Ok(()),
            Some(_) => Err(Error::NotBuilding(self.number)),
            None => Err(Error::UnknownGeneration(self.number)),
        }
    }

    /// In the caller's transaction, which has held the live one still and seen that this one has come as far.
    async fn go_live(&self, connection: &mut PgConnection, to_note: &GenerationCutOver) -> Result<(), Error> {
        sqlx::query("UPDATE projections.generations SET status = 'retired' WHERE status = 'live'")
            .execute(&mut *connection)
            .await?;
        sqlx::query(
            "UPDATE projections.generations SET status = 'live', live_at = now(), cut_over_to_note = $2 WHERE number = $1",
        )
        .bind(self.number)
        .bind(Json(to_note))
        .execute(&mut *connection)
        .await?;
        show_all(connection, self).await
    }

    /// Takes the live one's place in a transaction that holds it still already, at once or not at all.
    ///
    /// # Errors
    /// [`Error::Busy`] where somebody reads for longer than others should wait: let the live one go on, and try again.
    pub(crate) async fn cut_over_held(&self, connection: &mut PgConnection, to_note: &GenerationCutOver) -> Result<(), Error> {
        self.is_building(connection).await?;
        if let Some(partition) = behind(connection, self).await? {
            return Err(Error::Behind { generation: self.number, partition });
        }
        // It may have been filled from where no offsets are known.
        sqlx::query(
            "UPDATE projections.progress AS own SET kafka_offset_hint = live.kafka_offset_hint
             FROM projections.progress AS live JOIN projections.generations ON number = live.generation AND status = 'live'
             WHERE own.generation = $1 AND own.kafka_offset_hint IS NULL AND own.projection = live.projection
                 AND own.partition = live.partition AND own.next_position = live.next_position",
        )
        .bind(self.number)
        .execute(&mut *connection)
        .await?;
        connection.execute(format!("SET LOCAL lock_timeout = '{}ms'", READERS_WAIT_MAX.as_millis()).as_str()).await?;
        match self.go_live(connection, to_note).await {
            Err(Error::Database(source)) if is_lock_not_had(&source) => Err(Error::Busy),
            done => done,
        }
    }

    /// Removes the tables and progress of a generation that is not live.
    ///
    /// # Errors
    /// [`Error::Busy`] where somebody still reads it.
    pub async fn remove(&self, pool: &PgPool) -> Result<(), Error> {
        let mut transaction = pool.begin().await?;
        lock(&mut transaction).await?;
        let patience = format!("SET LOCAL lock_timeout = '{}ms'", LAST_READERS_WAIT_MAX.as_millis());
        (&mut *transaction).execute(patience.as_str()).await?;
        let live: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM projections.generations WHERE number = $1 AND status = 'live')")
                .bind(self.number)
                .fetch_one(&mut *transaction)
                .await?;
        if live {
            return Err(Error::NotBuilding(self.number));
        }
        for table in ["projection_faults", "progress"] {
            let statement = format!("DELETE FROM projections.{table} WHERE generation = $1");
            sqlx::query(&statement).bind(self.number).execute(&mut *transaction).await?;
        }
        sqlx::query("DELETE FROM projections.generations WHERE number = $1")
            .bind(self.number)
            .execute(&mut *transaction)
            .await?;
        let dropped = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        if let Err(source) = (&mut *transaction).execute(dropped.as_str()).await {
            return Err(if is_lock_not_had(&source) { Error::Busy } else { source.into() });
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// What took over and the audit log has no entry of yet, the oldest first: whoever cut over is about to note it, or was killed.
pub async fn cut_overs_to_note(pool: &PgPool) -> Result<Vec<GenerationCutOver>, Error> {
    let entries = sqlx::query_scalar(
        "SELECT cut_over_to_note FROM projections.generations WHERE cut_over_to_note IS NOT NULL ORDER BY live_at",
    );
    let entries: Vec<Json<GenerationCutOver>> = entries.fetch_all(pool).await?;
    Ok(entries.into_iter().map(|Json(entry)| entry).collect())
}

/// The audit log has the entry.
pub async fn cut_over_is_noted(pool: &PgPool, entry: &GenerationCutOver) -> Result<(), Error> {
    sqlx::query("UPDATE projections.generations SET cut_over_to_note = NULL WHERE number = $1")
        .bind(i64::from(entry.to_generation))
        .execute(pool)
        .await?;
    Ok(())
}

/// Of processes that find read models of another build at once, one rebuilds; the others wait here.
#[derive(Debug)]
pub struct RebuildTurn(PgConnection);

impl RebuildTurn {
    /// Waits until no other process rebuilds.
    pub async fn take(pool: &PgPool) -> Result<Self, Error> {
        // The lock is the session's: it goes with the connection, whatever becomes of the process.
        let mut connection = pool.acquire().await?.detach();
        sqlx::query("SELECT pg_advisory_lock($1)").bind(REBUILD_LOCK).execute(&mut connection).await?;
        Ok(Self(connection))
    }

    pub async fn end(self) -> Result<(), Error> {
        Ok(self.0.close().await?)
    }
}

/// Stops the live generation's runners until the transaction ends, so that "as far as the live one" stands still.
pub(crate) async fn hold_live(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query(
        "SELECT FROM projections.progress JOIN projections.generations ON number = generation
         WHERE status = 'live' ORDER BY partition FOR UPDATE OF progress",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A partition in which the generation has applied less than the live one.
async fn behind(connection: &mut PgConnection, generation: &Generation) -> Result<Option<Partition>, Error> {
    let behind: Option<i32> = sqlx::query_scalar(
        "SELECT live.partition
         FROM projections.progress AS live
         JOIN projections.generations ON number = live.generation AND status = 'live'
         LEFT JOIN projections.progress AS own
             ON own.generation = $1 AND own.partition = live.partition AND own.projection = live.projection
         WHERE live.next_position > coalesce(own.next_position, 0)
         ORDER BY live.partition LIMIT 1",
    )
    .bind(generation.number)
    .fetch_optional(connection)
    .await?;
    Ok(behind.map(partition))
}

/// Whether it was given up waiting for others, or they and this waited for each other.
fn is_lock_not_had(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).is_some_and(|code| ["55P03", "40P01"].contains(&&*code))
}

pub(crate) async fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(GENERATIONS_LOCK).execute(connection).await?;
    Ok(())
}

async fn create(
    connection: &mut PgConnection,
    status: GenerationStatus,
    purpose: Option<Purpose>,
) -> Result<Generation, Error> {
    let number: i32 =
        sqlx::query_scalar("SELECT nextval('projections.generation_numbers')::integer").fetch_one(&mut *connection).await?;
    let generation = Generation {
        number,
        schema: format!("generation_{number}"),
        status,
        purpose,
        build: Some(this_build()),
        is_to_be_noted: false,
    };
    let word = if status == GenerationStatus::Live { "live" } else { "building" };
    sqlx::query(
        "INSERT INTO projections.generations (number, schema_name, status, live_at, build, purpose, request)
         VALUES ($1, $2, $3, CASE WHEN $3 = 'live' THEN now() END, $4, $5, $6)",
    )
    .bind(number)
    .bind(&generation.schema)
    .bind(word)
    .bind(&generation.build)
    .bind(generation.purpose.as_ref().map(Purpose::as_str))
    .bind(generation.purpose.as_ref().and_then(Purpose::request))
    .execute(&mut *connection)
    .await?;
    (&mut *connection).execute(format!("CREATE SCHEMA {}", generation.schema).as_str()).await?;
    in_schema(connection, &generation, &tables()).await?;
    in_schema(connection, &generation, &comments()).await?;
    analysts::secure(connection, &generation.schema).await?;
    Ok(generation)
}

/// Whether its tables were explained when it was made; older programs did not. A comment waits for a vacuum of its table, so
/// none is made twice.
async fn is_explained(connection: &mut PgConnection, generation: &Generation) -> Result<bool, Error> {
    let is_explained = sqlx::query_scalar(
        "SELECT NOT EXISTS (
             SELECT FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
             WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND col_description(attrelid, attnum) IS NULL
         )",
    )
    .bind(&generation.schema)
    .fetch_one(connection)
    .await?;
    Ok(is_explained)
}

/// Its tables whose contents PostgreSQL was not told of.
async fn loaded_tables(pool: &PgPool, generation: &Generation) -> Result<Vec<String>, Error> {
    let tables = sqlx::query_scalar(
        "SELECT relname::text FROM pg_stat_all_tables
         WHERE schemaname = $1 AND last_analyze IS NULL AND last_autoanalyze IS NULL ORDER BY relname",
    );
    Ok(tables.bind(&generation.schema).fetch_all(pool).await?)
}

async fn index(connection: &mut PgConnection, generation: &Generation) -> Result<(), Error> {
    in_schema(connection, generation, &indexes()).await
}

/// Runs statements whose names have no schema in that of the generation; inside a transaction.
async fn in_schema(connection: &mut PgConnection, generation: &Generation, statements: &str) -> Result<(), Error> {
    let mut inner = connection.begin().await?;
    let within = format!("SET LOCAL search_path = {};\n{statements};\nSET LOCAL search_path = DEFAULT", generation.schema);
    (&mut *inner).execute(within.as_str()).await?;
    inner.commit().await?;
    Ok(())
}

fn select(condition: &str) -> String {
    format!(
        "SELECT number, schema_name, status, build, purpose, request, cut_over_to_note IS NOT NULL AS is_to_be_noted
         FROM projections.generations WHERE {condition}"
    )
}

fn generation(row: &sqlx::postgres::PgRow) -> Result<Generation, Error> {
    let status = match row.try_get::<&str, _>("status")? {
        "building" => GenerationStatus::Building,
        "live" => GenerationStatus::Live,
        _ => GenerationStatus::Retired,
    };
    let (number, schema, build) = (row.try_get("number")?, row.try_get("schema_name")?, row.try_get("build")?);
    let purpose = Purpose::of(row.try_get("purpose")?, row.try_get("request")?);
    Ok(Generation { number, schema, status, purpose, build, is_to_be_noted: row.try_get("is_to_be_noted")? })
}
