//! What can go wrong at this crate's boundary.

use domain::Partition;

/// What a [`crate::Source`] may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Try again later.
    #[error("Postgres could not answer for the read models")]
    Database(#[from] sqlx::Error),
    /// The database is of another build.
    #[error("the tables of the projections could not be brought up to date")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// The read models are of another build than this program.
    #[error("an adopted plan could not be read from the read models")]
    Plan(#[source] BoxError),
    /// The figures are of another build than this program.
    #[error("what stands beside a figure of {kpi} could not be read")]
    Parts {
        kpi: &'static str,
        #[source]
        source: BoxError,
    },
    /// Run `migrate` first.
    #[error("no generation of the read models is live")]
    NoLiveGeneration,
    #[error("there is no generation {0} of the read models")]
    UnknownGeneration(i32),
    /// Only one that is being built can go live.
    #[error("generation {0} is not being built")]
    NotBuilding(i32),
    /// Let the one behind catch up, then ask again.
    #[error("generations {left} and {right} have applied different events")]
    ProgressDiffers { left: i32, right: i32 },
    /// Its runner stands still or is too slow.
    #[error("generation {generation} has not caught up with the live one in partition {partition}")]
    Behind { generation: i32, partition: Partition },
    /// Try again in a moment: nothing has changed.
    #[error("somebody reads the read models for longer than a cut-over lets others wait")]
    Busy,
    /// Wait for whoever fills it, or stop that process.
    #[error("generation {0} is being filled by another process")]
    BeingFilled(i32),
    #[error("there is no read model {0}")]
    UnknownReadModel(String),
}
