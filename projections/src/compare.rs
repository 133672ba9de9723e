//! Do two generations say the same? Every view over one is held against the same view over the other.

use domain::Position;
use serde::Serialize;
use sqlx::{Executor, PgConnection, PgPool, Postgres, Row, Transaction};

use crate::error::Error;
use crate::generations::{Generation, all_views, hold_live, show};
use crate::progress::{Progress, partition, position};

/// A view whose rows differ between two generations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// As in schema `read`.
    pub view: String,
    pub left_rows: i64,
    pub right_rows: i64,
    /// Up to [`EXAMPLES_MAX`] rows that only the left generation has, as JSON.
    pub only_left: Vec<String>,
    pub only_right: Vec<String>,
}

pub const EXAMPLES_MAX: usize = 5;

/// The live generation, held still: its runners wait until this is dropped or compared.
#[derive(Debug)]
pub struct Held {
    transaction: Transaction<'static, Postgres>,
    /// Where it stands: let the other generation's runner run until here.
    pub positions: Progress,
}

impl Held {
    /// Holds the live generation still.
    pub async fn live(pool: &PgPool) -> Result<Self, Error> {
        let mut transaction = pool.begin().await?;
        hold_live(&mut transaction).await?;
        let live: i32 = sqlx::query_scalar("SELECT number FROM projections.generations WHERE status = 'live'")
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(Error::NoLiveGeneration)?;
        let positions = positions(&mut transaction, live).await?;
        Ok(Self { transaction, positions })
    }

    /// Compares, and lets the live generation go on as soon as both are seen at the same moment.
    pub async fn compare(self, pool: &PgPool, left: &Generation, right: &Generation) -> Result<Vec<Difference>, Error> {
        let mut snapshot = snapshot(pool, left, right).await?;
        self.transaction.rollback().await?;
        differences(&mut snapshot, left, right).await
    }
}

/// Compares two generations that have applied the same events; refuses others.
pub async fn compare(pool: &PgPool, left: &Generation, right: &Generation) -> Result<Vec<Difference>, Error> {
    let mut snapshot = snapshot(pool, left, right).await?;
    differences(&mut snapshot, left, right).await
}

/// A transaction that sees both generations at one moment, at which they have come equally far. Dropped, it leaves nothing.
async fn snapshot(pool: &PgPool, left: &Generation, right: &Generation) -> Result<Transaction<'static, Postgres>, Error> {
    let mut transaction = pool.begin().await?;
    (&mut *transaction).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    let left_positions = positions(&mut transaction, left.number).await?;
    if left_positions != positions(&mut transaction, right.number).await? {
        return Err(Error::ProgressDiffers { left: left.number, right: right.number });
    }
    Ok(transaction)
}

/// The positions that a generation has come to; partitions it has nothing of are left out.
async fn positions(connection: &mut PgConnection, generation: i32) -> Result<Progress, Error> {
    let rows = sqlx::query(
        "SELECT partition, next_position FROM projections.progress
         WHERE generation = $1 AND projection = 'read_models' AND next_position > 0",
    )
    .bind(generation)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok((partition(row.try_get(0)?), position(row.try_get(1)?)))).collect::<Result<_, Error>>()
}

async fn differences(
    transaction: &mut Transaction<'static, Postgres>,
    left: &Generation,
    right: &Generation,
) -> Result<Vec<Difference>, Error> {
    // The views' own definitions, over each of the two, in schemas that the end of the transaction takes away again.
    let sides = [left, right].map(|generation| format!("compare_{}_{}", generation.number, left.number.max(right.number)));
    for (generation, schema) in [left, right].into_iter().zip(&sides) {
        (&mut **transaction).execute(format!("CREATE SCHEMA {schema}").as_str()).await?;
        show(transaction, generation, schema).await?;
    }
    let mut differences = Vec::new();
    let mut are_figures_due = false;
    for generation in [left, right] {
        are_figures_due |= figures_are_due(transaction, generation).await?;
    }
    for (view, _) in all_views() {
        // Figures follow after the facts: only what is finished can be held against each other.
        if ["figure_times", "figures_due"].contains(&view.as_str()) || view == "figures" && are_figures_due {
            continue;
        }
        let (left_rows, left_content) = content(transaction, &sides[0], &view).await?;
        let (right_rows, right_content) = content(transaction, &sides[1], &view).await?;
        if (left_rows, left_content) == (right_rows, right_content) {
            continue;
        }
        differences.push(Difference {
            view: view.clone(),
            left_rows,
            right_rows,
            only_left: examples(transaction, &view, &sides[0], &sides[1]).await?,
            only_right: examples(transaction, &view, &sides[1], &sides[0]).await?,
        });
    }
    Ok(differences)
}

/// Whether some figures are still to be made of what has changed.
async fn figures_are_due(connection: &mut PgConnection, generation: &Generation) -> Result<bool, Error> {
    let statement = format!(
        "SELECT EXISTS (SELECT FROM {schema}.changes) OR EXISTS (SELECT FROM {schema}.pending_figures)
             OR NOT EXISTS (SELECT FROM {schema}.figure_formulas)",
        schema = generation.schema
    );
    Ok(sqlx::query_scalar(&statement).fetch_one(connection).await?)
}

/// How many rows, and a sum of hashes over them: equal contents give equal sums in any order, in one pass without a sort.
async fn content(connection: &mut PgConnection, schema: &str, view: &str) -> Result<(i64, String), Error> {
    let statement = format!(
        "SELECT count(*),
                coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text || ' ' ||
                coalesce(sum(hashtextextended(row::text, 1)::numeric), 0)::text
         FROM {schema}.{view} AS row"
    );
    let row = sqlx::query(&statement).fetch_one(connection).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

async fn examples(connection: &mut PgConnection, view: &str, has: &str, lacks: &str) -> Result<Vec<String>, Error> {
    let statement = format!(
        "SELECT to_jsonb(row)::text FROM (SELECT * FROM {has}.{view} EXCEPT ALL SELECT * FROM {lacks}.{view} LIMIT {EXAMPLES_MAX}) AS row"
    );
    Ok(sqlx::query_scalar(&statement).fetch_all(connection).await?)
}

/// The furthest position of any partition; for messages.
impl Held {
    pub fn events(&self) -> u64 {
        self.positions.values().map(|Position(next)| next).sum()
    }
}
