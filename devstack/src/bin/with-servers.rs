//! Runs a command with real servers of its own: `with-servers cargo test`.
//!
//! The command finds them in `TEST_DATABASE_URL` (a superuser's) and `TEST_KAFKA_BROKERS`. They live in a fresh directory,
//! which goes with them. The exit code is the command's. Ctrl-C and SIGTERM end the command first, then the servers.

use std::process::ExitCode;

use devstack::{Devstack, Options};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            let mut message = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            eprintln!("with-servers: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().ok_or("name the command to run, as in: with-servers cargo test")?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let directory = std::env::temp_dir().join(format!("capsule-ledger-tests-{}", std::process::id()));
    let servers = Devstack::start(Options::new(&directory)).await?;
    let status = async {
        let mut command = tokio::process::Command::new(program)
            .args(arguments)
            .env("TEST_DATABASE_URL", servers.database_url())
            .env("TEST_KAFKA_BROKERS", servers.kafka_brokers())
            .env_remove("DATABASE_URL")
            .env_remove("KAFKA_BROKERS")
            .spawn()?;
        tokio::select! {
            status = command.wait() => return status,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        command.start_kill()?;
        command.wait().await
    };
    let status = status.await;
    servers.stop().await?;
    std::fs::remove_dir_all(&directory)?;
    let code = status?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
