//! Figures as they follow from the facts, period by period.

use chrono::{DateTime, Days, NaiveDate, Utc};
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
    /// By what is known as they are.
    pub plans: &'a Plans,
    /// As the figures were known when their periods closed.
    pub at_close: bool,
    /// The definition's parameters.
    pub definition: &'a Value,
}

impl Question<'_> {
    /// The plan that a period with this end is held against.
    pub(super) fn in_force(&self, end: DateTime<Utc>) -> InForce<'_> {
        let moment = end.min(self.now);
        if self.at_close { self.plans.in_force_at_close(moment) } else { self.plans.in_force(moment) }
    }

    /// Facts recorded before this moment may count in a period with this end; none: all.
    pub(super) fn known_before(&self, end: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if self.at_close { Some(end) } else { self.plans.known().before() }
    }
}

/// Which facts a figure may rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// All there are.
    Now,
    /// Those recorded before this moment.
    Before(DateTime<Utc>),
}

impl Known {
    /// At the end of a day, UTC; default: now.
    pub fn of(as_of: Option<NaiveDate>) -> Self {
        as_of.map_or(Self::Now, |day| Self::Before(midnight(day + Days::new(1))))
    }

    pub fn before(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Now => None,
            Self::Before(moment) => Some(moment),
        }
    }

    /// The moment that a question asked now is about.
    pub fn moment(self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.before().map_or(now, |moment| moment.min(now))
    }

    pub(super) fn holds(self, recorded_at: DateTime<Utc>) -> bool {
        self.before().is_none_or(|moment| recorded_at < moment)
    }
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
    let known: Vec<Option<DateTime<Utc>>> = ends.iter().map(|end| question.known_before(*end)).collect();
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
