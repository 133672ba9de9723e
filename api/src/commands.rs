//! Commands: `POST /v1/{collection}/{id}/{command}`, and many of them as lines of `POST /v1/commands`.
//!
//! Generic over the domain's list of collections: a new command has its route without a line here.

mod line;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SubsecRound as _, Utc};
use domain::interaction::InteractionCommand;
use domain::{AggregateType, CapsuleId, Command, Metadata};
use event_store::IdempotencyKey;
use event_store::keys::{KeyInfo, Role};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::around::CorrelationId;
use crate::auth::{Caller, Write};
use crate::body;
use crate::bulk::{self, BulkAnswer, BulkParameters};
use crate::media::Media;
use crate::problem::{INVALID_FIELD, INVALID_HEADER, Problem, ProblemDocument, ROLE_FORBIDDEN, UNKNOWN_COLLECTION};
use crate::receipts::{self, Told};
use crate::settings::{BODY_BYTES_MAX, EVENT_BYTES_MAX};
use crate::state::Shared;
use crate::token::Token;

const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(execute)).routes(routes!(execute_many))
}

/// What a command led to, durably.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CommandAnswer {
    id: String,
    /// For `If-Match` of the next command; also in `ETag`.
    version: u64,
    /// The types of the events that were recorded. Empty: nothing more happened.
    #[schema(value_type = Vec<String>)]
    events: Vec<&'static str>,
    /// For `?after=` of reads that must see this.
    #[schema(value_type = String)]
    token: Token,
    /// A signed promise of where its events are, or where nothing more happened all those of its id so far, where
    /// `Ledger-Receipt: true` asks for it (docs/proof-format.md).
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<String>,
}

/// Send a command
///
/// The body is the command's data; its JSON Schema is at `/schemas/commands/{collection}.{command}.json`. Said twice, nothing
/// more happens: the version stays and `events` is empty. `Idempotency-Key` (1 to 255 visible ASCII characters): the same
/// key and request get the first answer again. `If-Match: "VERSION"`: only if the version is still this one.
#[utoipa::path(
    post, path = "/v1/{collection}/{id}/{command}", tag = "Commands",
    params(
        ("collection" = String, Path, description = "Such as `capsules`"),
        ("id" = String, Path, description = "Chosen by the client: 1 to 128 letters, digits and `. _ : ~ - @ +`"),
        ("command" = String, Path, description = "Such as `publish`"),
        ("Idempotency-Key" = Option<String>, Header, description = "Any text that is new for each new request"),
        ("If-Match" = Option<String>, Header, description = "The version that the command was decided on, in quotes"),
        ("Ledger-Receipt" = Option<bool>, Header, description = "`true`: the answer carries a receipt"),
    ),
    request_body(content = serde_json::Value, description = "The command's data"),
    responses(
        (status = 200, description = "It is durable", body = CommandAnswer, headers(("ETag" = String, description = "The version, in quotes"))),
        (status = "4XX", description = "Nothing was recorded", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Send the same again after Retry-After", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn execute(
    State(api): State<Shared>,
    caller: Caller<Write>,
    Path((collection, id, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let aggregate_type = aggregate_type(&collection)?;
    let idempotency_key = idempotency_key(&head.headers)?;
    let expected_version = if_match(&head.headers)?;
    let wants_receipt = receipts::is_wanted(&api, &head.headers)?;
    Media::of(&head.headers, &[Media::Json])?;
    admit(&caller.key, aggregate_type).inspect_err(|_| caller.turned_away(&api))?;
    let body = body::read(&api, &head.headers, body, EVENT_BYTES_MAX).await?;
    let id = aggregate_id(&id)?;
    let command = command_for(aggregate_type, &id, &name, &body.bytes)?;
    let correlation = head.extensions.get::<CorrelationId>();
    let metadata = metadata(&caller.key, &format!("{collection}/{name}"), correlation, received_at());
    let request = event_store::Request {
        tenant: caller.tenant().clone(),
        id: id.clone(),
        command,
        expected_version,
        metadata: metadata.into(),
        idempotency: idempotency_key
            .map(|key| IdempotencyKey { key, request_hash: request_hash(&collection, &id, &name, &body.bytes) }),
    };
    let stream = request.stream();
    let outcome = api.store.execute(request).await?;
    let token = Token::from_iter([(outcome.partition, outcome.next_position)]);
    let receipt = match wants_receipt {
        true => receipts::receipt(&api, caller.tenant(), Told::from_iter([(stream, &outcome)])).await,
        false => None,
    };
    let answer = CommandAnswer { id, version: outcome.version, events: outcome.events, token, receipt };
    let etag = HeaderValue::from_str(&format!("\"{}\"", answer.version)).expect("a quoted number is a header's value");
    Ok(([(header::ETAG, etag)], Json(answer)).into_response())
}

/// Send many commands
///
/// NDJSON, also gzip: `{"collection","id","command","data","idempotency_key"?}` a line, carried out in their order for each
/// aggregate. Answered as interactions are; a command after which nothing more happened is a `duplicate`.
#[utoipa::path(
    post, path = "/v1/commands", tag = "Commands",
    params(BulkParameters, ("Ledger-Receipt" = Option<bool>, Header, description = "`true`: the answer carries a receipt")),
    request_body(content = String, description = "Commands, one a line", content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "Everything is durable", body = BulkAnswer),
        (status = 207, description = "Some were rejected; the others are durable", body = BulkAnswer),
        (status = "4XX", description = "Nothing was recorded", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Send the same again after Retry-After", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn execute_many(State(api): State<Shared>, caller: Caller<Write>, request: Request) -> Result<Response, Problem> {
    let (head, body) = request.into_parts();
    let parameters = BulkParameters::parse(&head.uri)?;
    bulk::no_idempotency_key(&head.headers)?;
    Media::of(&head.headers, &[Media::Ndjson])?;
    let body = body::read(&api, &head.headers, body, BODY_BYTES_MAX).await?;
    let slices = bulk::lines(&body.bytes)?;
    let mut reader = line::Reader::new(&caller.key, head.extensions.get::<CorrelationId>(), received_at());
    let items = bulk::items(&slices, |slice| reader.read(slice)).await;
    if reader.is_forbidden {
        caller.turned_away(&api);
    }
    let wants_receipt = receipts::is_wanted(&api, &head.headers)?;
    let (answer, response) = bulk::answer(&api, caller.tenant(), items, (parameters, wants_receipt)).await?;
    answer.count("command");
    Ok(response)
}

/// The request's "now", as exact as PostgreSQL keeps it.
pub(crate) fn received_at() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}

pub(crate) fn metadata(
    key: &KeyInfo,
    command: &str,
    correlation: Option<&CorrelationId>,
    received_at: DateTime<Utc>,
) -> Metadata {
    Metadata {
        key: key.id.to_string(),
        command: command.to_owned(),
        correlation_id: correlation.map(|id| id.0.clone()).unwrap_or_default(),
        received_at,
    }
}

fn aggregate_type(collection: &str) -> Result<AggregateType, Problem> {
    AggregateType::from_collection(collection).ok_or_else(|| {
        let known: Vec<_> = AggregateType::ALL.iter().map(|known| known.collection()).collect();
        Problem::new(&UNKNOWN_COLLECTION, format!("there is no collection {collection:?}; there are {}", known.join(", ")))
    })
}

/// Some commands are for admins alone.
fn admit(key: &KeyInfo, aggregate_type: AggregateType) -> Result<(), Problem> {
    if !aggregate_type.is_for_admins() || key.role == Role::Admin {
        return Ok(());
    }
    let (role, collection) = (key.role.as_str(), aggregate_type.collection());
    Err(Problem::new(&ROLE_FORBIDDEN, format!("a key of role {role} may not change {collection}; admin may")))
}

/// The ids of all collections have one form, a capsule's.
fn aggregate_id(text: &str) -> Result<String, Problem> {
    CapsuleId::parse(text)
        .map(CapsuleId::into_string)
        .map_err(|error| Problem::new(&INVALID_FIELD, format!("the id {error}")).at("/id"))
}

fn command_for(aggregate_type: AggregateType, id: &str, name: &str, data: &[u8]) -> Result<Command, Problem> {
    let data = if data.trim_ascii().is_empty() { b"{}" } else { data };
    let mut command = Command::parse(aggregate_type, name, data)?;
    if let Command::Interaction(InteractionCommand::Record(record)) = &mut command
        && let Some(own) = record.id.take()
        && own.as_str() != id
    {
        return Err(Problem::new(&INVALID_FIELD, "is another id than the path's").at("/id"));
    }
    Ok(command)
}

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    checked_key(value.as_bytes())
        .map(Some)
        .ok_or_else(|| Problem::new(&INVALID_HEADER, "Idempotency-Key is not 1 to 255 visible ASCII characters"))
}

fn checked_key(key: &[u8]) -> Option<String> {
    let is_fine = (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len()) && key.iter().all(|byte| (b' '..=b'~').contains(byte));
    is_fine.then(|| String::from_utf8(key.to_vec()).expect("ASCII is UTF-8"))
}

/// `If-Match: "VERSION"`; `*` and nothing match any.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| Problem::new(&INVALID_HEADER, "If-Match is not one version in quotes, as in \"3\""))
}

/// What an idempotency key is bound to: the same for a command alone and as a line among many.
fn request_hash(collection: &str, id: &str, command: &str, data: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(format!("POST\n/v1/{collection}/{id}/{command}\n"));
    hash.update(data);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().expect("a header"))])
    }

    #[test]
    fn if_match_is_one_version_in_quotes() {
        assert_eq!(if_match(&headers("if-match", "\"7\"")).expect("a version"), Some(7));
        assert_eq!(if_match(&headers("if-match", "*")).expect("any"), None);
        assert_eq!(if_match(&HeaderMap::new()).expect("none"), None);
        for wrong in ["7", "\"x\"", "W/\"7\"", "\"7\", \"8\""] {
            assert_eq!(if_match(&headers("if-match", wrong)).expect_err(wrong).kind.code, "invalid_header");
        }
    }

    #[test]
    fn an_idempotency_key_is_short_and_visible() {
        assert_eq!(idempotency_key(&headers("idempotency-key", "k 1")).expect("a key").as_deref(), Some("k 1"));
        assert_eq!(idempotency_key(&HeaderMap::new()).expect("none"), None);
        let long = "x".repeat(256);
        for wrong in ["", long.as_str()] {
            assert_eq!(idempotency_key(&headers("idempotency-key", wrong)).expect_err("wrong").kind.code, "invalid_header");
        }
    }

    #[test]
    fn a_key_is_bound_to_the_whole_request() {
        let hash = request_hash("capsules", "c1", "create", b"{}");
        assert_ne!(hash, request_hash("capsules", "c2", "create", b"{}"));
        assert_ne!(hash, request_hash("capsules", "c1", "rename", b"{}"));
        assert_ne!(hash, request_hash("capsules", "c1", "create", b"{ }"));
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let problem = aggregate_type("rockets").expect_err("no such collection");
        assert_eq!((problem.kind.status, problem.kind.code), (404, "unknown_collection"));
        assert!(problem.detail.contains("capsules, interactions"));
        let problem = command_for(AggregateType::Capsule, "c1", "explode", b"{}").expect_err("no such command");
        assert_eq!((problem.kind.status, problem.kind.code), (404, "unknown_command"));
        assert_eq!(aggregate_id("a/b").expect_err("no id").kind.status, 422);
    }

    #[test]
    fn an_interaction_is_named_by_its_path() {
        let record = |data: &str| command_for(AggregateType::Interaction, "i1", "record", data.as_bytes());
        assert!(record(r#"{"capsule_id":"c1","kind":"view"}"#).is_ok());
        assert!(record(r#"{"id":"i1","capsule_id":"c1","kind":"view"}"#).is_ok());
        let problem = record(r#"{"id":"i2","capsule_id":"c1","kind":"view"}"#).expect_err("another id");
        assert_eq!(problem.field.as_deref(), Some("/id"));
    }

    #[test]
    fn no_body_is_an_empty_command() {
        assert!(command_for(AggregateType::Capsule, "c1", "publish", b"").is_ok());
    }
}
