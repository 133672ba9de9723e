//! An event's leaf: a hash that follows from what is stored of the event, and from nothing else.

use domain::RecordedEvent;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tlog_tiles::{Hash, record_hash};

use crate::canonical;
use crate::entry::time;
use crate::error::Error;

/// What the leaf covers. Its fields stand in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub aggregate_id: String,
    pub aggregate_type: String,
    pub event_type: String,
    pub event_version: String,
    /// Of this structure; always 1.
    pub format: u8,
    /// Lower-case hexadecimal, as everywhere here.
    pub metadata_sha256: String,
    /// RFC 3339, UTC, six digits of the second.
    pub occurred_at: String,
    pub partition: u16,
    pub partition_key: String,
    pub payload_sha256: String,
    pub position: u64,
    pub recorded_at: String,
    pub sequence: u64,
    pub tenant: String,
}

/// The same, borrowed: a leaf is made for every event.
#[derive(Serialize)]
struct HeaderOf<'a> {
    aggregate_id: &'a str,
    aggregate_type: &'a str,
    event_type: &'a str,
    event_version: &'a str,
    format: u8,
    metadata_sha256: &'a str,
    occurred_at: &'a str,
    partition: u16,
    partition_key: &'a str,
    payload_sha256: &'a str,
    position: u64,
    recorded_at: &'a str,
    sequence: u64,
    tenant: &'a str,
}

pub(crate) const FORMAT: u8 = 1;
/// RFC 8785 writes numbers as doubles, which are exact below this one.
const NUMBER_END: u64 = 1 << 53;

impl Header {
    /// Its canonical JSON, which is the leaf's data.
    pub fn canonical(&self) -> String {
        canonical::write(self)
    }

    /// # Errors
    /// [`Error::Malformed`] unless it is a canonical header of a known format.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let header: Self = canonical::read("the event's header", text)?;
        if header.format != FORMAT {
            return Err(Error::malformed("the event's header", format!("format {} is not known", header.format)));
        }
        if header.position >= NUMBER_END || header.sequence >= NUMBER_END {
            return Err(Error::malformed("the event's header", "a number of it is not below 2^53"));
        }
        Ok(header)
    }

    pub fn leaf(&self) -> Hash {
        record_hash(self.canonical().as_bytes())
    }
}

/// The leaf of an event: the RFC 6962 leaf hash of its canonical header.
pub fn leaf(event: &RecordedEvent) -> Hash {
    record_hash(header(event).as_bytes())
}

/// The canonical header of an event. One with a number of 2^53 or more, which only a copy that was tampered with holds, has a header
/// like any other, and [`Header::parse`] refuses it.
pub fn header(event: &RecordedEvent) -> String {
    let (metadata, payload) = (sha256(event.metadata.as_bytes()), sha256(event.payload.as_bytes()));
    let (occurred_at, recorded_at) = (time(event.occurred_at), time(event.recorded_at));
    canonical::write(&HeaderOf {
        aggregate_id: &event.aggregate_id,
        aggregate_type: event.aggregate_type.as_str(),
        event_type: &event.event_type,
        event_version: &event.event_version,
        format: FORMAT,
        metadata_sha256: &metadata,
        occurred_at: &occurred_at,
        partition: event.partition.0,
        partition_key: &event.partition_key,
        payload_sha256: &payload,
        position: event.position.0,
        recorded_at: &recorded_at,
        sequence: event.sequence,
        tenant: event.tenant.as_str(),
    })
}

/// In hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(bytes);
    let digits = digest.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::{AggregateType, Partition, Position, TenantId};
    use proptest::prelude::*;

    use super::*;

    pub(crate) fn event() -> RecordedEvent {
        RecordedEvent {
            partition: Partition(3),
            position: Position(41),
            tenant: TenantId::parse("demo").expect("a tenant"),
            aggregate_type: AggregateType::Interaction,
            aggregate_id: "i-1".to_owned(),
            sequence: 1,
            event_type: "InteractionRecorded".to_owned(),
            event_version: "1.0".to_owned(),
            partition_key: "c1".to_owned(),
            occurred_at: "2026-10-31T12:00:00.123456Z".parse().expect("a time"),
            recorded_at: "2026-10-31T12:00:01Z".parse().expect("a time"),
            payload: r#"{"kind":"interaction"}"#.to_owned(),
            metadata: r#"{"key":"k1"}"#.into(),
        }
    }

    #[test]
    fn a_header_is_these_bytes_for_ever() {
        assert_eq!(header(&event()), GOLDEN);
        assert_eq!(leaf(&event()).to_string(), GOLDEN_LEAF);
    }
    const GOLDEN: &str = concat!(
        r#"{"aggregate_id":"i-1","aggregate_type":"interaction","event_type":"InteractionRecorded","event_version":"1.0","#,
        r#""format":1,"metadata_sha256":"6477d19c0fd8a4f5d421d6a3d8938e1d5e1fc62caddceca8d75bdbb638557f25","#,
        r#""occurred_at":"2026-10-31T12:00:00.123456Z","partition":3,"partition_key":"c1","#,
        r#""payload_sha256":"c454528a0feb131cc8d91b2498a5fe14fa2b5a0aaf6b176c5a1c78ded715a791","position":41,"recorded_at":"2026-10-31T12:00:01.000000Z","sequence":1,"tenant":"demo"}"#
    );
    /// By Python's hashlib.
    const GOLDEN_LEAF: &str = "Br9CGHK93oABKcLIlupIenj16rcqFy/vde+bupZPY0w=";

    proptest! {
        #[test]
        fn a_header_is_canonical_json(id in "\\PC{1,40}|[\\x00-\\x7f]{1,20}", key in any::<String>(), payload in any::<String>()) {
            let event = RecordedEvent { aggregate_id: id, partition_key: key, payload, ..event() };
            let text = header(&event);
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            prop_assert_eq!(serde_json_canonicalizer::to_string(&value).expect("canonical"), text.clone());
            prop_assert_eq!(Header::parse(&text).expect("a header").canonical(), text);
        }
    }

    #[test]
    fn whatever_changes_in_an_event_changes_its_leaf() {
        let event = event();
        let others = [
            RecordedEvent { partition: Partition(4), ..event.clone() },
            RecordedEvent { position: Position(42), ..event.clone() },
            RecordedEvent { tenant: TenantId::parse("other").expect("a tenant"), ..event.clone() },
            RecordedEvent { aggregate_type: AggregateType::Capsule, ..event.clone() },
            RecordedEvent { aggregate_id: "i-2".to_owned(), ..event.clone() },
            RecordedEvent { sequence: 2, ..event.clone() },
            RecordedEvent { event_type: "InteractionVoided".to_owned(), ..event.clone() },
            RecordedEvent { event_version: "1.1".to_owned(), ..event.clone() },
            RecordedEvent { partition_key: "c2".to_owned(), ..event.clone() },
            RecordedEvent { occurred_at: event.occurred_at + chrono::TimeDelta::microseconds(1), ..event.clone() },
            RecordedEvent { recorded_at: event.recorded_at + chrono::TimeDelta::microseconds(1), ..event.clone() },
            RecordedEvent { payload: r#"{"kind":"interactioN"}"#.to_owned(), ..event.clone() },
            RecordedEvent { metadata: r#"{"key":"k2"}"#.into(), ..event.clone() },
        ];
        for other in others {
            assert_ne!(leaf(&other), leaf(&event), "{other:?}");
        }
    }

    #[test]
    fn only_canonical_headers_are_read() {
        let text = header(&event());
        for wrong in [
            text.replace(r#""format":1"#, r#""format":2"#),
            text.replace(r#","tenant":"demo""#, ""),
            text.replace(r#""sequence":1"#, r#""sequence":1.0"#),
            text.replace(r#""sequence":1"#, r#""sequence": 1"#),
            header(&RecordedEvent { sequence: 1 << 53, ..event() }),
            header(&RecordedEvent { position: Position(u64::MAX), ..event() }),
            text.replace(r#"{"aggregate_id""#, r#"{"a":0,"aggregate_id""#),
        ] {
            assert!(Header::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
