//! How many interactions, by day and by month; what the north star adds up.

pub(crate) mod fold;
pub(crate) mod table;
