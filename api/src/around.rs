//! What surrounds every request: its id, its limits, its place in the metrics, and an answer even where a handler panics.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt as _;
use uuid::Uuid;

use crate::problem::{INTERNAL, METHOD_NOT_ALLOWED, NOT_FOUND, Problem, TIMED_OUT, TOO_BUSY};
use crate::state::Shared;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
const ID_BYTES_MAX: usize = 128;
/// How long a request waits for others to be done before it is turned away.
const TURN_WAIT_MAX: Duration = Duration::from_secs(2);

/// What ties a request's events and log lines together; the client's own, or its request id.
#[derive(Debug, Clone)]
pub(crate) struct CorrelationId(pub(crate) String);

pub(crate) async fn around(State(api): State<Shared>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let request_id = id_from(request.headers(), &REQUEST_ID).unwrap_or_else(|| Uuid::now_v7().to_string());
    let correlation_id = id_from(request.headers(), &CORRELATION_ID).unwrap_or_else(|| request_id.clone());
    request.extensions_mut().insert(CorrelationId(correlation_id.clone()));

    let mut response = answer(&api, request, next).await;

    let status = response.status();
    if status.is_server_error() && !is_readyz(route.as_ref()) {
        let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
        tracing::warn!(request_id, method, route, status = status.as_u16(), "answered with a server error");
    }
    count(method, route.as_ref(), status, started.elapsed());
    let headers = response.headers_mut();
    for (name, id) in [(REQUEST_ID, request_id), (CORRELATION_ID, correlation_id)] {
        headers.insert(name, HeaderValue::from_str(&id).expect("a checked id is visible ASCII"));
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

async fn answer(api: &Shared, request: Request, next: Next) -> Response {
    let turn = match api.requests.try_acquire() {
        Ok(turn) => Some(turn),
        Err(_) => tokio::time::timeout(TURN_WAIT_MAX, api.requests.acquire()).await.ok().and_then(Result::ok),
    };
    let Some(_turn) = turn else {
        return Problem::new(&TOO_BUSY, "more requests are being worked on than this server takes").into_response();
    };
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(api.settings.request_time_max, answered).await {
        Ok(Ok(response)) => response,
        Ok(Err(_panic)) => {
            tracing::error!("a handler panicked; its message is in the line before");
            Problem::new(&INTERNAL, "something broke while this request was answered").into_response()
        }
        Err(_) => {
            let limit = api.settings.request_time_max.as_secs();
            Problem::new(&TIMED_OUT, format!("this request was not answered within {limit} s")).into_response()
        }
    }
}

/// Saying that something is not ready is what it is for.
fn is_readyz(route: Option<&MatchedPath>) -> bool {
    route.is_some_and(|route| route.as_str() == "/readyz")
}

/// A client's own id, where it gave one that can stand in a log line and a header.
fn id_from(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let id = headers.get(name)?.to_str().ok()?;
    let is_fine = !id.is_empty() && id.len() <= ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
    is_fine.then(|| id.to_owned())
}

fn method_label(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "HEAD" => "HEAD",
        _ => "other",
    }
}

fn count(method: &'static str, route: Option<&MatchedPath>, status: StatusCode, took: Duration) {
    let route: metrics::SharedString = match route {
        Some(route) => route.as_str().to_owned().into(),
        None => "unmatched".into(),
    };
    let status = match status.as_u16() {
        200 => "200".into(),
        207 => "207".into(),
        other => metrics::SharedString::from(other.to_string()),
    };
    let labels =
        [metrics::Label::new("method", method), metrics::Label::new("route", route), metrics::Label::new("status", status)];
    metrics::counter!("http_requests_total", labels.iter()).increment(1);
    metrics::histogram!("http_request_duration_seconds", labels.iter()).record(took.as_secs_f64());
}

pub(crate) async fn not_found(request: Request) -> Problem {
    Problem::new(&NOT_FOUND, format!("there is nothing at {}", request.uri().path()))
}

pub(crate) async fn method_not_allowed(request: Request) -> Problem {
    Problem::new(&METHOD_NOT_ALLOWED, format!("{} does not take {}", request.uri().path(), request.method()))
}
