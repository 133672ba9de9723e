//! Customers: what they pay, what they ask for, what they say.

mod payment;
mod sign_up;
mod subscription;
mod survey;
mod ticket;

pub use payment::*;
pub use sign_up::*;
pub use subscription::*;
pub use survey::*;
pub use ticket::*;
