//! The read models on a real PostgreSQL, each test in a database of its own. `make test` sets `TEST_DATABASE_URL`.

#![allow(clippy::unwrap_used, missing_debug_implementations)]

mod database;
mod explain;
mod figures;
mod folds;
mod generate;
mod generations;
mod kpis;
mod late;
mod memory;
mod recount;
mod reports;
mod runner;
