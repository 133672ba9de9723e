//! `GET /v1/headcount`: people employed against the hiring plan, by function and month.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::Grain;
use projections::kpis::shown::Status;
use projections::reports::headcount::{Headcount, headcount};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Exact, MonthsParameters, Question, ReportAnswer, difference, in_form, months};
use crate::auth::{Caller, Read};
use crate::parameters::Parameters;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;
use crate::table::{Form, Rows, Table};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// One function, or all of them, at one month's end.
#[derive(Debug, Serialize, ToSchema)]
struct HeadcountAnswer {
    period: String,
    /// `all`, `engineering`, `product`, `sales`, …
    function: String,
    /// Full-time equivalents employed: half-time people are 0.5; null: no data, or the month is to come
    #[schema(value_type = Option<f64>)]
    fte: Exact,
    /// People employed
    people: i64,
    /// Full-time equivalents by the hiring plan; null: it names none
    #[schema(value_type = Option<f64>)]
    plan: Exact,
    /// Employed less planned
    #[schema(value_type = Option<f64>)]
    variance: Exact,
    /// `reached` (within a tenth of the plan), `missed`, `no_target` or `no_data`
    #[schema(value_type = String)]
    status: Status,
    /// The version of the KPI's definition; null: no figure
    definition: Option<u16>,
    /// The version of the plan in force at the month's end; null: no figure
    plan_version: Option<u16>,
    /// The month is not over
    partial: bool,
    /// What it was when the month closed, where it has changed since
    #[schema(value_type = Option<f64>)]
    restated_from: Exact,
}

impl From<Headcount> for HeadcountAnswer {
    fn from(Headcount { month, segment, plan, shown }: Headcount) -> Self {
        let fte = shown.as_ref().and_then(|shown| shown.figure.value);
        Self {
            period: Grain::Month.name(month),
            function: segment.strip_prefix("function:").unwrap_or(&segment).to_owned(),
            fte: Exact(fte),
            people: shown.as_ref().map_or(0, |shown| shown.figure.n),
            plan: Exact(plan),
            variance: Exact(difference(fte, plan)),
            status: shown.as_ref().map_or(Status::NoData, |shown| shown.status),
            definition: shown.as_ref().map(|shown| shown.definition),
            plan_version: shown.as_ref().map(|shown| shown.plan_version),
            partial: shown.as_ref().is_none_or(|shown| shown.is_partial),
            restated_from: Exact(shown.and_then(|shown| shown.restated_from)),
        }
    }
}

/// Headcount against the hiring plan
///
/// By function and month, over the whole plan: months to come have their plan and no figure. JSON, CSV or Parquet by `Accept`.
#[utoipa::path(
    get, path = "/v1/headcount", tag = "Reports", params(MonthsParameters),
    responses(
        (status = 200, description = "Month by month, from the company's first to the plan's last", body = ReportAnswer<HeadcountAnswer>),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Parameters(parameters): Parameters<MonthsParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = Form::asked_for(&headers)?;
    let question = Question::parse(caller.tenant(), parameters.as_of.as_deref(), parameters.after.as_deref())?;
    let ask = headcount(&api.read_pool, question.asked(), months(&parameters)?);
    let (report, freshness) = question.answer(&api, |kpi| kpi.id == "headcount_vs_plan", ask).await?;
    let answer = question.report(report, freshness).map(HeadcountAnswer::from);
    in_form((&api, &caller), form, ("headcount", false), answer, table).await
}

fn table(rows: &[HeadcountAnswer]) -> Table {
    let rows = Rows(rows);
    Table::new([
        ("period", rows.text(|row| Some(&row.period))),
        ("function", rows.text(|row| Some(&row.function))),
        ("fte", rows.number(|row| row.fte.0)),
        ("people", rows.whole(|row| row.people)),
        ("plan", rows.number(|row| row.plan.0)),
        ("variance", rows.number(|row| row.variance.0)),
        ("status", rows.text(|row| Some(row.status.as_str()))),
        ("partial", rows.truth(|row| row.partial)),
        ("restated_from", rows.number(|row| row.restated_from.0)),
    ])
}
