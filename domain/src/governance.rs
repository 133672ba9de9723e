//! Governance: the gates between the company's phases, its risks and its objectives.

mod gate_item;

pub use gate_item::*;
