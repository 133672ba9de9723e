//! An event as Kafka holds it: CloudEvents 1.0, binary mode.
//!
//! Key: the partition key. Value: the payload's exact bytes. Headers: the CloudEvents attributes, and all else that the
//! ledger holds of the event, so that leaves and read models can be built from Kafka alone. Knows names and bytes only; the
//! Kafka client's own types are met in [`relay`](crate::relay) and [`consumer`](crate::consumer).

mod time;

use std::str;

use domain::recorded::event_id;
use domain::{AggregateType, Partition, Position, RecordedEvent, TenantId};

use self::time::{Rfc3339, parse};

pub const POSITION: &str = "ledger_position";
const PARTITION: &str = "ledger_partition";
const SEQUENCE: &str = "ledger_sequence";
const VERSION: &str = "ledger_version";
const RECORDED_AT: &str = "ledger_recorded_at";
const METADATA: &str = "ledger_metadata";
const CONTENT_TYPE: &str = "content-type";
const SPECVERSION: &str = "ce_specversion";
const ID: &str = "ce_id";
const SOURCE: &str = "ce_source";
const TYPE: &str = "ce_type";
const TIME: &str = "ce_time";
const SUBJECT: &str = "ce_subject";
const DATASCHEMA: &str = "ce_dataschema";

/// How many headers a record has.
pub const HEADERS: usize = 14;

/// Why a record is not one of the ledger's events. The name is the header's, or `key` or `value`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is there twice")]
    Repeated(&'static str),
    #[error("{name} {reason}")]
    Invalid { name: &'static str, reason: &'static str },
    #[error("the headers cannot be read")]
    Unreadable,
}

/// Hands every header of an event to `header`, in a fixed order. The position comes first: a reader that only counts need
/// look no further.
pub fn encode_headers(event: &RecordedEvent, mut header: impl FnMut(&'static str, &[u8])) {
    let mut text = String::with_capacity(96);
    let mut number = |name, value: u64| {
        let mut digits = [0; 20];
        header(name, decimal(value, &mut digits));
    };
    number(POSITION, event.position.0);
    number(PARTITION, u64::from(event.partition.0));
    number(SEQUENCE, event.sequence);
    header(CONTENT_TYPE, b"application/json");
    header(SPECVERSION, b"1.0");
    let mut join = |name, parts: &[&str]| {
        text.clear();
        parts.iter().for_each(|part| text.push_str(part));
        header(name, text.as_bytes());
    };
    let (mut partition, mut position) = ([0; 20], [0; 20]);
    let partition = digits(decimal(u64::from(event.partition.0), &mut partition));
    let position = digits(decimal(event.position.0, &mut position));
    join(ID, &[partition, "-", position]);
    join(SOURCE, &["/tenants/", event.tenant.as_str()]);
    join(SUBJECT, &[event.aggregate_type.collection(), "/", &event.aggregate_id]);
    join(DATASCHEMA, &["/schemas/events/", &event.event_type, ".v", &event.event_version, ".json"]);
    header(TYPE, event.event_type.as_bytes());
    header(VERSION, event.event_version.as_bytes());
    header(TIME, Rfc3339::of(event.occurred_at).as_bytes());
    header(RECORDED_AT, Rfc3339::of(event.recorded_at).as_bytes());
    header(METADATA, event.metadata.as_bytes());
}

/// The exact inverse of [`encode_headers`], key and value. Headers of other names are other people's and mean nothing here.
pub fn decode<'a>(
    key: Option<&[u8]>,
    headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>,
    value: Option<&[u8]>,
) -> Result<RecordedEvent, RecordError> {
    let found = Found::among(headers)?;
    let partition = Partition(found.number(PARTITION)?);
    let position = Position(found.number(POSITION)?);
    found.expect(CONTENT_TYPE, "application/json", "is not application/json")?;
    found.expect(SPECVERSION, "1.0", "is not 1.0")?;
    let event_type = found.text(TYPE)?;
    let event_version = found.text(VERSION)?;
    check_id(found.text(ID)?, partition, position)?;
    check_schema(found.text(DATASCHEMA)?, event_type, event_version)?;
    let (aggregate_type, aggregate_id) = subject(found.text(SUBJECT)?)?;
    Ok(RecordedEvent {
        partition,
        position,
        tenant: tenant(found.text(SOURCE)?)?,
        aggregate_type,
        aggregate_id: aggregate_id.to_owned(),
        sequence: found.number(SEQUENCE)?,
        event_type: event_type.to_owned(),
        event_version: event_version.to_owned(),
        partition_key: text("key", key)?.to_owned(),
        occurred_at: parse(found.text(TIME)?).ok_or_else(|| invalid(TIME, "is not an RFC 3339 time"))?,
        recorded_at: parse(found.text(RECORDED_AT)?).ok_or_else(|| invalid(RECORDED_AT, "is not an RFC 3339 time"))?,
        payload: text("value", value)?.to_owned(),
        metadata: found.text(METADATA)?.into(),
    })
}

/// Only the position, for records that may be skipped.
pub fn decode_position<'a>(mut headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Result<Position, RecordError> {
    let (_, value) = headers.find(|(name, _)| *name == POSITION).ok_or(RecordError::Missing(POSITION))?;
    number(POSITION, text(POSITION, value)?).map(Position)
}

/// The values of the headers that a record must have, in one pass over those that it has.
#[derive(Default)]
struct Found<'a>([Option<&'a [u8]>; HEADERS]);

/// The order of [`encode_headers`], so that the search for a name nearly always ends where it starts.
const NAMES: [&str; HEADERS] = [
    POSITION,
    PARTITION,
    SEQUENCE,
    CONTENT_TYPE,
    SPECVERSION,
    ID,
    SOURCE,
    SUBJECT,
    DATASCHEMA,
    TYPE,
    VERSION,
    TIME,
    RECORDED_AT,
    METADATA,
];

impl<'a> Found<'a> {
    fn among(headers: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Result<Self, RecordError> {
        let mut found = Self::default();
        let mut expected = 0;
        for (name, value) in headers {
            let place = (expected..HEADERS).chain(0..expected).find(|place| NAMES[*place] == name);
            let Some(place) = place else { continue };
            if found.0[place].is_some() {
                return Err(RecordError::Repeated(NAMES[place]));
            }
            found.0[place] = Some(value.unwrap_or_default());
            expected = (place + 1) % HEADERS;
        }
        Ok(found)
    }

    fn text(&self, name: &'static str) -> Result<&'a str, RecordError> {
        let place = NAMES.iter().position(|known| *known == name).expect("every name read is in the list");
        text(name, self.0[place])
    }

    fn number<N: str::FromStr + ToString>(&self, name: &'static str) -> Result<N, RecordError> {
        number(name, self.text(name)?)
    }

    fn expect(&self, name: &'static str, value: &str, reason: &'static str) -> Result<(), RecordError> {
        if self.text(name)? == value { Ok(()) } else { Err(invalid(name, reason)) }
    }
}

fn invalid(name: &'static str, reason: &'static str) -> RecordError {
    RecordError::Invalid { name, reason }
}

fn text<'a>(name: &'static str, bytes: Option<&'a [u8]>) -> Result<&'a str, RecordError> {
    let bytes = bytes.ok_or(RecordError::Missing(name))?;
    str::from_utf8(bytes).map_err(|_| invalid(name, "is not UTF-8"))
}

/// A decimal number in its one shortest form: what is read would be written the same again.
fn number<N: str::FromStr>(name: &'static str, text: &str) -> Result<N, RecordError> {
    let shortest = text == "0" || text.starts_with(|first: char| ('1'..='9').contains(&first));
    let number = if shortest { text.parse().ok() } else { None };
    number.ok_or_else(|| invalid(name, "is not a number that fits"))
}

fn tenant(source: &str) -> Result<TenantId, RecordError> {
    let tenant = source.strip_prefix("/tenants/").ok_or_else(|| invalid(SOURCE, "is not /tenants/TENANT"))?;
    TenantId::parse(tenant).map_err(|_| invalid(SOURCE, "names no possible tenant"))
}

fn subject(subject: &str) -> Result<(AggregateType, &str), RecordError> {
    let (collection, id) = subject.split_once('/').ok_or_else(|| invalid(SUBJECT, "is not COLLECTION/ID"))?;
    let aggregate_type = AggregateType::from_collection(collection);
    Ok((aggregate_type.ok_or_else(|| invalid(SUBJECT, "names a collection that this build does not know"))?, id))
}

fn check_id(id: &str, partition: Partition, position: Position) -> Result<(), RecordError> {
    if domain::recorded::parse_event_id(id) == Some((partition, position)) {
        return Ok(());
    }
    debug_assert_ne!(id, event_id(partition, position));
    Err(invalid(ID, "is not the event's partition and position"))
}

fn check_schema(schema: &str, event_type: &str, event_version: &str) -> Result<(), RecordError> {
    let rest = schema.strip_prefix("/schemas/events/").and_then(|rest| rest.strip_prefix(event_type));
    let rest = rest.and_then(|rest| rest.strip_prefix(".v")).and_then(|rest| rest.strip_prefix(event_version));
    if rest == Some(".json") { Ok(()) } else { Err(invalid(DATASCHEMA, "is not where this event's schema is served")) }
}

fn decimal(mut value: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut start = buffer.len();
    loop {
        start -= 1;
        buffer[start] = b'0' + u8::try_from(value % 10).expect("a digit");
        value /= 10;
        if value == 0 {
            return &buffer[start..];
        }
    }
}

fn digits(decimal: &[u8]) -> &str {
    str::from_utf8(decimal).expect("digits are ASCII")
}
