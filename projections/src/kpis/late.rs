//! What became known of a figure after a day: its value by what is known now, beside what it was known to be then, the parts that
//! have changed, and the events recorded since that changed them.
//!
//! A figure is taken apart twice by its formula (see [`super::explain`]): what the parts differ by is what the figure differs by.
//! Which events were recorded since is told by their positions, which the caller knows from the ledger.

mod reads;

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::kpis::Kpi;
use domain::money::Currency;
use domain::period::midnight;
use domain::{Grain, Partition, Position, TenantId};
use rust_decimal::Decimal;
use serde::Deserialize;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::types::Json;
use sqlx::{Connection as _, Executor, PgConnection, PgPool, Postgres, Row};

use self::reads::Reads;
use super::evaluate::{Evaluation, Terms};
use super::explain::{EVENTS_MAX, decimal, decimals};
use super::formula::{formula, parts};
use super::query::Known;
use super::refresher::concerned;
use super::series::{Series, SeriesQuery, series_by};
use super::shown::Shown;
use crate::error::Error;
use crate::facts::columns::table_name;
use crate::progress::stored;

/// Of each partition the first position that was recorded after the day asked for.
pub type FirstLate<'a> = &'a [(Partition, Position)];

/// A figure as it is known now, beside one that was known on a past day.
#[derive(Debug, Clone, PartialEq)]
pub struct Since {
    /// None: there is no data now.
    pub now: Option<Shown>,
    /// That of the plan in force now.
    pub currency: Currency,
    /// How many events recorded since changed it.
    pub late: i64,
}

/// Beside each figure of a series as of a past day, in its order, what it is now. The terms are those of that day.
pub async fn since(
    pool: &PgPool,
    tenant: &TenantId,
    terms: &Terms,
    (kpi, query): (&'static Kpi, &SeriesQuery),
    then: &Series,
    first_late: FirstLate<'_>,
) -> Result<Vec<Since>, Error> {
    let (Some(day), Some(first), Some(last)) = (query.as_of, then.figures.first(), then.figures.last()) else {
        return Ok(Vec::new());
    };
    let (from, to) = (first.figure.period, last.figure.period);
    let query = SeriesQuery { from, to, as_of: None, after: None, limit: None, ..query.clone() };
    let mut connection = pool.acquire().await?;
    let now_terms = Terms::load(&mut connection, "read", tenant, Known::Now).await?;
    let present = series_by(pool, tenant, &now_terms, kpi, &query).await?;
    let currency = now_terms.currency(query.now);
    let mut present: BTreeMap<(NaiveDate, String), Shown> = present
        .map(|series| series.figures)
        .unwrap_or_default()
        .into_iter()
        .map(|shown| ((shown.figure.period, shown.figure.segment.clone()), shown))
        .collect();
    let known = midnight(day + Days::new(1));
    let terms = ThenAndNow { then: terms, now: &now_terms };
    let all = (NaiveDate::MIN, NaiveDate::MAX);
    let concerned = match terms.differ_for(kpi) {
        true => Some(all),
        false => late_days(&mut connection, "read", (tenant, kpi), known)
            .await?
            .map(|days| concerned(kpi, days, NaiveDate::default(), query.now.date_naive())),
    };
    let is_concerned = |period: NaiveDate| concerned.is_some_and(|(from, to)| period <= to && query.grain.next(period) > from);
    let mut found: Vec<Since> = Vec::with_capacity(then.figures.len());
    for of_period in then.figures.chunk_by(|one, other| one.figure.period == other.figure.period) {
        let period = of_period[0].figure.period;
        let segments: Vec<&str> = of_period.iter().map(|shown| shown.figure.segment.as_str()).collect();
        let late = if is_concerned(period) {
            let compared = Compared::new(tenant, (kpi, terms), (query.grain, period), query.definition, query.now);
            match compared {
                None => BTreeMap::new(),
                Some(compared) => compared.counts(&mut connection, "read", &segments, first_late).await?,
            }
        } else {
            BTreeMap::new()
        };
        found.extend(of_period.iter().map(|shown| {
            let segment = &shown.figure.segment;
            Since { now: present.remove(&(period, segment.clone())), currency, late: late.get(segment).copied().unwrap_or(0) }
        }));
    }
    Ok(found)
}

/// Which figure, and which page of the parts that changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LateQuery {
    pub grain: Grain,
    /// The period's first day.
    pub period: NaiveDate,
    /// `all`, or `DIMENSION:VALUE`.
    pub segment: String,
    /// What is compared with the present is what was known at the end of this day, UTC.
    pub as_of: NaiveDate,
    /// Version of the definition; default: the one adopted last.
    pub definition: Option<u16>,
    /// Parts that come after this one.
    pub after: Option<String>,
    /// At most so many parts.
    pub limit: u32,
    pub now: DateTime<Utc>,
}

/// What changed a figure, read in one snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Late {
    /// None: there was no data.
    pub then: Option<Shown>,
    /// None: there is no data.
    pub now: Option<Shown>,
    pub definition: u16,
    /// That of the plan in force then.
    pub currency_then: Currency,
    /// That of the plan in force now.
    pub currency: Currency,
    /// Those that changed, in order of their names.
    pub parts: Vec<LatePart>,
    pub has_more: bool,
    pub totals: LateTotals,
}

/// One deal, deployment, user, … that adds something else to a figure than it did.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LatePart {
    pub part: String,
    /// What it added then; none: it was no part.
    #[serde(deserialize_with = "amounts")]
    pub then: Option<BTreeMap<String, Decimal>>,
    /// What it adds now; none: it is no part any more.
    #[serde(deserialize_with = "amounts")]
    pub now: Option<BTreeMap<String, Decimal>>,
    /// Its own measure, where the figure is the median of them.
    #[serde(deserialize_with = "decimal")]
    pub value_then: Option<Decimal>,
    #[serde(deserialize_with = "decimal")]
    pub value_now: Option<Decimal>,
    /// Why it counts as it does, or does not any more.
    pub note: Option<String>,
    /// The ids of the events recorded since that it rests on, in the order of the ledger, the first [`EVENTS_MAX`]. What has none of
    /// its own changed by another plan or as the other parts did: theirs, or all that the formula reads. None: time changed it, as the
    /// period was not over then.
    pub events: Vec<String>,
    pub event_count: u64,
}

/// Of all parts, whatever the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LateTotals {
    /// Those that changed.
    pub parts: i64,
    /// Recorded since; each counted once.
    pub events: i64,
    /// The sums of all parts' amounts, those that did not change with them: then, and now.
    pub amounts: BTreeMap<String, (Decimal, Decimal)>,
}

/// None: there is no such version of the definition.
pub async fn late(
    pool: &PgPool,
    tenant: &TenantId,
    kpi: &'static Kpi,
    query: &LateQuery,
    first_late: FirstLate<'_>,
) -> Result<Option<Late>, Error> {
    let mut transaction = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let then_terms = Terms::load(&mut transaction, "read", tenant, Known::of(Some(query.as_of))).await?;
    let now_terms = Terms::load(&mut transaction, "read", tenant, Known::Now).await?;
    let terms = ThenAndNow { then: &then_terms, now: &now_terms };
    let Some((definition, _)) = now_terms.definitions.of(kpi, query.definition) else { return Ok(None) };
    let mut figures = Vec::with_capacity(2);
    for terms in [terms.then, terms.now] {
        let now = terms.moment(query.now);
        let evaluation = Evaluation { schema: "read", tenant, kpi, terms, definition: Some(definition), now };
        let found = evaluation.over(&mut transaction, query.grain, &[query.period]).await?;
        figures.push(found.into_iter().find(|shown| shown.figure.segment == query.segment));
    }
    let (now, then) = (figures.pop().flatten(), figures.pop().flatten());
    let of = (query.grain, query.period);
    let compared = Compared::new(tenant, (kpi, terms), of, query.definition, query.now).expect("it is known");
    let page = LatePage {
        segment: &query.segment,
        was: then.is_some(),
        is: now.is_some(),
        after: query.after.as_deref(),
        limit: query.limit,
    };
    let (parts, has_more, totals) = compared.parts(&mut transaction, "read", &page, first_late).await?;
    transaction.commit().await?;
    let [currency_then, currency] = [terms.then, terms.now].map(|terms| terms.currency(query.now));
    Ok(Some(Late { then, now, definition, currency_then, currency, parts, has_more, totals }))
}

/// By what two figures are made.
#[derive(Debug, Clone, Copy)]
struct ThenAndNow<'a> {
    then: &'a Terms,
    now: &'a Terms,
}

impl ThenAndNow<'_> {
    /// Whether a plan adopted since, or the company's having begun in another month, may make a KPI's figures others.
    fn differ_for(self, kpi: &Kpi) -> bool {
        let text = formula(kpi, "read");
        ["p.plan", "p.currency"].iter().any(|of_plan| text.contains(of_plan)) && !self.now.plans.are_those_of(&self.then.plans)
    }
}

/// One period of a KPI by what was known at two moments.
#[derive(Debug)]
struct Compared<'a> {
    tenant: &'a TenantId,
    kpi: &'static Kpi,
    terms: ThenAndNow<'a>,
    of: (Grain, NaiveDate),
    parameters: serde_json::Value,
    now: DateTime<Utc>,
}

/// Which of the parts of one segment.
#[derive(Debug, Clone, Copy)]
struct LatePage<'a> {
    segment: &'a str,
    /// It had a figure then, and has one now: without one it has no parts.
    was: bool,
    is: bool,
    after: Option<&'a str>,
    limit: u32,
}

impl<'a> Compared<'a> {
    fn new(
        tenant: &'a TenantId,
        (kpi, terms): (&'static Kpi, ThenAndNow<'a>),
        of: (Grain, NaiveDate),
        definition: Option<u16>,
        now: DateTime<Utc>,
    ) -> Option<Self> {
        let (_, parameters) = terms.now.definitions.of(kpi, definition)?;
        Some(Self { tenant, kpi, terms, of, parameters, now })
    }

    /// How many events recorded since changed each of these segments' figures.
    async fn counts(
        &self,
        connection: &mut PgConnection,
        schema: &str,
        segments: &[&str],
        first_late: FirstLate<'_>,
    ) -> Result<BTreeMap<String, i64>, Error> {
        let statement = self.statement(schema, "segment = ANY ($10)", include_str!("late_counts.sql"));
        let mut transaction = connection.begin().await?;
        // As for figures.
        (&mut *transaction).execute("SET LOCAL enable_nestloop = off").await?;
        let segments: Vec<String> = segments.iter().map(|segment| (*segment).to_owned()).collect();
        let asked = self.ask(&statement, first_late, segments.clone(), (segments.clone(), segments));
        let rows = asked.fetch_all(&mut *transaction).await?;
        transaction.commit().await?;
        rows.iter().map(|row| Ok((row.try_get("segment")?, row.try_get("late")?))).collect()
    }

    async fn parts(
        &self,
        connection: &mut PgConnection,
        schema: &str,
        page: &LatePage<'_>,
        first_late: FirstLate<'_>,
    ) -> Result<(Vec<LatePart>, bool, LateTotals), Error> {
        let statement = self.statement(schema, "segment = ANY ($10)", include_str!("late_parts.sql"));
        let mut transaction = connection.begin().await?;
        (&mut *transaction).execute("SET LOCAL enable_nestloop = off").await?;
        let segment = || vec![page.segment.to_owned()];
        let with_figure = |has: bool| if has { segment() } else { Vec::new() };
        let row = self
            .ask(&statement, first_late, segment(), (with_figure(page.was), with_figure(page.is)))
            .bind(page.after)
            .bind(i64::from(page.limit) + 1)
            .bind(EVENTS_MAX)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        let Json(mut parts): Json<Vec<LatePart>> = row.try_get("parts")?;
        let Json(sums): Json<Sums> = row.try_get("sums")?;
        let has_more = parts.len() > page.limit as usize;
        parts.truncate(page.limit as usize);
        let amounts = sums.then.into_iter().zip(sums.now).map(|((name, then), (_, now))| (name, (then, now))).collect();
        let totals = LateTotals { parts: row.try_get("part_count")?, events: row.try_get("event_count")?, amounts };
        Ok((parts, has_more, totals))
    }

    fn statement(&self, schema: &str, is_asked: &str, rest: &str) -> String {
        let reads = Reads::of(self.kpi);
        let all = include_str!("late.sql")
            .replace("{gone}", &reads.gone(schema))
            .replace("{voids}", &reads.voids(schema))
            .replace("{facts}", &reads.facts(schema))
            .replace("{read}", schema);
        all.replace("{told}", &parts(self.kpi, schema, is_asked)) + rest
    }

    fn ask<'q>(
        &self,
        statement: &'q str,
        first_late: FirstLate<'_>,
        segments: Vec<String>,
        (then_segments, now_segments): (Vec<String>, Vec<String>),
    ) -> Query<'q, Postgres, PgArguments> {
        let (grain, period) = self.of;
        let end = midnight(grain.next(period));
        let [then, now] = [self.terms.then, self.terms.now].map(|terms| terms.moment(self.now));
        let (plan_then, plan_now) =
            (self.terms.then.plans.in_force(end.min(then)), self.terms.now.plans.in_force(end.min(now)));
        sqlx::query(statement)
            .bind(self.tenant.as_str().to_owned())
            .bind(period)
            .bind(midnight(period))
            .bind(end)
            .bind(self.terms.then.plans.known().before())
            .bind(then)
            .bind(plan_then.plan.currency.as_str().to_owned())
            .bind(self.parameters.clone())
            .bind(plan_then.for_formulas())
            .bind(segments)
            .bind(now)
            .bind(plan_now.plan.currency.as_str().to_owned())
            .bind(plan_now.for_formulas())
            .bind(first_late.iter().map(|(partition, _)| i32::from(partition.0)).collect::<Vec<_>>())
            .bind(first_late.iter().map(|(_, position)| stored(*position)).collect::<Vec<_>>())
            .bind(then_segments)
            .bind(now_segments)
    }
}

/// The first and last day of which facts that the formula reads were recorded since; none: there are none.
async fn late_days(
    connection: &mut PgConnection,
    schema: &str,
    (tenant, kpi): (&TenantId, &Kpi),
    known: DateTime<Utc>,
) -> Result<Option<(NaiveDate, NaiveDate)>, Error> {
    // Counted by the day that they, or their void, was recorded.
    let interactions = kpi.facts.iter().any(|fact| fact.starts_with("Interaction")).then(|| {
        format!(
            "SELECT min(occurred_day), max(occurred_day) FROM {schema}.daily_counts
             WHERE tenant = $1 AND recorded_day >= ($2 AT TIME ZONE 'UTC')::date"
        )
    });
    let days: Vec<String> = Reads::of(kpi)
        .kinds
        .into_iter()
        .map(table_name)
        .map(|table| {
            format!(
                "SELECT (min(occurred_at) AT TIME ZONE 'UTC')::date, (max(occurred_at) AT TIME ZONE 'UTC')::date
                 FROM {schema}.{table} WHERE tenant = $1 AND recorded_at >= $2"
            )
        })
        .chain(interactions)
        .collect();
    assert!(!days.is_empty(), "{} reads facts", kpi.id);
    let statement = format!("SELECT min(first), max(last) FROM ({}) AS days (first, last)", days.join(" UNION ALL "));
    let row = sqlx::query(&statement).bind(tenant.as_str()).bind(known).fetch_one(connection).await?;
    let (first, last): (Option<NaiveDate>, Option<NaiveDate>) = (row.try_get(0)?, row.try_get(1)?);
    Ok(first.zip(last))
}

#[derive(Deserialize)]
struct Amounts(#[serde(deserialize_with = "decimals")] BTreeMap<String, Decimal>);

fn amounts<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<BTreeMap<String, Decimal>>, D::Error> {
    Ok(Option::<Amounts>::deserialize(deserializer)?.map(|Amounts(amounts)| amounts))
}

/// Of the same names.
#[derive(Deserialize)]
struct Sums {
    #[serde(deserialize_with = "decimals")]
    then: BTreeMap<String, Decimal>,
    #[serde(deserialize_with = "decimals")]
    now: BTreeMap<String, Decimal>,
}
