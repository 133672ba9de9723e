//! Every error that reaches this crate, and the problem that it is to a client.

use domain::{InputError, Rejection};
use event_store::{EraseError, ExecuteError};

use super::{
    IDEMPOTENCY_KEY_IN_USE, IDEMPOTENCY_KEY_REUSED, INTERNAL, Kind, Problem, SUBJECT_UNKNOWN, TOO_BUSY, UNAVAILABLE,
    VERSION_MISMATCH,
};

impl From<InputError> for Problem {
    fn from(error: InputError) -> Self {
        Self::new(Kind::of(error.code), error.detail).at(error.field)
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        let problem = Self::new(Kind::of(rejection.code()), rejection.to_string());
        match rejection.field() {
            Some(field) => problem.at(field),
            None => problem,
        }
    }
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Rejected(rejection) => rejection.into(),
            ExecuteError::VersionMismatch { actual } => {
                Self::new(&VERSION_MISMATCH, format!("its version is {actual}, not the one in If-Match"))
            }
            ExecuteError::IdempotencyKeyReused => {
                Self::new(&IDEMPOTENCY_KEY_REUSED, "this Idempotency-Key came with another request before")
            }
            ExecuteError::IdempotencyKeyInUse => {
                Self::new(&IDEMPOTENCY_KEY_IN_USE, "the first request with this Idempotency-Key is not answered yet")
            }
            ExecuteError::TooBusy => Self::new(&TOO_BUSY, "more commands are waiting than can be taken"),
            ExecuteError::ShuttingDown => Self::new(&UNAVAILABLE, "this server is stopping"),
            ExecuteError::Unavailable(source) => source.into(),
        }
    }
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::Unknown => Self::new(
                &SUBJECT_UNKNOWN,
                "nothing was ever recorded of this person, or they were erased before: the ledger cannot tell which",
            ),
            EraseError::IdempotencyKeyReused => {
                Self::new(&IDEMPOTENCY_KEY_REUSED, "this Idempotency-Key came with another request before")
            }
            EraseError::Unavailable(source) => source.into(),
        }
    }
}

impl From<event_store::Error> for Problem {
    fn from(error: event_store::Error) -> Self {
        tracing::warn!(error = &error as &dyn std::error::Error, "the event store did not answer");
        Self::new(&UNAVAILABLE, "the event store does not answer at the moment")
    }
}

impl From<projections::Error> for Problem {
    fn from(error: projections::Error) -> Self {
        use projections::Error::{Database, NoLiveGeneration};
        match &error {
            Database(_) | NoLiveGeneration => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the read models did not answer");
                Self::new(&UNAVAILABLE, "the read models do not answer at the moment")
            }
            _ => {
                tracing::error!(error = &error as &dyn std::error::Error, "a question to the read models failed");
                Self::new(&INTERNAL, "the read models could not be asked")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::rejection::RejectionKind;

    use super::*;
    use crate::problem::KINDS;

    #[test]
    fn every_rejection_has_its_entry_and_the_status_of_its_kind() {
        let now = chrono::DateTime::UNIX_EPOCH;
        for rejection in [
            Rejection::CapsuleUnknown,
            Rejection::CapsuleExists,
            Rejection::CapsuleNotPublished,
            Rejection::CapsuleArchived { archived_at: now },
            Rejection::InteractionUnknown,
            Rejection::InteractionConflict,
            Rejection::Unknown { what: "deal" },
            Rejection::Exists { what: "deal" },
            Rejection::NotNow { detail: "the deal is won" },
            Rejection::Invalid { field: "/amount", detail: "must be more than zero" },
            Rejection::TimeAhead,
        ] {
            let expected = match rejection.kind() {
                RejectionKind::NotFound => 404,
                RejectionKind::Conflict => 409,
                RejectionKind::Forbidden => 422,
            };
            let (code, field) = (rejection.code(), rejection.field());
            let problem = Problem::from(rejection);
            assert_eq!((problem.kind.code, problem.kind.status), (code, expected));
            assert_eq!(problem.field.as_deref(), field);
        }
    }

    #[test]
    fn every_code_of_an_input_error_has_its_entry() {
        for code in [
            "invalid_json",
            "missing_field",
            "unknown_field",
            "invalid_field",
            "time_without_zone",
            "unknown_command",
            "unknown_collection",
        ] {
            assert!(KINDS.iter().any(|kind| kind.code == code), "{code}");
        }
    }
}
