//! The figures of the register: one formula each, over the facts.

pub(crate) mod changes;
mod currencies;
pub mod definitions;
pub mod evaluate;
pub mod explain;
pub(crate) mod formula;
pub mod late;
mod notes;
pub mod plans;
pub mod query;
pub mod refresher;
pub mod series;
pub mod shown;
pub(crate) mod views;
