use std::sync::Arc;

use domain::{Command, Metadata, Partition, Position, Rejection, Stream, TenantId};

use crate::commit::AppendError;
use crate::error::Error;

/// One command for one aggregate.
#[derive(Debug, Clone)]
pub struct Request {
    pub tenant: TenantId,
    /// The aggregate's id, as clients name it.
    pub id: String,
    pub command: Command,
    /// `If-Match`: the version that the stream must have.
    pub expected_version: Option<u64>,
    /// Its `received_at` is the decision's "now". Share one among the commands of a bulk request.
    pub metadata: Arc<Metadata>,
    pub idempotency: Option<IdempotencyKey>,
}

impl Request {
    pub fn stream(&self) -> Stream {
        Stream { tenant: self.tenant.clone(), aggregate_type: self.command.aggregate_type(), id: self.id.clone() }
    }
}

/// `Idempotency-Key`: the same key and request are answered as the first time. Kept per tenant.
///
/// A rejection is not kept, for nothing was done: the same key then decides afresh.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey {
    pub key: String,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
}

/// What a command led to, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The stream's version after it.
    pub version: u64,
    /// Where its events are. Empty: nothing more happened, as for a repetition.
    pub appended: Vec<(Partition, Position)>,
    pub partition: Partition,
    /// Whoever has applied everything below this has seen the outcome.
    pub next_position: Position,
    /// The types of the appended events, in their order.
    pub events: Vec<&'static str>,
    /// Answered from an idempotency key.
    pub replayed: bool,
}

/// Why there is no outcome.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExecuteError {
    /// A rule says no; nothing was recorded.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The stream is not at the version that the caller expected.
    #[error("the stream is at version {actual}")]
    VersionMismatch { actual: u64 },
    /// Use another key for another request.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// Wait for the first answer, then ask again.
    #[error("a request with this idempotency key is still being carried out")]
    IdempotencyKeyInUse,
    /// Nothing was recorded; try again later.
    #[error("too many commands are waiting")]
    TooBusy,
    /// Nothing was recorded; ask another process.
    #[error("the store is shutting down")]
    ShuttingDown,
    /// The command may or may not have been recorded; try again, repetitions are recognised.
    #[error("the ledger's database is not available")]
    Unavailable(#[source] Error),
}

impl From<AppendError> for ExecuteError {
    fn from(error: AppendError) -> Self {
        match error {
            // Only when it went on for every attempt there is.
            AppendError::Conflict { .. }
            | AppendError::GuardMoved { .. }
            | AppendError::KeyTaken
            | AppendError::PeopleMoved
            | AppendError::TooBusy => Self::TooBusy,
            AppendError::ShuttingDown => Self::ShuttingDown,
            AppendError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

impl ExecuteError {
    /// A word for metrics and logs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::IdempotencyKeyReused => "idempotency_key_reused",
            Self::IdempotencyKeyInUse => "idempotency_key_in_use",
            Self::TooBusy => "too_busy",
            Self::ShuttingDown => "shutting_down",
            Self::Unavailable(_) => "unavailable",
        }
    }
}
