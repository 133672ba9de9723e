//! The figures of the register: one formula each, over the facts.

pub(crate) mod formula;
pub mod plans;
pub mod query;
