use std::sync::Arc;

use domain::collections::DecodeError;

/// What can go wrong below the rules. Cloned to every caller whose commit was in the same batch.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Try again later; what was asked may or may not have been done.
    #[error("the database did not answer as it should")]
    Database(#[source] Arc<sqlx::Error>),
    /// Try again later; what was asked may or may not have been done.
    #[error("the database did not answer within {limit_ms} ms")]
    Timeout { limit_ms: u64 },
    #[error("the ledger could not be migrated")]
    Migration(#[source] Arc<sqlx::migrate::MigrateError>),
    #[error("this ledger has {actual} partitions, not {asked}; their number is fixed when a ledger is created")]
    PartitionCount { asked: u16, actual: u16 },
    #[error("this database holds no ledger: run the migrations first")]
    NoLedger,
    /// Go on with the restore first.
    #[error("this ledger is being restored, and is not whole yet: run `capsule-ledger restore postgres` to its end")]
    Restoring,
    /// The ledger holds something that this build cannot read.
    #[error("the event {id} cannot be read")]
    Event { id: String, source: Arc<DecodeError> },
    #[error("the ledger holds a row that breaks its own rules: {0}")]
    Broken(String),
    #[error("the store is shutting down")]
    Closed,
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration(Arc::new(error))
    }
}

impl Error {
    /// Whether the database rolled the transaction back because of others', so that doing it again may succeed.
    pub(crate) fn is_lost_race(&self) -> bool {
        matches!(self.sql_state().as_deref(), Some("23505" | "40P01" | "40001" | "55P03"))
    }

    /// Whether the database refused what this one statement holds, and the connection is still good.
    pub(crate) fn is_refusal(&self) -> bool {
        // 22: data; 23: constraints; 40: lost races; 54: limits. All else is not the statement's fault.
        self.sql_state().is_some_and(|state| ["22", "23", "40", "54"].iter().any(|class| state.starts_with(class)))
    }

    fn sql_state(&self) -> Option<String> {
        match self {
            Self::Database(error) => error.as_database_error()?.code().map(Into::into),
            _ => None,
        }
    }
}
