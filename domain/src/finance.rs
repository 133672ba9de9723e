//! Finance: what was spent, and what was planned to be.

mod budget;
mod spend;

pub use budget::*;
pub use spend::*;
