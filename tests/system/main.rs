//! Whole-system tests: the real program, real Kafka, real PostgreSQL, a real browser. `make test` runs them.
//!
//! Each test has its own database, topic and data directory on servers that all share; those that kill servers start
//! their own.

#![allow(unreachable_pub)]

mod analysts_guide;
mod architecture;
mod audit;
mod audit_log;
mod bad_input;
mod browser;
mod clients_guide;
mod dashboards;
mod data;
mod erasure;
mod explained;
mod faults;
mod figures;
mod ingest;
mod kpis;
mod moments;
mod program;
mod proofs;
mod read_models;
mod receipts;
mod replay;
mod reports;
mod restore;
mod roles;
mod servers;
mod signed;
mod signing_key;
mod verify;
mod watch;
