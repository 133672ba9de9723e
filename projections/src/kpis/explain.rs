//! Where a figure comes from: the parts that add up to it, each with the events it rests on, and what it leaves out.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use domain::kpis::Kpi;
use domain::money::Currency;
use domain::period::midnight;
use domain::{Grain, Partition, Position, TenantId};
use rust_decimal::Decimal;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{Executor, PgConnection, PgPool, Row};

use super::evaluate::{Evaluation, Terms};
use super::formula::parts;
use super::query::{Known, Question};
use super::shown::Shown;
use crate::error::Error;
use crate::progress::marks;

/// Which figure is to be explained, and which page of its parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExplainQuery {
    pub grain: Grain,
    /// The period's first day.
    pub period: NaiveDate,
    /// `all`, or `DIMENSION:VALUE`.
    pub segment: String,
    /// As it was known at the end of this day, UTC; default: as known now.
    pub as_of: Option<NaiveDate>,
    /// Version of the definition; default: the one adopted last.
    pub definition: Option<u16>,
    /// Parts that come after this one.
    pub after: Option<String>,
    /// At most so many parts.
    pub limit: u32,
    pub now: DateTime<Utc>,
}

/// A figure and what it comes from, all as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// None: there is no data; it has no parts.
    pub figure: Option<Shown>,
    pub definition: u16,
    /// The parameters of that version.
    pub parameters: Value,
    /// That of the plan in force.
    pub currency: Currency,
    /// In order of their names.
    pub parts: Vec<Part>,
    /// There are more than were asked for.
    pub has_more: bool,
    pub totals: Totals,
    /// In order of reasons.
    pub left_out: Vec<LeftOut>,
    /// The next position of each partition that has one: it follows from the events before them, and from no others.
    pub marks: Vec<(Partition, Position)>,
}

/// One deal, deployment, user, … of a figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Part {
    /// What it is: `deal:d-1`. Once in a figure.
    pub part: String,
    /// What it adds to the figure: to its `numerator`, its `denominator`, or what stands beside it in `parts` by that name.
    #[serde(deserialize_with = "decimals")]
    pub amounts: BTreeMap<String, Decimal>,
    /// Its own measure, where the figure is the median of them.
    #[serde(deserialize_with = "decimal")]
    pub value: Option<Decimal>,
    /// Why it counts as it does.
    pub note: Option<String>,
    /// The ids of the events it rests on, in the order of the ledger, the first [`EVENTS_MAX`]. None: it comes from the plan.
    pub events: Vec<String>,
    /// How many they are.
    pub event_count: u64,
}

/// Of all parts of a figure, whatever the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Totals {
    pub parts: i64,
    /// Each counted once, in however many parts it is.
    pub events: i64,
    /// The sums of the parts' amounts, to six places: the figure's own `numerator`, `denominator` and `parts` of these names.
    pub amounts: BTreeMap<String, Decimal>,
}

/// Facts that look as if they counted, but do not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LeftOut {
    pub reason: String,
    pub count: u64,
    /// The first [`EXAMPLES_MAX`] by name.
    pub examples: Vec<LeftOutPart>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LeftOutPart {
    pub part: String,
    /// The ids of its events.
    pub events: Vec<String>,
}

/// So many events are named of one part.
pub const EVENTS_MAX: i32 = 1_000;
/// So many parts that are left out are named of one reason.
pub const EXAMPLES_MAX: i64 = 20;

/// A figure and its parts, read in one snapshot: they add up, whatever is appended meanwhile. None: there is no such version of
/// the definition.
pub async fn explain(
    pool: &PgPool,
    tenant: &TenantId,
    kpi: &'static Kpi,
    query: &ExplainQuery,
) -> Result<Option<Explanation>, Error> {
    let mut transaction = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let known = Known::of(query.as_of);
    let terms = Terms::load(&mut transaction, "read", tenant, known).await?;
    let Some((definition, parameters)) = terms.definitions.of(kpi, query.definition) else { return Ok(None) };
    let now = known.moment(query.now);
    let evaluation = Evaluation { schema: "read", tenant, kpi, terms: &terms, definition: Some(definition), now };
    let figures = evaluation.over(&mut transaction, query.grain, &[query.period]).await?;
    let figure = figures.into_iter().find(|shown| shown.figure.segment == query.segment);
    let question = Question {
        tenant,
        kpi,
        grain: query.grain,
        periods: &[query.period],
        now,
        plans: &terms.plans,
        at_close: false,
        definition: &parameters,
    };
    let page = Page { segment: &query.segment, after: query.after.as_deref(), limit: query.limit };
    let mut found = parts_of(&mut transaction, "read", &question, &page).await?;
    if figure.is_none() {
        found = Found { parts: Vec::new(), has_more: false, totals: Totals::default(), ..found };
    }
    let marks = marks(&mut *transaction).await?.into_iter().map(|mark| (mark.partition, mark.next_position)).collect();
    transaction.commit().await?;
    let currency = terms.plans.in_force(midnight(query.grain.next(query.period)).min(now)).plan.currency;
    let Found { parts, has_more, totals, left_out } = found;
    Ok(Some(Explanation { figure, definition, parameters, currency, parts, has_more, totals, left_out, marks }))
}

/// A page of the parts of one segment.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    pub segment: &'a str,
    pub after: Option<&'a str>,
    pub limit: u32,
}

/// The parts behind the figure of a question's first period.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub parts: Vec<Part>,
    pub has_more: bool,
    pub totals: Totals,
    pub left_out: Vec<LeftOut>,
}

/// From the views of one schema.
pub async fn parts_of(
    connection: &mut PgConnection,
    schema: &str,
    question: &Question<'_>,
    page: &Page<'_>,
) -> Result<Found, Error> {
    let statement = include_str!("explain.sql").replace("{told}", &parts(question.kpi, schema, "segment = $10"));
    let period = *question.periods.first().expect("a figure is of a period");
    let end = midnight(question.grain.next(period));
    let in_force = question.in_force(end);
    let mut transaction = sqlx::Connection::begin(connection).await?;
    // As for figures.
    (&mut *transaction).execute("SET LOCAL enable_nestloop = off").await?;
    let row = sqlx::query(&statement)
        .bind(question.tenant.as_str())
        .bind(period)
        .bind(midnight(period))
        .bind(end)
        .bind(question.known_before(end))
        .bind(question.now)
        .bind(in_force.plan.currency.as_str())
        .bind(question.definition)
        .bind(in_force.for_formulas())
        .bind(page.segment)
        .bind(page.after)
        .bind(i64::from(page.limit) + 1)
        .bind(EXAMPLES_MAX)
        .bind(EVENTS_MAX)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    found(&row, page.limit)
}

fn found(row: &PgRow, limit: u32) -> Result<Found, Error> {
    let Json(mut parts): Json<Vec<Part>> = row.try_get("parts")?;
    let Json(Sums(amounts)) = row.try_get("sums")?;
    let Json(left_out): Json<Vec<LeftOut>> = row.try_get("left_out")?;
    let has_more = parts.len() > limit as usize;
    parts.truncate(limit as usize);
    let totals = Totals { parts: row.try_get("part_count")?, events: row.try_get("event_count")?, amounts };
    Ok(Found { parts, has_more, totals, left_out })
}

#[derive(Deserialize)]
struct Sums(#[serde(deserialize_with = "decimals")] BTreeMap<String, Decimal>);

/// Of texts: a JSON number would not keep all digits.
pub(super) fn decimals<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Decimal>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    texts.into_iter().map(|(name, text)| Ok((name, text.parse().map_err(D::Error::custom)?))).collect()
}

pub(super) fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}
