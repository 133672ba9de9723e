//! Canonical JSON (RFC 8785) of our own structures.
//!
//! serde_json escapes strings as RFC 8785 asks and writes integers as it does; what is left is the order of the members, which
//! is that of a struct's fields here, and that there are no fractions. A test compares with a general implementation.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;

pub(crate) fn write<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("members with names and no keys but strings")
}

/// Reads what [`write`] wrote and nothing else: no other order, no blank, no member more.
pub(crate) fn read<T: Serialize + DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    let value: T = serde_json::from_str(text).map_err(|error| Error::malformed(what, error))?;
    if write(&value) == text { Ok(value) } else { Err(Error::malformed(what, "is not canonical JSON")) }
}
