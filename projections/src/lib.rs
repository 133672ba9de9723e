//! What follows from the events: read models in Postgres, and the questions they answer.
//!
//! It knows nothing of Kafka and nothing of the event store. Events come from a [`Source`], live and replayed alike;
//! answers are read from the stable views in schema `read`.
//!
//! Where to start:
//! * [`runner`]: takes batches from a source, folds them, writes rows and progress in one transaction.
//! * `delta`: the list of read models; a new one is a folder and a line there.
//! * [`capsules`], [`interactions`], [`north_star`], [`stages`]: the questions. A folder holds a pure `fold`, the `table`
//!   that the fold is added to, and the `query` that answers.
//! * [`reports`]: what reviews look at, from figures and plan.
//! * [`generations`] and [`compare`]: building all read models anew beside the live ones, comparing, cutting over.
//! * [`past`]: what a generation that was filled up to the past says, beside the live one.

pub mod analysts;
pub mod capsules;
pub mod compare;
mod counts;
mod delta;
mod error;
pub mod facts;
pub mod generations;
pub mod interactions;
pub mod kpis;
mod members;
pub mod north_star;
pub mod past;
pub mod progress;
pub mod reports;
pub mod runner;
pub mod source;
pub mod stages;

pub use compare::{Comparison, Difference, Held, are_figures_due, compare};
pub use delta::Only;
pub use error::{BoxError, Error};
pub use generations::{
    Filling, Generation, GenerationStatus, Purpose, RebuildTurn, Underway, changed_views, cut_over_is_noted, cut_overs_to_note,
    migrate, remove_left, underway,
};
pub use progress::{Fault, Mark, Progress, Start, faults, marks, starts};
pub use runner::{Runner, Settings, Skipped, Stopped};
pub use source::{FaultKind, PartitionBatch, Source, SourceBatch, SourceFault, Sourced};
