//! What was known at a moment of the past: a generation that was filled up to there, beside what the live one says of that day and
//! says today, and what came in later.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::kpis::{self, Kpi};
use domain::north_star::DEFINITION_1;
use domain::period::midnight;
use domain::{AggregateType, Grain, Position, TenantId};
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use sqlx::{Executor, PgConnection, PgPool, Row};

use crate::error::Error;
use crate::facts::columns::{aggregate_types, table_name};
use crate::generations::{Generation, show};
use crate::kpis::evaluate::{Evaluation, Terms};
use crate::kpis::query::Known;
use crate::kpis::series::facts;
use crate::kpis::shown::{Shown, Status};
use crate::north_star::{Period, SeriesQuery, series_in};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct PastQuery<'a> {
    pub tenant: &'a TenantId,
    /// The generation holds the events below these.
    pub until: &'a [Position],
    /// No event of them was recorded at this moment or later.
    pub before: DateTime<Utc>,
    /// The month whose KPIs are asked for, by its first day.
    pub month: NaiveDate,
    pub now: DateTime<Utc>,
}

/// The day whose end was the last before a moment, or in which the moment is: what `as_of` is asked for.
pub fn as_of(before: DateTime<Utc>) -> NaiveDate {
    (before - TimeDelta::microseconds(1)).date_naive()
}

/// A tenant's figures then, that day, and today.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Past {
    pub tenant: String,
    pub north_star: Vec<Beside<Period>>,
    pub kpis: Vec<Beside<FigureThen>>,
    /// What occurred by then and was recorded later, by kind of fact.
    pub late: Vec<Late>,
}

/// A figure by what was known, thrice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Beside<T> {
    /// `active_capsule_interactions` of the north star.
    pub kpi: &'static str,
    pub period: String,
    pub segment: String,
    /// By the replay.
    pub then: Option<T>,
    /// By the live read models, as of the day.
    pub as_of: Option<T>,
    /// By the live read models, of all there is.
    pub today: Option<T>,
    /// Kinds of facts that it follows from and that came late, where it is another one today.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<String>,
}

impl<T: PartialEq> Beside<T> {
    /// The live read models do not say of the day what the replay says.
    pub fn is_contradicted(&self) -> bool {
        self.then != self.as_of
    }

    /// It was another one than it is today.
    pub fn has_changed(&self) -> bool {
        self.then != self.today
    }
}

/// A KPI's figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureThen {
    #[serde(serialize_with = "number")]
    pub value: Option<Decimal>,
    #[serde(serialize_with = "number")]
    pub numerator: Option<Decimal>,
    #[serde(serialize_with = "number")]
    pub denominator: Option<Decimal>,
    pub n: i64,
    #[serde(serialize_with = "number")]
    pub target: Option<Decimal>,
    pub status: Status,
    pub definition: u16,
}

impl From<Shown> for FigureThen {
    fn from(shown: Shown) -> Self {
        Self {
            value: shown.figure.value,
            numerator: shown.figure.numerator,
            denominator: shown.figure.denominator,
            n: shown.figure.n,
            target: shown.target,
            status: shown.status,
            definition: shown.definition,
        }
    }
}

/// An exact decimal as a number.
fn number<S: Serializer>(number: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = number.map(|number| number.normalize().to_string());
    text.map(|text| RawValue::from_string(text).expect("a decimal is a number")).serialize(serializer)
}

/// Facts of one kind that were recorded later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Late {
    /// The kind of aggregate, or `voided interaction`.
    pub fact: String,
    pub count: i64,
    /// Some of their events.
    pub examples: Vec<String>,
}

const EXAMPLES_MAX: i64 = 5;

/// Every tenant that the live read models know.
pub async fn tenants(pool: &PgPool) -> Result<Vec<TenantId>, Error> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT tenant FROM read.capsules UNION SELECT tenant FROM read.figure_times ORDER BY 1")
            .fetch_all(pool)
            .await?;
    Ok(names.into_iter().map(|name| TenantId::parse(name).expect("a tenant's name was one when it was stored")).collect())
}

/// Compares a generation that was filled up to the past with the live one, all at one moment.
pub async fn past(pool: &PgPool, then: &Generation, query: &PastQuery<'_>) -> Result<Past, Error> {
    let mut transaction = pool.begin().await?;
    (&mut *transaction).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").await?;
    // Taken away by the end of the transaction, which leaves nothing.
    let views = format!("past_{}", then.number);
    (&mut *transaction).execute(format!("CREATE SCHEMA {views}").as_str()).await?;
    show(&mut transaction, then, &views).await?;
    let late = late(&mut transaction, query).await?;
    let kinds: BTreeSet<&str> = late.iter().map(|late| late.kind()).collect();
    let mut found = Past {
        tenant: query.tenant.to_string(),
        north_star: north_star(&mut transaction, &views, query).await?,
        kpis: Vec::new(),
        late: Vec::new(),
    };
    for beside in found.north_star.iter_mut().filter(|beside| beside.has_changed()) {
        beside.late = kinds.iter().filter(|kind| **kind == "interaction").map(|kind| (*kind).to_owned()).collect();
    }
    for kpi in kpis::register() {
        let mut figures = figures(&mut transaction, &views, query, kpi).await?;
        let follows = facts(kpi);
        for beside in figures.iter_mut().filter(|beside| beside.has_changed()) {
            beside.late = kinds.iter().filter(|kind| follows.contains(kind)).map(|kind| (*kind).to_owned()).collect();
        }
        found.kpis.append(&mut figures);
    }
    transaction.rollback().await?;
    found.late = late;
    Ok(found)
}

async fn north_star(connection: &mut PgConnection, views: &str, query: &PastQuery<'_>) -> Result<Vec<Beside<Period>>, Error> {
    let (day, today) = (as_of(query.before), query.now.date_naive());
    let asked =
        SeriesQuery { grain: Grain::Month, from: None, to: Some(day), as_of: None, definition: &DEFINITION_1, today: day };
    let then = series_in(connection, views, query.tenant, &asked).await?;
    let as_of = SeriesQuery { as_of: Some(day), today, ..asked };
    let as_of = series_in(connection, "read", query.tenant, &as_of).await?;
    let now = series_in(connection, "read", query.tenant, &SeriesQuery { today, ..asked }).await?;
    let mut months: BTreeMap<NaiveDate, [Option<Period>; 3]> = BTreeMap::new();
    for (at, series) in [then, as_of, now].into_iter().enumerate() {
        for period in series {
            let start = period.start;
            months.entry(start).or_default()[at] = Some(period);
        }
    }
    let beside = |(start, [then, as_of, today]): (NaiveDate, [Option<Period>; 3])| {
        // A month before the first one that was known had nothing in it.
        let none = || Period::empty(Grain::Month, start);
        let known = |period: Option<Period>| period.filter(|period| *period != Period { partial: period.partial, ..none() });
        Beside {
            kpi: "active_capsule_interactions",
            period: Grain::Month.name(start),
            segment: "all".to_owned(),
            then: known(then),
            as_of: known(as_of),
            today: known(today),
            late: Vec::new(),
        }
    };
    Ok(months.into_iter().map(beside).collect())
}

async fn figures(
    connection: &mut PgConnection,
    views: &str,
    query: &PastQuery<'_>,
    kpi: &'static Kpi,
) -> Result<Vec<Beside<FigureThen>>, Error> {
    let known = Known::of(Some(as_of(query.before)));
    let then_terms = Terms::load(connection, views, query.tenant, Known::Now).await?;
    let known_terms = Terms::load(connection, "read", query.tenant, known).await?;
    let live_terms = Terms::load(connection, "read", query.tenant, Known::Now).await?;
    // All three by the definition that held then.
    let definition = then_terms.definitions.of(kpi, None).map(|(version, _)| version);
    let asked = [
        (views, &then_terms, query.before.min(query.now)),
        ("read", &known_terms, known.moment(query.now)),
        ("read", &live_terms, query.now),
    ];
    let mut segments: BTreeMap<String, [Option<FigureThen>; 3]> = BTreeMap::new();
    for (at, (schema, terms, now)) in asked.into_iter().enumerate() {
        if midnight(query.month) >= now {
            continue; // it had not begun
        }
        let evaluation = Evaluation { schema, tenant: query.tenant, kpi, terms, definition, now };
        for shown in evaluation.over(connection, Grain::Month, &[query.month]).await? {
            let segment = shown.figure.segment.clone();
            segments.entry(segment).or_default()[at] = Some(shown.into());
        }
    }
    let beside = |(segment, [then, as_of, today]): (String, [Option<FigureThen>; 3])| Beside {
        kpi: kpi.id,
        period: Grain::Month.name(query.month),
        segment,
        then,
        as_of,
        today,
        late: Vec::new(),
    };
    Ok(segments.into_iter().map(beside).collect())
}

const VOIDED: &str = "voided interaction";

impl Late {
    fn kind(&self) -> &str {
        if self.fact == VOIDED { AggregateType::Interaction.as_str() } else { &self.fact }
    }
}

/// What is in the live read models, occurred before the moment and is not in the replay.
async fn late(connection: &mut PgConnection, query: &PastQuery<'_>) -> Result<Vec<Late>, Error> {
    let later = "position >= ($3::bigint[])[partition + 1]";
    let of = |table: String, condition: &str| {
        format!(
            "SELECT count(*), coalesce((array_agg(partition || '-' || position ORDER BY partition, position))[1:{EXAMPLES_MAX}], '{{}}')
             FROM read.{table} WHERE tenant = $1 AND occurred_at < $2 AND {condition}"
        )
    };
    let voided = format!("void_recorded_at >= $2 AND NOT {later}");
    let kinds = aggregate_types().map(|kind| (kind.as_str().to_owned(), of(table_name(kind), later)));
    let interactions = [
        (AggregateType::Interaction.as_str().to_owned(), of("interactions".to_owned(), later)),
        (VOIDED.to_owned(), of("interactions".to_owned(), &voided)),
    ];
    let until: Vec<i64> = query.until.iter().map(|position| crate::progress::stored(*position)).collect();
    let mut late = Vec::new();
    for (fact, statement) in interactions.into_iter().chain(kinds) {
        let row = sqlx::query(&statement)
            .bind(query.tenant.as_str())
            .bind(query.before)
            .bind(&until)
            .fetch_one(&mut *connection)
            .await?;
        let (count, examples) = (row.try_get(0)?, row.try_get(1)?);
        if count > 0 {
            late.push(Late { fact, count, examples });
        }
    }
    Ok(late)
}
