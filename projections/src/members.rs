//! By how many different users, capsules and sessions; what the north star's distinct figures are.

pub(crate) mod fold;
pub(crate) mod table;
