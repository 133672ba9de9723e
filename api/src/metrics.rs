//! `/metrics`: what Prometheus reads. Requests by route and status, their times, and how far each partition is behind.

use std::sync::OnceLock;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::problem::{Problem, UNAVAILABLE};
use crate::state::Shared;

const SECONDS: [f64; 14] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 30.0];

/// Histograms are brought together this often even when nobody reads them.
pub(crate) const UPKEEP_EACH: Duration = Duration::from_secs(5);

static INSTALLED: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Makes this process keep metrics, once; nothing where another recorder was there first.
pub fn install() -> Option<PrometheusHandle> {
    INSTALLED
        .get_or_init(|| {
            let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS);
            let handle = builder.ok()?.install_recorder().ok()?;
            describe();
            Some(handle)
        })
        .clone()
}

fn describe() {
    metrics::describe_counter!("http_requests_total", "Requests answered, by method, route and status.");
    metrics::describe_histogram!("http_request_duration_seconds", "From the head of a request to the head of its answer.");
    metrics::describe_counter!("ledger_interactions_total", "Interactions received, by outcome.");
    metrics::describe_gauge!("ledger_projection_lag_events", "Events that the read models have not seen, by partition.");
}

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Metrics in Prometheus' text form
#[utoipa::path(get, path = "/metrics", tag = "Operations", security(()), responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")))]
async fn show(State(api): State<Shared>) -> Result<Response, Problem> {
    let metrics = api.metrics.as_ref().ok_or_else(|| Problem::new(&UNAVAILABLE, "this process keeps no metrics"))?;
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((StatusCode::OK, content_type, metrics.render()).into_response())
}
