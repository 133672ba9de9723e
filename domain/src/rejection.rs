//! Why a command is not carried out: a stable `code`, a sentence, and where it applies the field.

use chrono::{DateTime, Utc};

/// A rule of the domain says no. Nothing was recorded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    #[error("there is no such capsule")]
    CapsuleUnknown,
    #[error("a capsule of this id exists and has another title")]
    CapsuleExists,
    #[error("the capsule was never published")]
    CapsuleNotPublished,
    #[error("the capsule was archived at {archived_at}")]
    CapsuleArchived { archived_at: DateTime<Utc> },
    #[error("there is no such interaction")]
    InteractionUnknown,
    #[error("an interaction of this id was recorded with other content")]
    InteractionConflict,
    /// Of plain facts; `what` is the aggregate's type.
    #[error("there is no such {what}")]
    Unknown { what: &'static str },
    #[error("a {what} of this id was recorded with other content")]
    Exists { what: &'static str },
    #[error("{detail}")]
    NotNow { detail: &'static str },
    #[error("{} {detail}", field.trim_start_matches('/'))]
    Invalid { field: &'static str, detail: &'static str },
    #[error("occurred_at is more than 1 hour ahead of the server's clock")]
    TimeAhead,
}

/// What kind of answer a rejection is, for whoever maps it to a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectionKind {
    /// The thing addressed does not exist.
    NotFound,
    /// Something with the same identity says otherwise.
    Conflict,
    /// The rule forbids it.
    Forbidden,
}

impl Rejection {
    pub fn code(&self) -> &'static str {
        match self {
            Self::CapsuleUnknown => "capsule_unknown",
            Self::CapsuleExists => "capsule_exists",
            Self::CapsuleNotPublished => "capsule_not_published",
            Self::CapsuleArchived { .. } => "capsule_archived",
            Self::InteractionUnknown => "interaction_unknown",
            Self::InteractionConflict => "interaction_conflict",
            Self::Unknown { .. } => "id_unknown",
            Self::Exists { .. } => "id_taken",
            Self::NotNow { .. } => "not_allowed_now",
            Self::Invalid { .. } => "invalid_field",
            Self::TimeAhead => "time_ahead",
        }
    }

    /// The JSON pointer of the field at fault, where there is one.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::TimeAhead | Self::CapsuleArchived { .. } => Some("/occurred_at"),
            Self::Invalid { field, .. } => Some(field),
            _ => None,
        }
    }

    pub fn kind(&self) -> RejectionKind {
        match self {
            Self::CapsuleUnknown | Self::InteractionUnknown | Self::Unknown { .. } => RejectionKind::NotFound,
            Self::CapsuleExists | Self::InteractionConflict | Self::Exists { .. } => RejectionKind::Conflict,
            Self::CapsuleNotPublished
            | Self::CapsuleArchived { .. }
            | Self::NotNow { .. }
            | Self::Invalid { .. }
            | Self::TimeAhead => RejectionKind::Forbidden,
        }
    }
}

/// A command could not be read from its JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct InputError {
    /// One of `invalid_json`, `missing_field`, `unknown_field`, `invalid_field`, `time_without_zone`, `unknown_command`,
    /// `unknown_collection`.
    pub code: &'static str,
    pub detail: String,
    /// JSON pointer, such as `/occurred_at`; empty for the whole document.
    pub field: String,
}
