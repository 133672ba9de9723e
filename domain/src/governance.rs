//! Governance: the gates between the company's phases, its risks and its objectives.

mod gate_item;
mod objective;
mod risk;

pub use gate_item::*;
pub use objective::*;
pub use risk::*;
