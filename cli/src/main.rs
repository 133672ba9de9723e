//! The program `capsule-ledger`: joins the crates into roles and tools, and is the only one that reads configuration.
//!
//! Where to start: `config` says what can be set; `up` runs everything in one process; `roles` holds each role by itself.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod analysts;
mod audit;
mod checkpoint;
mod client;
mod config;
mod connection;
mod demo;
mod erase;
mod export;
mod ingest;
mod keys;
mod ledger;
mod notary;
mod ordered;
mod plan;
mod progress;
mod projection;
mod prove;
mod refold;
mod replay;
mod restore;
mod roles;
mod signals;
mod tenants;
mod up;
mod verify;

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
    /// Prove that both copies of the ledger are what was signed and the read models their fold, or name the first difference
    Verify(verify::VerifyArguments),
    /// Fold the log anew beside the live read models, compare, and cut over; or show what was known at a moment of the past
    Replay(replay::ReplayArguments),
    /// Rebuild one copy of the ledger from the other: Kafka's topics, or PostgreSQL's events
    Restore(restore::RestoreArguments),
    /// Write a portable proof of one event, or that the ledger goes on from an older checkpoint
    Prove(prove::ProveArguments),
    /// Check a proof, offline, with nothing but the verifier key
    Check(prove::CheckArguments),
    /// Print the newest checkpoint, or change the key that signs them
    Checkpoint(checkpoint::CheckpointArguments),
    /// Erase a person: what is personal of them opens no more, and nothing leads from them to their events
    Erase(erase::EraseArguments),
    /// Write everything that is held of a person
    Subject(erase::SubjectArguments),
    /// Make, list and revoke API keys
    Keys(keys::KeysArguments),
    /// List tenants, and say where their data are to reside
    Tenants(tenants::TenantsArguments),
    /// Show how far the read models are, and leave an event that they stand still at out of them
    Projection(projection::ProjectionArguments),
    /// Write the audit log: who did what with the ledger, and when
    Audit(audit::AuditArguments),
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
        Command::Verify(arguments) => Box::pin(verify::run(arguments)).await,
        Command::Replay(arguments) => Box::pin(replay::run(arguments)).await,
        Command::Restore(arguments) => Box::pin(restore::run(arguments)).await,
        Command::Prove(arguments) => Box::pin(prove::prove(arguments)).await,
        Command::Check(arguments) => prove::check(&arguments),
        Command::Checkpoint(arguments) => Box::pin(checkpoint::run(arguments)).await,
        Command::Erase(arguments) => Box::pin(erase::run(arguments)).await,
        Command::Subject(arguments) => Box::pin(erase::subject(arguments)).await,
        Command::Keys(arguments) => Box::pin(keys::run(arguments)).await,
        Command::Tenants(arguments) => Box::pin(tenants::run(arguments)).await,
        Command::Projection(arguments) => Box::pin(projection::run(arguments)).await,
        Command::Audit(arguments) => Box::pin(audit::run(arguments)).await,
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
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,devstack=info,access=info"));
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
