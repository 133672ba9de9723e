//! Whole-system tests: the real program, real Kafka, real PostgreSQL, a real browser. `make test` runs them.
//!
//! Each test has its own database, topic and data directory on servers that all share; those that kill servers start
//! their own.

#![allow(unreachable_pub)]

mod analysts_guide;
mod architecture;
mod audit;
mod bad_input;
mod browser;
mod clients_guide;
mod dashboards;
mod data;
mod explained;
mod faults;
mod ingest;
mod kpis;
mod moments;
mod program;
mod reports;
mod roles;
mod servers;
