//! `GET /v1/service-levels`: the service levels, and how much of each error budget is left.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use projections::kpis::shown::Status;
use projections::reports::service_levels::{ServiceLevelStanding, service_levels};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Exact, Question, ReportAnswer, ReportParameters, in_form, part};
use crate::auth::{Caller, Read};
use crate::parameters::Parameters;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;
use crate::table::{Form, Rows, Table};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// One service level over the 30 days up to the moment asked for.
#[derive(Debug, Serialize, ToSchema)]
struct ServiceLevelAnswer {
    kpi: &'static str,
    name: &'static str,
    /// Good is what took less, in milliseconds
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_ms: Option<u32>,
    /// What is wished for beyond the limit
    #[serde(skip_serializing_if = "Option::is_none")]
    wished_ms: Option<u32>,
    /// How much is to be good, at least: 0.99 is 99 %; null: the plan names no objective
    #[schema(value_type = Option<f64>)]
    objective: Exact,
    /// Good interactions or requests; of uptime, seconds
    #[schema(value_type = Option<f64>)]
    good: Exact,
    /// Of so many measured; what was not measured is neither good nor bad
    #[schema(value_type = Option<f64>)]
    measured: Exact,
    /// Good divided by measured; null: nothing was measured
    #[schema(value_type = Option<f64>)]
    value: Exact,
    /// 1: all of it is left; 0: used up; below: overdrawn
    #[schema(value_type = Option<f64>)]
    error_budget_left: Exact,
    /// Share within what is wished for
    #[schema(value_type = Option<f64>)]
    within_wished: Exact,
    /// The 95th percentile over all that was measured, in milliseconds
    #[schema(value_type = Option<f64>)]
    p95_ms: Exact,
    /// Of uptime: the share of the 30 days that probes stand for
    #[schema(value_type = Option<f64>)]
    measured_share: Exact,
    /// How many facts it rests on
    n: i64,
    /// The version of the KPI's definition; null: no figure
    definition: Option<u16>,
    /// `reached`, `missed`, `no_target` or `no_data`
    #[schema(value_type = String)]
    status: Status,
}

impl From<ServiceLevelStanding> for ServiceLevelAnswer {
    fn from(ServiceLevelStanding { kpi, level, shown, objective }: ServiceLevelStanding) -> Self {
        let status = shown.as_ref().map_or(Status::NoData, |shown| shown.status);
        let definition = shown.as_ref().map(|shown| shown.definition);
        let figure = shown.map(|shown| shown.figure);
        let parts = figure.as_ref().map_or(&Value::Null, |figure| &figure.parts);
        Self {
            kpi: kpi.id,
            name: kpi.name,
            limit_ms: level.as_ref().and_then(|level| level.limit_ms),
            wished_ms: level.as_ref().and_then(|level| level.wished_ms),
            objective: Exact(objective),
            error_budget_left: part(parts, "error_budget_left"),
            within_wished: part(parts, "within_wished"),
            p95_ms: part(parts, "p95_ms"),
            measured_share: part(parts, "measured_share"),
            good: Exact(figure.as_ref().and_then(|figure| figure.numerator)),
            measured: Exact(figure.as_ref().and_then(|figure| figure.denominator)),
            value: Exact(figure.as_ref().and_then(|figure| figure.value)),
            n: figure.map_or(0, |figure| figure.n),
            definition,
            status,
        }
    }
}

/// Service levels, with error budgets
///
/// Each over the 30 days up to now, against the plan's objective, with the error budget that is left. `/v1/kpis/slo_uptime` and
/// the others have the series. JSON, CSV or Parquet by `Accept`.
#[utoipa::path(
    get, path = "/v1/service-levels", tag = "Reports", params(ReportParameters),
    responses(
        (status = 200, description = "All of them, measured or not", body = ReportAnswer<ServiceLevelAnswer>),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Parameters(parameters): Parameters<ReportParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = Form::asked_for(&headers)?;
    let question = Question::parse(caller.tenant(), parameters.as_of.as_deref(), parameters.after.as_deref())?;
    let ask = service_levels(&api.read_pool, question.asked());
    let (report, freshness) = question.answer(&api, |kpi| kpi.id.starts_with("slo_"), ask).await?;
    let answer = question.report(report, freshness).map(ServiceLevelAnswer::from);
    in_form((&api, &caller), form, ("service-levels", false), answer, table).await
}

fn table(rows: &[ServiceLevelAnswer]) -> Table {
    let rows = Rows(rows);
    Table::new([
        ("kpi", rows.text(|row| Some(row.kpi))),
        ("name", rows.text(|row| Some(row.name))),
        ("limit_ms", rows.number(|row| row.limit_ms.map(Into::into))),
        ("wished_ms", rows.number(|row| row.wished_ms.map(Into::into))),
        ("objective", rows.number(|row| row.objective.0)),
        ("good", rows.number(|row| row.good.0)),
        ("measured", rows.number(|row| row.measured.0)),
        ("value", rows.number(|row| row.value.0)),
        ("error_budget_left", rows.number(|row| row.error_budget_left.0)),
        ("within_wished", rows.number(|row| row.within_wished.0)),
        ("p95_ms", rows.number(|row| row.p95_ms.0)),
        ("measured_share", rows.number(|row| row.measured_share.0)),
        ("n", rows.whole(|row| row.n)),
        ("status", rows.text(|row| Some(row.status.as_str()))),
    ])
}
