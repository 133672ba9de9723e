//! `/healthz`: the process lives. `/readyz`: it can do its work, and the read models follow the ledger. No key is needed.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use projections::{Purpose, Underway};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::progression::{Place, Seen};
use crate::state::{Api, Shared};

/// How old what is known of the read models may be.
const LOOK_AGE_MAX: Duration = Duration::from_secs(5);
const CHECK_TIME_MAX: Duration = Duration::from_secs(2);

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(healthz)).routes(routes!(readyz))
}

#[derive(Debug, Serialize, ToSchema)]
struct Health {
    status: &'static str,
    version: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready` or `not_ready`
    pub(crate) status: &'static str,
    pub(crate) checks: Vec<CheckAnswer>,
    pub(crate) partitions: Vec<PartitionAnswer>,
    /// Read models that are being filled to serve next; those before serve until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) underway: Option<UnderwayAnswer>,
}

/// A generation of read models that a rebuild or a replay fills.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnderwayAnswer {
    pub(crate) generation: i32,
    /// `rebuild` (for this version of the program) or `replay`
    pub(crate) purpose: &'static str,
    /// `moving`, `standing` (whoever fills it does not get on) or `left` (nobody fills it; the same request goes on with it)
    pub(crate) state: &'static str,
    pub(crate) done_events: u64,
    pub(crate) target_events: u64,
    /// To fold the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seconds_left: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckAnswer {
    pub(crate) name: String,
    pub(crate) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

/// One partition: the ledger's head against the read models' mark.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartitionAnswer {
    pub(crate) partition: usize,
    pub(crate) head: u64,
    pub(crate) mark: u64,
    pub(crate) lag_events: u64,
    /// `live`, `behind`, `rebuilding` (behind, as new read models are made to go on with), `stalled` (behind and not moving) or `fault` (an
    /// event that cannot be applied)
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}

/// Is the process alive?
#[utoipa::path(get, path = "/healthz", tag = "Operations", security(()), responses((status = 200, description = "It is", body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

/// Can it do its work?
///
/// PostgreSQL answers, and in every partition the read models are at the ledger's head or moving towards it.
#[utoipa::path(
    get, path = "/readyz", tag = "Operations", security(()),
    responses((status = 200, description = "Ready", body = Readiness), (status = 503, description = "Not ready; it says why", body = Readiness)),
)]
async fn readyz(State(api): State<Shared>) -> Response {
    let readiness = Readiness::of(&api).await;
    let code = if readiness.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(readiness)).into_response()
}

impl Readiness {
    pub(crate) async fn of(api: &Api) -> Self {
        let seen = api.progression.seen();
        let mut checks = vec![postgres(api).await, read_models(&seen)];
        for (name, check) in &api.checks {
            let done = tokio::time::timeout(CHECK_TIME_MAX, check()).await;
            let done = done.unwrap_or_else(|_| Err(format!("no answer within {} s", CHECK_TIME_MAX.as_secs())));
            checks.push(CheckAnswer::of(name, done));
        }
        let partitions = partitions(&seen, api.settings.stalled_after);
        let standing: Vec<_> = partitions.iter().filter(|one| matches!(one.state, "stalled" | "fault")).collect();
        if !standing.is_empty() {
            let numbers: Vec<_> = standing.iter().map(|one| one.partition.to_string()).collect();
            let detail = format!("the projector stands still in partitions {}", numbers.join(", "));
            checks.push(CheckAnswer::of("projector", Err(detail)));
        }
        let status = if checks.iter().all(|check| check.ok) { "ready" } else { "not_ready" };
        let underway = seen.underway.as_ref().map(|underway| UnderwayAnswer::of(underway, api.settings.stalled_after));
        Self { status, checks, partitions, underway }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status == "ready"
    }
}

async fn postgres(api: &Api) -> CheckAnswer {
    CheckAnswer::of("postgres", api.store.ping().await.map_err(|error| error.to_string()))
}

fn read_models(seen: &Seen) -> CheckAnswer {
    let is_known = seen.looked_at.is_some_and(|at| at.elapsed() < LOOK_AGE_MAX);
    CheckAnswer::of(
        "read_models",
        if is_known { Ok(()) } else { Err("how far they are is not known at the moment".to_owned()) },
    )
}

fn partitions(seen: &Seen, stalled_after: Duration) -> Vec<PartitionAnswer> {
    seen.places
        .iter()
        .enumerate()
        .map(|(partition, place)| PartitionAnswer::of(partition, place, seen, stalled_after))
        .collect()
}

impl CheckAnswer {
    fn of(name: &str, done: Result<(), String>) -> Self {
        Self { name: name.to_owned(), ok: done.is_ok(), detail: done.err() }
    }

    /// As people write it.
    pub(crate) fn in_words(&self) -> String {
        match self.name.as_str() {
            "postgres" => "PostgreSQL".to_owned(),
            name => name.replace('_', " "),
        }
    }
}

impl PartitionAnswer {
    fn of(partition: usize, place: &Place, seen: &Seen, stalled_after: Duration) -> Self {
        let fault = seen.faults.iter().find(|fault| usize::from(fault.partition.0) == partition);
        let lag_events = place.lag_events();
        let stands = place.moved_at.is_some_and(|at| at.elapsed() > stalled_after);
        let rebuild = seen.underway.as_ref().filter(|underway| underway.purpose == Purpose::Rebuild);
        let is_rebuilt = rebuild.is_some_and(|rebuild| rebuild.is_moving(stalled_after));
        let (state, detail) = match fault {
            Some(fault) => ("fault", Some(format!("at position {}: {}", fault.position, fault.detail))),
            None if lag_events == 0 => ("live", None),
            None if stands && is_rebuilt => ("rebuilding", None),
            None if stands => ("stalled", Some(format!("no movement for more than {} s", stalled_after.as_secs()))),
            None => ("behind", None),
        };
        Self { partition, head: place.head.0, mark: place.mark.0, lag_events, state, detail }
    }
}

impl UnderwayAnswer {
    fn of(underway: &Underway, stalled_after: Duration) -> Self {
        Self {
            generation: underway.generation,
            purpose: if underway.purpose == Purpose::Rebuild { "rebuild" } else { "replay" },
            state: match underway.is_held {
                true if underway.is_moving(stalled_after) => "moving",
                true => "standing",
                false => "left",
            },
            done_events: underway.done_events,
            target_events: underway.target_events,
            seconds_left: underway.seconds_left.filter(|_| underway.is_held).map(|seconds| seconds.ceil() as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use domain::{Partition, Position};
    use projections::{Fault, FaultKind};

    use super::*;

    #[test]
    fn a_dead_projector_is_never_green() {
        let now = Instant::now();
        let long_ago = now.checked_sub(Duration::from_secs(60));
        let place = |head, mark, moved_at| Place { head: Position(head), mark: Position(mark), behind_since: None, moved_at };
        let seen = Seen {
            places: vec![place(5, 5, long_ago), place(5, 4, Some(now)), place(5, 4, long_ago), place(5, 2, Some(now))],
            faults: vec![Fault {
                partition: Partition(3),
                position: Position(2),
                kind: FaultKind::Refused,
                detail: "no event type Other".into(),
                since: chrono::DateTime::UNIX_EPOCH,
            }],
            looked_at: Some(now),
            ..Seen::default()
        };
        let states: Vec<_> = partitions(&seen, Duration::from_secs(10)).into_iter().map(|one| one.state).collect();
        assert_eq!(states, ["live", "behind", "stalled", "fault"]);
        assert!(read_models(&seen).ok);
        let stall = Duration::from_secs(10);
        let state = |underway: Underway| {
            let answer = UnderwayAnswer::of(&underway, stall);
            let seen = Seen { underway: Some(underway), ..seen.clone() };
            (partitions(&seen, stall)[2].state, answer.state)
        };
        let fills = Underway {
            generation: 2,
            purpose: Purpose::Rebuild,
            done_events: 7,
            target_events: 9,
            seconds_left: Some(0.2),
            is_held: true,
            still_for: Duration::from_secs(1),
        };
        assert_eq!(state(fills.clone()), ("rebuilding", "moving"));
        assert_eq!(state(Underway { still_for: 2 * stall, ..fills.clone() }), ("stalled", "standing"));
        assert_eq!(state(Underway { still_for: 2 * stall, done_events: 9, ..fills.clone() }), ("rebuilding", "moving"));
        assert_eq!(state(Underway { is_held: false, ..fills.clone() }), ("stalled", "left"));
        let replayed = Underway { purpose: Purpose::Replay(String::new()), ..fills };
        assert_eq!(state(replayed), ("stalled", "moving"), "beside a replay the projector goes on");
        assert!(!read_models(&Seen { looked_at: long_ago, ..seen }).ok, "nobody looks any more");
    }
}
