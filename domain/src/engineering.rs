//! Engineering: deployments with their changes, and the incidents that some of them cause.

mod deployment;
mod incident;
mod probe;
mod storage;

pub use deployment::*;
pub use incident::*;
pub use probe::*;
pub use storage::*;
