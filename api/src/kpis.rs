//! `GET /v1/kpis`, `/v1/kpis/{id}`, `/v1/kpis/{id}/explain` and `/v1/kpis/{id}/late`: the register, a figure's series, what a figure
//! comes from, and what has changed it since a past day.

mod attest;
pub(crate) mod explain;
pub(crate) mod late;
mod parameters;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, NaiveDate, Utc};
use domain::audit::Exported;
use domain::kpis::{Better, Kpi, KpiFunction, Unit, find, register};
use domain::money::Currency;
use domain::plan::Contradiction;
use domain::{Grain, TenantId};
use projections::kpis::evaluate::Terms;
use projections::kpis::late::Since;
use projections::kpis::query::Known;
use projections::kpis::series::{Series, is_due, series_by};
use projections::kpis::shown::{Shown, Status};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::parameters::{Asked, KpiParameters, KpisParameters};
use crate::access::{self, Export};
use crate::auth::{Caller, Read};
use crate::parameters::{Parameters, cursor};
use crate::problem::{NOT_FOUND, NOT_YET_VISIBLE, Problem, ProblemDocument};
use crate::progression::Freshness;
use crate::reading::read;
use crate::state::{Api, Shared};
use crate::table::{Form, Rows, Table};

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).merge(explain::router()).merge(late::router())
}

/// A KPI as the register has it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KpiAnswer {
    id: &'static str,
    /// Whose it is: `product`, `engineering`, `sales`, …
    #[schema(value_type = String)]
    function: KpiFunction,
    name: &'static str,
    /// How it is made, in words
    formula: &'static str,
    numerator: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    denominator: Option<&'static str>,
    /// What `n` counts
    n: &'static str,
    /// `count`, `ratio` (0.25 is 25 %), `days`, `hours`, `months`, `money`, `score`, `points`, `fte`, `level` or `times`
    #[schema(value_type = String)]
    unit: Unit,
    /// `higher`, `lower` or `on_target`
    #[schema(value_type = String)]
    better: Better,
    /// Its own first
    #[schema(value_type = Vec<String>)]
    grains: &'static [Grain],
    /// How much of the past it looks at, in words
    window: String,
    /// What it can be split by
    dimensions: &'static [&'static str],
    /// Whether there is a figure over all segments, named `all`
    has_total: bool,
    /// The version of its definition in force
    definition: u16,
    /// Every version there is
    definitions: Vec<u16>,
    /// The definition's parameters
    #[schema(value_type = Object)]
    parameters: Value,
    /// The events that it follows from
    facts: &'static [&'static str],
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KpisAnswer {
    data: Vec<KpiAnswer>,
    /// Where the plan in force contradicts itself; its figures stand as written
    notes: Vec<NoteAnswer>,
    freshness: Freshness,
}

/// Two statements of the plan that cannot both be so.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NoteAnswer {
    /// The KPIs whose targets it concerns
    #[schema(value_type = Vec<String>)]
    kpis: Vec<&'static str>,
    stage: u16,
    detail: String,
}

impl From<Contradiction> for NoteAnswer {
    fn from(Contradiction { kpis, stage, detail }: Contradiction) -> Self {
        Self { kpis, stage, detail }
    }
}

/// One figure.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FigureAnswer {
    /// `2026-10-31`, `2026-W44`, `2026-10` or `2026-Q4`
    period: String,
    /// `all`, or `DIMENSION:VALUE`
    segment: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    numerator: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    denominator: Option<Box<RawValue>>,
    /// How many facts it rests on
    n: i64,
    /// An exact decimal; null: no data, which is not zero
    #[schema(value_type = Option<f64>)]
    value: Option<Box<RawValue>>,
    /// What the plan in force names for it; null: no target
    #[schema(value_type = Option<f64>)]
    target: Option<Box<RawValue>>,
    /// `reached`, `missed`, `in_progress` (missed so far, by what is counted up to the end of a period that is not over), `no_target`
    /// or `no_data`
    #[schema(value_type = String)]
    status: Status,
    /// The version of the plan in force at the period's end
    plan_version: u16,
    /// The period is not over
    partial: bool,
    /// What it was when the period closed, where it has changed since
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    restated_from: Option<Box<RawValue>>,
    /// What the formula shows beside it, such as a median
    #[serde(skip_serializing_if = "is_empty")]
    #[schema(value_type = Object)]
    parts: Value,
    /// With `as_of`: the value of this period and segment as it is known now; null: no data
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    now: Option<Option<Box<RawValue>>>,
    /// With `as_of`: `now` less `value`; none where the plan in force now is in another currency
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    difference: Option<Box<RawValue>>,
    /// With `as_of`: how many events recorded after that day changed it; `/v1/kpis/{id}/late` lists them
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SeriesAnswer {
    /// Oldest first; a period without data has no figure
    data: Vec<FigureAnswer>,
    /// `cursor` of the next page; none: this is the last
    next: Option<String>,
    kpi: KpiAnswer,
    #[schema(value_type = String)]
    grain: Grain,
    /// The version of the definition that these figures are made by
    definition: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<NaiveDate>,
    /// When the figures were made; none: for this question
    #[serde(skip_serializing_if = "Option::is_none")]
    computed_at: Option<DateTime<Utc>>,
    /// Facts have come in that they do not show yet
    due: bool,
    /// The currency of the plan in force, of a figure in money
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    /// Facts that the figures leave out, whenever they occurred; none: nothing is left out
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<LeftOutAnswer>,
    /// Where the plan contradicts itself about this KPI's targets
    notes: Vec<NoteAnswer>,
    freshness: Freshness,
}

/// What the figures do not count, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LeftOutAnswer {
    /// How many facts
    count: i64,
    reason: String,
}

impl LeftOutAnswer {
    fn of(in_other_currencies: i64, currency: Currency) -> Option<Self> {
        let reason = || format!("in another currency than the plan's, {}", currency.as_str());
        (in_other_currencies > 0).then(|| Self { count: in_other_currencies, reason: reason() })
    }
}

impl FigureAnswer {
    pub(crate) fn of(grain: Grain, shown: Shown) -> Self {
        let Shown { figure, target, status, plan_version, is_partial, restated_from, .. } = shown;
        Self {
            period: grain.name(figure.period),
            segment: figure.segment,
            numerator: exact(figure.numerator),
            denominator: exact(figure.denominator),
            n: figure.n,
            value: exact(figure.value),
            target: exact(target),
            status,
            plan_version,
            partial: is_partial,
            restated_from: exact(restated_from),
            parts: figure.parts,
            now: None,
            difference: None,
            late: None,
        }
    }

    /// With what it is now, where it is of a past day; the currency is that of the figure in money that is shown.
    fn since(grain: Grain, shown: Shown, since: Option<Since>, currency: Option<Currency>) -> Self {
        let Some(Since { now, currency: currency_now, late }) = since else { return Self::of(grain, shown) };
        let (then, now) = (shown.figure.value, now.and_then(|now| now.figure.value));
        let are_alike = currency.is_none_or(|currency| currency == currency_now);
        Self {
            now: Some(exact(now)),
            difference: exact(now.zip(then).filter(|_| are_alike).map(|(now, then)| now - then)),
            late: Some(late),
            ..Self::of(grain, shown)
        }
    }
}

impl KpiAnswer {
    fn of(kpi: &'static Kpi, terms: &Terms) -> Self {
        let (definition, parameters) = terms.definitions.of(kpi, None).expect("the register has a definition of every KPI");
        Self {
            id: kpi.id,
            function: kpi.function,
            name: kpi.name,
            formula: kpi.formula,
            numerator: kpi.numerator,
            denominator: kpi.denominator,
            n: kpi.n,
            unit: kpi.unit,
            better: kpi.better,
            grains: kpi.grains,
            window: kpi.window.in_words(),
            dimensions: kpi.dimensions,
            has_total: kpi.has_total,
            definition,
            definitions: terms.definitions.versions(kpi),
            parameters,
            facts: kpi.facts,
        }
    }
}

/// The series as a table; what stands beside a figure is JSON.
fn table(kpi: &Kpi, grain: Grain, figures: &[Shown]) -> Table {
    let rows = Rows(figures);
    Table::new([
        ("kpi", rows.text(|_| Some(kpi.id))),
        ("grain", rows.text(|_| Some(grain.as_str()))),
        ("period", rows.text(|shown| Some(grain.name(shown.figure.period)))),
        ("period_start", rows.day(|shown| shown.figure.period)),
        ("segment", rows.text(|shown| Some(&shown.figure.segment))),
        ("numerator", rows.number(|shown| shown.figure.numerator)),
        ("denominator", rows.number(|shown| shown.figure.denominator)),
        ("n", rows.whole(|shown| shown.figure.n)),
        ("value", rows.number(|shown| shown.figure.value)),
        ("target", rows.number(|shown| shown.target)),
        ("status", rows.text(|shown| Some(shown.status.as_str()))),
        ("definition", rows.whole(|shown| shown.definition.into())),
        ("plan_version", rows.whole(|shown| shown.plan_version.into())),
        ("partial", rows.truth(|shown| shown.is_partial)),
        ("restated_from", rows.number(|shown| shown.restated_from)),
        ("parts", rows.text(|shown| Some(shown.figure.parts.to_string()))),
    ])
}

/// A decimal as a JSON number, digit for digit.
pub(crate) fn exact(number: Option<Decimal>) -> Option<Box<RawValue>> {
    number.map(|number| RawValue::from_string(number.normalize().to_string()).expect("a decimal is a JSON number"))
}

fn is_empty(parts: &Value) -> bool {
    parts.as_object().is_some_and(serde_json::Map::is_empty)
}

fn notes(terms: &Terms, kpi: Option<&Kpi>, now: DateTime<Utc>) -> Vec<NoteAnswer> {
    let in_force = terms.in_force(now);
    let concerns = |note: &Contradiction| kpi.is_none_or(|kpi| note.kpis.contains(&kpi.id));
    in_force.plan.contradictions().into_iter().filter(concerns).map(NoteAnswer::from).collect()
}

/// The register of KPIs
///
/// What each figure means, from which events it follows and how it is made.
#[utoipa::path(
    get, path = "/v1/kpis", tag = "Figures", params(KpisParameters),
    responses(
        (status = 200, description = "The register, function by function", body = KpisAnswer),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn list(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Parameters(parameters): Parameters<KpisParameters>,
) -> Result<Json<KpisAnswer>, Problem> {
    let ask = async { Ok(terms(&api, &caller, Known::Now).await?) };
    let (terms, freshness) = read(&api, parameters.after.as_deref(), ask).await?;
    let data = register().map(|kpi| KpiAnswer::of(kpi, &terms)).collect();
    Ok(Json(KpisAnswer { data, notes: notes(&terms, None, Utc::now()), freshness }))
}

async fn terms(api: &Api, caller: &Caller<Read>, known: Known) -> Result<Terms, projections::Error> {
    let mut connection = api.read_pool.acquire().await?;
    Terms::load(&mut connection, "read", caller.tenant(), known).await
}

/// A KPI's series
///
/// Each figure with its numerator and denominator, the number of facts it rests on, its target by the plan in force at that
/// time, and what it was when its period closed. With `as_of` each is as it was known then, beside what it is now, and how many events
/// recorded since changed it (JSON alone). Answers JSON; `text/csv` and `application/vnd.apache.parquet` by `Accept`, with
/// the next page's `cursor` in header `Ledger-Next` where a `limit` was given.
#[utoipa::path(
    get, path = "/v1/kpis/{id}", tag = "Figures", params(("id" = String, Path), KpiParameters),
    responses(
        (status = 200, description = "The series, oldest first", content(
            (SeriesAnswer = "application/json"), (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet"),
        )),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<KpiParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let kpi = known(&id)?;
    let form = Form::named_or_asked_for(parameters.format.as_deref(), &headers)?;
    let now = Utc::now();
    let asked = Asked::parse(kpi, &parameters, form, now)?;
    let ask = async {
        if parameters.after.is_some() {
            wait_until_made(&api, caller.tenant(), &[kpi]).await?;
        }
        let terms = terms(&api, &caller, Known::of(asked.query.as_of)).await?;
        let found = series_by(&api.read_pool, caller.tenant(), &terms, kpi, &asked.query).await?;
        let found = found.ok_or_else(|| unknown_definition(asked.query.definition))?;
        let since = match form {
            Form::Json if asked.since => late::since(&api, caller.tenant(), &terms, (kpi, &asked.query), &found).await?,
            _ => Vec::new(),
        };
        Ok((found, since, terms))
    };
    let ((series, since, terms), freshness) = read(&api, parameters.after.as_deref(), ask).await?;
    let grain = asked.query.grain;
    let last = series.figures.last().filter(|_| series.has_more);
    let next = last.map(|shown| cursor(shown.figure.period, &shown.figure.segment));
    if form != Form::Json {
        let response = table(kpi, grain, &series.figures).page(form, kpi.id, next.as_deref(), parameters.limit.is_some())?;
        access::export(&api, &caller, Export::table(Exported::Kpi, kpi.id, form, series.figures.len())).await?;
        return Ok(response);
    }
    let Series { figures, definition, computed_at, is_due, currency, in_other_currencies, .. } = series;
    let of_money = (kpi.unit == Unit::Money).then_some(currency);
    Ok(Json(SeriesAnswer {
        data: figures
            .into_iter()
            .zip(since.into_iter().map(Some).chain(std::iter::repeat(None)))
            .map(|(shown, since)| FigureAnswer::since(grain, shown, since, of_money))
            .collect(),
        next,
        kpi: KpiAnswer::of(kpi, &terms),
        grain,
        definition,
        as_of: asked.query.as_of,
        computed_at,
        due: is_due,
        currency: of_money,
        left_out: LeftOutAnswer::of(in_other_currencies, currency),
        notes: notes(&terms, Some(kpi), now),
        freshness,
    })
    .into_response())
}

fn known(id: &str) -> Result<&'static Kpi, Problem> {
    find(id).ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no KPI {id:?}; /v1/kpis lists them")))
}

fn unknown_definition(asked: Option<u16>) -> Problem {
    Problem::parameter("definition", format!("{} does not exist; /v1/kpis names those that do", asked.unwrap_or_default()))
}

/// Facts come first, figures right after them: a read that waits for a write waits for both.
pub(crate) async fn wait_until_made(api: &Api, tenant: &TenantId, kpis: &[&Kpi]) -> Result<(), Problem> {
    let made = async {
        for kpi in kpis {
            while is_due(&api.read_pool, tenant, kpi).await? {
                tokio::time::sleep(crate::settings::FIGURES_LOOK_EACH).await;
            }
        }
        Ok::<_, Problem>(())
    };
    match tokio::time::timeout(api.settings.wait_max, made).await {
        Ok(made) => made,
        Err(_) => {
            let detail = format!("the figure was not made anew within {} ms", api.settings.wait_max.as_millis());
            Err(Problem::new(&NOT_YET_VISIBLE, detail))
        }
    }
}
