//! `GET /v1/events` and `/v1/events/{id}`: the log itself, for auditors. Read from the ledger, so it is never behind.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::audit::{ExportFormat, Exported};
use domain::recorded::{event_id, parse_event_id};
use domain::{AggregateType, Partition, RecordedEvent};
use event_store::{EventPage, EventQuery};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{self, Export};
use crate::auth::{Audit, Caller};
use crate::parameters::{Parameters, limit, moment, parsed};
use crate::problem::{INTERNAL, NOT_FOUND, Problem, ProblemDocument};
use crate::reading::in_time;
use crate::state::{Api, Shared};
use crate::token::Token;

const PAGE_DEFAULT: u16 = 100;
const PAGE_MAX: u16 = 1_000;
pub(crate) const NDJSON: &str = "application/x-ndjson";

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page)).routes(routes!(show))
}

/// An event of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventAnswer {
    /// `PARTITION-POSITION`
    id: String,
    #[schema(value_type = u16)]
    partition: Partition,
    /// Its place in its partition: dense from 0, in commit order
    position: u64,
    collection: &'static str,
    aggregate_id: String,
    /// Its place in its stream, from 1
    sequence: u64,
    #[serde(rename = "type")]
    event_type: String,
    version: String,
    /// Where the JSON Schema of `data` is
    dataschema: String,
    partition_key: String,
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    /// The payload, byte for byte as the ledger holds it
    #[schema(value_type = Object)]
    data: Box<RawValue>,
    /// Which key sent which command, and when it arrived; byte for byte
    #[schema(value_type = Object)]
    metadata: Box<RawValue>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventsAnswer {
    /// By partition, then position
    data: Vec<EventAnswer>,
    /// `cursor` of the next page; none: this is the last
    next: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct EventsParameters {
    /// Only this partition
    partition: Option<String>,
    /// Only this collection, such as `capsules`
    collection: Option<String>,
    /// Only the aggregate of this id
    aggregate_id: Option<String>,
    /// Short for `aggregate_id`
    id: Option<String>,
    /// Only events of this type, such as `CapsulePublished`
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only what this API key caused, by its id; or `operator` or `program`
    key: Option<String>,
    /// Recorded at this moment or later: a day, or a time such as `2026-10-31T12:00`, UTC
    from: Option<String>,
    /// Recorded before this moment
    to: Option<String>,
    /// `next` of the page before, or the id of an event: what comes after it
    cursor: Option<String>,
    /// 1 to 1000, default 100
    limit: Option<String>,
    /// A write's token; the log is never behind, so nothing is waited for
    after: Option<String>,
}

/// The log of events
///
/// By partition and position. With `Accept: application/x-ndjson` one event a line, and the next page's `cursor` in header
/// `Ledger-Next`.
#[utoipa::path(
    get, path = "/v1/events", tag = "Audit", params(EventsParameters),
    responses(
        (status = 200, description = "A page", content((EventsAnswer = "application/json"), (EventAnswer = "application/x-ndjson"))),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn page(
    State(api): State<Shared>,
    caller: Caller<Audit>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<EventsParameters>,
) -> Result<Response, Problem> {
    if let Some(after) = &parameters.after {
        Token::parse(after, api.store.partitions())?;
    }
    let wants_ndjson = wants_ndjson(&headers);
    let query = parameters.query()?;
    access::export(&api, &caller, export_of(&query, wants_ndjson)).await?;
    let ask = async { Ok(api.store.events(caller.tenant(), query).await?) };
    let EventPage { events, next } = in_time(&api, ask).await?;
    let data = events.into_iter().map(EventAnswer::try_from).collect::<Result<Vec<_>, _>>()?;
    let next = next.map(|(partition, position)| event_id(partition, position));
    if !wants_ndjson {
        return Ok(Json(EventsAnswer { data, next }).into_response());
    }
    let mut lines = Vec::new();
    for event in &data {
        serde_json::to_writer(&mut lines, event).expect("an event is JSON");
        lines.push(b'\n');
    }
    let mut response = ([(header::CONTENT_TYPE, NDJSON)], lines).into_response();
    if let Some(next) = next {
        let next = HeaderValue::from_str(&next).expect("digits and a dash are a header's value");
        response.headers_mut().insert("ledger-next", next);
    }
    Ok(response)
}

/// One event
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "Audit", params(("id" = String, Path, description = "`PARTITION-POSITION`")),
    responses(
        (status = 200, description = "The event", body = EventAnswer),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(State(api): State<Shared>, caller: Caller<Audit>, Path(id): Path<String>) -> Result<Json<EventAnswer>, Problem> {
    let event = event(&api, &caller, &id).await?;
    let event = event.ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no event {id:?}")))?;
    event.try_into().map(Json)
}

pub(crate) async fn event(api: &Api, caller: &Caller<Audit>, id: &str) -> Result<Option<RecordedEvent>, Problem> {
    let Some((partition, position)) = parse_event_id(id) else { return Ok(None) };
    let ask = async { Ok(api.store.event(caller.tenant(), partition, position).await?) };
    in_time(api, ask).await
}

/// How many there are is not known before the last page.
fn export_of(query: &EventQuery, wants_ndjson: bool) -> Export {
    let collection = || query.aggregate_type.map(|kind| kind.collection().to_owned());
    Export {
        what: Exported::Events,
        name: query.event_type.clone().or_else(collection),
        format: if wants_ndjson { ExportFormat::Ndjson } else { ExportFormat::Json },
        rows: None,
        from: query.from,
        to: query.to,
        narrowed_to: [query.key.clone(), query.aggregate_id.clone()],
    }
}

pub(crate) fn wants_ndjson(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|media| matches!(media.split(';').next().map(str::trim), Some(NDJSON | "application/ndjson")))
}

impl EventsParameters {
    fn query(self) -> Result<EventQuery, Problem> {
        let aggregate_type = match &self.collection {
            None => None,
            Some(name) => Some(
                AggregateType::from_collection(name)
                    .ok_or_else(|| Problem::parameter("collection", format!("{name:?} does not exist")))?,
            ),
        };
        let after = match &self.cursor {
            None => None,
            Some(cursor) => {
                let place = parse_event_id(cursor);
                Some(place.ok_or_else(|| Problem::parameter("cursor", "is not the next of a page, nor an event's id"))?)
            }
        };
        Ok(EventQuery {
            partition: parsed("partition", self.partition.as_deref())?.map(Partition),
            after,
            aggregate_type,
            aggregate_id: self.aggregate_id.or(self.id),
            event_type: self.event_type,
            key: self.key,
            from: moment("from", self.from.as_deref())?,
            to: moment("to", self.to.as_deref())?,
            limit: usize::from(limit(self.limit.as_deref(), PAGE_DEFAULT, PAGE_MAX)?),
        })
    }
}

impl TryFrom<RecordedEvent> for EventAnswer {
    type Error = Problem;

    fn try_from(event: RecordedEvent) -> Result<Self, Problem> {
        let id = event.id();
        let raw = |json: String| {
            RawValue::from_string(json).map_err(|_| Problem::new(&INTERNAL, format!("the event {id} holds what is not JSON")))
        };
        Ok(Self {
            dataschema: event.schema_path(),
            data: raw(event.payload)?,
            metadata: raw(event.metadata.as_ref().to_owned())?,
            partition: event.partition,
            position: event.position.0,
            collection: event.aggregate_type.collection(),
            aggregate_id: event.aggregate_id,
            sequence: event.sequence,
            event_type: event.event_type,
            version: event.event_version,
            partition_key: event.partition_key,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            id,
        })
    }
}

#[cfg(test)]
mod tests {
    use domain::Position;

    use super::*;

    fn query(text: &str) -> Result<EventQuery, Problem> {
        let uri = format!("/v1/events?{text}").parse().expect("an address");
        let axum::extract::Query(parameters) = axum::extract::Query::<EventsParameters>::try_from_uri(&uri).expect("known");
        parameters.query()
    }

    #[test]
    fn filters_are_read_into_a_query() {
        let filters =
            "partition=3&collection=capsules&aggregate_id=c1&type=CapsuleCreated&key=k1&from=2026-10-01&to=2026-10-31T12:00";
        let all = query(&format!("{filters}&cursor=3-9&limit=5")).expect("a query");
        let expected = EventQuery {
            partition: Some(Partition(3)),
            after: Some((Partition(3), Position(9))),
            aggregate_type: Some(AggregateType::Capsule),
            aggregate_id: Some("c1".into()),
            event_type: Some("CapsuleCreated".into()),
            key: Some("k1".into()),
            from: Some("2026-10-01T00:00:00Z".parse().expect("a time")),
            to: Some("2026-10-31T12:00:00Z".parse().expect("a time")),
            limit: 5,
        };
        assert_eq!(all, expected);
        assert_eq!(query("id=c1").expect("a query").aggregate_id.as_deref(), Some("c1"));
        for wrong in ["partition=x", "collection=rockets", "cursor=9", "limit=1001", "from=yesterday"] {
            assert_eq!(query(wrong).expect_err(wrong).kind.code, "invalid_parameter");
        }
    }

    #[test]
    fn lines_are_sent_to_who_accepts_them() {
        let accept = |value: &'static str| HeaderMap::from_iter([(header::ACCEPT, value.parse().expect("a header"))]);
        assert!(wants_ndjson(&accept("application/x-ndjson")));
        assert!(wants_ndjson(&accept("text/html, application/ndjson;q=0.9")));
        assert!(!wants_ndjson(&accept("application/json")));
    }
}
