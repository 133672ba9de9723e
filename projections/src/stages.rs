//! Where does the company stand against what each stage of its plan can carry, and when does it outgrow it?
//!
//! Worked out from the north star's monthly series; there is nothing of its own to fold.

mod query;

pub use query::{Expected, Limit, MONTHS_OF_GROWTH, StageStanding, Standing, standing};
