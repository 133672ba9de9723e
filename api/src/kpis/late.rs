//! `GET /v1/kpis/{id}/late`: what has changed a figure since a past day, part by part, with the events recorded since.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::kpis::{Kpi, Unit};
use domain::money::Currency;
use domain::period::midnight;
use domain::{Grain, Partition, Position, TenantId};
use projections::kpis::evaluate::Terms;
use projections::kpis::late::{Late, LatePart, LateQuery, LateTotals, Since, late, since as beside};
use projections::kpis::query::Known;
use projections::kpis::series::{Series, SeriesQuery};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::explain::{ExplainParameters, asked as explained, numbers};
use super::{FigureAnswer, KpiAnswer, exact, known, terms, unknown_definition};
use crate::auth::{Caller, Read};
use crate::parameters::{Parameters, cursor};
use crate::problem::{Problem, ProblemDocument};
use crate::progression::Freshness;
use crate::reading::read;
use crate::state::{Api, Shared};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// What has changed a figure since a past day
#[derive(Debug, Serialize, ToSchema)]
struct LateAnswer {
    /// The parts that changed, in order of their names
    data: Vec<LatePartAnswer>,
    /// `cursor` of the next page; none: this is the last
    next: Option<String>,
    /// Whatever the page
    totals: LateTotalsAnswer,
    /// As it was known at the end of that day; null: there was no data
    then: Option<FigureAnswer>,
    /// As it is known now; null: there is no data
    now: Option<FigureAnswer>,
    /// The value now less the value then; null where they are in two currencies
    #[schema(value_type = Option<f64>)]
    difference: Option<Box<RawValue>>,
    kpi: KpiAnswer,
    #[schema(value_type = String)]
    grain: Grain,
    period: String,
    segment: String,
    /// The version of the definition that both are made by
    definition: u16,
    as_of: NaiveDate,
    /// The currency of the plan in force, of a figure in money
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    /// That of the plan in force then, where it was another
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    currency_then: Option<Currency>,
    freshness: Freshness,
}

/// A deal, deployment, user, … that adds something else to a figure than it did
#[derive(Debug, Serialize, ToSchema)]
struct LatePartAnswer {
    /// What it is, such as `deal:d-1`
    part: String,
    /// What it added then; null: it was no part
    #[schema(value_type = Option<BTreeMap<String, f64>>)]
    then: Option<BTreeMap<String, Box<RawValue>>>,
    /// What it adds now; null: it is no part any more
    #[schema(value_type = Option<BTreeMap<String, f64>>)]
    now: Option<BTreeMap<String, Box<RawValue>>>,
    /// Its own measure then, where the figure is the median of them
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    value_then: Option<Box<RawValue>>,
    /// Its own measure now
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    value_now: Option<Box<RawValue>>,
    /// Why it counts as it does, or does not any more
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Ids of the events recorded since that it rests on, at most 1000; what has none of its own changed by another plan or as the other parts did: theirs, or all that the figure follows from; none: the period was not over then, and time changed it
    events: Vec<String>,
    /// How many they are
    event_count: u64,
}

/// What all parts add up to, then and now
#[derive(Debug, Serialize, ToSchema)]
struct LateTotalsAnswer {
    /// How many changed
    parts: i64,
    /// Recorded since, each counted once
    events: i64,
    #[schema(value_type = BTreeMap<String, f64>)]
    then: BTreeMap<String, Box<RawValue>>,
    #[schema(value_type = BTreeMap<String, f64>)]
    now: BTreeMap<String, Box<RawValue>>,
    /// What the parts that changed make of it: `now` less `then`
    #[schema(value_type = BTreeMap<String, f64>)]
    difference: BTreeMap<String, Box<RawValue>>,
}

impl From<LatePart> for LatePartAnswer {
    fn from(LatePart { part, then, now, value_then, value_now, note, events, event_count }: LatePart) -> Self {
        let (then, now) = (then.map(numbers), now.map(numbers));
        Self { part, then, now, value_then: exact(value_then), value_now: exact(value_now), note, events, event_count }
    }
}

impl From<LateTotals> for LateTotalsAnswer {
    fn from(LateTotals { parts, events, amounts }: LateTotals) -> Self {
        let of = |sum: fn((rust_decimal::Decimal, rust_decimal::Decimal)) -> rust_decimal::Decimal| {
            numbers(amounts.iter().map(|(name, sums)| (name.clone(), sum(*sums))).collect())
        };
        Self { parts, events, then: of(|(then, _)| then), now: of(|(_, now)| now), difference: of(|(then, now)| now - then) }
    }
}

/// What is asked, in types: as an explanation is asked for, of a past day.
pub(crate) fn asked(kpi: &Kpi, parameters: &ExplainParameters, now: DateTime<Utc>) -> Result<LateQuery, Problem> {
    let query = explained(kpi, parameters, now)?;
    let Some(as_of) = query.as_of else {
        return Err(Problem::parameter("as_of", "is missing: the last day, UTC, whose knowledge the present is compared with"));
    };
    Ok(LateQuery {
        grain: query.grain,
        period: query.period,
        segment: query.segment,
        as_of,
        definition: query.definition,
        after: query.after,
        limit: query.limit,
        now: query.now,
    })
}

/// What has changed a figure since, of one moment.
pub(crate) async fn changes(api: &Api, tenant: &TenantId, kpi: &'static Kpi, query: &LateQuery) -> Result<Late, Problem> {
    let first_late = first_late(api, query.as_of).await?;
    let found = late(&api.read_pool, tenant, kpi, query, &first_late).await?;
    found.ok_or_else(|| unknown_definition(query.definition))
}

/// Beside each figure of a series as of a past day what it is now; nothing where it is of the present.
pub(crate) async fn since(
    api: &Api,
    tenant: &TenantId,
    terms: &Terms,
    asked: (&'static Kpi, &SeriesQuery),
    then: &Series,
) -> Result<Vec<Since>, Problem> {
    let Some(day) = asked.1.as_of else { return Ok(Vec::new()) };
    let first_late = first_late(api, day).await?;
    Ok(beside(&api.read_pool, tenant, terms, asked, then, &first_late).await?)
}

/// Of each partition the first position that was recorded after a day.
pub(crate) async fn first_late(api: &Api, day: NaiveDate) -> Result<Vec<(Partition, Position)>, Problem> {
    Ok(api.store.first_since(midnight(day + Days::new(1))).await?)
}

/// What has changed a figure since a past day
///
/// The figure as it was known at the end of `as_of`, as it is known now, and the parts by which the two differ: what each added
/// then and adds now, with the events recorded since that changed it. What the parts differ by, added up, is what the figure differs
/// by. Where the period was not over on that day, what happened in the rest of it is among them.
#[utoipa::path(
    get, path = "/v1/kpis/{id}/late", tag = "Figures", params(("id" = String, Path), ExplainParameters),
    responses(
        (status = 200, description = "The parts that changed, page by page", body = LateAnswer),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ExplainParameters>,
) -> Result<Json<LateAnswer>, Problem> {
    let kpi = known(&id)?;
    let query = asked(kpi, &parameters, Utc::now())?;
    let ask = async {
        let found = changes(&api, caller.tenant(), kpi, &query).await?;
        Ok((found, terms(&api, &caller, Known::Now).await?))
    };
    let ((found, terms), freshness) = read(&api, parameters.after.as_deref(), ask).await?;
    let Late { then, now, definition, currency_then, currency, parts, has_more, totals } = found;
    let value = |shown: &Option<projections::kpis::shown::Shown>| shown.as_ref().and_then(|shown| shown.figure.value);
    let is_money = kpi.unit == Unit::Money;
    let are_alike = !is_money || currency == currency_then;
    let difference = value(&now).zip(value(&then)).filter(|_| are_alike).map(|(now, then)| now - then);
    let next = parts.last().filter(|_| has_more).map(|part| cursor(query.period, &part.part));
    Ok(Json(LateAnswer {
        data: parts.into_iter().map(LatePartAnswer::from).collect(),
        next,
        totals: totals.into(),
        then: then.map(|shown| FigureAnswer::of(query.grain, shown)),
        now: now.map(|shown| FigureAnswer::of(query.grain, shown)),
        difference: exact(difference),
        kpi: KpiAnswer::of(kpi, &terms),
        grain: query.grain,
        period: query.grain.name(query.period),
        segment: query.segment,
        definition,
        as_of: query.as_of,
        currency: is_money.then_some(currency),
        currency_then: (!are_alike).then_some(currency_then),
        freshness,
    }))
}
