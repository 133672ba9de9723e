//! `/v1/subjects/{user_id}`: what is held of a person, and their erasure. For admins alone.
//!
//! The path holds the id that clients know the person by: so no log line, metric or answer repeats it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::audit::PersonalDataPurpose;
use domain::privacy::ErasureReason;
use domain::{Event, Partition, Pseudonym, UserId};
use event_store::{Erasure, OpenedEvent, Subject};
use futures::{Stream, StreamExt as _, stream};
use proof::erasure::ErasureCertificate;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::personal_data_read;
use crate::around::CorrelationId;
use crate::auth::{Caller, Privacy};
use crate::commands::{idempotency_key, metadata, received_at};
use crate::events::{EventAnswer, NDJSON, wants_ndjson};
use crate::problem::{INTERNAL, INVALID_FIELD, Problem, ProblemDocument};
use crate::reading::in_time;
use crate::state::{Api, Shared};
use crate::token::Token;

/// How long one partition may take to be read through.
const READ_TIME_MAX: Duration = Duration::from_secs(120);
/// How long an answer waits for the count of what remains.
const COUNT_TIME_MAX: Duration = Duration::from_secs(15);

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(erase))
}

/// An event of a person.
#[derive(Debug, Serialize, ToSchema)]
struct SubjectEvent {
    #[serde(flatten)]
    event: EventAnswer,
    /// What is personal in it, opened
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    personal: Option<Box<RawValue>>,
}

/// Everything that is held of a person.
#[derive(Debug, Serialize, ToSchema)]
struct SubjectAnswer {
    /// What the ledger knows the person by
    #[schema(value_type = String, format = "uuid")]
    subject: Pseudonym,
    /// By partition, then position; of streams that name the person, all events
    data: Vec<SubjectEvent>,
    /// How many they are; written last
    events: u64,
}

/// What an erasure led to, durably.
#[derive(Debug, Serialize, ToSchema)]
struct ErasureAnswer {
    /// What the ledger knew the person by; nobody's any more
    #[schema(value_type = String, format = "uuid")]
    subject: Pseudonym,
    erased_at: DateTime<Utc>,
    /// The event that says so, `PARTITION-POSITION`
    event: String,
    /// How many events remain that name the subject; null: they were too many to count in time
    events: Option<u64>,
    /// For `?after=` of reads that must see this
    #[schema(value_type = String)]
    token: Token,
    /// All of this, signed (docs/proof-format.md); null: this server signs nothing
    certificate: Option<String>,
}

/// What is held of a person
///
/// All events of streams that name them, with what is personal opened. With `Accept: application/x-ndjson` one event a line. The
/// log is read through, so it takes its time; that it was read is noted in the audit log first.
#[utoipa::path(
    get, path = "/v1/subjects/{user_id}", tag = "People",
    params(("user_id" = String, Path, description = "As clients send it")),
    responses(
        (status = 200, description = "All of it", content((SubjectAnswer = "application/json"), (SubjectEvent = "application/x-ndjson"))),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Privacy>,
    Path(user): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let user = user_id(user)?;
    let ask = async { Ok(api.store.subject(caller.tenant(), &user).await?) };
    let subject = in_time(&api, ask).await?.ok_or(event_store::EraseError::Unknown)?;
    personal_data_read(&api, &caller, subject.pseudonym, PersonalDataPurpose::AccessRequest).await?;
    let form = if wants_ndjson(&headers) { Form::Lines } else { Form::Object };
    let media = if form == Form::Lines { NDJSON } else { "application/json" };
    let body = Body::from_stream(written(api, subject, form));
    Ok(([(header::CONTENT_TYPE, media), (header::CACHE_CONTROL, "no-store")], body).into_response())
}

/// Erase a person
///
/// Their pseudonym and key are destroyed: what is personal of them opens no more, and nothing leads from them to their events.
/// The events stay, so every count and proof stays. It cannot be undone. Send an `Idempotency-Key`: should the answer be lost,
/// the same key gets it again; without one, whoever was erased is `subject_unknown`.
#[utoipa::path(
    post, path = "/v1/subjects/{user_id}/erase", tag = "People",
    params(
        ("user_id" = String, Path, description = "As clients send it"),
        ("Idempotency-Key" = Option<String>, Header, description = "Any text that is new for each new request"),
    ),
    responses(
        (status = 200, description = "They are erased, durably", body = ErasureAnswer),
        (status = "4XX", description = "Nobody was erased", body = ProblemDocument, content_type = "application/problem+json"),
        (status = 503, description = "Send the same again after Retry-After, with the same key", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn erase(
    State(api): State<Shared>,
    caller: Caller<Privacy>,
    Path(user): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<ErasureAnswer>, Problem> {
    let user = user_id(user)?;
    let key = idempotency_key(&headers)?;
    let correlation = request.extensions().get::<CorrelationId>();
    let metadata = metadata(&caller.key, "subjects/erase", correlation, received_at());
    let erasure = api.store.erase(caller.tenant(), &user, &metadata, key.as_deref()).await?;
    let counting = api.store.count_naming(caller.tenant(), erasure.pseudonym, COUNT_TIME_MAX);
    let events = match tokio::time::timeout(COUNT_TIME_MAX, counting).await {
        Ok(Ok(events)) => Some(events),
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "what remains of an erased person was not counted");
            None
        }
        Err(_) => None,
    };
    Ok(Json(ErasureAnswer {
        subject: erasure.pseudonym,
        erased_at: erasure.erased_at(),
        event: erasure.event.id(),
        events,
        token: Token::from_iter([(erasure.event.partition, erasure.event.position.next())]),
        certificate: certificate(&api, &erasure, events),
    }))
}

fn certificate(api: &Api, erasure: &Erasure, events: Option<u64>) -> Option<String> {
    let keys = api.signing.as_ref().and_then(|ask| ask())?;
    let reason = match erasure.event.decode() {
        Ok(Event::Subject(domain::privacy::SubjectEvent::SubjectErased(erased))) => erased.reason,
        _ => ErasureReason::Request,
    };
    let key = keys.current();
    Some(ErasureCertificate::new(&erasure.event, reason.as_str(), events, key).sign(key))
}

/// Without repeating it.
fn user_id(user: String) -> Result<UserId, Problem> {
    UserId::parse(user).map_err(|error| Problem::new(&INVALID_FIELD, format!("the user id {error}")).at("/user_id"))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Object,
    Lines,
}

/// Partition by partition. Where one cannot be read the body breaks off, so nobody takes a part for all.
fn written(api: Arc<Api>, subject: Subject, form: Form) -> impl Stream<Item = Result<Bytes, io::Error>> {
    let begin = match form {
        Form::Object => format!(r#"{{"subject":"{}","data":["#, subject.pseudonym),
        Form::Lines => String::new(),
    };
    let begin = stream::iter((!begin.is_empty()).then(|| Ok(Bytes::from(begin))));
    let partitions = api.store.partitions();
    let rest = stream::unfold((api, subject, 0_u16, 0_u64), move |(api, subject, partition, events)| async move {
        if partition < partitions {
            let read = of_partition(&api, &subject, Partition(partition), form, events == 0).await;
            let (count, bytes, next) = match read {
                Ok((count, bytes)) => (count, Ok(bytes), partition + 1),
                Err(error) => (0, Err(error), u16::MAX),
            };
            return Some((bytes, (api, subject, next, events + count)));
        }
        let end =
            (partition == partitions && form == Form::Object).then(|| Ok(Bytes::from(format!(r#"],"events":{events}}}"#))));
        end.map(|end| (end, (api, subject, u16::MAX, events)))
    });
    begin.chain(rest)
}

async fn of_partition(
    api: &Api,
    subject: &Subject,
    partition: Partition,
    form: Form,
    is_first: bool,
) -> Result<(u64, Bytes), io::Error> {
    let asked = tokio::time::timeout(READ_TIME_MAX, api.store.events_of(subject, partition, READ_TIME_MAX)).await;
    let events = asked.map_err(io::Error::other)?.map_err(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "what is held of a person could not be read");
        io::Error::other(error)
    })?;
    let mut bytes = Vec::new();
    let count = events.len() as u64;
    for (place, event) in events.into_iter().enumerate() {
        let event = SubjectEvent::try_from(event).map_err(|problem| io::Error::other(problem.detail))?;
        if form == Form::Object && !(is_first && place == 0) {
            bytes.push(b',');
        }
        serde_json::to_writer(&mut bytes, &event)?;
        if form == Form::Lines {
            bytes.push(b'\n');
        }
    }
    Ok((count, bytes.into()))
}

impl TryFrom<OpenedEvent> for SubjectEvent {
    type Error = Problem;

    fn try_from(OpenedEvent { event, personal }: OpenedEvent) -> Result<Self, Problem> {
        let personal = personal.map(RawValue::from_string).transpose();
        let personal = personal.map_err(|_| Problem::new(&INTERNAL, format!("event {} seals what is not JSON", event.id())))?;
        Ok(Self { event: event.try_into()?, personal })
    }
}
