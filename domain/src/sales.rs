//! Sales: deals on their way through seven stages, and the quotas that they are held against.

mod deal;
mod quota;

pub use deal::*;
pub use quota::*;
