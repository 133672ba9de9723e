//! A company that never was, for people to look at: it follows the scaling plan from its first month to today.
//!
//! [`company`] says how it grows and what it publishes, [`activity`] what its users do, [`story`] everything else that happened
//! in it, all pure: the same moment and volume give the same bytes. [`load`] sends it all through the public API, [`trickle`]
//! goes on while people watch.
//!
//! The company grows along the plan's own curve, but at a tenth of its volume ([`Volume`]): 10 users in the first month, a
//! tenth of a stage's capacities at the end of that stage. So the shape is the plan's, it all loads in well under a
//! minute, and "where do we stand" shows a company in the first stage with a limit to come.

mod activity;
mod behaviour;
mod company;
mod load;
mod random;
mod story;
mod trickle;

pub(crate) use company::Volume;
pub(crate) use load::load;
pub(crate) use trickle::trickle;
