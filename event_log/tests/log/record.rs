//! The format on the wire.

use std::sync::Arc;

use chrono::DateTime;
use domain::{AggregateType, Partition, Position, RecordedEvent, TenantId};
use event_log::record::{HEADERS, POSITION, RecordError, decode, decode_position, encode_headers};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::event;

type Headers = Vec<(&'static str, Vec<u8>)>;

fn headers(event: &RecordedEvent) -> Headers {
    let mut headers = vec![];
    encode_headers(event, |name, value| headers.push((name, value.to_vec())));
    headers
}

fn read(event: &RecordedEvent, headers: &Headers) -> Result<RecordedEvent, RecordError> {
    let headers = headers.iter().map(|(name, value)| (*name, Some(value.as_slice())));
    decode(Some(event.partition_key.as_bytes()), headers, Some(event.payload.as_bytes()))
}

fn changed(name: &str, value: &str) -> Result<RecordedEvent, RecordError> {
    let event = event(3, 41);
    let mut headers = headers(&event);
    headers.iter_mut().find(|header| header.0 == name).expect("a header of the name").1 = value.as_bytes().to_vec();
    read(&event, &headers)
}

#[test]
fn an_event_is_a_cloud_event() {
    let headers: Vec<_> =
        headers(&event(3, 41)).into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect();
    let expected = [
        ("ledger_position", "41"),
        ("ledger_partition", "3"),
        ("ledger_sequence", "1"),
        ("content-type", "application/json"),
        ("ce_specversion", "1.0"),
        ("ce_id", "3-41"),
        ("ce_source", "/tenants/demo"),
        ("ce_subject", "interactions/interaction-3-41"),
        ("ce_dataschema", "/schemas/events/InteractionRecorded.v1.0.json"),
        ("ce_type", "InteractionRecorded"),
        ("ledger_version", "1.0"),
        ("ce_time", "2026-10-31T12:00:00.123497Z"),
        ("ledger_recorded_at", "2026-10-31T12:00:00.123497Z"),
        ("ledger_metadata", r#"{"key":"k1","command":"interactions/record"}"#),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn an_error_names_the_header_at_fault() {
    let event = event(3, 41);
    for missing in 0..HEADERS {
        let mut headers = headers(&event);
        let (name, _) = headers.remove(missing);
        assert_eq!(read(&event, &headers), Err(RecordError::Missing(name)));
    }
    let mut twice = headers(&event);
    twice.push(twice[7].clone());
    assert_eq!(read(&event, &twice), Err(RecordError::Repeated(twice[7].0)));
    for (name, value) in [
        ("ledger_position", "041"),
        ("ledger_position", "+41"),
        ("ledger_partition", "70000"),
        ("ledger_sequence", ""),
        ("content-type", "text/plain"),
        ("ce_specversion", "0.3"),
        ("ce_id", "3-42"),
        ("ce_source", "/tenants/"),
        ("ce_subject", "moons/1"),
        ("ce_subject", "interactions"),
        ("ce_dataschema", "/schemas/events/Other.v1.0.json"),
        ("ce_time", "2026-10-31T12:00:00Z"),
        ("ledger_recorded_at", "2026-02-30T12:00:00.000000Z"),
    ] {
        let at_fault = match changed(name, value) {
            Err(RecordError::Invalid { name, .. }) => name,
            other => panic!("{name} {value} gave {other:?}"),
        };
        // Another position or partition is first noticed by the id that does not agree.
        assert_eq!(at_fault, name);
    }
    let headers = headers(&event);
    let headers = || headers.iter().map(|(name, value)| (*name, Some(value.as_slice())));
    assert_eq!(decode(None, headers(), Some(b"{}")), Err(RecordError::Missing("key")));
    assert_eq!(decode(Some(b"k"), headers(), None), Err(RecordError::Missing("value")));
    assert!(matches!(decode(Some(b"k"), headers(), Some(b"\xff")), Err(RecordError::Invalid { name: "value", .. })));
}

#[test]
fn headers_of_other_people_and_another_order_change_nothing() {
    let event = event(3, 41);
    let mut headers = headers(&event);
    headers.reverse();
    headers.insert(4, ("traceparent", b"00-1-1-01".to_vec()));
    assert_eq!(read(&event, &headers), Ok(event));
}

prop_compose! {
    fn any_event()(
        (partition, position, sequence) in (any::<u16>(), any::<u64>(), any::<u64>()),
        tenant in "[A-Za-z0-9._:~@+-]{1,32}",
        aggregate_type in select(AggregateType::ALL),
        aggregate_id in "[A-Za-z0-9._:~@+/-]{1,128}",
        (event_type, event_version) in ("[A-Z][A-Za-z]{0,40}", "[0-9]{1,3}\\.[0-9]{1,3}"),
        partition_key in any::<String>(),
        (occurred, recorded) in (-62_135_596_800_000_000_i64..253_402_300_800_000_000, 0_i64..4_000_000_000_000_000),
        (payload, metadata) in (any::<String>(), any::<String>()),
    ) -> RecordedEvent {
        RecordedEvent {
            partition: Partition(partition),
            position: Position(position),
            tenant: TenantId::parse(tenant).unwrap(),
            aggregate_type,
            aggregate_id,
            sequence,
            event_type,
            event_version,
            partition_key,
            occurred_at: DateTime::from_timestamp_micros(occurred).unwrap(),
            recorded_at: DateTime::from_timestamp_micros(recorded).unwrap(),
            payload,
            metadata: Arc::from(metadata),
        }
    }
}

proptest! {
    #[test]
    fn every_event_reads_back(event in any_event()) {
        let headers = headers(&event);
        prop_assert_eq!(headers.len(), HEADERS);
        prop_assert_eq!(headers[0].0, POSITION);
        let position = decode_position(headers.iter().map(|(name, value)| (*name, Some(value.as_slice()))));
        prop_assert_eq!(position, Ok(event.position));
        let id = headers.iter().find(|header| header.0 == "ce_id").unwrap();
        prop_assert_eq!(id.1.clone(), event.id().into_bytes());
        let schema = headers.iter().find(|header| header.0 == "ce_dataschema").unwrap();
        prop_assert_eq!(schema.1.clone(), event.schema_path().into_bytes());
        prop_assert_eq!(read(&event, &headers), Ok(event));
    }
}
