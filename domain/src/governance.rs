//! Governance: the gates between the company's phases, its risks and its objectives.

mod gate_item;
mod milestone;
mod objective;
mod risk;

pub use gate_item::*;
pub use milestone::*;
pub use objective::*;
pub use risk::*;
