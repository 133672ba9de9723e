//! Do two generations say the same? Every view over one is held against the same view over the other.

use std::collections::BTreeSet;

use domain::Position;
use domain::audit::GenerationCutOver;
use domain::kpis::{self, Kpi};
use serde::Serialize;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Executor, PgConnection, PgPool, Postgres, Row, Transaction};

use crate::error::Error;
use crate::generations::{Generation, all_views, hold_live, lock, show};
use crate::kpis::refresher::{Moments, Refresher};
use crate::kpis::series::facts;
use crate::progress::{Progress, partition, position};

/// What was held against what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Every view that was looked at, with how many rows the left generation has.
    pub views: Vec<(String, i64)>,
    pub differences: Vec<Difference>,
    /// KPIs whose figures in the left generation were still to be made of new facts, by tenant: their figures were left out.
    pub figures_left_out: BTreeSet<(String, &'static str)>,
}

/// A view whose rows differ between two generations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// As in schema `read`.
    pub view: String,
    pub left_rows: i64,
    pub right_rows: i64,
    /// In how many rows they differ: those that one has and the other has not, of whichever has more of them.
    pub rows: i64,
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
        // Before the rows, as in a cut-over, so that two of them never wait for each other.
        lock(&mut transaction).await?;
        hold_live(&mut transaction).await?;
        let live: i32 = sqlx::query_scalar("SELECT number FROM projections.generations WHERE status = 'live'")
            .fetch_optional(&mut *transaction)
            .await?
            .ok_or(Error::NoLiveGeneration)?;
        let positions = positions(&mut transaction, live).await?;
        Ok(Self { transaction, positions })
    }

    /// Compares, and lets the live generation go on as soon as both are seen at the same moment.
    pub async fn compare(
        self,
        pool: &PgPool,
        left: &Generation,
        right: &Generation,
        only: Option<&str>,
    ) -> Result<Comparison, Error> {
        let mut snapshot = snapshot(pool, left, right).await?;
        self.transaction.rollback().await?;
        comparison(pool, &mut snapshot, left, right, only).await
    }

    /// Points readers at a generation that has come as far as the live one stands, in one transaction, and retires the one before.
    /// The entry is to be noted in the audit log then; until it [is](crate::cut_over_is_noted), it is [kept](crate::cut_overs_to_note).
    ///
    /// # Errors
    /// [`Error::Busy`] and [`Error::Behind`]: the live one goes on, and nothing has changed.
    pub async fn cut_over(mut self, next: &Generation, entry: &GenerationCutOver) -> Result<(), Error> {
        next.cut_over_held(&mut self.transaction, entry).await?;
        self.transaction.commit().await?;
        Ok(())
    }

    /// Of all partitions together.
    pub fn events(&self) -> u64 {
        self.positions.values().map(|Position(next)| next).sum()
    }
}

/// Compares two generations that have applied the same events; refuses others. Nobody else may write the right one.
pub async fn compare(pool: &PgPool, left: &Generation, right: &Generation) -> Result<Vec<Difference>, Error> {
    let mut snapshot = snapshot(pool, left, right).await?;
    Ok(comparison(pool, &mut snapshot, left, right, None).await?.differences)
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

async fn comparison(
    pool: &PgPool,
    transaction: &mut Transaction<'static, Postgres>,
    left: &Generation,
    right: &Generation,
    only: Option<&str>,
) -> Result<Comparison, Error> {
    // The views' own definitions, over each of the two, in schemas that the end of the transaction takes away again.
    let sides = [left, right].map(|generation| format!("compare_{}_{}", generation.number, left.number.max(right.number)));
    for (generation, schema) in [left, right].into_iter().zip(&sides) {
        (&mut **transaction).execute(format!("CREATE SCHEMA {schema}").as_str()).await?;
        show(transaction, generation, schema).await?;
    }
    let mut comparison = Comparison::default();
    for (view, _) in all_views() {
        // When figures were made changes nothing in what they are.
        if ["figure_times", "figures_due"].contains(&view.as_str()) || only.is_some_and(|only| only != view) {
            continue;
        }
        if view == "figures" {
            comparison.figures_left_out = figures_due(transaction, &sides[0]).await?;
            let moments = Moments::of_figures(transaction, left).await?;
            Refresher::follow(pool, transaction, (right, &sides[1]), &moments).await?;
        }
        let rows = Rows { view: &view, left_out: &comparison.figures_left_out };
        let (left_rows, left_content) = rows.content(transaction, &sides[0]).await?;
        let (right_rows, right_content) = rows.content(transaction, &sides[1]).await?;
        if (left_rows, left_content) != (right_rows, right_content) {
            let only_left = rows.examples(transaction, &sides[0], &sides[1]).await?;
            let only_right = rows.examples(transaction, &sides[1], &sides[0]).await?;
            let (left, right) = (
                rows.lacking(transaction, &sides[0], &sides[1]).await?,
                rows.lacking(transaction, &sides[1], &sides[0]).await?,
            );
            let rows = left.max(right);
            comparison.differences.push(Difference { view: view.clone(), left_rows, right_rows, rows, only_left, only_right });
        }
        comparison.views.push((view, left_rows));
    }
    Ok(comparison)
}

/// Whether some of the live figures are still to be made of new facts.
pub async fn are_figures_due(pool: &PgPool) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM read.figures_due)").fetch_one(pool).await?)
}

/// Figures follow after the facts: those that are still to be made of what has changed, by tenant and KPI.
async fn figures_due(connection: &mut PgConnection, views: &str) -> Result<BTreeSet<(String, &'static str)>, Error> {
    let rows =
        sqlx::query(&format!("SELECT DISTINCT tenant, fact, kpi FROM {views}.figures_due")).fetch_all(connection).await?;
    let mut due = BTreeSet::new();
    for row in &rows {
        let (tenant, fact, id): (String, Option<&str>, Option<&str>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let is_due = |kpi: &&Kpi| id == Some(kpi.id) || fact.is_some_and(|fact| facts(kpi).contains(&fact));
        due.extend(kpis::register().filter(is_due).map(|kpi| (tenant.clone(), kpi.id)));
    }
    Ok(due)
}

/// The rows of a view that are compared.
struct Rows<'a> {
    view: &'a str,
    /// Tenants and KPIs, of figures only.
    left_out: &'a BTreeSet<(String, &'static str)>,
}

impl Rows<'_> {
    fn of(&self, schema: &str) -> String {
        let view = self.view;
        match view {
            "figures" => format!(
                "(SELECT * FROM {schema}.{view} WHERE (tenant, kpi) NOT IN (SELECT * FROM unnest($1::text[], $2::text[])))"
            ),
            _ => format!("{schema}.{view}"),
        }
    }

    fn query<'q>(&self, statement: &'q str) -> Query<'q, Postgres, PgArguments> {
        let query = sqlx::query(statement);
        if self.view != "figures" {
            return query;
        }
        let (tenants, kpis): (Vec<_>, Vec<_>) =
            self.left_out.iter().map(|(tenant, kpi)| (tenant.clone(), (*kpi).to_owned())).unzip();
        query.bind(tenants).bind(kpis)
    }

    /// How many, and a sum of hashes over them: equal contents give equal sums in any order, in one pass without a sort.
    async fn content(&self, connection: &mut PgConnection, schema: &str) -> Result<(i64, String), Error> {
        let statement = format!(
            "SELECT count(*),
                    coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text || ' ' ||
                    coalesce(sum(hashtextextended(row::text, 1)::numeric), 0)::text
             FROM {} AS row",
            self.of(schema)
        );
        let row = self.query(&statement).fetch_one(connection).await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    async fn lacking(&self, connection: &mut PgConnection, has: &str, lacks: &str) -> Result<i64, Error> {
        let (has, lacks) = (self.of(has), self.of(lacks));
        let statement =
            format!("SELECT count(*) FROM (SELECT * FROM {has} AS has EXCEPT ALL SELECT * FROM {lacks} AS lacks) AS row");
        Ok(self.query(&statement).fetch_one(connection).await?.try_get(0)?)
    }

    async fn examples(&self, connection: &mut PgConnection, has: &str, lacks: &str) -> Result<Vec<String>, Error> {
        let statement = format!(
            "SELECT to_jsonb(row)::text FROM (SELECT * FROM {} AS has EXCEPT ALL SELECT * FROM {} AS lacks LIMIT {EXAMPLES_MAX}) AS row",
            self.of(has),
            self.of(lacks)
        );
        let rows = self.query(&statement).fetch_all(connection).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}
