//! What happened in the company besides interactions: a table for each kind of aggregate, a row for each of its events.
//!
//! The tables follow the published events: a column for each field, named and explained as there. So a new fact has its
//! table as soon as it is in the list of aggregates, and figures as of any day need nothing but `recorded_at`.

pub(crate) mod columns;
pub(crate) mod fold;
pub(crate) mod table;

pub use columns::definitions;
