//! Read models in the form that this program knows. Where another program made the live ones, new ones are filled beside them,
//! from the first event on, and take their place; readers see the old ones until then. One that is killed meanwhile is gone on with.

use anyhow::{Context as _, Result};
use domain::audit::CutOverReason;
use event_store::{PgPool, Store};
use projections::{Error, Filling, Generation, Purpose, RebuildTurn, remove_left};
use tokio_util::sync::CancellationToken;

use crate::config::LedgerArguments;
use crate::refold::{Cancelled, Log, Refold, make_up_for_cut_overs};

/// The live generation, once it is of this build; none: cancelled before.
pub(super) async fn of_this_build(
    ledger: &LedgerArguments,
    pool: &PgPool,
    cancel: &CancellationToken,
) -> Result<Option<Generation>> {
    make_up_for_cut_overs(pool).await?;
    let live = Generation::live(pool).await?;
    if live.is_of_this_build() {
        return Ok(Some(live));
    }
    let turn = cancel.run_until_cancelled(RebuildTurn::take(pool)).await;
    let Some(turn) = turn.transpose()? else { return Ok(None) };
    let live = Generation::live(pool).await?;
    let rebuilt = if live.is_of_this_build() { Ok(()) } else { rebuild(ledger, pool, cancel).await };
    turn.end().await?;
    match rebuilt {
        Err(error) if error.is::<Cancelled>() => Ok(None),
        Err(error) => Err(error),
        Ok(()) => Ok(Some(Generation::live(pool).await?)),
    }
}

async fn rebuild(ledger: &LedgerArguments, pool: &PgPool, cancel: &CancellationToken) -> Result<()> {
    // Begun by other versions of the program, which did not come through; their tables are none that this one knows.
    let is_others = |left: &Generation| !left.is_of_this_build() && matches!(left.purpose, None | Some(Purpose::Rebuild));
    match remove_left(pool, is_others).await {
        Ok(_) | Err(Error::Busy) => {}
        Err(error) => return Err(error).context("what an earlier rebuild left could not be removed"),
    }
    let filling = Filling::resume(pool, Purpose::Rebuild).await?;
    let begun = if filling.is_resumed { "Going on with rebuilding" } else { "Rebuilding" };
    println!("{begun} the read models for this version of the program, beside those that serve meanwhile …");
    let log = Log::Kafka { brokers: ledger.kafka_brokers.clone(), topic: ledger.shape.topic.clone() };
    let partitions = ledger.shape.partitions;
    let refold = Refold { pool, log: &log, partitions, filling: &filling, only: None, what: "rebuild", cancel };
    refold.build().await?;
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let cut_over = refold.cut_over(&store, CutOverReason::Build, None).await;
    store.shutdown().await;
    cut_over?;
    println!("The rebuilt read models serve.");
    filling.leave().await?;
    Ok(())
}
