//! Product: which features which accounts may use.

mod account;

pub use account::*;
