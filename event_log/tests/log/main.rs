//! The log against a real Kafka: each test has a topic of its own.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod consumer;
mod record;
mod relay;
mod support;
mod topic;
mod unreadable;
mod wire;
