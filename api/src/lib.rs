//! How people and programs reach the ledger: HTTP commands and queries, dashboards, live updates, published contracts.
//!
//! A handler translates and delegates: it reads a request into types, calls one thing, and answers. It holds no rule of
//! the domain and no SQL, and knows nothing of Kafka.
//!
//! Where to start:
//! * [`routes`] below: every resource has a module with its own `router()`.
//! * `problem`: the one table from every error to what a client is told.
//! * `auth`, `access`: who may what, and how it is noted.
//! * `bulk`, `interactions`: the fast path, thousands of interactions a request.
//! * `progression`: how far the read models are; what `?after=`, `freshness`, `/readyz` and the live stream rest on.
//! * [`contracts`]: what is published in `schemas/`.

mod access;
mod around;
mod audit;
mod auth;
mod body;
mod bulk;
mod capsules;
mod commands;
pub mod contracts;
mod dashboards;
mod docs;
mod events;
mod health;
mod interactions;
mod kpis;
mod media;
mod metrics;
mod north_star;
mod openapi;
mod pages;
mod parameters;
mod problem;
mod progression;
mod proofs;
mod reading;
mod receipts;
mod reports;
mod schemas;
mod server;
mod settings;
mod stages;
mod state;
mod stream;
mod subjects;
mod table;
mod token;

use std::sync::Arc;

use axum::{Router, middleware};
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;

pub use metrics::install as install_metrics;
pub use server::serve;
pub use settings::Settings;
pub use state::{Api, AskKeys, AskRelay, Check, Relayed};
pub use token::positions_of_token;

use state::Shared;

/// The routes that the OpenAPI document describes.
pub(crate) fn resources() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .merge(interactions::router())
        .merge(commands::router())
        .merge(north_star::router())
        .merge(stages::router())
        .merge(kpis::router())
        .merge(reports::router())
        .merge(stream::router())
        .merge(capsules::router())
        .merge(events::router())
        .merge(audit::router())
        .merge(proofs::router())
        .merge(subjects::router())
        .merge(health::router())
        .merge(metrics::router())
}

pub(crate) fn routes(api: Shared) -> Router {
    let (resources, _) = resources().split_for_parts();
    let pages = Router::new().merge(dashboards::router()).merge(docs::router()).merge(pages::router()).merge(schemas::router());
    // Nothing on them is secret to one part of a page and chosen by another: to compress them gives nothing away.
    let pages = pages.layer(CompressionLayer::new());
    resources
        .merge(pages)
        .fallback(around::not_found)
        .method_not_allowed_fallback(around::method_not_allowed)
        .layer(middleware::from_fn_with_state(Arc::clone(&api), around::around))
        .with_state(api)
}

/// The routes alone, for who serves them otherwise. Nothing looks after the read models' progress then: prefer [`serve`].
pub fn router(api: Api) -> Router {
    routes(Arc::new(api))
}
