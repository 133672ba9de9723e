//! From the Kafka client's messages to names and bytes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use domain::{Position, RecordedEvent};
use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::record::{self, RecordError};

pub(crate) fn position_of(message: &BorrowedMessage<'_>) -> Result<Position, RecordError> {
    guarded(|| record::decode_position(headers(message)))
}

pub(crate) fn event_of(message: &BorrowedMessage<'_>) -> Result<RecordedEvent, RecordError> {
    guarded(|| record::decode(message.key(), headers(message), message.payload()))
}

pub(crate) fn headers<'a>(message: &'a BorrowedMessage<'_>) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> {
    message.headers().into_iter().flat_map(|headers| headers.iter().map(|header| (header.key, header.value)))
}

/// The client panics on a header whose name is not UTF-8. Anybody who may write to a topic could otherwise end the
/// thread that reads it: so whatever reads [`headers`] does it in here.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T, RecordError>) -> Result<T, RecordError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(RecordError::Unreadable))
}
