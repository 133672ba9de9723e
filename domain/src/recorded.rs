//! An event as the ledger holds it: who, what, where in the log.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::{AggregateType, DecodeError, Event};
use crate::ids::TenantId;

/// One of the ledger's ordered logs, counted from 0. How many there are is fixed when the ledger is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Partition(pub u16);

/// An event's place in its partition: dense from 0, in commit order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Partition {
    /// Where a key's events live: FNV-1a, 64 bit, over `TENANT/KEY`, finished by MurmurHash3's mixer. A part of the ledger's format.
    pub fn of(tenant: &TenantId, key: &str, partitions: u16) -> Self {
        assert!(partitions > 0, "a ledger has at least one partition");
        let bytes = tenant.as_str().bytes().chain([b'/']).chain(key.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        // FNV mixes the last bytes badly: spread them over all bits first (the finisher of MurmurHash3).
        let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        Self(u16::try_from((mixed ^ (mixed >> 33)) % u64::from(partitions)).expect("less than a u16"))
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Who caused an event, and with which request. Stored as JSON beside the payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The id of the API key that was used.
    pub key: String,
    /// `COLLECTION/COMMAND`, as in `interactions/record`.
    pub command: String,
    /// One request's events share it; a client may set it with `X-Correlation-Id`.
    pub correlation_id: String,
    pub received_at: DateTime<Utc>,
}

impl Metadata {
    pub fn json(&self) -> Arc<str> {
        serde_json::to_string(self).expect("metadata holds only strings").into()
    }
}

/// An event that a decision made, not yet in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub event_type: &'static str,
    pub event_version: &'static str,
    pub occurred_at: DateTime<Utc>,
    pub payload: String,
}

impl From<&Event> for NewEvent {
    fn from(event: &Event) -> Self {
        Self {
            event_type: event.name(),
            event_version: event.version(),
            occurred_at: event.occurred_at(),
            payload: event.payload(),
        }
    }
}

/// An event in the ledger. Postgres holds it, Kafka carries it, projections fold it: the same fields everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    pub partition: Partition,
    pub position: Position,
    pub tenant: TenantId,
    pub aggregate_type: AggregateType,
    /// As clients name it, without the tenant.
    pub aggregate_id: String,
    /// Its place in its stream, from 1; a stream's version is its last event's.
    pub sequence: u64,
    pub event_type: String,
    pub event_version: String,
    pub partition_key: String,
    pub occurred_at: DateTime<Utc>,
    /// When it was appended, to the microsecond.
    pub recorded_at: DateTime<Utc>,
    /// JSON, these exact bytes everywhere.
    pub payload: String,
    /// JSON of [`Metadata`], these exact bytes everywhere.
    pub metadata: Arc<str>,
}

impl RecordedEvent {
    /// `PARTITION-POSITION`: unique in the ledger and readable.
    pub fn id(&self) -> String {
        event_id(self.partition, self.position)
    }

    /// Where the payload's JSON Schema is served.
    pub fn schema_path(&self) -> String {
        schema_path(&self.event_type, &self.event_version)
    }

    pub fn decode(&self) -> Result<Event, DecodeError> {
        Event::decode(&self.event_type, &self.event_version, self.payload.as_bytes())
    }
}

pub fn event_id(partition: Partition, position: Position) -> String {
    format!("{partition}-{position}")
}

/// Reads `PARTITION-POSITION`.
pub fn parse_event_id(id: &str) -> Option<(Partition, Position)> {
    let (partition, position) = id.split_once('-')?;
    let place = (Partition(partition.parse().ok()?), Position(position.parse().ok()?));
    (event_id(place.0, place.1) == id).then_some(place)
}

/// Another event of the ledger, by its id: `"3-41"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9]+-[0-9]+$"))]
pub struct EventRef {
    pub partition: Partition,
    pub position: Position,
}

/// A text is not an event's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an event's id, PARTITION-POSITION, such as \"3-41\"")]
pub struct InvalidEventRef;

impl FromStr for EventRef {
    type Err = InvalidEventRef;

    fn from_str(text: &str) -> Result<Self, InvalidEventRef> {
        parse_event_id(text).map(|(partition, position)| Self { partition, position }).ok_or(InvalidEventRef)
    }
}

impl TryFrom<String> for EventRef {
    type Error = InvalidEventRef;
    fn try_from(text: String) -> Result<Self, InvalidEventRef> {
        text.parse()
    }
}

impl From<EventRef> for String {
    fn from(event: EventRef) -> String {
        event.to_string()
    }
}

impl fmt::Display for EventRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&event_id(self.partition, self.position))
    }
}

pub fn schema_path(event_type: &str, event_version: &str) -> String {
    format!("/schemas/events/{event_type}.v{event_version}.json")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_stays_in_its_partition_for_ever() {
        let tenant = TenantId::parse("demo").expect("a tenant");
        let places: Vec<u16> = ["c1", "c2", "c3", "site-1010323"].iter().map(|key| Partition::of(&tenant, key, 8).0).collect();
        assert_eq!(places, GOLDEN_PLACES, "the partition of a key is a part of the ledger's format");
    }
    const GOLDEN_PLACES: [u16; 4] = [7, 7, 4, 1];

    #[test]
    fn a_reference_to_an_event_is_its_id() {
        let event = crate::input::from_json::<EventRef>(br#""3-41""#).expect("an event's id");
        assert_eq!(event, EventRef { partition: Partition(3), position: Position(41) });
        assert_eq!(serde_json::to_string(&event).expect("JSON"), r#""3-41""#);
        for text in ["", "3", "3-", "-41", "03-41", "3-41-1", "65536-0", "a-b"] {
            assert_eq!(text.parse::<EventRef>(), Err(InvalidEventRef), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_event_id_reads_back(partition: u16, position: u64) {
            let place = (Partition(partition), Position(position));
            prop_assert_eq!(parse_event_id(&event_id(place.0, place.1)), Some(place));
        }

        #[test]
        fn anything_else_is_no_event_id(text in "[0-9-]{0,8}") {
            if let Some((partition, position)) = parse_event_id(&text) {
                prop_assert_eq!(event_id(partition, position), text);
            }
        }
    }
}
