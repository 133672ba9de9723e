//! What is left out of the read models: entries of the ledger's own audit log say so, and every fold of the log heeds them.

use std::time::Duration;

use event_store::PgPool;
use projections::{Skipped, faults};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often a projector that stands still looks whether it is to go on without the event.
const LOOK_EACH: Duration = Duration::from_secs(2);

/// All events that are skipped, whoever's.
pub(crate) async fn skipped(pool: &PgPool) -> anyhow::Result<Skipped> {
    let events = event_store::audit::skipped(pool).await?;
    Ok(events.into_iter().map(|event| (event.partition, event.position)).collect())
}

/// Ends `round` once an event at which a partition stands still is skipped, so that the next round leaves it out.
pub(super) async fn watch(pool: &PgPool, known: &Skipped, round: &CancellationToken) {
    while round.run_until_cancelled(tokio::time::sleep(LOOK_EACH)).await.is_some() {
        match is_told_to_skip(pool, known).await {
            Ok(false) => {}
            Ok(true) => {
                info!("An event is skipped; the projector goes on without it");
                round.cancel();
            }
            Err(error) => warn!(error = format!("{error:#}"), "it cannot be told what is skipped; trying again"),
        }
    }
}

async fn is_told_to_skip(pool: &PgPool, known: &Skipped) -> anyhow::Result<bool> {
    let faults = faults(pool).await?;
    let standing = faults.iter().map(|fault| (fault.partition, fault.position)).filter(|place| !known.contains(place));
    let standing: Vec<_> = standing.collect();
    if standing.is_empty() {
        return Ok(false);
    }
    let skipped = skipped(pool).await?;
    Ok(standing.iter().any(|place| skipped.contains(place)))
}
