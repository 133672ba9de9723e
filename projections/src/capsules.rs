//! Which capsules are there, in what state, and how much are they used?

pub(crate) mod fold;
mod query;
pub(crate) mod table;

pub use query::{Capsule, CapsuleState, by_id, list};
