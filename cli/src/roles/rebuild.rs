//! Read models in the form that this program knows. Where another program made the live ones, new ones are filled beside them,
//! from the first event on, and take their place; readers see the old ones until then.

use std::time::Duration;

use anyhow::{Context as _, Result};
use domain::{Partition, Position};
use event_log::Reader;
use event_log::consumer::Settings as LogSettings;
use event_store::PgPool;
use projections::{BoxError, Error, Generation, GenerationStatus, RebuildTurn, Runner, Settings, Source, SourceBatch, marks};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::project::as_source_batch;
use crate::config::LedgerArguments;

/// How often it goes after a live generation that other projectors still move on.
const ROUNDS_MAX: usize = 20;

/// The live generation, once it is of this build; none: cancelled before.
pub(super) async fn of_this_build(
    ledger: &LedgerArguments,
    pool: &PgPool,
    cancel: &CancellationToken,
) -> Result<Option<Generation>> {
    let live = Generation::live(pool).await?;
    if live.is_of_this_build() {
        return Ok(Some(live));
    }
    let turn = RebuildTurn::take(pool).await?;
    let live = Generation::live(pool).await?;
    let rebuilt = if live.is_of_this_build() { Some(live) } else { rebuild(ledger, pool, &live, cancel).await? };
    turn.end().await?;
    Ok(rebuilt)
}

async fn rebuild(
    ledger: &LedgerArguments,
    pool: &PgPool,
    live: &Generation,
    cancel: &CancellationToken,
) -> Result<Option<Generation>> {
    for left in Generation::all(pool).await?.iter().filter(|generation| generation.status == GenerationStatus::Building) {
        left.remove(pool).await?;
    }
    let building = Generation::create_building(pool).await?;
    for _ in 0..ROUNDS_MAX {
        let until = positions(ledger, pool).await?;
        let events: u64 = until.iter().map(|position| position.0).sum();
        info!(generation = building.number, events, "Rebuilding the read models for this version of the program");
        let group = format!("{}.generation-{}", ledger.shape.topic, building.number);
        let log = Log(Reader::start(&LogSettings::new(&ledger.kafka_brokers, &ledger.shape.topic, group), &until)?);
        let settings = Settings { batch_events_max: 50_000, writers: 2, ..Settings::default() };
        Runner::run(pool.clone(), building.clone(), log, settings, cancel.clone()).await?;
        if cancel.is_cancelled() {
            return Ok(None);
        }
        match building.cut_over(pool).await {
            Ok(()) => {
                info!(generation = building.number, "The rebuilt read models are live");
                live.remove(pool).await.context("the read models of the version before could not be removed")?;
                return Ok(Some(Generation::live(pool).await?));
            }
            Err(Error::Behind { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("other projectors are faster than the rebuild; stop those of the version before, and start again")
}

/// As far as the live generation has come.
async fn positions(ledger: &LedgerArguments, pool: &PgPool) -> Result<Vec<Position>> {
    let marks = marks(pool).await?;
    let of = |partition| marks.iter().find(|mark| mark.partition == partition).map_or(Position(0), |mark| mark.next_position);
    Ok((0..ledger.shape.partitions).map(|partition| of(Partition(partition))).collect())
}

/// The log up to those positions.
struct Log(Reader);

impl Source for Log {
    async fn next_batch(&mut self, events_max: usize, wait_max: Duration) -> Result<SourceBatch, BoxError> {
        match self.0.next_batch(events_max, wait_max).await? {
            Some(batch) => Ok(as_source_batch(batch)),
            None => Ok(SourceBatch { ended: true, ..SourceBatch::default() }),
        }
    }
}
