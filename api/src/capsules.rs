//! `GET /v1/capsules` and `/v1/capsules/{id}`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::CapsuleId;
use projections::capsules::{Capsule, CapsuleState, by_id, list};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Read};
use crate::parameters::{Parameters, limit};
use crate::problem::{NOT_FOUND, Problem, ProblemDocument};
use crate::progression::Freshness;
use crate::reading::read;
use crate::state::Shared;

const PAGE_DEFAULT: u16 = 100;
const PAGE_MAX: u16 = 1_000;

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(show))
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CapsuleAnswer {
    id: String,
    title: String,
    /// `draft`, `open` or `closed`
    #[schema(value_type = String)]
    state: CapsuleState,
    created_at: Option<DateTime<Utc>>,
    published_at: Option<DateTime<Utc>>,
    archived_at: Option<DateTime<Utc>>,
    /// For `If-Match`; also in `ETag`
    version: u64,
    /// Recorded, not voided interactions of every kind by anybody
    interactions: u64,
    /// Those of them that are active ones
    active: u64,
}

impl From<Capsule> for CapsuleAnswer {
    fn from(capsule: Capsule) -> Self {
        Self {
            id: capsule.id,
            title: capsule.title,
            state: capsule.state,
            created_at: capsule.created_at,
            published_at: capsule.published_at,
            archived_at: capsule.archived_at,
            version: capsule.version,
            interactions: capsule.interactions,
            active: capsule.active,
        }
    }
}

/// A capsule and how fresh this is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FreshCapsule {
    #[serde(flatten)]
    capsule: CapsuleAnswer,
    freshness: Freshness,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CapsulesAnswer {
    /// In the order of their ids
    data: Vec<CapsuleAnswer>,
    /// `cursor` of the next page; none: this is the last
    next: Option<String>,
    freshness: Freshness,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CapsuleParameters {
    /// A write's token: waits until it is to be seen
    after: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct CapsulesParameters {
    /// `next` of the page before
    cursor: Option<String>,
    /// 1 to 1000, default 100
    limit: Option<String>,
    /// A write's token: waits until it is to be seen
    after: Option<String>,
}

/// One capsule
#[utoipa::path(
    get, path = "/v1/capsules/{id}", tag = "Capsules", params(("id" = String, Path), CapsuleParameters),
    responses(
        (status = 200, description = "The capsule", body = FreshCapsule),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<CapsuleParameters>,
) -> Result<Response, Problem> {
    let not_found = || Problem::new(&NOT_FOUND, format!("there is no capsule {id:?}"));
    let capsule_id = CapsuleId::parse(id.clone()).map_err(|_| not_found())?;
    let ask = async { Ok(by_id(&api.read_pool, caller.tenant(), &capsule_id).await?) };
    let (capsule, freshness) = read(&api, parameters.after.as_deref(), ask).await?;
    let capsule = CapsuleAnswer::from(capsule.ok_or_else(not_found)?);
    let etag = HeaderValue::from_str(&format!("\"{}\"", capsule.version)).expect("a quoted number is a header's value");
    Ok(([(header::ETAG, etag)], Json(FreshCapsule { capsule, freshness })).into_response())
}

/// Capsules, page by page
#[utoipa::path(
    get, path = "/v1/capsules", tag = "Capsules", params(CapsulesParameters),
    responses(
        (status = 200, description = "A page", body = CapsulesAnswer),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn page(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Parameters(parameters): Parameters<CapsulesParameters>,
) -> Result<Json<CapsulesAnswer>, Problem> {
    let limit = limit(parameters.limit.as_deref(), PAGE_DEFAULT, PAGE_MAX)?;
    let cursor = parameters.cursor.map(CapsuleId::parse).transpose().map_err(|error| Problem::parameter("cursor", error))?;
    // One more than is shown says whether there is another page.
    let ask = async { Ok(list(&api.read_pool, caller.tenant(), cursor.as_ref(), limit + 1).await?) };
    let (mut capsules, freshness) = read(&api, parameters.after.as_deref(), ask).await?;
    let is_last = capsules.len() <= usize::from(limit);
    capsules.truncate(usize::from(limit));
    let data: Vec<_> = capsules.into_iter().map(CapsuleAnswer::from).collect();
    let next = if is_last { None } else { data.last().map(|capsule| capsule.id.clone()) };
    Ok(Json(CapsulesAnswer { data, next, freshness }))
}
