//! The projector: folds the log into the read models. Several share the partitions; one that dies is replaced.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use domain::Partition;
use event_log::consumer::{Consumer, Settings, Starts};
use event_store::PgPool;
use futures::future::BoxFuture;
use projections::kpis::refresher::{Lane, Pace, Refresher};
use projections::{
    BoxError, FaultKind, Generation, PartitionBatch, Runner, Source, SourceBatch, SourceFault, Sourced, Stopped,
};
use tokio_util::sync::CancellationToken;

use crate::config::LedgerArguments;
use crate::ledger::{open_database, open_topic};
use crate::roles::rebuild::of_this_build;
use crate::roles::say_share;
use crate::roles::skips::{skipped, watch};
use crate::signals::cancel_on_signal;

#[derive(Debug, Args)]
pub(crate) struct ProjectArguments {
    #[command(flatten)]
    ledger: LedgerArguments,
}

pub(crate) async fn run(arguments: ProjectArguments) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let pool = open_database(&arguments.ledger).await?;
    open_topic(&arguments.ledger).await?;
    start(&arguments.ledger, pool, projections::Settings::default(), cancel).await
}

/// How often it looks whether its generation is still the live one: a runner without events does not find out by itself.
const LIVE_EACH: Duration = Duration::from_secs(1);

/// Runs until cancelled. After a cut-over it goes on with the generation that took over.
pub(crate) async fn start(
    ledger: &LedgerArguments,
    pool: PgPool,
    settings: projections::Settings,
    cancel: CancellationToken,
) -> anyhow::Result<()> {
    let generation = of_this_build(ledger, &pool, &cancel).await.context("the read models could not be rebuilt")?;
    let Some(mut generation) = generation else { return Ok(()) };
    // Figures are made as long as facts are: no longer, and to the end.
    let refreshing = cancel.child_token();
    let lanes = [Lane::Quick, Lane::Slow]
        .map(|lane| tokio::spawn(Refresher::new(pool.clone(), Pace::default(), lane).run(refreshing.clone())));
    let stopped = loop {
        match run_while_live(ledger, &pool, &generation, settings.clone(), &cancel).await {
            Ok(Some(next)) => generation = next,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    refreshing.cancel();
    for lane in lanes {
        lane.await.context("the refresher ended badly")?;
    }
    stopped
}

/// Projects into a generation as long as it is live; then says which one is. None: cancelled.
async fn run_while_live(
    ledger: &LedgerArguments,
    pool: &PgPool,
    generation: &Generation,
    settings: projections::Settings,
    cancel: &CancellationToken,
) -> anyhow::Result<Option<Generation>> {
    let stopped = tokio::select! {
        stopped = rounds(ledger, pool, generation, settings, cancel) => stopped?,
        // Its transaction, if there is one, is left undone: the generation is read no more.
        () = is_replaced(pool, generation) => Stopped::GenerationRetired,
    };
    if stopped != Stopped::GenerationRetired {
        return Ok(None);
    }
    let Some(live) = cancel.run_until_cancelled(live(pool)).await else { return Ok(None) };
    ensure!(live.is_of_this_build(), "another version of the program has replaced the read models: this one stops projecting");
    println!("Projector goes on with generation {} of the read models", live.number);
    Ok(Some(live))
}

/// Returns once another generation is live.
async fn is_replaced(pool: &PgPool, generation: &Generation) {
    loop {
        tokio::time::sleep(LIVE_EACH).await;
        if live(pool).await.number != generation.number {
            return;
        }
    }
}

/// Asks until PostgreSQL answers.
async fn live(pool: &PgPool) -> Generation {
    loop {
        match Generation::live(pool).await {
            Ok(live) => return live,
            Err(error) => tracing::debug!(error = &error as &dyn std::error::Error, "which generation is live is not known"),
        }
        tokio::time::sleep(LIVE_EACH).await;
    }
}

/// Applies events, and begins again where it is told to leave one out.
async fn rounds(
    ledger: &LedgerArguments,
    pool: &PgPool,
    generation: &Generation,
    settings: projections::Settings,
    cancel: &CancellationToken,
) -> anyhow::Result<Stopped> {
    loop {
        let known = skipped(pool).await?;
        let settings = projections::Settings { skipped: Arc::new(known.clone()), ..settings.clone() };
        let round = cancel.child_token();
        let log = Log::start(ledger, pool, generation)?;
        let running = async {
            let stopped = Runner::run(pool.clone(), generation.clone(), log, settings, round.clone()).await;
            round.cancel();
            stopped
        };
        let (stopped, ()) = tokio::join!(running, watch(pool, &known, &round));
        let stopped = stopped.context("the projector stopped")?;
        if stopped != Stopped::Cancelled || cancel.is_cancelled() {
            return Ok(stopped);
        }
    }
}

/// Where each partition goes on: our own stored positions, not Kafka's offsets.
#[derive(Debug, Clone)]
struct StoredProgress {
    pool: PgPool,
    generation: Generation,
}

impl Starts for StoredProgress {
    fn starts(&self, partitions: &[Partition]) -> BoxFuture<'static, Result<Vec<event_log::Start>, event_log::BoxError>> {
        let (pool, generation, partitions) = (self.pool.clone(), self.generation.clone(), partitions.to_vec());
        Box::pin(async move {
            let starts = projections::starts(&pool, &generation, &partitions).await?;
            say_share("Projector", &partitions);
            Ok(starts.into_iter().map(as_log_start).collect())
        })
    }
}

/// The log as the projections see it. A consumer that is at its end is replaced: the log is not.
#[derive(Debug)]
struct Log {
    settings: Settings,
    progress: StoredProgress,
    consumer: Option<Consumer>,
}

impl Log {
    fn start(ledger: &LedgerArguments, pool: &PgPool, generation: &Generation) -> anyhow::Result<Self> {
        let group = format!("{}.generation-{}", ledger.shape.topic, generation.number);
        let settings = Settings::new(&ledger.kafka_brokers, &ledger.shape.topic, group);
        let progress = StoredProgress { pool: pool.clone(), generation: generation.clone() };
        let consumer = Some(Consumer::start(&settings, progress.clone())?);
        Ok(Self { settings, progress, consumer })
    }
}

impl Source for Log {
    async fn next_batch(&mut self, events_max: usize, wait_max: Duration) -> Result<SourceBatch, BoxError> {
        let consumer = match &mut self.consumer {
            Some(consumer) => consumer,
            none => none.insert(Consumer::start(&self.settings, self.progress.clone())?),
        };
        match consumer.next_batch(events_max, wait_max).await {
            Ok(batch) => Ok(as_source_batch(batch)),
            Err(error) => {
                self.consumer = None;
                Err(error.into())
            }
        }
    }
}

/// The seam between the two crates: neither knows the other.
pub(crate) fn as_log_start(start: projections::Start) -> event_log::Start {
    event_log::Start { partition: start.partition, next_position: start.next_position, offset_hint: start.offset_hint }
}

pub(crate) fn as_source_batch(batch: event_log::Batch) -> SourceBatch {
    let partition = |batch: event_log::PartitionBatch| PartitionBatch {
        partition: batch.partition,
        // The place to go on from is the one after the event.
        events: batch.events.into_iter().map(|one| Sourced { event: one.event, offset: Some(one.offset + 1) }).collect(),
    };
    // A gap, or a record that is no event: in neither case was the event itself seen.
    let fault = |fault: event_log::Fault| SourceFault {
        partition: fault.partition,
        position: fault.position,
        kind: FaultKind::Missing,
        detail: fault.reason,
    };
    SourceBatch {
        partitions: batch.partitions.into_iter().map(partition).collect(),
        faults: batch.faults.into_iter().map(fault).collect(),
        ended: false,
    }
}
