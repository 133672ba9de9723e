//! Marketing: leads on their way to sales, and what they cost and came from.

mod brand_searches;
mod lead;

pub use brand_searches::*;
pub use lead::*;
