//! `GET /v1/gates`: what must be so before the next stage, what of it is, and on what evidence.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use projections::kpis::shown::Status;
use projections::reports::gates::{Gate, GateItem, gates};
use serde::Serialize;
use serde_json::Number;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Exact, Question, ReportAnswer, ReportParameters, in_form};
use crate::auth::{Caller, Read};
use crate::parameters::Parameters;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;
use crate::table::{Form, Rows, Table};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// The gate between two stages.
#[derive(Debug, Serialize, ToSchema)]
struct GateAnswer {
    /// Such as `foundation_to_systematization`
    transition: String,
    /// It is the one that the company comes to next
    is_next: bool,
    /// Items met
    #[schema(value_type = Option<f64>)]
    met: Exact,
    /// Of so many
    #[schema(value_type = Option<f64>)]
    of: Exact,
    /// 1 is all of them
    #[schema(value_type = Option<f64>)]
    readiness: Exact,
    /// `reached` or `missed`
    #[schema(value_type = String)]
    status: Status,
    /// The version of the KPI's definition
    definition: u16,
    items: Vec<GateItemAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
struct GateItemAnswer {
    id: String,
    title: String,
    is_met: bool,
    /// `figure`: the ledger tells; `evidence`: somebody said so, and why
    by: String,
    /// The KPI that tells
    #[serde(skip_serializing_if = "Option::is_none")]
    kpi: Option<String>,
    /// What its figure must be at least
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    at_least: Option<Number>,
    /// What its figure is
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    value: Option<Number>,
    /// Where the evidence lies
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
    /// The event that said so: `PARTITION-POSITION`
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// The event of the ledger that it rests on
    #[serde(skip_serializing_if = "Option::is_none")]
    relied_on: Option<String>,
}

impl From<Gate> for GateAnswer {
    fn from(Gate { transition, is_next, shown, items }: Gate) -> Self {
        Self {
            transition,
            is_next,
            met: Exact(shown.figure.numerator),
            of: Exact(shown.figure.denominator),
            readiness: Exact(shown.figure.value),
            status: shown.status,
            definition: shown.definition,
            items: items.into_iter().map(GateItemAnswer::from).collect(),
        }
    }
}

impl From<GateItem> for GateItemAnswer {
    fn from(item: GateItem) -> Self {
        let GateItem { id, title, is_met, by, kpi, at_least, value, evidence, event, relied_on } = item;
        Self { id, title, is_met, by, kpi, at_least, value, evidence, event, relied_on }
    }
}

/// Gate readiness, with evidence
///
/// The plan's gates between stages, item by item: met by a figure where the ledger can tell, else by evidence, with the event
/// that said so. None before a plan was adopted or anything said of an item. JSON, CSV or Parquet by `Accept`.
#[utoipa::path(
    get, path = "/v1/gates", tag = "Reports", params(ReportParameters),
    responses(
        (status = 200, description = "Gate by gate", body = ReportAnswer<GateAnswer>),
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
    let ask = gates(&api.read_pool, question.asked());
    let (report, freshness) = question.answer(&api, |kpi| kpi.id == "gate_readiness", ask).await?;
    let answer = question.report(report, freshness).map(GateAnswer::from);
    in_form((&api, &caller), form, ("gates", false), answer, table).await
}

fn table(gates: &[GateAnswer]) -> Table {
    let rows: Vec<_> = gates.iter().flat_map(|gate| gate.items.iter().map(move |item| (gate, item))).collect();
    let rows = Rows(&rows);
    let decimal = |number: &Option<Number>| number.as_ref().and_then(|number| number.to_string().parse().ok());
    Table::new([
        ("transition", rows.text(|(gate, _)| Some(&gate.transition))),
        ("id", rows.text(|(_, item)| Some(&item.id))),
        ("title", rows.text(|(_, item)| Some(&item.title))),
        ("is_met", rows.truth(|(_, item)| item.is_met)),
        ("by", rows.text(|(_, item)| Some(&item.by))),
        ("kpi", rows.text(|(_, item)| item.kpi.as_ref())),
        ("at_least", rows.number(|(_, item)| decimal(&item.at_least))),
        ("value", rows.number(|(_, item)| decimal(&item.value))),
        ("evidence", rows.text(|(_, item)| item.evidence.as_ref())),
        ("event", rows.text(|(_, item)| item.event.as_ref())),
        ("relied_on", rows.text(|(_, item)| item.relied_on.as_ref())),
    ])
}
