//! The forms that interactions come in. Each is cut into the bytes of its items, which are then read once.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::http::HeaderMap;
use chrono::{DateTime, Utc};
use domain::interaction::{InteractionCommand, RecordInteraction};
use domain::{AggregateType, Command, InteractionId, Metadata};
use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::bulk::{Item, Ready, id_of, lines, too_many};
use crate::media::Media;
use crate::problem::{INVALID_FIELD, INVALID_HEADER, INVALID_JSON, MISSING_FIELD, Problem};
use crate::settings::EVENTS_MAX;

/// The one `type` of CloudEvents that hold interactions.
pub(super) const EVENT_TYPE: &str = "com.encapsify.capsule.interaction";

/// How a body holds interactions.
#[derive(Debug)]
pub(super) enum Form {
    /// One, or an array of them.
    Json,
    Ndjson,
    /// One in the body, and what CloudEvents' binary mode has in headers.
    Binary(Attributes),
    CloudEvent,
    CloudEvents,
}

/// What a CloudEvent says of the interaction that it holds, where the interaction does not say it itself.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    id: Option<String>,
    time: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
struct CloudEvent<'a> {
    #[serde(borrow)]
    specversion: Option<Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    event_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl Form {
    pub(super) fn of(media: Media, headers: &HeaderMap) -> Result<Self, Problem> {
        match media {
            Media::Json if headers.contains_key("ce-specversion") => binary(headers).map(Self::Binary),
            Media::Json => Ok(Self::Json),
            Media::Ndjson => Ok(Self::Ndjson),
            Media::CloudEvent => Ok(Self::CloudEvent),
            Media::CloudEvents => Ok(Self::CloudEvents),
        }
    }

    /// The bytes of each item, within the body.
    pub(super) fn slices<'a>(&self, body: &'a [u8]) -> Result<Vec<&'a [u8]>, Problem> {
        match self {
            Self::Ndjson => lines(body),
            Self::CloudEvents => array(body),
            Self::Json if body.trim_ascii_start().starts_with(b"[") => array(body),
            Self::Json | Self::Binary(_) | Self::CloudEvent => one(body),
        }
    }

    /// Reads one item.
    pub(super) fn read(&self, json: &[u8], metadata: &Arc<Metadata>) -> Item {
        let (id, command) = match self {
            Self::Json | Self::Ndjson => interaction(json, Attributes::default()),
            Self::Binary(attributes) => interaction(json, Attributes { id: attributes.id.clone(), time: attributes.time }),
            Self::CloudEvent | Self::CloudEvents => cloud_event(json),
        };
        let command = command.map(|command| Ready { command, metadata: Arc::clone(metadata), idempotency: None });
        Item { id: id.or_else(|| id_of(json)), command }
    }
}

type Read = (Option<String>, Result<Command, Problem>);

fn interaction(json: &[u8], attributes: Attributes) -> Read {
    let mut command = match Command::parse(AggregateType::Interaction, "record", json) {
        Ok(command) => command,
        Err(error) => return (None, Err(error.into())),
    };
    let Command::Interaction(InteractionCommand::Record(record)) = &mut command else {
        unreachable!("record is what was read");
    };
    let id = identify(record, attributes.id);
    record.occurred_at = record.occurred_at.or(attributes.time);
    match id {
        Ok(id) => (Some(id), Ok(command)),
        Err(problem) => (None, Err(problem)),
    }
}

/// Takes the id out of the interaction: from here on it is the name of its stream.
fn identify(record: &mut RecordInteraction, given: Option<String>) -> Result<String, Problem> {
    match (record.id.take(), given) {
        (Some(id), _) => Ok(id.into_string()),
        (None, Some(id)) => InteractionId::parse(id)
            .map(InteractionId::into_string)
            .map_err(|error| Problem::new(&INVALID_FIELD, format!("the event's id {error}")).at("/id")),
        (None, None) => Err(Problem::new(&MISSING_FIELD, "missing field `id`").at("/id")),
    }
}

fn cloud_event(json: &[u8]) -> Read {
    let event: CloudEvent<'_> = match serde_json::from_slice(json) {
        Ok(event) => event,
        Err(error) if error.is_data() => return (None, Err(Problem::new(&INVALID_FIELD, format!("no CloudEvent: {error}")))),
        Err(error) => return (None, Err(Problem::new(&INVALID_JSON, error.to_string()))),
    };
    let id = event.id.as_deref().map(str::to_owned);
    match unwrapped(&event) {
        Ok((data, attributes)) => {
            let (own, command) = interaction(data, attributes);
            (own.or(id), command.map_err(|problem| problem.within("/data")))
        }
        Err(problem) => (id, Err(problem)),
    }
}

fn unwrapped<'a>(event: &CloudEvent<'a>) -> Result<(&'a [u8], Attributes), Problem> {
    let missing = |name: &str| Problem::new(&MISSING_FIELD, format!("missing field `{name}`")).at(format!("/{name}"));
    let specversion = event.specversion.as_deref().ok_or_else(|| missing("specversion"))?;
    if specversion != "1.0" {
        return Err(Problem::new(&INVALID_FIELD, "specversion is not 1.0").at("/specversion"));
    }
    let id = event.id.as_deref().ok_or_else(|| missing("id"))?;
    event.source.as_deref().ok_or_else(|| missing("source"))?;
    check_type(event.event_type.as_deref().ok_or_else(|| missing("type"))?)?;
    let time = event.time.as_deref().map(time).transpose()?;
    let data = event.data.ok_or_else(|| missing("data"))?;
    Ok((data.get().as_bytes(), Attributes { id: Some(id.to_owned()), time }))
}

fn binary(headers: &HeaderMap) -> Result<Attributes, Problem> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let in_header = |problem: Problem| Problem::new(&INVALID_HEADER, format!("ce- headers: {}", problem.detail));
    if header("ce-specversion") != Some("1.0") {
        return Err(Problem::new(&INVALID_HEADER, "ce-specversion is not 1.0"));
    }
    check_type(header("ce-type").unwrap_or_default()).map_err(in_header)?;
    let time = header("ce-time").map(time).transpose().map_err(in_header)?;
    Ok(Attributes { id: header("ce-id").map(str::to_owned), time })
}

fn check_type(event_type: &str) -> Result<(), Problem> {
    if event_type == EVENT_TYPE {
        return Ok(());
    }
    Err(Problem::new(&INVALID_FIELD, format!("type is {event_type:?}; only {EVENT_TYPE} is taken here")).at("/type"))
}

fn time(text: &str) -> Result<DateTime<Utc>, Problem> {
    domain::input::parse_time(text).map_err(|reason| Problem::new(&INVALID_FIELD, format!("time {reason}")).at("/time"))
}

/// The body as one item; whether it is JSON at all is the request's affair.
fn one(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let value: &RawValue = serde_json::from_slice(body).map_err(|error| not_json(&error))?;
    if value.get().starts_with('[') {
        return Err(Problem::new(&INVALID_JSON, "the body is an array, where one event was to be"));
    }
    Ok(vec![value.get().as_bytes()])
}

/// The bytes of an array's items, cut out without reading them further.
fn array(body: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    struct Items;
    impl<'de> Visitor<'de> for Items {
        type Value = Option<Vec<&'de [u8]>>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an array of events")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut slices = Vec::new();
            while let Some(item) = items.next_element::<&RawValue>()? {
                if slices.len() <= EVENTS_MAX {
                    slices.push(item.get().as_bytes());
                }
            }
            Ok((slices.len() <= EVENTS_MAX).then_some(slices))
        }
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let slices = deserializer.deserialize_seq(Items).and_then(|slices| deserializer.end().map(|()| slices));
    slices.map_err(|error| not_json(&error))?.ok_or_else(too_many)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(&INVALID_JSON, format!("the body is not JSON: {error}"))
}

#[cfg(test)]
mod tests;
