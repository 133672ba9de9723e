//! The series of the north star, and what each month is held against.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};
use domain::TenantId;
use domain::interaction::{Actor, Kind};
use domain::north_star::{DEFINITION_1, Definition};
use domain::period::midnight;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::error::Error;
use crate::kpis::plans::{InForce, Plans};
use crate::kpis::query::Known;
use crate::kpis::shown::Status;
use domain::Grain;

/// What is asked for. Time is an argument: `today` says which period is not over yet.
#[derive(Debug, Clone, Copy)]
pub struct SeriesQuery {
    pub grain: Grain,
    /// Any day of the first period; default: the first month with interactions.
    pub from: Option<NaiveDate>,
    /// Any day of the last period, which is included; default: today.
    pub to: Option<NaiveDate>,
    /// As it was known at the end of this day, UTC; default: as known now.
    pub as_of: Option<NaiveDate>,
    pub definition: &'static Definition,
    pub today: NaiveDate,
}

/// One period of the series.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Period {
    /// `2026-10` or `2026-10-31`.
    pub period: String,
    #[serde(skip)]
    pub start: NaiveDate,
    /// Active interactions by the definition asked for.
    pub active: u64,
    /// Recorded, not voided interactions of every kind by anybody.
    pub total: u64,
    /// The total by kind; every kind is there.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Distinct users of active interactions.
    pub active_users: u64,
    /// Distinct capsules of active interactions.
    pub active_capsules: u64,
    /// Distinct pairs of capsule and session of active interactions.
    pub active_sessions: u64,
    /// Distinct users of all interactions.
    pub users: u64,
    /// The period is not over.
    pub partial: bool,
    /// Active interactions that the plan's stage has in mind for this month or quarter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
}

impl Period {
    fn empty(grain: Grain, start: NaiveDate) -> Self {
        Self {
            period: grain.name(start),
            start,
            active: 0,
            total: 0,
            kinds: Kind::ALL.iter().map(|kind| (kind.as_str(), 0)).collect(),
            active_users: 0,
            active_capsules: 0,
            active_sessions: 0,
            users: 0,
            partial: false,
            target: None,
            status: None,
        }
    }

    fn hold_against(&mut self, grain: Grain, in_force: InForce<'_>) {
        let target = in_force.plan.target("active_capsule_interactions", "all", grain, in_force.month);
        self.target = target.and_then(|target| target.to_u64());
        self.status = self.target.map(|target| match (self.active >= target, self.partial) {
            (true, _) => Status::Reached,
            (false, true) => Status::InProgress,
            (false, false) => Status::Missed,
        });
    }
}

/// Every period asked for, in order, zeros where nothing happened; nothing at all before the first interaction ever.
pub async fn series(pool: &PgPool, tenant: &TenantId, query: &SeriesQuery) -> Result<Vec<Period>, Error> {
    let today = query.as_of.map_or(query.today, |as_of| as_of.min(query.today));
    let first_month = first_month(pool, tenant).await?;
    let Some(from) = query.from.or(first_month) else { return Ok(Vec::new()) };
    let (from, to) = (query.grain.start(from), query.grain.start(query.to.unwrap_or(today)));
    let mut periods: BTreeMap<NaiveDate, Period> =
        query.grain.between(from, to).map(|start| (start, Period::empty(query.grain, start))).collect();
    add_counts(pool, tenant, query, (from, to), &mut periods).await?;
    let is_kept = matches!(query.grain, Grain::Day | Grain::Month);
    if is_kept && query.as_of.is_none() && query.definition.version == DEFINITION_1.version {
        add_kept_distincts(pool, tenant, query.grain, (from, to), &mut periods).await?;
    } else {
        add_counted_distincts(pool, tenant, query, (from, to), &mut periods).await?;
    }
    let plans = Plans::load(&mut *pool.acquire().await?, "read", tenant).await?;
    let known = query.as_of.map_or(Known::Now, |day| Known::Before(midnight(day + Days::new(1))));
    for period in periods.values_mut() {
        period.partial = query.grain.next(period.start) > today;
        period.hold_against(query.grain, plans.in_force(midnight(query.grain.next(period.start)), known));
    }
    Ok(periods.into_values().collect())
}

/// The first month with an interaction: month 1 of the company.
pub async fn first_month(pool: &PgPool, tenant: &TenantId) -> Result<Option<NaiveDate>, Error> {
    let statement = "SELECT month FROM read.monthly_counts WHERE tenant = $1 ORDER BY month LIMIT 1";
    Ok(sqlx::query_scalar(statement).bind(tenant.as_str()).fetch_optional(pool).await?)
}

type Bounds = (NaiveDate, NaiveDate);

async fn add_counts(
    pool: &PgPool,
    tenant: &TenantId,
    query: &SeriesQuery,
    (from, to): Bounds,
    periods: &mut BTreeMap<NaiveDate, Period>,
) -> Result<(), Error> {
    let end = query.grain.next(to);
    let select = match (query.grain, query.as_of) {
        (Grain::Month, None) => sqlx::query(include_str!("months.sql")).bind(tenant.as_str()).bind(from).bind(end),
        (Grain::Day, None) => sqlx::query(include_str!("days.sql")).bind(tenant.as_str()).bind(from).bind(end),
        (grain, as_of) => {
            let select = sqlx::query(include_str!("as_of.sql")).bind(tenant.as_str()).bind(from).bind(end);
            select.bind(grain.as_str()).bind(as_of)
        }
    };
    let rows = select.fetch_all(pool).await?;
    for row in &rows {
        let (kind, actor): (&str, &str) = (row.try_get("kind")?, row.try_get("actor")?);
        let (Some(kind), Some(actor)) = (
            Kind::ALL.into_iter().find(|known| known.as_str() == kind),
            Actor::ALL.into_iter().find(|known| known.as_str() == actor),
        ) else {
            continue; // a constraint allows none but these
        };
        let count = count(row, "count")?;
        let Some(period) = periods.get_mut(&row.try_get::<NaiveDate, _>("period")?) else { continue };
        period.total += count;
        *period.kinds.entry(kind.as_str()).or_default() += count;
        if query.definition.is_active(kind, actor) {
            period.active += count;
        }
    }
    Ok(())
}

/// The distinct figures that the projection keeps.
async fn add_kept_distincts(
    pool: &PgPool,
    tenant: &TenantId,
    grain: Grain,
    (from, to): Bounds,
    periods: &mut BTreeMap<NaiveDate, Period>,
) -> Result<(), Error> {
    let select = sqlx::query(include_str!("distincts.sql"));
    let rows = select.bind(tenant.as_str()).bind(grain.as_str()).bind(from).bind(to).fetch_all(pool).await?;
    add_distincts(&rows, periods)
}

/// The distinct figures as of a day or by another definition: counted from the interactions themselves.
async fn add_counted_distincts(
    pool: &PgPool,
    tenant: &TenantId,
    query: &SeriesQuery,
    (from, to): Bounds,
    periods: &mut BTreeMap<NaiveDate, Period>,
) -> Result<(), Error> {
    let end = query.grain.next(to);
    let known_before = query.as_of.map(|day| day + Days::new(1));
    let rows = sqlx::query(include_str!("distincts_counted.sql"))
        .bind(tenant.as_str())
        .bind(query.grain.as_str())
        .bind(from)
        .bind(end)
        .bind(known_before)
        .bind(query.definition.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())
        .bind(query.definition.actors.iter().map(|actor| actor.as_str()).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    add_distincts(&rows, periods)
}

fn add_distincts(rows: &[PgRow], periods: &mut BTreeMap<NaiveDate, Period>) -> Result<(), Error> {
    for row in rows {
        let Some(period) = periods.get_mut(&row.try_get::<NaiveDate, _>("period")?) else { continue };
        period.active_users = count(row, "active_users")?;
        period.active_capsules = count(row, "active_capsules")?;
        period.active_sessions = count(row, "active_sessions")?;
        period.users = count(row, "users")?;
    }
    Ok(())
}

fn count(row: &PgRow, column: &str) -> Result<u64, Error> {
    Ok(u64::try_from(row.try_get::<i64, _>(column)?).unwrap_or(0))
}
