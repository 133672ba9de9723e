//! A KPI's series: the figures that are kept, or made for the question where they are not.

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::kpis::Kpi;
use domain::money::Currency;
use domain::period::midnight;
use domain::{AggregateType, Grain, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::currencies::in_others;
use super::evaluate::{Evaluation, Terms};
use super::query::{Figure, Known};
use super::shown::{Shown, Status};
use crate::error::Error;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct SeriesQuery {
    pub grain: Grain,
    /// Any day of the first period.
    pub from: NaiveDate,
    /// Any day of the last period, which is included.
    pub to: NaiveDate,
    pub segments: Segments,
    /// As it was known at the end of this day, UTC; default: as known now.
    pub as_of: Option<NaiveDate>,
    /// Version of the definition; default: the one adopted last.
    pub definition: Option<u16>,
    pub now: DateTime<Utc>,
}

/// Which segments are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segments {
    /// The figure over all; of a KPI that has none, every segment.
    Total,
    /// Every segment of a dimension.
    Of(String),
    /// One, such as `team:smb`.
    One(String),
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// In order of period and segment; a period without data has no figure.
    pub figures: Vec<Shown>,
    pub definition: u16,
    /// When the figures were made; none: for this question.
    pub computed_at: Option<DateTime<Utc>>,
    /// Facts that they follow from have changed since.
    pub is_due: bool,
    /// That of the plan in force now, or at the moment of `as_of`.
    pub currency: Currency,
    /// Facts that the figures of all times leave out, in another currency.
    pub in_other_currencies: i64,
}

impl Segments {
    fn holds(&self, kpi: &Kpi, segment: &str) -> bool {
        match self {
            Self::Total => !kpi.has_total || segment == "all",
            Self::Of(dimension) => segment.split_once(':').is_some_and(|(of, _)| of == dimension),
            Self::One(one) => segment == one,
        }
    }
}

/// None: there is no such version of the definition.
pub async fn series(pool: &PgPool, tenant: &TenantId, kpi: &'static Kpi, query: &SeriesQuery) -> Result<Option<Series>, Error> {
    let mut connection = pool.acquire().await?;
    let terms = Terms::load(&mut connection, "read", tenant).await?;
    let (latest, asked) = (terms.definitions.of(kpi, None), terms.definitions.of(kpi, query.definition));
    let (Some((latest, _)), Some((definition, _))) = (latest, asked) else { return Ok(None) };
    if query.as_of.is_none() && definition == latest {
        drop(connection);
        let currency = terms.plans.in_force(query.now, Known::Now).plan.currency;
        return kept(pool, tenant, kpi, query, (definition, currency)).await.map(Some);
    }
    let known_before = query.as_of.map(|day| midnight(day + Days::new(1)));
    let now = known_before.map_or(query.now, |moment| moment.min(query.now));
    let known = known_before.map_or(Known::Now, Known::Before);
    let evaluation = Evaluation { schema: "read", tenant, kpi, terms: &terms, definition: query.definition, now, known };
    let last_moment = (now - chrono::TimeDelta::microseconds(1)).date_naive();
    let periods: Vec<NaiveDate> = query.grain.between(query.from, query.to.min(last_moment)).collect();
    let mut figures = evaluation.over(&mut connection, query.grain, &periods).await?;
    figures.retain(|shown| query.segments.holds(kpi, &shown.figure.segment));
    let currency = terms.plans.in_force(now, known).plan.currency;
    let in_other_currencies = in_others(&mut connection, "read", (tenant, kpi), currency, known_before).await?;
    Ok(Some(Series { figures, definition, computed_at: None, is_due: false, currency, in_other_currencies }))
}

async fn kept(
    pool: &PgPool,
    tenant: &TenantId,
    kpi: &Kpi,
    query: &SeriesQuery,
    (definition, currency): (u16, Currency),
) -> Result<Series, Error> {
    let (segment, dimension) = match &query.segments {
        Segments::Total => (kpi.has_total.then(|| "all".to_owned()), None),
        Segments::Of(dimension) => (None, Some(format!("{dimension}:"))),
        Segments::One(segment) => (Some(segment.clone()), None),
    };
    let rows = sqlx::query(include_str!("series.sql"))
        .bind(tenant.as_str())
        .bind(kpi.id)
        .bind(query.grain.as_str())
        .bind(query.grain.start(query.from))
        .bind(query.to)
        .bind(i32::from(definition))
        .bind(segment)
        .bind(dimension)
        .fetch_all(pool)
        .await?;
    let time = sqlx::query(include_str!("series_time.sql"))
        .bind(tenant.as_str())
        .bind(kpi.id)
        .bind(facts(kpi))
        .fetch_one(pool)
        .await?;
    Ok(Series {
        figures: rows.iter().map(shown).collect::<Result<_, _>>()?,
        definition,
        computed_at: time.try_get("computed_at")?,
        is_due: time.try_get("is_due")?,
        currency,
        in_other_currencies: time.try_get::<Option<i64>, _>("in_other_currencies")?.unwrap_or(0),
    })
}

/// The kinds of aggregates that a KPI's figures follow from; the plan and definitions with them.
fn facts(kpi: &Kpi) -> Vec<&'static str> {
    let kinds = AggregateType::ALL.iter().filter(|kind| kind.events().iter().any(|event| kpi.facts.contains(&event.name)));
    kinds.map(|kind| kind.as_str()).chain(["plan", "definition"]).collect()
}

/// Whether facts have changed that a KPI's figures do not show yet.
pub async fn is_due(pool: &PgPool, tenant: &TenantId, kpi: &Kpi) -> Result<bool, Error> {
    let time = sqlx::query(include_str!("series_time.sql"))
        .bind(tenant.as_str())
        .bind(kpi.id)
        .bind(facts(kpi))
        .fetch_one(pool)
        .await?;
    Ok(time.try_get("is_due")?)
}

fn shown(row: &PgRow) -> Result<Shown, Error> {
    let number = |column: &str| -> Result<u16, Error> { Ok(u16::try_from(row.try_get::<i32, _>(column)?).unwrap_or(u16::MAX)) };
    let status: &str = row.try_get("status")?;
    Ok(Shown {
        figure: Figure {
            period: row.try_get("period")?,
            segment: row.try_get("segment")?,
            numerator: row.try_get("numerator")?,
            denominator: row.try_get("denominator")?,
            n: row.try_get("n")?,
            value: row.try_get("value")?,
            parts: row.try_get("parts")?,
        },
        definition: number("definition")?,
        target: row.try_get("target")?,
        status: Status::ALL.into_iter().find(|known| known.as_str() == status).expect("a constraint allows none but these"),
        plan_version: number("plan_version")?,
        is_partial: row.try_get("is_partial")?,
        restated_from: row.try_get("restated_from")?,
    })
}
