//! Rows in the form of `COPY … (FORMAT binary)`: PostgreSQL documentation, "COPY", "Binary Format".

use chrono::{DateTime, Utc};
use uuid::Uuid;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// From 1970-01-01 to 2000-01-01, where Postgres counts from.
const EPOCH_MICROS: i64 = 946_684_800_000_000;

/// Rows of one table, each column in turn.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
}

impl Rows {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn header() -> Vec<u8> {
        [SIGNATURE, &[0; 8]].concat()
    }

    pub(super) fn trailer() -> [u8; 2] {
        (-1_i16).to_be_bytes()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn row(&mut self, columns: i16) {
        self.bytes.extend_from_slice(&columns.to_be_bytes());
    }

    pub(super) fn null(&mut self) {
        self.bytes.extend_from_slice(&(-1_i32).to_be_bytes());
    }

    pub(super) fn field(&mut self, bytes: &[u8]) {
        let length = i32::try_from(bytes.len()).expect("an event is far smaller than 2 GiB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.extend_from_slice(bytes);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.field(text.as_bytes());
    }

    pub(super) fn maybe_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    pub(super) fn int4(&mut self, number: i32) {
        self.field(&number.to_be_bytes());
    }

    pub(super) fn int8(&mut self, number: i64) {
        self.field(&number.to_be_bytes());
    }

    pub(super) fn maybe_int8(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.int8(number),
            None => self.null(),
        }
    }

    pub(super) fn time(&mut self, time: DateTime<Utc>) {
        self.int8(time.timestamp_micros() - EPOCH_MICROS);
    }

    pub(super) fn maybe_uuid(&mut self, uuid: Option<Uuid>) {
        match uuid {
            Some(uuid) => self.field(uuid.as_bytes()),
            None => self.null(),
        }
    }

    /// `jsonb`: its version, then the text.
    pub(super) fn jsonb(&mut self, json: &[u8]) {
        let length = i32::try_from(json.len() + 1).expect("an event is far smaller than 2 GiB");
        self.bytes.extend_from_slice(&length.to_be_bytes());
        self.bytes.push(1);
        self.bytes.extend_from_slice(json);
    }
}
