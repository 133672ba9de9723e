//! Reading commands from JSON: fast when they are right, exact about the place when they are not.

use chrono::{DateTime, Datelike as _, Utc};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

use crate::rejection::InputError;

const WITHOUT_ZONE: &str = "needs a time zone, as in 2026-10-31T12:00:00Z";

/// Reads `T`, or says which field is wrong and how. The second, slower reading happens only for input that is wrong.
pub fn from_json<T: DeserializeOwned>(json: &[u8]) -> Result<T, InputError> {
    serde_json::from_slice(json).map_err(|_| explain::<T>(json))
}

fn explain<T: DeserializeOwned>(json: &[u8]) -> InputError {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let result = serde_path_to_error::deserialize::<_, T>(&mut deserializer);
    let Err(error) = result else {
        return invalid_json("there is something after the end of the JSON value");
    };
    if !error.inner().is_data() {
        return invalid_json(&error.inner().to_string());
    }
    let message = without_place(&error.inner().to_string());
    let mut pointer = pointer(error.path());
    let code = match quoted_after(&message, "missing field ") {
        Some(field) => {
            pointer = format!("{pointer}/{field}");
            "missing_field"
        }
        None if message.starts_with("unknown field ") => "unknown_field",
        None if message.contains(WITHOUT_ZONE) => "time_without_zone",
        None => "invalid_field",
    };
    InputError { code, detail: message, field: pointer }
}

fn invalid_json(detail: &str) -> InputError {
    InputError { code: "invalid_json", detail: detail.to_owned(), field: String::new() }
}

/// serde_json ends its messages with ` at line 1 column 7`, which means nothing to who sent one of many lines.
fn without_place(message: &str) -> String {
    message.rfind(" at line ").map_or(message, |end| &message[..end]).to_owned()
}

fn quoted_after<'a>(message: &'a str, prefix: &str) -> Option<&'a str> {
    message.strip_prefix(prefix)?.strip_prefix('`')?.split('`').next()
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// As [`parse_time`] reads it.
pub fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    text.map(|text| parse_time(&text).map_err(D::Error::custom)).transpose()
}

/// An RFC 3339 time with its zone, as PostgreSQL keeps it: to the microsecond, and second 60 is the one after it. So an event in
/// memory is the same event once it was stored.
///
/// # Errors
/// What is wrong with it.
pub fn parse_time(text: &str) -> Result<DateTime<Utc>, &'static str> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => DateTime::from_timestamp_micros(time.timestamp_micros())
            .filter(|time| (1..=9999).contains(&time.year()))
            .ok_or("is not of the years 1 to 9999 in UTC"),
        Err(_) if text.parse::<chrono::NaiveDateTime>().is_ok() => Err(WITHOUT_ZONE),
        Err(_) => Err("is not an RFC 3339 time such as 2026-10-31T12:00:00Z"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[allow(dead_code)]
        name: String,
        #[serde(default, deserialize_with = "time")]
        at: Option<DateTime<Utc>>,
    }

    fn error(json: &str) -> (&'static str, String) {
        let error = from_json::<Sample>(json.as_bytes()).expect_err("wrong input");
        (error.code, error.field)
    }

    #[test]
    fn each_mistake_has_its_code_and_place() {
        assert_eq!(error(r#"{"at":null}"#), ("missing_field", "/name".into()));
        assert_eq!(error(r#"{"name":1}"#), ("invalid_field", "/name".into()));
        assert_eq!(error(r#"{"name":"a","nam":"b"}"#), ("unknown_field", "/nam".into()));
        assert_eq!(error(r#"{"name":"a","at":"2026-10-31T12:00:00"}"#), ("time_without_zone", "/at".into()));
        assert_eq!(error(r#"{"name":"a","at":"noon"}"#), ("invalid_field", "/at".into()));
        assert_eq!(error(r#"{"name":"a""#), ("invalid_json", String::new()));
        assert_eq!(error(r#"{"name":"a"} x"#), ("invalid_json", String::new()));
    }

    #[test]
    fn a_time_is_kept_in_utc_as_postgres_keeps_it() {
        for (given, kept) in [
            ("2026-10-31T14:00:00.123456789+02:00", "2026-10-31T12:00:00.123456+00:00"),
            ("2026-10-31T12:00:60.5Z", "2026-10-31T12:01:00.500+00:00"),
            ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999+00:00"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+00:00"),
        ] {
            let sample: Sample = from_json(format!(r#"{{"name":"a","at":"{given}"}}"#).as_bytes()).expect("right input");
            assert_eq!(sample.at.expect("given").to_rfc3339(), kept);
        }
        for outside in ["0001-01-01T00:00:00+01:00", "0000-06-01T00:00:00Z", "9999-12-31T23:59:60Z"] {
            assert_eq!(error(&format!(r#"{{"name":"a","at":"{outside}"}}"#)), ("invalid_field", "/at".into()));
        }
    }
}
