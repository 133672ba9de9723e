//! Figures as they follow from the facts, period by period.

use chrono::{DateTime, NaiveDate, Utc};
use domain::kpis::Kpi;
use domain::period::midnight;
use domain::{Grain, TenantId};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, Executor, PgConnection, Row};

use super::formula::over_periods;
use super::plans::{InForce, Plans};
use crate::error::Error;

/// What is asked of a formula.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    pub tenant: &'a TenantId,
    pub kpi: &'static Kpi,
    pub grain: Grain,
    /// The first days of the periods.
    pub periods: &'a [NaiveDate],
    /// States are those of this moment, where a period is not over yet.
    pub now: DateTime<Utc>,
    pub known: Known,
    pub plans: &'a Plans,
    /// The definition's parameters.
    pub definition: &'a Value,
}

impl Question<'_> {
    /// The plan that a period with this end is held against.
    pub(super) fn in_force(&self, end: DateTime<Utc>) -> InForce<'_> {
        self.plans.in_force(end.min(self.now), self.known)
    }
}

/// Which facts a figure may rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// All there are.
    Now,
    /// Those recorded before this moment.
    Before(DateTime<Utc>),
    /// Those recorded before each period's end.
    AtClose,
}

/// One figure: a KPI's in one period and segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The period's first day.
    pub period: NaiveDate,
    /// `all`, or `DIMENSION:VALUE`.
    pub segment: String,
    pub numerator: Option<Decimal>,
    pub denominator: Option<Decimal>,
    /// How many facts it rests on, as the register says.
    pub n: i64,
    /// None: no data.
    pub value: Option<Decimal>,
    /// What the formula shows beside it.
    pub parts: Value,
}

/// The figures in order of period and segment. A period without facts has no row.
pub async fn figures(connection: &mut PgConnection, schema: &str, question: &Question<'_>) -> Result<Vec<Figure>, Error> {
    let statement = include_str!("figures.sql").replace("{formula}", &over_periods(question.kpi, schema));
    let ends = question.periods.iter().map(|start| midnight(question.grain.next(*start))).collect::<Vec<_>>();
    let known: Vec<Option<DateTime<Utc>>> = match question.known {
        Known::Now => vec![None; ends.len()],
        Known::Before(moment) => vec![Some(moment); ends.len()],
        Known::AtClose => ends.iter().copied().map(Some).collect(),
    };
    let in_force: Vec<InForce<'_>> = ends.iter().map(|end| question.in_force(*end)).collect();
    let needs_plan = statement.contains("p.plan");
    let mut transaction = connection.begin().await?;
    // How much is known by a moment is guessed far too low, and a nested loop over what was guessed to be one row never ends.
    (&mut *transaction).execute("SET LOCAL enable_nestloop = off").await?;
    let rows = sqlx::query(&statement)
        .bind(question.tenant.as_str())
        .bind(question.periods)
        .bind(question.periods.iter().copied().map(midnight).collect::<Vec<_>>())
        .bind(ends)
        .bind(known)
        .bind(question.now)
        .bind(in_force.iter().map(|in_force| in_force.plan.currency.as_str().to_owned()).collect::<Vec<_>>())
        .bind(question.definition)
        .bind(in_force.iter().map(|in_force| needs_plan.then(|| in_force.for_formulas())).collect::<Vec<_>>())
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
    rows.iter().map(figure).collect()
}

fn figure(row: &PgRow) -> Result<Figure, Error> {
    Ok(Figure {
        period: row.try_get("period")?,
        segment: row.try_get("segment")?,
        numerator: row.try_get("numerator")?,
        denominator: row.try_get("denominator")?,
        n: row.try_get("n")?,
        value: row.try_get("value")?,
        parts: row.try_get("parts")?,
    })
}
