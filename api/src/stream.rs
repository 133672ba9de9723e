//! `GET /v1/stream`: new figures as they are projected, as server-sent events.
//!
//! However many watch, each tenant's figures are asked for once a change, and at most four times a second.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use domain::{Position, TenantId};
use event_store::keys::Authentication;
use futures::Stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Presented, Read};
use crate::north_star;
use crate::problem::{Problem, ProblemDocument, TOO_BUSY};
use crate::progression::Seen;
use crate::reading::in_time;
use crate::state::{Api, Shared};

/// Between two events of one connection, at least.
const EACH_MIN: Duration = Duration::from_millis(250);
/// A sign of life where nothing changes: how fresh the figures are.
const FRESHNESS_EACH: Duration = Duration::from_secs(2);
const HEARTBEAT_EACH: Duration = Duration::from_secs(15);
/// How often a connection's key is checked again.
const KEY_CHECK_EACH: Duration = Duration::from_secs(15);

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(follow))
}

/// Live figures
///
/// Server-sent events. `north-star`: the last 24 months as `GET /v1/north-star` answers, at once and whenever something was
/// projected, at most four times a second; its `id` says how far the read models were. `freshness`: every two seconds
/// where nothing else is sent. A comment every 15 seconds keeps the connection open.
#[utoipa::path(
    get, path = "/v1/stream", tag = "Figures",
    responses(
        (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn follow(State(api): State<Shared>, caller: Caller<Read>, presented: Presented) -> Result<Response, Problem> {
    let place = Arc::clone(&api.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::new(&TOO_BUSY, "more live connections are open than this server keeps"))?;
    let follower = Follower {
        tenant: caller.tenant().clone(),
        seen: api.progression.subscribe(),
        presented,
        key_checked_at: Instant::now(),
        shown: None,
        _place: place,
        api,
    };
    let stop = follower.api.stopping.clone();
    let events = futures::StreamExt::take_until(follower.events(), stop.cancelled_owned());
    let heartbeat = KeepAlive::new().interval(HEARTBEAT_EACH);
    let mut response = Sse::new(events).keep_alive(heartbeat).into_response();
    // Proxies that buffer would make live figures late.
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

struct Follower {
    api: Shared,
    tenant: TenantId,
    presented: Presented,
    key_checked_at: Instant,
    seen: watch::Receiver<Arc<Seen>>,
    shown: Option<Shown>,
    _place: OwnedSemaphorePermit,
}

/// What was sent last.
struct Shown {
    /// How far the read models were; empty: they could not be asked.
    marks: Vec<Position>,
    at: Instant,
    /// Nothing more is sent before.
    next_at: Instant,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> + Send {
        futures::stream::unfold(self, |mut follower| async move { Some((Ok(follower.next().await?), follower)) })
    }

    /// The next event; the end once the key is no longer good.
    async fn next(&mut self) -> Option<Event> {
        if let Some(shown) = &self.shown {
            tokio::time::sleep_until(shown.next_at).await;
            let moved = self.seen.wait_for(|seen| seen.marks().ne(shown.marks.iter().copied()));
            if let Ok(Err(_nobody_looks)) = tokio::time::timeout_at(shown.at + FRESHNESS_EACH, moved).await {
                return None;
            }
        }
        if !self.key_is_good().await {
            return None;
        }
        let seen = self.seen.borrow_and_update().clone();
        let marks: Vec<_> = seen.marks().collect();
        let at = Instant::now();
        if self.shown.as_ref().is_some_and(|shown| shown.marks == marks) {
            self.shown = Some(Shown { marks, at, next_at: at + EACH_MIN });
            return Some(freshness(&seen));
        }
        let Some(figures) = self.api.newest.of(&self.api, &self.tenant, &marks).await else {
            // Postgres is away: say how it stands, and ask again later.
            self.shown = Some(Shown { marks: Vec::new(), at, next_at: at + FRESHNESS_EACH });
            return Some(freshness(&seen));
        };
        self.shown = Some(Shown { marks, at, next_at: at + EACH_MIN });
        Some(Event::default().event("north-star").id(seen.token().to_string()).data(&*figures))
    }

    async fn key_is_good(&mut self) -> bool {
        if self.key_checked_at.elapsed() < KEY_CHECK_EACH {
            return true;
        }
        self.key_checked_at = Instant::now();
        // Where Postgres cannot say, the key is as good as it was.
        let found = self.api.keys.authenticate(&self.presented.0).await;
        found.map_or(true, |found| matches!(found, Authentication::Valid(_)))
    }
}

fn freshness(seen: &Seen) -> Event {
    Event::default().event("freshness").json_data(seen.freshness()).expect("freshness is JSON")
}

/// Each tenant's newest figures, kept as they are sent.
#[derive(Debug, Default)]
pub(crate) struct Newest {
    tenants: Mutex<HashMap<TenantId, Arc<tokio::sync::Mutex<Kept>>>>,
}

#[derive(Debug, Default)]
struct Kept {
    marks: Vec<Position>,
    figures: Arc<str>,
}

impl Newest {
    /// The figures with the read models at these marks or further on; nothing while Postgres does not answer.
    async fn of(&self, api: &Api, tenant: &TenantId, marks: &[Position]) -> Option<Arc<str>> {
        let kept = {
            let mut tenants = self.tenants.lock().expect("nothing panics while it holds this lock");
            Arc::clone(tenants.entry(tenant.clone()).or_default())
        };
        let mut kept = kept.lock().await;
        if kept.marks != marks || kept.figures.is_empty() {
            let ask = north_star::newest(api, tenant);
            let figures = in_time(api, ask).await.ok()?;
            let figures = serde_json::to_string(&figures).expect("figures are JSON");
            *kept = Kept { marks: marks.to_vec(), figures: figures.into() };
        }
        Some(Arc::clone(&kept.figures))
    }
}
