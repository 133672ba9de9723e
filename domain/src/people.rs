//! People: who is employed in which role, who would follow whom, and how ripe the processes are.

mod assessment;
mod employment;
mod succession;

pub use assessment::*;
pub use employment::*;
pub use succession::*;
