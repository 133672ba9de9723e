//! What a file holds: interactions, or commands of any other collection. Told by its first record; a file is of one kind.

use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Interactions,
    Commands,
}

impl Kind {
    /// Of a record. Neither has a field that the other is told by, so no record is both; none: it is not to be told.
    pub(super) fn of(json: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Record {
            collection: Option<IgnoredAny>,
            command: Option<IgnoredAny>,
            capsule_id: Option<IgnoredAny>,
            kind: Option<IgnoredAny>,
        }
        let record: Record = serde_json::from_slice(json).ok()?;
        match (record.collection.or(record.command), record.capsule_id.or(record.kind)) {
            (Some(_), _) => Some(Self::Commands),
            (None, Some(_)) => Some(Self::Interactions),
            (None, None) => None,
        }
    }

    /// Requests in the air at once. A command must not overtake an earlier one of the same aggregate.
    pub(super) fn concurrency(self, asked: usize) -> usize {
        match self {
            Self::Interactions => asked,
            Self::Commands => 1,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Interactions => "interactions",
            Self::Commands => "commands",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_the_fields_that_only_its_kind_has() {
        assert_eq!(Kind::of(br#"{"collection":"deals","id":"d","command":"win"}"#), Some(Kind::Commands));
        assert_eq!(Kind::of(br#"{"id":"d","command":"win"}"#), Some(Kind::Commands));
        assert_eq!(Kind::of(br#"{"id":"i","capsule_id":"c","kind":"view"}"#), Some(Kind::Interactions));
        for neither in [r#"{"id":"c","title":"C"}"#, "[1]", "{", ""] {
            assert_eq!(Kind::of(neither.as_bytes()), None, "{neither}");
        }
    }
}
