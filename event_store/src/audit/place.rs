//! Where an entry stands in the audit log: by when it was noted.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, Utc};
use domain::{AggregateType, RecordedEvent, TenantId};

use crate::error::Error;

/// Digits of a moment, in the order of time whatever comes behind them.
const FORM: &str = "%Y%m%dT%H%M%S%.6fZ";
const FORM_BYTES: usize = 23;
const LAST: &str = "9999-12-31T23:59:59.999999Z";

/// A place in a tenant's audit log, in the order of time. Of an entry it is its id; of an erasure it is made of when that was
/// recorded, and of the pseudonym.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPlace {
    pub(super) noted_at: DateTime<Utc>,
    /// Tells entries of one moment apart; empty: before all of them.
    pub(super) rest: String,
}

/// It is no place in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the audit log")]
pub struct NoAuditPlace;

impl AuditPlace {
    pub(super) fn new(noted_at: DateTime<Utc>, number: u32) -> Self {
        Self { noted_at, rest: format!("{number:08x}") }
    }

    /// Before everything of this moment.
    pub(super) fn at(noted_at: DateTime<Utc>) -> Self {
        Self { noted_at, rest: String::new() }
    }

    /// After everything that will ever be noted.
    pub(super) fn last() -> Self {
        Self::at(LAST.parse().expect("a time"))
    }

    pub(super) fn of(entry: &RecordedEvent) -> Result<Self, Error> {
        match entry.aggregate_type {
            AggregateType::Subject => Ok(Self { noted_at: entry.recorded_at, rest: entry.aggregate_id.clone() }),
            _ => entry.aggregate_id.parse().map_err(|_| Error::Broken(format!("the id of the entry {}", entry.id()))),
        }
    }

    /// As the ledger stores an id.
    pub(super) fn stored(&self, tenant: &TenantId) -> String {
        format!("{tenant}/{self}")
    }
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.noted_at.format(FORM))?;
        if self.rest.is_empty() { Ok(()) } else { write!(formatter, "-{}", self.rest) }
    }
}

impl FromStr for AuditPlace {
    type Err = NoAuditPlace;

    fn from_str(text: &str) -> Result<Self, NoAuditPlace> {
        let (moment, rest) = text.split_at_checked(FORM_BYTES).ok_or(NoAuditPlace)?;
        let noted_at = NaiveDateTime::parse_from_str(moment, FORM).map_err(|_| NoAuditPlace)?.and_utc();
        let rest = rest.strip_prefix('-').ok_or(NoAuditPlace)?;
        let is_id = rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if rest.is_empty() || !is_id {
            return Err(NoAuditPlace);
        }
        Ok(Self { noted_at, rest: rest.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is_one() {
        for text in ["20261031T120000.000001Z-0a1b2c3d", "20261031T120000.000000Z-6f1c1f4e-3b5e-4f57-9d2c-1f0a5e1b7c11"] {
            assert_eq!(text.parse::<AuditPlace>().expect("a place").to_string(), text);
        }
        let wrong = ["", "x", "20261031T120000.000001Z", "20261031T120000.000001Z-", "20261031T120000.000001Z-../x"];
        for text in wrong.into_iter().chain(["20261331T120000.000001Z-0a1b2c3d", "20261031T120000.000001Zx0a1b2c3d"]) {
            assert_eq!(text.parse::<AuditPlace>(), Err(NoAuditPlace), "{text}");
        }
    }

    #[test]
    fn places_are_in_the_order_of_their_texts() {
        let of = |time: &str, number| AuditPlace::new(time.parse().expect("a time"), number);
        let ordered = [
            AuditPlace::at("2026-10-31T12:00:00Z".parse().expect("a time")),
            of("2026-10-31T12:00:00Z", 0),
            of("2026-10-31T12:00:00Z", 7),
            of("2026-10-31T12:00:00.000001Z", 3),
            AuditPlace::last(),
        ];
        assert!(ordered.is_sorted());
        assert!(ordered.map(|place| place.to_string()).is_sorted());
    }
}
