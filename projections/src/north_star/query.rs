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
use sqlx::{PgConnection, PgPool, Row};

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
    /// Of a period as of a past day: what is known of it now.
    #[serde(skip)]
    pub since: Option<Since>,
}

/// The north star now, of a period that is told as of a past day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    pub active: u64,
    /// How many events recorded since changed it.
    pub late: u64,
}

impl Period {
    pub(crate) fn empty(grain: Grain, start: NaiveDate) -> Self {
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
            since: None,
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
    series_in(&mut *pool.acquire().await?, "read", tenant, query).await
}

/// The same from the views of one schema.
pub(crate) async fn series_in(
    connection: &mut PgConnection,
    schema: &str,
    tenant: &TenantId,
    query: &SeriesQuery,
) -> Result<Vec<Period>, Error> {
    let today = query.as_of.map_or(query.today, |as_of| as_of.min(query.today));
    let first_month = first_month_in(connection, schema, tenant, Known::Now).await?;
    let Some(from) = query.from.or(first_month) else { return Ok(Vec::new()) };
    let (from, to) = (query.grain.start(from), query.grain.start(query.to.unwrap_or(today)));
    let mut periods: BTreeMap<NaiveDate, Period> =
        query.grain.between(from, to).map(|start| (start, Period::empty(query.grain, start))).collect();
    let from_views = Views { schema, tenant, query };
    from_views.add_counts(connection, (from, to), &mut periods).await?;
    let is_kept = matches!(query.grain, Grain::Day | Grain::Month);
    if is_kept && query.as_of.is_none() && query.definition.version == DEFINITION_1.version {
        from_views.add_kept_distincts(connection, (from, to), &mut periods).await?;
    } else {
        from_views.add_counted_distincts(connection, (from, to), &mut periods).await?;
    }
    let plans = Plans::load(connection, schema, tenant, Known::of(query.as_of)).await?;
    for period in periods.values_mut() {
        period.partial = query.grain.next(period.start) > today;
        period.hold_against(query.grain, plans.in_force(midnight(query.grain.next(period.start))));
    }
    Ok(periods.into_values().collect())
}

/// Puts beside each period of a series as of a past day what is known of it now.
pub async fn add_since(pool: &PgPool, tenant: &TenantId, query: &SeriesQuery, periods: &mut [Period]) -> Result<(), Error> {
    let (Some(day), Some(first), Some(last)) = (query.as_of, periods.first(), periods.last()) else { return Ok(()) };
    let (from, to) = (first.start, last.start);
    let mut present: BTreeMap<NaiveDate, Period> =
        periods.iter().map(|period| (period.start, Period::empty(query.grain, period.start))).collect();
    let known_now = SeriesQuery { as_of: None, ..*query };
    let from_views = Views { schema: "read", tenant, query: &known_now };
    from_views.add_counts(&mut *pool.acquire().await?, (from, to), &mut present).await?;
    let late = late(pool, tenant, query, day, (from, query.grain.next(to))).await?;
    for period in periods {
        let active = present.get(&period.start).map_or(0, |present| present.active);
        period.since = Some(Since { active, late: late.get(&period.start).copied().unwrap_or(0) });
    }
    Ok(())
}

/// How many events recorded after a day changed the north star of each period; of one that none changed there is no entry.
async fn late(
    pool: &PgPool,
    tenant: &TenantId,
    query: &SeriesQuery,
    day: NaiveDate,
    (from, end): Bounds,
) -> Result<BTreeMap<NaiveDate, u64>, Error> {
    let days: (Option<NaiveDate>, Option<NaiveDate>) = sqlx::query_as(
        "SELECT min(occurred_day), max(occurred_day) FROM read.daily_counts
         WHERE tenant = $1 AND occurred_day >= $2 AND occurred_day < $3 AND recorded_day > $4",
    )
    .bind(tenant.as_str())
    .bind(from)
    .bind(end)
    .bind(day)
    .fetch_one(pool)
    .await?;
    let (Some(first), Some(last)) = days else { return Ok(BTreeMap::new()) };
    let rows = sqlx::query(include_str!("late.sql"))
        .bind(tenant.as_str())
        .bind(query.grain.as_str())
        .bind(first)
        .bind(last + Days::new(1))
        .bind(day + Days::new(1))
        .bind(query.definition.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())
        .bind(query.definition.actors.iter().map(|actor| actor.as_str()).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok((row.try_get("period")?, count(row, "late")?))).collect()
}

/// The first month with an interaction: month 1 of the company.
pub async fn first_month(pool: &PgPool, tenant: &TenantId) -> Result<Option<NaiveDate>, Error> {
    first_month_in(&mut *pool.acquire().await?, "read", tenant, Known::Now).await
}

/// As far as it is known: interactions of an earlier one may have come in since, or all of a month's have been voided.
pub(crate) async fn first_month_in(
    connection: &mut PgConnection,
    schema: &str,
    tenant: &TenantId,
    known: Known,
) -> Result<Option<NaiveDate>, Error> {
    let Known::Before(moment) = known else {
        let statement = format!(
            "SELECT month FROM {schema}.monthly_counts WHERE tenant = $1
             GROUP BY month HAVING sum(count) <> 0 ORDER BY month LIMIT 1"
        );
        return Ok(sqlx::query_scalar(&statement).bind(tenant.as_str()).fetch_optional(connection).await?);
    };
    let recorded = format!(
        "FROM {schema}.daily_counts
         WHERE tenant = $1 AND recorded_day::timestamp AT TIME ZONE 'UTC' < $2 AND occurred_day >= $3"
    );
    let next = format!("SELECT occurred_day {recorded} ORDER BY occurred_day LIMIT 1");
    let counts = format!("SELECT EXISTS (SELECT {recorded} AND occurred_day < $4 GROUP BY kind, actor HAVING sum(count) <> 0)");
    let mut from = NaiveDate::from_ymd_opt(1, 1, 1).expect("a day");
    loop {
        let day = sqlx::query_scalar(&next).bind(tenant.as_str()).bind(moment).bind(from).fetch_optional(&mut *connection);
        let Some(month) = day.await?.map(|day| Grain::Month.start(day)) else { return Ok(None) };
        from = Grain::Month.next(month);
        let count = sqlx::query_scalar(&counts).bind(tenant.as_str()).bind(moment).bind(month).bind(from);
        if count.fetch_one(&mut *connection).await? {
            return Ok(Some(month));
        }
    }
}

type Bounds = (NaiveDate, NaiveDate);

/// Where the counts are, and whose.
#[derive(Debug, Clone, Copy)]
struct Views<'a> {
    schema: &'a str,
    tenant: &'a TenantId,
    query: &'a SeriesQuery,
}

impl Views<'_> {
    fn of(&self, statement: &str) -> String {
        statement.replace("{read}", self.schema)
    }

    async fn add_counts(
        &self,
        connection: &mut PgConnection,
        (from, to): Bounds,
        periods: &mut BTreeMap<NaiveDate, Period>,
    ) -> Result<(), Error> {
        let Self { tenant, query, .. } = *self;
        let statement = self.of(match (query.grain, query.as_of) {
            (Grain::Month, None) => include_str!("months.sql"),
            (Grain::Day, None) => include_str!("days.sql"),
            _ => include_str!("as_of.sql"),
        });
        let mut select = sqlx::query(&statement).bind(tenant.as_str()).bind(from).bind(query.grain.next(to));
        if !matches!((query.grain, query.as_of), (Grain::Month | Grain::Day, None)) {
            select = select.bind(query.grain.as_str()).bind(query.as_of);
        }
        for row in &select.fetch_all(connection).await? {
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
        &self,
        connection: &mut PgConnection,
        (from, to): Bounds,
        periods: &mut BTreeMap<NaiveDate, Period>,
    ) -> Result<(), Error> {
        let statement = self.of(include_str!("distincts.sql"));
        let select = sqlx::query(&statement).bind(self.tenant.as_str()).bind(self.query.grain.as_str()).bind(from).bind(to);
        add_distincts(&select.fetch_all(connection).await?, periods)
    }

    /// The distinct figures as of a day or by another definition: counted from the interactions themselves.
    async fn add_counted_distincts(
        &self,
        connection: &mut PgConnection,
        (from, to): Bounds,
        periods: &mut BTreeMap<NaiveDate, Period>,
    ) -> Result<(), Error> {
        let Self { tenant, query, .. } = *self;
        let known_before = query.as_of.map(|day| day + Days::new(1));
        let statement = self.of(include_str!("distincts_counted.sql"));
        let select = sqlx::query(&statement)
            .bind(tenant.as_str())
            .bind(query.grain.as_str())
            .bind(from)
            .bind(query.grain.next(to))
            .bind(known_before)
            .bind(query.definition.kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>())
            .bind(query.definition.actors.iter().map(|actor| actor.as_str()).collect::<Vec<_>>());
        add_distincts(&select.fetch_all(connection).await?, periods)
    }
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
