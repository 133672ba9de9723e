//! Customers: what they pay, what they ask for, what they say.

mod payment;
mod subscription;
mod ticket;

pub use payment::*;
pub use subscription::*;
pub use ticket::*;
