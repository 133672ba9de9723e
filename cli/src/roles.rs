//! The roles. `up` runs all three in one process; each runs by itself too, any number of times.

pub(crate) mod project;
pub(crate) mod rebuild;
pub(crate) mod relay;
pub(crate) mod retention;
pub(crate) mod serve;
pub(crate) mod skips;

use domain::Partition;

/// Tells operators who does what, each time that it changes.
fn say_share(role: &str, partitions: &[Partition]) {
    let list: Vec<String> = partitions.iter().map(Partition::to_string).collect();
    println!("{role} working on partitions [{}]", list.join(", "));
}
