//! Applying retention rules, beside the API: any number of processes may; each tenant's turn is taken by one.

use std::time::Duration;

use clap::Args;
use event_store::Store;
use tokio_util::sync::CancellationToken;

/// How often a process looks whether it is a tenant's turn.
const LOOK_EACH: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Args)]
pub(crate) struct RetentionArguments {
    /// Seconds between two applications of a tenant's retention rules
    #[arg(long, env = "LEDGER_RETENTION_EVERY", value_name = "SECONDS", default_value_t = 3_600, value_parser = clap::value_parser!(u64).range(1..))]
    retention_every: u64,
}

pub(crate) async fn run(arguments: &RetentionArguments, store: &Store, cancel: CancellationToken) {
    let every = Duration::from_secs(arguments.retention_every);
    loop {
        // A store that is away is tried again: what was not erased stays due.
        match cancel.run_until_cancelled(store.apply_retention(every)).await {
            None => return,
            Some(Ok(0)) => {}
            Some(Ok(erased)) => tracing::info!(erased, "people were erased by a retention rule"),
            Some(Err(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "retention rules could not be applied");
            }
        }
        if cancel.run_until_cancelled(tokio::time::sleep(every.min(LOOK_EACH))).await.is_none() {
            return;
        }
    }
}
