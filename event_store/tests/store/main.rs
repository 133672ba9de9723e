//! The store against a real PostgreSQL. Every test has its own database.

mod append;
mod audit;
mod commands;
mod erase;
mod idempotency;
mod keys;
mod lease;
mod repository;
mod search;
mod support;
mod vault;
mod workload;
