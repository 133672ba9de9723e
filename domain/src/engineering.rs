//! Engineering: deployments with their changes, and the incidents that some of them cause.

mod deployment;
mod incident;

pub use deployment::*;
pub use incident::*;
