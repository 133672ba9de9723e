//! What can happen in the company and what it means.
//!
//! Pure: no I/O, no clock, no randomness. Time and ids are arguments. Every other crate speaks in the types defined here,
//! and this crate knows none of them.
//!
//! Where to start:
//! * [`capsule`] and [`interaction`]: the aggregates. Each has its commands, events, state and `decide`.
//! * [`sales`], [`marketing`], [`customers`], [`product`], [`engineering`], [`finance`], [`people`], [`governance`]: the other
//!   facts behind the KPIs, by function.
//! * [`collections`]: the one list of all aggregates; adding a kind of aggregate is adding a line there.
//! * [`personal`] and [`privacy`]: what is sealed with a person's own key, and what is recorded of forgetting them.
//! * [`audit`]: who did what with the ledger itself.
//! * [`recorded`]: an event as the ledger holds it, with its partition and position.
//! * [`north_star`] and [`plan`]: what the figures mean and what they are held against.

pub mod audit;
pub mod capsule;
pub mod collections;
pub mod customers;
pub mod engineering;
mod facts;
pub mod finance;
pub mod governance;
pub mod ids;
pub mod input;
pub mod interaction;
pub mod kpis;
pub mod marketing;
pub mod money;
pub mod north_star;
pub mod people;
pub mod period;
pub mod personal;
pub mod plan;
pub mod privacy;
pub mod product;
pub mod quantity;
pub mod recorded;
pub mod rejection;
pub mod sales;
#[cfg(test)]
mod testing;
pub mod timeline;
pub mod upcast;

pub use capsule::Capsule;
pub use collections::{AggregateType, Command, CommandInfo, Context, Event, State, Stream};
pub use ids::{
    AccountId, CapsuleId, ChangeId, DeploymentId, IncidentId, InteractionId, KeyId, Label, LeadId, PersonId, Pseudonym, Reason,
    Reference, Region, Route, SessionId, SigningKeyId, TenantId, Title, UserId, UserRef,
};
pub use interaction::Interaction;
pub use period::Grain;
pub use personal::{Person, Personal, Sealed};
pub use recorded::{EventRef, Metadata, NewEvent, Partition, Position, RecordedEvent};
pub use rejection::{InputError, Rejection};
