//! Folds the log anew into a generation beside the live one, and puts it in its place. For `replay`, for `verify`, and for a program
//! that finds read models of another version.

mod source;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chrono::Utc;
use domain::audit::{CutOverReason, GenerationCutOver};
use domain::{Partition, Position};
use event_store::audit::Who;
use event_store::{PgPool, Store};
use projections::kpis::refresher::{Moments, Refresher};
use projections::progress::faults_of;
use projections::{
    Comparison, Error, Filling, Generation, Held, Only, Progress, Runner, Settings, are_figures_due, cut_over_is_noted,
    cut_overs_to_note, marks, remove_left, starts,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::source::{FromKafka, FromPostgres};
use crate::progress::{Length, Progress as Bar};
use crate::roles::skips::skipped;

/// Large batches cost less for each event; but a stop, and whoever reads meanwhile, waits for one.
const BATCH_EVENTS_MAX: usize = 20_000;
/// One a core of a small machine.
const WRITERS: usize = 2;
/// So long nothing may move before the copy is said to lack events.
const STILL_MAX: Duration = Duration::from_secs(120);
const LOOK_EACH: Duration = Duration::from_millis(200);
/// The live generation stands still only for so few events.
const HELD_EVENTS_MAX: u64 = 5_000;
/// How often it goes after a live generation that others move on, or that somebody reads.
const ROUNDS_MAX: usize = 30;
/// How long a comparison waits for live figures that are still to be made.
const FIGURES_WAIT_MAX: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(500);

/// Where the events are read.
#[derive(Debug, Clone)]
pub(crate) enum Log {
    Kafka { brokers: String, topic: String },
    Postgres(Store),
}

/// A generation, and what it is filled from.
#[derive(Debug)]
pub(crate) struct Refold<'a> {
    pub(crate) pool: &'a PgPool,
    pub(crate) log: &'a Log,
    pub(crate) partitions: u16,
    pub(crate) filling: &'a Filling,
    pub(crate) only: Option<&'a Only>,
    /// What it is called where its progress is shown.
    pub(crate) what: &'static str,
    pub(crate) cancel: &'a CancellationToken,
}

/// What one run folded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folded {
    pub(crate) events: u64,
    pub(crate) took: Duration,
}

/// The generation is as it was left: the same request goes on with it.
#[derive(Debug, thiserror::Error)]
#[error("stopped; what is done is kept, and the same command goes on with it")]
pub(crate) struct Cancelled;

impl Refold<'_> {
    fn generation(&self) -> &Generation {
        &self.filling.generation
    }

    /// As far as the live generation has come.
    pub(crate) async fn as_far_as_live(&self) -> Result<Vec<Position>> {
        let known = marks(self.pool).await?;
        Ok(self.positions(known.iter().map(|mark| (mark.partition, mark.next_position)).collect()))
    }

    fn positions(&self, known: Progress) -> Vec<Position> {
        (0..self.partitions).map(|partition| known.get(&Partition(partition)).copied().unwrap_or_default()).collect()
    }

    /// Fills it from where it is up to these positions. How many events that were.
    pub(crate) async fn fill(&self, until: &[Position]) -> Result<u64> {
        let partitions: Vec<Partition> = (0..).map(Partition).take(until.len()).collect();
        let starts = starts(self.pool, self.generation(), &partitions).await?;
        let parts: Vec<_> =
            starts.iter().copied().zip(until.iter().copied()).filter(|(start, end)| start.next_position < *end).collect();
        let missing: u64 = parts.iter().map(|(start, end)| end.0 - start.next_position.0).sum();
        if missing == 0 {
            return Ok(0);
        }
        self.filling.aim(self.pool, until).await?;
        let known: Progress = starts.iter().map(|start| (start.partition, start.next_position)).collect();
        let (progress, seen) = watch::channel(known);
        let settings = Settings {
            batch_events_max: BATCH_EVENTS_MAX,
            writers: WRITERS,
            progress: Some(progress),
            until: Some(parts.iter().map(|(start, end)| (start.partition, *end)).collect()),
            only: self.only.cloned(),
            skipped: Arc::new(skipped(self.pool).await?),
            ..Settings::default()
        };
        let (pool, generation) = (self.pool.clone(), self.generation().clone());
        let stop = self.cancel.child_token();
        let running = async {
            match self.log {
                Log::Kafka { brokers, topic } => {
                    let source = FromKafka::start(brokers, topic, &parts)?;
                    Runner::run(pool, generation, source, settings, stop.clone()).await?;
                }
                Log::Postgres(store) => {
                    let source = FromPostgres::new(store.clone(), &parts);
                    Runner::run(pool, generation, source, settings, stop.clone()).await?;
                }
            }
            Ok::<_, anyhow::Error>(())
        };
        tokio::select! {
            ended = running => ended?,
            still = self.watch(seen, until) => return still,
        }
        if self.cancel.is_cancelled() {
            return Err(Cancelled.into());
        }
        if let Some(fault) = faults_of(self.pool, self.generation()).await?.first() {
            bail!("event {}-{} cannot be folded: {}", fault.partition, fault.position, fault.detail);
        }
        Ok(missing)
    }

    /// Fills it, and says how fast that was.
    pub(crate) async fn fold_to(&self, until: &[Position]) -> Result<Folded> {
        let started = Instant::now();
        let events = self.fill(until).await?;
        Ok(Folded { events, took: started.elapsed() })
    }

    /// Shows how far it is; ends only where nothing moves.
    async fn watch(&self, seen: watch::Receiver<Progress>, until: &[Position]) -> Result<u64> {
        let count = |progress: &Progress| {
            (0..)
                .map(Partition)
                .zip(until)
                .map(|(partition, end)| progress.get(&partition).copied().unwrap_or_default().min(*end).0)
                .sum::<u64>()
        };
        let total: u64 = until.iter().map(|position| position.0).sum();
        let first = count(&seen.borrow());
        let mut bar = Bar::resumed(self.what, Length::Things(total), first);
        let (mut last, mut moved) = (first, Instant::now());
        loop {
            tokio::time::sleep(LOOK_EACH).await;
            let done = count(&seen.borrow());
            bar.set(done, done - first);
            if done != last {
                (last, moved) = (done, Instant::now());
            } else if moved.elapsed() > STILL_MAX {
                let at = (0..).map(Partition).zip(until).find_map(|(partition, end)| {
                    let next = seen.borrow().get(&partition).copied().unwrap_or_default();
                    (next < *end).then(|| format!("{partition}-{next}"))
                });
                bail!("nothing has come for {} s after event {}", STILL_MAX.as_secs(), at.unwrap_or_default());
            }
        }
    }

    /// All of it but for what comes meanwhile, with indexes and figures: ready to be held against the live one.
    pub(crate) async fn build(&self) -> Result<Folded> {
        let folded = self.fold_to(&self.as_far_as_live().await?).await?;
        self.or_cancelled(self.generation().finish_loading(self.pool)).await?;
        if self.only.is_none_or(Only::needs_all) {
            eprintln!("{}: making the figures …", self.what);
            let moments = self.moments_of_live().await?;
            self.or_cancelled(Refresher::build(self.pool, self.generation(), &moments)).await?;
        }
        Ok(folded)
    }

    /// When the live figures were made; none where another version of the program made them, by other formulas.
    async fn moments_of_live(&self) -> Result<Moments> {
        let live = Generation::live(self.pool).await?;
        if !live.is_of_this_build() {
            return Ok(Moments::default());
        }
        let mut connection = self.pool.acquire().await?;
        Ok(Moments::of_figures(&mut connection, &live).await?)
    }

    pub(crate) async fn or_cancelled<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T> {
        Ok(self.cancel.run_until_cancelled(work).await.ok_or(Cancelled)??)
    }

    /// Holds the live generation still, with this one as far as it is.
    pub(crate) async fn hold(&self) -> Result<Held> {
        for _ in 0..ROUNDS_MAX {
            // Nearly all of it while the live one goes on.
            if self.fill(&self.as_far_as_live().await?).await? <= HELD_EVENTS_MAX {
                break;
            }
        }
        let held = Held::live(self.pool).await?;
        self.fill(&self.positions(held.positions.clone())).await?;
        Ok(held)
    }

    /// Holds the live one against it, both at the same moment.
    pub(crate) async fn compare(&self) -> Result<Comparison> {
        if self.only.is_none_or(Only::needs_all) {
            self.wait_for_figures().await?;
        }
        for _ in 0..ROUNDS_MAX {
            let held = self.hold().await?;
            let live = Generation::live(self.pool).await?;
            let compared = held.compare(self.pool, &live, self.generation(), self.only.map(Only::view));
            match self.cancel.run_until_cancelled(compared).await.ok_or(Cancelled)? {
                // A partition's first event came in between: what is not there yet cannot be held.
                Err(Error::ProgressDiffers { .. }) => tokio::time::sleep(PAUSE).await,
                compared => return Ok(compared?),
            }
        }
        bail!("the live read models could not be held still")
    }

    /// Until the live figures have followed the facts: those that have not are left out of a comparison. Not for ever, as nobody makes
    /// them where the program is stopped, and new facts may come all the time.
    async fn wait_for_figures(&self) -> Result<()> {
        let latest = Instant::now() + FIGURES_WAIT_MAX;
        while Instant::now() < latest && are_figures_due(self.pool).await? {
            self.cancel.run_until_cancelled(tokio::time::sleep(PAUSE)).await.ok_or(Cancelled)?;
        }
        Ok(())
    }

    /// Puts it in the live one's place, notes that in the audit log, and removes the one before.
    pub(crate) async fn cut_over(&self, store: &Store, reason: CutOverReason, differences: Option<u64>) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let held = self.hold().await?;
            let live = Generation::live(self.pool).await?;
            let entry = GenerationCutOver {
                from_generation: u32::try_from(live.number).ok(),
                to_generation: u32::try_from(self.generation().number).context("a generation's number is positive")?,
                events: held.events(),
                differences,
                reason,
                occurred_at: Utc::now(),
            };
            match held.cut_over(self.generation(), &entry).await {
                Ok(()) => {
                    note_cut_overs(self.pool, store).await.context("they are live, but the audit log could not be told")?;
                    return remove_retired(self.pool, ROUNDS_MAX).await;
                }
                // Somebody reads, or a partition's first event came in between: what is not there yet cannot be held.
                Err(Error::Busy | Error::Behind { .. }) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        }
        bail!("the live read models could not be replaced: they move on faster, or are read without a pause; try again")
    }
}

/// Makes up for a cut-over whose process was killed before it had noted it in the audit log and removed the read models before.
pub(crate) async fn make_up_for_cut_overs(pool: &PgPool) -> Result<()> {
    if !cut_overs_to_note(pool).await?.is_empty() {
        let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
        let noted = note_cut_overs(pool, &store).await;
        store.shutdown().await;
        noted.context("an earlier cut-over could not be noted in the audit log")?;
    }
    // Nobody waits for them to go.
    remove_retired(pool, 1).await
}

/// Whoever else notes the same meanwhile, there is one entry of each.
async fn note_cut_overs(pool: &PgPool, store: &Store) -> Result<()> {
    for entry in cut_overs_to_note(pool).await? {
        let who = if entry.reason == CutOverReason::Build { Who::program() } else { Who::operator() };
        store.record_for_all(entry.clone(), &who).await?;
        cut_over_is_noted(pool, &entry).await?;
    }
    Ok(())
}

async fn remove_retired(pool: &PgPool, rounds_max: usize) -> Result<()> {
    for _ in 0..rounds_max {
        match remove_left(pool, Generation::is_done_with).await {
            Ok(_) => return Ok(()),
            Err(Error::Busy) => tokio::time::sleep(PAUSE).await,
            Err(error) => return Err(error).context("the read models before could not be removed"),
        }
    }
    // They serve nobody: the next one that starts or cuts over tries again.
    tracing::warn!("the read models before are still being read, and not removed");
    Ok(())
}
