//! The ledger in PostgreSQL: commands in, durable events in dense positions out.
//!
//! Must not know: Kafka, projections, HTTP. Reads no read model. Rules are the domain's; here is only order, durability
//! and identity.
//!
//! Where to start:
//! * [`Store::execute`] and [`Store::execute_many`]: decide and append (`decide.rs`), with idempotency keys.
//! * `lane.rs`: group commit. All commits that wait become one call of `ledger.append` (`migrations/ledger/0006_vault.sql`).
//! * [`restore`]: the events back from Kafka's copy.
//! * [`vault`]: users become pseudonyms, and what is personal is sealed; `erase.rs`: they are forgotten.
//! * [`audit`]: [`Store::record`] notes what was done with the ledger itself.
//! * [`keys`]: API keys. [`lease`]: which process leads which partition.

pub mod audit;
mod batch;
mod cache;
mod commit;
mod committed;
pub mod copy;
mod database;
mod decide;
mod erase;
mod error;
mod idempotency;
pub mod keys;
mod lane;
pub mod lease;
mod people;
mod read;
pub mod repository;
mod request;
pub mod restore;
mod retention;
mod sealing;
mod search;
mod settings;
mod store;
mod streams;
mod subjects;
pub mod trees;
pub mod vault;

pub use commit::{AppendError, Appended, Commit, Expected, Guard};
pub use committed::CommittedEvents;
pub use database::{connect, migrate};
pub use erase::{EraseError, Erasure};
pub use error::Error;
pub use read::{EventPage, EventQuery};
pub use request::{ExecuteError, IdempotencyKey, Outcome, Request};
pub use search::{Before, SearchPage, SearchQuery};
pub use settings::Settings;
pub use sqlx::PgPool;
pub use store::Store;
pub use streams::LoadedStream;
pub use subjects::{OpenedEvent, Subject};
