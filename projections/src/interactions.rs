//! What was done, one row an interaction: the table analysts work on, and the events behind a figure.

mod copy;
pub(crate) mod fold;
mod query;
pub(crate) mod table;

pub use query::{Cursor, Filter, Interaction, by_id, page};
