//! Many commands in one request: read item by item, carried out together, answered item by item.
//!
//! A wrong item is that item's own affair; its neighbours are recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::{Command, Metadata, Stream, TenantId};
use event_store::{ExecuteError, IdempotencyKey, Outcome, Request};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::{
    EVENT_TOO_LARGE, IDEMPOTENCY_KEY_NOT_SUPPORTED, INTERACTION_CONFLICT, INVALID_PARAMETER, Problem, TOO_MANY_EVENTS,
};
use crate::receipts::{Told, receipt};
use crate::settings::{EVENT_BYTES_MAX, EVENTS_MAX};
use crate::state::Api;
use crate::token::Token;

/// Items read at a stretch before other requests get their turn.
const STRETCH: usize = 512;

/// One item of a body: a command, or why it is none.
pub(crate) struct Item {
    /// As far as it could be read.
    pub(crate) id: Option<String>,
    pub(crate) command: Result<Ready, Problem>,
}

/// A command that can be carried out.
pub(crate) struct Ready {
    pub(crate) command: Command,
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) idempotency: Option<IdempotencyKey>,
}

/// What became of a bulk request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BulkAnswer {
    /// Recorded now.
    accepted: usize,
    /// Recorded before with the same content, or nothing more to do: counted once.
    duplicates: usize,
    /// Not recorded, conflicts among them.
    rejected: usize,
    /// All but the accepted ones; these too with `?results=all`.
    results: Vec<ItemAnswer>,
    /// For `?after=` of reads that must see all of this.
    #[schema(value_type = String)]
    token: Token,
    /// A signed promise of where the events are that were recorded now, and those of what is a duplicate, where
    /// `Ledger-Receipt: true` asks for it (docs/proof-format.md).
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// What became of one item.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ItemAnswer {
    /// Its place in the request, from 0.
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    status: ItemStatus,
    /// A code of `/problems`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// JSON pointer within the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ItemStatus {
    Accepted,
    Duplicate,
    Conflict,
    Rejected,
}

#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct BulkParameters {
    /// `all` lists the accepted items too.
    #[serde(default)]
    #[param(inline)]
    results: Listed,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Listed {
    #[default]
    NotAccepted,
    All,
}

impl BulkParameters {
    pub(crate) fn parse(uri: &axum::http::Uri) -> Result<Self, Problem> {
        Query::try_from_uri(uri)
            .map(|Query(parameters)| parameters)
            .map_err(|_| Problem::new(&INVALID_PARAMETER, "the only parameter is results, all or not_accepted").at("/results"))
    }
}

/// A whole request cannot be keyed: parts of it may be new and parts not.
pub(crate) fn no_idempotency_key(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key("idempotency-key") {
        return Ok(());
    }
    let detail = "a request of many takes no Idempotency-Key: an interaction's id is its key for ever, and a line of \
                  /v1/commands may hold an idempotency_key";
    Err(Problem::new(&IDEMPOTENCY_KEY_NOT_SUPPORTED, detail))
}

/// The lines of an NDJSON body that are not empty.
pub(crate) fn lines(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let mut lines = Vec::new();
    for line in body.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        if lines.len() == EVENTS_MAX {
            return Err(too_many());
        }
        lines.push(line);
    }
    Ok(lines)
}

pub(crate) fn too_many() -> Problem {
    Problem::new(&TOO_MANY_EVENTS, format!("a request may hold {EVENTS_MAX} events"))
}

/// Reads each slice as an item, unless it is too large for one.
pub(crate) async fn items(slices: &[&[u8]], mut read: impl FnMut(&[u8]) -> Item) -> Vec<Item> {
    let mut items = Vec::with_capacity(slices.len());
    for stretch in slices.chunks(STRETCH) {
        items.extend(stretch.iter().map(|slice| if slice.len() > EVENT_BYTES_MAX { too_large(slice) } else { read(slice) }));
        if stretch.len() == STRETCH {
            tokio::task::yield_now().await;
        }
    }
    items
}

fn too_large(slice: &[u8]) -> Item {
    let detail = format!("an event may hold {EVENT_BYTES_MAX} bytes; this one has {}", slice.len());
    Item { id: id_of(slice), command: Err(Problem::new(&EVENT_TOO_LARGE, detail)) }
}

/// The `id` of something that could not be read otherwise.
pub(crate) fn id_of(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: String,
    }
    serde_json::from_slice::<Named>(json).ok().map(|named| named.id)
}

/// Carries out all items that can be, as one group, and says what became of each.
pub(crate) async fn answer(
    api: &Api,
    tenant: &TenantId,
    items: Vec<Item>,
    (parameters, wants_receipt): (BulkParameters, bool),
) -> Result<(BulkAnswer, Response), Problem> {
    let mut requests = Vec::with_capacity(items.len());
    let mut named = Vec::with_capacity(items.len());
    for Item { id, command } in items {
        let problem = match command {
            Ok(Ready { command, metadata, idempotency }) => {
                let id = id.clone().expect("a command that can be carried out has its aggregate's id");
                requests.push(Request { tenant: tenant.clone(), id, command, expected_version: None, metadata, idempotency });
                None
            }
            Err(problem) => Some(problem),
        };
        named.push((id, problem));
    }
    let streams: Vec<Stream> = if wants_receipt { requests.iter().map(Request::stream).collect() } else { Vec::new() };
    let outcomes = if requests.is_empty() { Vec::new() } else { api.store.execute_many(requests).await };
    let told = streams.into_iter().zip(&outcomes).filter_map(|(stream, outcome)| Some((stream, outcome.as_ref().ok()?)));
    let told: Told = told.collect();
    let mut answer = summary(named, outcomes, parameters)?;
    if wants_receipt {
        answer.receipt = receipt(api, tenant, told).await;
    }
    let status = if answer.rejected == 0 { StatusCode::OK } else { StatusCode::MULTI_STATUS };
    let response = (status, Json(&answer)).into_response();
    Ok((answer, response))
}

type Outcomes = Vec<Result<Outcome, ExecuteError>>;

fn summary(
    named: Vec<(Option<String>, Option<Problem>)>,
    outcomes: Outcomes,
    parameters: BulkParameters,
) -> Result<BulkAnswer, Problem> {
    let mut answer =
        BulkAnswer { accepted: 0, duplicates: 0, rejected: 0, results: Vec::new(), token: Token::default(), receipt: None };
    let mut outcomes = outcomes.into_iter();
    for (index, (id, problem)) in named.into_iter().enumerate() {
        let problem = match problem {
            Some(problem) => problem,
            None => match outcomes.next().expect("the store answers every request") {
                Ok(outcome) => {
                    answer.token.add(outcome.partition, outcome.next_position);
                    answer.done(index, id, &outcome, parameters);
                    continue;
                }
                Err(error) => Problem::from(error),
            },
        };
        if problem.is_passing() {
            // Whatever of it was recorded is recognised when the same comes again; a client need not tell items apart.
            return Err(problem);
        }
        answer.rejected(index, id, problem);
    }
    Ok(answer)
}

impl BulkAnswer {
    fn done(&mut self, index: usize, id: Option<String>, outcome: &Outcome, parameters: BulkParameters) {
        let status = if outcome.appended.is_empty() || outcome.replayed { ItemStatus::Duplicate } else { ItemStatus::Accepted };
        match status {
            ItemStatus::Accepted => self.accepted += 1,
            _ => self.duplicates += 1,
        }
        if status != ItemStatus::Accepted || parameters.results == Listed::All {
            self.results.push(ItemAnswer { index, id, status, code: None, detail: None, field: None });
        }
    }

    fn rejected(&mut self, index: usize, id: Option<String>, problem: Problem) {
        self.rejected += 1;
        let is_conflict = problem.kind.status == INTERACTION_CONFLICT.status;
        self.results.push(ItemAnswer {
            index,
            id,
            status: if is_conflict { ItemStatus::Conflict } else { ItemStatus::Rejected },
            code: Some(problem.kind.code),
            detail: Some(problem.detail),
            field: problem.field,
        });
    }

    pub(crate) fn count(&self, what: &'static str) {
        for (outcome, count) in [("accepted", self.accepted), ("duplicate", self.duplicates), ("rejected", self.rejected)] {
            if count > 0 {
                metrics::counter!("ledger_items_total", "what" => what, "outcome" => outcome).increment(count as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{Partition, Position, Rejection};

    use super::*;
    use crate::problem::INVALID_JSON;

    fn outcome(partition: u16, appended: Option<u64>, next: u64) -> Outcome {
        let partition = Partition(partition);
        let appended: Vec<_> = appended.map(|position| (partition, Position(position))).into_iter().collect();
        Outcome { version: 1, appended, partition, next_position: Position(next), events: vec![], replayed: false }
    }

    fn named(id: &str) -> (Option<String>, Option<Problem>) {
        (Some(id.to_owned()), None)
    }

    #[test]
    fn each_item_is_told_its_own_result_and_accepted_ones_are_only_counted() {
        let bad = (None, Some(Problem::new(&INVALID_JSON, "no")));
        let outcomes = vec![
            Ok(outcome(1, Some(4), 5)),
            Ok(outcome(2, None, 9)),
            Err(ExecuteError::Rejected(Rejection::InteractionConflict)),
            Err(ExecuteError::Rejected(Rejection::CapsuleUnknown)),
        ];
        let all = vec![named("a"), bad, named("b"), named("c"), named("d")];
        let answer = summary(all, outcomes, BulkParameters::default()).expect("an answer");
        let answer = serde_json::to_value(&answer).expect("JSON");
        assert_eq!((&answer["accepted"], &answer["duplicates"], &answer["rejected"]), (&1.into(), &1.into(), &3.into()));
        let results: Vec<_> = answer["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|result| (result["index"].as_u64(), result["id"].as_str(), result["status"].as_str(), result["code"].as_str()))
            .collect();
        assert_eq!(
            results,
            [
                (Some(1), None, Some("rejected"), Some("invalid_json")),
                (Some(2), Some("b"), Some("duplicate"), None),
                (Some(3), Some("c"), Some("conflict"), Some("interaction_conflict")),
                (Some(4), Some("d"), Some("rejected"), Some("capsule_unknown")),
            ]
        );
        let token = Token::from_iter([(Partition(1), Position(5)), (Partition(2), Position(9))]);
        assert_eq!(answer["token"], token.to_string());
    }

    #[test]
    fn accepted_ones_are_listed_when_asked() {
        let answer = summary(vec![named("a")], vec![Ok(outcome(0, Some(0), 1))], BulkParameters { results: Listed::All });
        assert_eq!(answer.expect("an answer").results[0].status, ItemStatus::Accepted);
    }

    #[test]
    fn an_item_that_could_not_be_carried_out_now_makes_the_whole_come_again() {
        let outcomes = vec![Ok(outcome(0, Some(0), 1)), Err(ExecuteError::TooBusy)];
        let problem = summary(vec![named("a"), named("b")], outcomes, BulkParameters::default()).expect_err("not now");
        assert_eq!(problem.kind.status, 503);
    }

    #[tokio::test]
    async fn an_item_beyond_the_limit_is_rejected_by_name() {
        let large = format!(r#"{{"id":"big","attributes":{{"text":"{}"}}}}"#, "x".repeat(EVENT_BYTES_MAX));
        let items = items(&[large.as_bytes()], |_| unreachable!("it is not read")).await;
        assert_eq!(items[0].id.as_deref(), Some("big"));
        assert!(matches!(&items[0].command, Err(problem) if problem.kind.code == "event_too_large"));
    }

    #[test]
    fn lines_are_what_is_between_line_ends_and_not_empty() {
        assert_eq!(lines(b"{}\r\n\n  {\"a\":1}\n").expect("few"), [&b"{}"[..], b"{\"a\":1}"]);
        assert_eq!(lines(b"").expect("none").len(), 0);
        assert_eq!(lines(&b"{}\n".repeat(EVENTS_MAX)).expect("just enough").len(), EVENTS_MAX);
        assert_eq!(lines(&b"{}\n".repeat(EVENTS_MAX + 1)).expect_err("too many").kind.code, "too_many_events");
    }
}
