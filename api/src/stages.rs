//! `GET /v1/stages`: where the company stands against what each stage of its plan can carry.

use axum::Json;
use axum::extract::State;
use chrono::Utc;
use projections::stages::{Expected, Limit, StageStanding, Standing, standing};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Read};
use crate::parameters::Parameters;
use crate::problem::{Problem, ProblemDocument};
use crate::reading::{Fresh, read};
use crate::state::Shared;

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct StagesParameters {
    /// A write's token: waits until its figures are in
    after: Option<String>,
}

/// Where the company stands. Figures are those of the last complete month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StandingAnswer {
    /// The company's month 1: its first with interactions
    first_month: Option<String>,
    last_complete_month: String,
    /// Counted from the first month; 0 before it
    month_number: u32,
    /// The stage that the plan puts it in
    planned_stage: Option<u16>,
    /// The smallest stage that can carry it; none: it is beyond the last
    needed_stage: Option<u16>,
    /// Active users
    users: u64,
    /// Active interactions
    interactions: u64,
    /// A month, over the last three complete ones, as a factor: 1.1 is 10 %
    users_growth: Option<f64>,
    interactions_growth: Option<f64>,
    stages: Vec<StageAnswer>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StageAnswer {
    number: u16,
    name: String,
    /// First and last month of the stage by the plan
    #[schema(value_type = Vec<u32>)]
    months: (u32, u32),
    users: LimitAnswer,
    interactions: LimitAnswer,
}

/// How much of what a stage can carry is used, and when it is used up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LimitAnswer {
    limit: u64,
    /// 0.5 is half
    share: f64,
    /// `reached`, `ahead`, `never` (it does not grow) or `no_data`
    #[schema(value_type = String)]
    expected: Expected,
    /// Months from the last complete one, at present growth
    months_until: Option<f64>,
}

impl From<Standing> for StandingAnswer {
    fn from(standing: Standing) -> Self {
        Self {
            first_month: standing.first_month,
            last_complete_month: standing.last_complete_month,
            month_number: standing.month_number,
            planned_stage: standing.planned_stage,
            needed_stage: standing.needed_stage,
            users: standing.users,
            interactions: standing.interactions,
            users_growth: standing.users_growth,
            interactions_growth: standing.interactions_growth,
            stages: standing.stages.into_iter().map(StageAnswer::from).collect(),
        }
    }
}

impl From<StageStanding> for StageAnswer {
    fn from(stage: StageStanding) -> Self {
        let StageStanding { number, name, months, users, interactions } = stage;
        Self { number, name, months, users: users.into(), interactions: interactions.into() }
    }
}

impl From<Limit> for LimitAnswer {
    fn from(Limit { limit, share, expected, months_until }: Limit) -> Self {
        Self { limit, share, expected, months_until }
    }
}

/// The plan's stages
///
/// How much of what each stage can carry is used, users and interactions, and when the limit is reached at present growth.
#[utoipa::path(
    get, path = "/v1/stages", tag = "Figures", params(StagesParameters),
    responses(
        (status = 200, description = "The standing", body = Fresh<StandingAnswer>),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Parameters(parameters): Parameters<StagesParameters>,
) -> Result<Json<Fresh<StandingAnswer>>, Problem> {
    let today = Utc::now().date_naive();
    let ask = async { Ok(standing(&api.read_pool, caller.tenant(), today, None).await?) };
    let (standing, freshness) = read(&api, parameters.after.as_deref(), ask).await?;
    Ok(Json(Fresh { data: standing.into(), freshness }))
}
