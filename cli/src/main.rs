//! The program `capsule-ledger`: joins the crates into roles and tools, and is the only one that reads configuration.
//!
//! Where to start: `config` says what can be set; `up` runs everything in one process; `roles` holds each role by itself.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod analysts;
mod client;
mod config;
mod connection;
mod demo;
mod export;
mod ingest;
mod keys;
mod ledger;
mod plan;
mod progress;
mod roles;
mod signals;
mod up;

/// Commands and events are many small, short-lived allocations on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The event-sourced interaction ledger: record every interaction, and know what the figures are and why.
#[derive(Debug, Parser)]
#[command(name = "capsule-ledger", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process: servers, API, relay, projector
    Up(up::UpArguments),
    /// Run the API only; any number of them share a ledger
    Serve(roles::serve::ServeArguments),
    /// Run the relay only: it publishes committed events to Kafka; several share the partitions
    Relay(roles::relay::RelayArguments),
    /// Run the projector only: it folds the log into the read models; several share the partitions
    Project(roles::project::ProjectArguments),
    /// Send interactions, or commands for any other fact, from NDJSON or CSV files through the API, resumable
    Ingest(ingest::IngestArguments),
    /// Write events as NDJSON, or a KPI's series as CSV, Parquet or JSON
    Export(export::ExportArguments),
    /// Check a scaling plan for contradictions, and adopt it
    Plan(plan::PlanArguments),
    /// Make logins to PostgreSQL for those who query the read models with SQL
    Analysts(analysts::AnalystsArguments),
    /// Make, list and revoke API keys
    Keys(keys::KeysArguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log();
    let result = match arguments.command {
        Command::Up(arguments) => Box::pin(up::run(arguments)).await,
        Command::Serve(arguments) => Box::pin(roles::serve::run(arguments)).await,
        Command::Relay(arguments) => Box::pin(roles::relay::run(arguments)).await,
        Command::Project(arguments) => Box::pin(roles::project::run(arguments)).await,
        Command::Ingest(arguments) => Box::pin(ingest::run(arguments)).await,
        Command::Export(arguments) => Box::pin(export::run(arguments)).await,
        Command::Plan(arguments) => Box::pin(plan::run(arguments)).await,
        Command::Analysts(arguments) => Box::pin(analysts::run(arguments)).await,
        Command::Keys(arguments) => Box::pin(keys::run(arguments)).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("capsule-ledger: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// To standard error; `RUST_LOG` chooses what, `LOG_FORMAT=json` how.
fn start_log() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,devstack=info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    if std::env::var("LOG_FORMAT").is_ok_and(|format| format == "json") {
        log.json().init();
    } else {
        log.with_target(false).compact().init();
    }
}
