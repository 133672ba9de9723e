//! Against the real servers, in parallel, each test with its own data directory.
#![allow(clippy::unwrap_used)]

mod data_dir;
mod faults;
mod hold;
mod look;
mod start;
