//! `GET /v1/unit-economics`: what a customer costs, brings and pays back, stage by stage, against the plan.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::Grain;
use domain::kpis::{Better, Unit};
use projections::kpis::shown::Status;
use projections::reports::unit_economics::{KPIS, StageEconomics, StageFigure, unit_economics};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Exact, Question, ReportAnswer, ReportParameters, difference, in_form};
use crate::auth::{Caller, Read};
use crate::parameters::Parameters;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;
use crate::table::{Form, Rows, Table};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// A stage of the plan, and where the company stood in it.
#[derive(Debug, Serialize, ToSchema)]
struct StageEconomicsAnswer {
    stage: u16,
    name: String,
    /// First and last month of the stage by the plan
    #[schema(value_type = Vec<u32>)]
    months: (u32, u32),
    /// The month that the figures are of: the stage's last, or the present one within it; null: it has not begun
    period: Option<String>,
    /// `cac`, `ltv`, `ltv_to_cac` and `cac_payback_months`
    figures: Vec<StageFigureAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct StageFigureAnswer {
    kpi: &'static str,
    name: &'static str,
    #[schema(value_type = String)]
    unit: Unit,
    #[schema(value_type = String)]
    better: Better,
    /// What the plan says for the stage; null: nothing
    #[schema(value_type = Option<f64>)]
    plan: Exact,
    /// Null: no data, which is not zero
    #[schema(value_type = Option<f64>)]
    value: Exact,
    /// Value less plan
    #[schema(value_type = Option<f64>)]
    variance: Exact,
    #[schema(value_type = Option<f64>)]
    numerator: Exact,
    #[schema(value_type = Option<f64>)]
    denominator: Exact,
    /// How many facts it rests on
    n: i64,
    /// The version of the KPI's definition; null: no figure
    definition: Option<u16>,
    /// The version of the plan in force at the month's end
    plan_version: Option<u16>,
    /// `reached`, `missed`, `in_progress`, `no_target` or `no_data`
    #[schema(value_type = String)]
    status: Status,
    /// What the formula shows beside it, such as gross margin; the reason, where there is no value
    #[schema(value_type = Object)]
    parts: Value,
}

impl From<StageEconomics> for StageEconomicsAnswer {
    fn from(stage: StageEconomics) -> Self {
        let StageEconomics { number, name, months, month, figures } = stage;
        let period = month.map(|month| Grain::Month.name(month));
        Self { stage: number, name, months, period, figures: figures.into_iter().map(StageFigureAnswer::from).collect() }
    }
}

impl From<StageFigure> for StageFigureAnswer {
    fn from(StageFigure { kpi, plan, shown }: StageFigure) -> Self {
        let status = shown.as_ref().map_or(Status::NoData, |shown| shown.status);
        let versions = shown.as_ref().map(|shown| (shown.definition, shown.plan_version));
        let figure = shown.map(|shown| shown.figure);
        let value = figure.as_ref().and_then(|figure| figure.value);
        Self {
            kpi: kpi.id,
            name: kpi.name,
            unit: kpi.unit,
            better: kpi.better,
            plan: Exact(plan),
            value: Exact(value),
            variance: Exact(difference(value, plan)),
            numerator: Exact(figure.as_ref().and_then(|figure| figure.numerator)),
            denominator: Exact(figure.as_ref().and_then(|figure| figure.denominator)),
            n: figure.as_ref().map_or(0, |figure| figure.n),
            definition: versions.map(|(definition, _)| definition),
            plan_version: versions.map(|(_, plan)| plan),
            status,
            parts: figure.map_or_else(|| Value::Object(serde_json::Map::new()), |figure| figure.parts),
        }
    }
}

/// Unit economics by stage, against the plan
///
/// What a customer costs to win, brings in a lifetime and how soon that pays back: of each stage's last month, or the present one
/// within it. JSON, CSV or Parquet by `Accept`.
#[utoipa::path(
    get, path = "/v1/unit-economics", tag = "Reports", params(ReportParameters),
    responses(
        (status = 200, description = "Stage by stage", body = ReportAnswer<StageEconomicsAnswer>),
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
    let ask = unit_economics(&api.read_pool, question.asked());
    let (report, freshness) = question.answer(&api, |kpi| KPIS.contains(&kpi.id), ask).await?;
    let answer = question.report(report, freshness).map(StageEconomicsAnswer::from);
    in_form((&api, &caller), form, ("unit-economics", false), answer, table).await
}

fn table(stages: &[StageEconomicsAnswer]) -> Table {
    let rows: Vec<_> = stages.iter().flat_map(|stage| stage.figures.iter().map(move |figure| (stage, figure))).collect();
    let rows = Rows(&rows);
    Table::new([
        ("stage", rows.whole(|(stage, _)| stage.stage.into())),
        ("name", rows.text(|(stage, _)| Some(&stage.name))),
        ("period", rows.text(|(stage, _)| stage.period.as_ref())),
        ("kpi", rows.text(|(_, figure)| Some(figure.kpi))),
        ("plan", rows.number(|(_, figure)| figure.plan.0)),
        ("value", rows.number(|(_, figure)| figure.value.0)),
        ("variance", rows.number(|(_, figure)| figure.variance.0)),
        ("numerator", rows.number(|(_, figure)| figure.numerator.0)),
        ("denominator", rows.number(|(_, figure)| figure.denominator.0)),
        ("n", rows.whole(|(_, figure)| figure.n)),
        ("status", rows.text(|(_, figure)| Some(figure.status.as_str()))),
    ])
}
