//! `GET /v1/budget`: money spent against the budget, by category and month.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use domain::Grain;
use projections::kpis::shown::{Shown, Status};
use projections::reports::budget::budget;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Exact, MonthsParameters, Question, ReportAnswer, in_form, months, part};
use crate::auth::{Caller, Read};
use crate::parameters::Parameters;
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;
use crate::table::{Form, Rows, Table};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// One category, or all of them, in one month.
#[derive(Debug, Serialize, ToSchema)]
struct BudgetAnswer {
    period: String,
    /// `all`, `personnel`, `infrastructure`, `marketing`, `operations`
    category: String,
    /// Money spent
    #[schema(value_type = Option<f64>)]
    actual: Exact,
    /// Null: there is none for the category
    #[schema(value_type = Option<f64>)]
    budget: Exact,
    /// Actual less budget
    #[schema(value_type = Option<f64>)]
    variance: Exact,
    /// Actual divided by budget: 0.5 is half of it
    #[schema(value_type = Option<f64>)]
    share_of_budget: Exact,
    /// `budgets` that were set, the `plan`'s share of its stage, or `budgets and plan`
    budget_from: String,
    /// Records of money spent
    n: i64,
    /// `reached` (within the budget), `missed`, `in_progress`, `no_target` or `no_data`
    #[schema(value_type = String)]
    status: Status,
    /// The version of the KPI's definition
    definition: u16,
    /// The version of the plan in force at the month's end
    plan_version: u16,
    /// The month is not over; its budget is the whole month's
    partial: bool,
    /// What the variance was when the month closed, where it has changed since
    #[schema(value_type = Option<f64>)]
    restated_from: Exact,
}

impl From<Shown> for BudgetAnswer {
    fn from(shown: Shown) -> Self {
        let figure = shown.figure;
        Self {
            period: Grain::Month.name(figure.period),
            category: figure.segment.strip_prefix("category:").unwrap_or(&figure.segment).to_owned(),
            actual: Exact(figure.numerator),
            budget: Exact(figure.denominator),
            variance: Exact(figure.value),
            share_of_budget: part(&figure.parts, "share_of_plan"),
            budget_from: figure.parts["plan_from"].as_str().unwrap_or_default().to_owned(),
            n: figure.n,
            status: shown.status,
            definition: shown.definition,
            plan_version: shown.plan_version,
            partial: shown.is_partial,
            restated_from: Exact(shown.restated_from),
        }
    }
}

/// Budget against actuals
///
/// By category and month. The budget is the one that was set for the month, else the plan's share of the stage's budget, spread
/// evenly over its months. JSON, CSV or Parquet by `Accept`.
#[utoipa::path(
    get, path = "/v1/budget", tag = "Reports", params(MonthsParameters),
    responses(
        (status = 200, description = "Month by month, oldest first; default: the last 24", body = ReportAnswer<BudgetAnswer>),
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
    let (from, to) = months(&parameters)?;
    let to = to.unwrap_or(question.last_day());
    let from = from.unwrap_or_else(|| Grain::Month.before(Grain::Month.start(to), 23));
    let ask = budget(&api.read_pool, question.asked(), (from, to));
    let (report, freshness) = question.answer(&api, |kpi| kpi.id == "budget_variance", ask).await?;
    let answer = question.report(report, freshness).map(BudgetAnswer::from);
    in_form((&api, &caller), form, ("budget", false), answer, table).await
}

fn table(rows: &[BudgetAnswer]) -> Table {
    let rows = Rows(rows);
    Table::new([
        ("period", rows.text(|row| Some(&row.period))),
        ("category", rows.text(|row| Some(&row.category))),
        ("actual", rows.number(|row| row.actual.0)),
        ("budget", rows.number(|row| row.budget.0)),
        ("variance", rows.number(|row| row.variance.0)),
        ("share_of_budget", rows.number(|row| row.share_of_budget.0)),
        ("budget_from", rows.text(|row| Some(&row.budget_from))),
        ("n", rows.whole(|row| row.n)),
        ("status", rows.text(|row| Some(row.status.as_str()))),
        ("plan_version", rows.whole(|row| row.plan_version.into())),
        ("partial", rows.truth(|row| row.partial)),
        ("restated_from", rows.number(|row| row.restated_from.0)),
    ])
}
