//! Proof that nothing in the ledger was lost, changed, reordered or invented: leaves, trees, checkpoints, and what checks them.
//!
//! Every event has a [`leaf`]: a hash that follows from what is stored of it. Each partition's leaves are an RFC 6962 tree
//! ([`tree`]). The heads of all these trees together are an entry of the ledger's own log ([`entry`]), whose head is signed: a
//! [`checkpoint`]. [`event`] proves one event to somebody who has nothing but the verifier key, [`position`] what stands at a position
//! or that nothing does; [`audit`] holds a whole copy of the ledger against the checkpoints; an [`attestation`] says what a figure was
//! and what it rests on, a [`receipt`] where a write's events are, an [`erasure`] that somebody was erased. `docs/proof-format.md`
//! defines every byte.
//!
//! Pure: over any stream of recorded events and any store of tiles. It must know neither PostgreSQL nor Kafka, reads no clock,
//! and writes no Merkle code: trees are tlog_tiles', signatures signed_note's.

pub mod attestation;
pub mod audit;
pub mod checkpoint;
pub mod consistency;
pub mod entry;
pub mod erasure;
pub mod event;
pub mod heads;
pub mod leaf;
pub mod notary;
pub mod position;
pub mod receipt;
pub mod tree;

mod canonical;
mod error;
mod portable;
mod statement;

pub use error::Error;
pub use tlog_tiles::Hash;
