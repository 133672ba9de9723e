//! The published contracts, as the API serves them. No key is needed: a contract is no secret.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::contracts;
use crate::problem::{NOT_FOUND, Problem};
use crate::state::Shared;

/// Event schemas of every version ever published, as committed: what is not in the code any more is still served.
static PUBLISHED_EVENTS: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/published_events.rs"));

static FILES: LazyLock<BTreeMap<String, String>> = LazyLock::new(contracts::files);

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/schemas/{folder}/{file}", get(schema))
        .route("/openapi.json", get(openapi))
        .route("/asyncapi.yaml", get(asyncapi))
}

async fn schema(Path((folder, file)): Path<(String, String)>) -> Result<Response, Problem> {
    let path = format!("{folder}/{file}");
    let published = PUBLISHED_EVENTS.iter().find(|(known, _)| *known == path).map(|(_, schema)| *schema);
    let schema = published.or_else(|| FILES.get(&path).map(String::as_str));
    let schema = schema.ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no schema {path}")))?;
    Ok(([(header::CONTENT_TYPE, "application/schema+json")], schema).into_response())
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], FILES["openapi.json"].as_str()).into_response()
}

async fn asyncapi() -> Response {
    ([(header::CONTENT_TYPE, "application/yaml")], FILES["asyncapi.yaml"].as_str()).into_response()
}
