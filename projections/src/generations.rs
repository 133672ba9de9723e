//! Builds of all read models: each in a Postgres schema of its own, at most one of them live.

use std::time::Duration;

use domain::Partition;
use sha2::{Digest, Sha256};
use sqlx::{Connection as _, Executor, PgConnection, PgPool, Row};
use tokio::time::Instant;

use crate::analysts;
use crate::error::Error;
use crate::facts::columns;
use crate::kpis;
use crate::kpis::refresher::Refresher;
use crate::progress::partition;

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
    /// What its tables and folds were made by.
    build: Option<String>,
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

/// Raise it when a fold writes other rows of the same events: the read models are then made anew.
const FOLDS: u32 = 1;

/// The stable views over one generation; those of facts beside them.
const VIEWS: &[(&str, &str)] = &[
    ("capsules", include_str!("../../migrations/read_views/capsules.sql")),
    ("interactions", include_str!("../../migrations/read_views/interactions.sql")),
    ("daily_counts", include_str!("../../migrations/read_views/daily_counts.sql")),
    ("daily_totals", include_str!("../../migrations/read_views/daily_totals.sql")),
    ("monthly_counts", include_str!("../../migrations/read_views/monthly_counts.sql")),
    ("members", include_str!("../../migrations/read_views/members.sql")),
    ("distincts", include_str!("../../migrations/read_views/distincts.sql")),
    ("figures", include_str!("../../migrations/read_views/figures.sql")),
    ("figure_times", include_str!("../../migrations/read_views/figure_times.sql")),
    ("figures_due", include_str!("../../migrations/read_views/figures_due.sql")),
];

/// Every stable view over one generation: its name, and how it is made.
pub(crate) fn all_views() -> Vec<(String, String)> {
    let facts = columns::aggregate_types().map(|kind| (columns::table_name(kind), columns::create_view(kind)));
    VIEWS.iter().map(|(name, view)| ((*name).to_owned(), (*view).to_owned())).chain(facts).collect()
}

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

/// How long a cut-over waits for the new generation to reach the live one, whose runner stands still meanwhile.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);

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
        let generation = create(&mut transaction, GenerationStatus::Live).await?;
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

    /// A new, empty generation beside the live one, for a runner to fill from position 0.
    pub async fn create_building(pool: &PgPool) -> Result<Self, Error> {
        let mut transaction = pool.begin().await?;
        lock(&mut transaction).await?;
        let generation = create(&mut transaction, GenerationStatus::Building).await?;
        transaction.commit().await?;
        Ok(generation)
    }

    /// Makes the indexes that were left out while it was loaded. Does nothing where they are there.
    pub async fn finish_loading(&self, pool: &PgPool) -> Result<(), Error> {
        let mut transaction = pool.begin().await?;
        index(&mut transaction, self).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Points the views in schema `read` at this generation, in one transaction, and retires the one before.
    ///
    /// Its runner must be running: the live generation is held still until this one has applied as much.
    pub async fn cut_over(&self, pool: &PgPool) -> Result<(), Error> {
        self.finish_loading(pool).await?;
        // Nearly all of them; what comes until the views point here follows as it does live.
        Refresher::build(pool, self).await?;
        let mut transaction = pool.begin().await?;
        lock(&mut transaction).await?;
        let status: String = sqlx::query_scalar("SELECT status FROM projections.generations WHERE number = $1")
            .bind(self.number)
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(Error::UnknownGeneration(self.number))?;
        if status != "building" {
            return Err(Error::NotBuilding(self.number));
        }
        hold_live(&mut transaction).await?;
        let latest = Instant::now() + CATCH_UP_MAX;
        while let Some(partition) = behind(&mut transaction, self).await? {
            if Instant::now() > latest {
                return Err(Error::Behind { generation: self.number, partition });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        sqlx::query("UPDATE projections.generations SET status = 'retired' WHERE status = 'live'")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("UPDATE projections.generations SET status = 'live', live_at = now() WHERE number = $1")
            .bind(self.number)
            .execute(&mut *transaction)
            .await?;
        show_all(&mut transaction, self).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Removes the tables and progress of a generation that is not live.
    pub async fn remove(&self, pool: &PgPool) -> Result<(), Error> {
        let mut transaction = pool.begin().await?;
        lock(&mut transaction).await?;
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
        (&mut *transaction).execute(format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema).as_str()).await?;
        transaction.commit().await?;
        Ok(())
    }
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

async fn lock(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(GENERATIONS_LOCK).execute(connection).await?;
    Ok(())
}

async fn create(connection: &mut PgConnection, status: GenerationStatus) -> Result<Generation, Error> {
    let number: i32 = sqlx::query_scalar("SELECT coalesce(max(number), 0) + 1 FROM projections.generations")
        .fetch_one(&mut *connection)
        .await?;
    let generation = Generation { number, schema: format!("generation_{number}"), status, build: Some(this_build()) };
    let word = if status == GenerationStatus::Live { "live" } else { "building" };
    sqlx::query(
        "INSERT INTO projections.generations (number, schema_name, status, live_at, build)
         VALUES ($1, $2, $3, CASE WHEN $3 = 'live' THEN now() END, $4)",
    )
    .bind(number)
    .bind(&generation.schema)
    .bind(word)
    .bind(&generation.build)
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

/// All that readers see: the views over a generation, and those of the KPIs over them.
async fn show_all(connection: &mut PgConnection, generation: &Generation) -> Result<(), Error> {
    show(connection, generation, "read").await?;
    kpis::views::show(connection).await?;
    analysts::grant_views(connection).await
}

/// Makes the views over a generation in the schema `views`. Replacing keeps grants, and what others built on the views.
pub(crate) async fn show(connection: &mut PgConnection, generation: &Generation, views: &str) -> Result<(), Error> {
    for (name, view) in all_views() {
        let statements = view.replace("{generation}", &generation.schema).replace("{views}", views);
        // Whoever reads the view is who the tables' row security asks about.
        let invoked = format!("{statements}\nALTER VIEW {views}.{name} SET (security_invoker = true)");
        (&mut *connection).execute(invoked.as_str()).await?;
    }
    Ok(())
}

fn select(condition: &str) -> String {
    format!("SELECT number, schema_name, status, build FROM projections.generations WHERE {condition}")
}

fn generation(row: &sqlx::postgres::PgRow) -> Result<Generation, Error> {
    let status = match row.try_get::<&str, _>("status")? {
        "building" => GenerationStatus::Building,
        "live" => GenerationStatus::Live,
        _ => GenerationStatus::Retired,
    };
    let (number, schema, build) = (row.try_get("number")?, row.try_get("schema_name")?, row.try_get("build")?);
    Ok(Generation { number, schema, status, build })
}
