//! The ledger in PostgreSQL: commands in, durable events in dense positions out.
//!
//! Must not know: Kafka, projections, HTTP. Reads no read model. Rules are the domain's; here is only order, durability
//! and identity.
//!
//! Where to start:
//! * [`Store::execute`] and [`Store::execute_many`]: decide and append (`decide.rs`), with idempotency keys.
//! * `lane.rs`: group commit. All commits that wait become one call of `ledger.append` (`migrations/ledger/0002_append.sql`).
//! * [`vault`]: users become pseudonyms. [`keys`]: API keys. [`lease`]: which process leads which partition.

mod batch;
mod cache;
mod commit;
mod committed;
mod database;
mod decide;
mod error;
mod idempotency;
pub mod keys;
mod lane;
pub mod lease;
mod read;
pub mod repository;
mod request;
mod search;
mod settings;
mod store;
mod streams;
pub mod vault;

pub use commit::{AppendError, Appended, Commit, Expected, Guard};
pub use committed::CommittedEvents;
pub use database::{connect, migrate};
pub use error::Error;
pub use read::{EventPage, EventQuery};
pub use request::{ExecuteError, IdempotencyKey, Outcome, Request};
pub use search::{Before, SearchPage, SearchQuery};
pub use settings::Settings;
pub use sqlx::PgPool;
pub use store::Store;
pub use streams::LoadedStream;
