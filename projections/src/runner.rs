//! Takes events from a source and brings the read models up to them: one runner for live and replay.
//!
//! `batch` decodes and folds what the source gives; `apply` writes it with its progress in one transaction. While one batch
//! is written, the next is fetched and folded.

mod apply;
mod batch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::{Partition, Position};
use futures::FutureExt;
use sqlx::PgPool;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use self::apply::{Applied, ApplyError, Slice, Target};
use self::batch::{Group, Run, lane_of, prepare, with_causes};
use crate::delta::Only;
use crate::error::Error;
use crate::generations::{Generation, GenerationStatus};
use crate::progress::{Progress, stored};
use crate::source::{FaultKind, Source, SourceFault};

/// Events that are left out of the read models, as entries of the ledger's audit log say. Whoever folds the log leaves out the
/// same ones: read them before the first event is folded.
pub type Skipped = BTreeSet<(Partition, Position)>;

/// How a runner works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// At most this many events a batch. Larger batches write less for each event; a replay likes 50,000.
    pub batch_events_max: usize,
    /// How long the source may wait for something to come.
    pub batch_wait_max: Duration,
    /// After a batch of fewer than 2,000 events, the next is taken only so long after it: a transaction costs about the
    /// same for one event as for hundreds.
    pub batch_pace: Duration,
    /// Transactions a batch is written in side by side, each of its own partitions. 1 is right for live; a replay likes
    /// one a core.
    pub writers: usize,
    /// Told after each commit: for reads that wait for a write, and live updates.
    pub progress: Option<watch::Sender<Progress>>,
    /// Stop each partition here, and return when all have come so far.
    pub until: Option<Progress>,
    /// Fold one read model alone, to look at it; none: all, as whoever is to serve needs them.
    pub only: Option<Only>,
    pub skipped: Arc<Skipped>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_events_max: 20_000,
            batch_wait_max: Duration::from_millis(500),
            batch_pace: Duration::from_millis(80),
            writers: 1,
            progress: None,
            until: None,
            only: None,
            skipped: Arc::default(),
        }
    }
}

/// Why a runner returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    Cancelled,
    /// Everything that the source had is applied.
    SourceEnded,
    /// Every partition has come to where it was to stop, or stands still at a fault.
    ReachedUntil,
    /// Its generation is not in use any more: go on with the live one.
    GenerationRetired,
}

/// Batches that wait to be written while one is written; of each writer.
const PREPARED_MAX: usize = 1;
/// A batch below this is dearer for each event than it need be.
const SMALL: usize = 2_000;

/// Applies events to one generation.
#[derive(Debug)]
pub struct Runner;

impl Runner {
    /// Runs until cancelled, or one of [`Stopped`]. Waits for Postgres and the source for ever; never skips an event.
    pub fn run<S: Source>(
        pool: PgPool,
        generation: Generation,
        source: S,
        settings: Settings,
        cancel: CancellationToken,
    ) -> impl Future<Output = Result<Stopped, Error>> + Send {
        let loading = generation.status == GenerationStatus::Building;
        // Ends fetching when nobody writes any more, and every writer when one finds the generation retired.
        let done = cancel.child_token();
        let (mut senders, mut writers) = (Vec::new(), Vec::new());
        for lane in 0..settings.writers.max(1) {
            let (sender, receiver) = mpsc::channel(PREPARED_MAX);
            senders.push(sender);
            let writer = Writer {
                target: Target { pool: pool.clone(), generation: generation.clone(), loading, only: settings.only.clone() },
                lane,
                settings: settings.clone(),
                cancel: done.clone(),
                progress: Progress::new(),
                faulted: BTreeSet::new(),
            };
            writers.push(writer.run(receiver, done.clone()).boxed());
        }
        let fetching = fetch(source, senders, settings, done.clone());
        async move {
            let writing = async {
                let stopped = futures::future::join_all(writers).await;
                done.cancel();
                stopped
            };
            let (stopped, ()) = tokio::join!(writing, fetching);
            let retired = stopped.contains(&Stopped::GenerationRetired);
            let cancelled = stopped.contains(&Stopped::Cancelled);
            Ok(match (retired, cancelled) {
                (true, _) => Stopped::GenerationRetired,
                (false, true) => Stopped::Cancelled,
                (false, false) if stopped.contains(&Stopped::SourceEnded) => Stopped::SourceEnded,
                (false, false) => Stopped::ReachedUntil,
            })
        }
    }
}

/// Writes the partitions of one lane. No partition is in two lanes, so writers share nothing but Postgres.
#[derive(Debug)]
struct Writer {
    target: Target,
    lane: usize,
    settings: Settings,
    cancel: CancellationToken,
    /// What this writer has seen committed.
    progress: Progress,
    /// Partitions that stand still until the runner is started again.
    faulted: BTreeSet<Partition>,
}

impl Writer {
    async fn run(mut self, mut groups: mpsc::Receiver<Group>, done: CancellationToken) -> Stopped {
        let stopped = self.write_all(&mut groups).await;
        if stopped == Stopped::GenerationRetired {
            done.cancel();
        }
        stopped
    }

    async fn write_all(&mut self, groups: &mut mpsc::Receiver<Group>) -> Stopped {
        if self.settings.until.is_some() {
            let mut retry = Retry::default();
            self.progress = loop {
                match self.target.progress().await {
                    Ok(known) => break known,
                    Err(source) if self.again(&mut retry, &source).await => {}
                    Err(_) => return Stopped::Cancelled,
                }
            };
            let (lane, writers) = (self.lane, self.settings.writers);
            self.progress.retain(|partition, _| lane_of(*partition, writers) == lane);
        }
        loop {
            if self.reached_until() {
                return Stopped::ReachedUntil;
            }
            let next = tokio::select! {
                () = self.cancel.cancelled() => return Stopped::Cancelled,
                next = groups.recv() => next,
            };
            let Some(group) = next else { return Stopped::Cancelled };
            let ended = group.ended;
            if let Some(stopped) = self.write(group).await {
                return stopped;
            }
            if ended {
                return Stopped::SourceEnded;
            }
        }
    }

    fn reached_until(&self) -> bool {
        self.settings.until.as_ref().is_some_and(|until| {
            let own = until.iter().filter(|(partition, _)| lane_of(**partition, self.settings.writers) == self.lane);
            own.into_iter().all(|(partition, end)| {
                self.faulted.contains(partition) || self.progress.get(partition).copied().unwrap_or_default() >= *end
            })
        })
    }

    /// Writes one batch's partitions of this lane.
    async fn write(&mut self, group: Group) -> Option<Stopped> {
        let started = Instant::now();
        let mut group = group.without(&self.faulted, self.settings.only.as_ref());
        let told = std::mem::take(&mut group.faults);
        let mut met = Vec::new();
        if !group.runs.is_empty() {
            match self.write_group(&group).await {
                Written::Stopped(stopped) => return Some(stopped),
                Written::Done { progress, recorded_at, faults } => {
                    self.progress.extend(progress);
                    met = faults;
                    self.report(group.events(), started.elapsed(), recorded_at);
                }
            }
        }
        // What came up in writing lies before what came up in fetching: the first of a partition is where it stands.
        for fault in met.into_iter().chain(told) {
            if !self.faulted.contains(&fault.partition) && self.stand_still(&fault).await.is_none() {
                return Some(Stopped::Cancelled);
            }
        }
        None
    }

    async fn write_group(&self, group: &Group) -> Written {
        let slices: Vec<Slice<'_>> = group.runs.iter().map(Run::slice).collect();
        match self.apply(&slices, Some(group)).await {
            Ok(applied) => Written::of(applied),
            Err(Refused::Stopped(stopped)) => Written::Stopped(stopped),
            Err(Refused::Poison(_)) => {
                // One of them cannot be written. Alone, each partition shows whether it is at fault.
                let mut written = Written::of(Applied::default());
                for run in &group.runs {
                    match self.write_alone(run).await {
                        Written::Done { progress, recorded_at, faults } => written.add(progress, recorded_at, faults),
                        stopped @ Written::Stopped(_) => return stopped,
                    }
                }
                written
            }
        }
    }

    /// Writes one partition's events up to the first that cannot be written, found by halving.
    async fn write_alone(&self, run: &Run) -> Written {
        let mut written = Written::of(Applied::default());
        let (mut rest, mut size) = (run.events.as_slice(), run.events.len());
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(size.min(rest.len()));
            match self.apply(&[Slice { partition: run.partition, events: head }], None).await {
                Ok(applied) => {
                    let gap = !applied.faults.is_empty();
                    written.add(applied.progress, applied.last_recorded_at, applied.faults);
                    if gap {
                        break;
                    }
                    rest = tail;
                }
                Err(Refused::Stopped(stopped)) => return Written::Stopped(stopped),
                Err(Refused::Poison(detail)) => {
                    if let [event] = head {
                        let fault = SourceFault {
                            partition: run.partition,
                            position: event.recorded.position,
                            kind: FaultKind::Refused,
                            detail: with_causes(&detail),
                        };
                        written.add(Progress::new(), None, vec![fault]);
                        break;
                    }
                    size = head.len() / 2;
                }
            }
        }
        written
    }

    /// Applies in one transaction; where Postgres is away or busy, again until it is not.
    async fn apply(&self, slices: &[Slice<'_>], folded: Option<&Group>) -> Result<Applied, Refused> {
        let mut retry = Retry::default();
        loop {
            match self.target.apply(slices, folded.map(|group| &group.delta)).await {
                Ok(applied) => return Ok(applied),
                Err(ApplyError::Poison(source)) => return Err(Refused::Poison(source)),
                Err(ApplyError::Retired) => return Err(Refused::Stopped(Stopped::GenerationRetired)),
                Err(ApplyError::Away(source)) if self.again(&mut retry, &source).await => {}
                Err(ApplyError::Away(_)) => return Err(Refused::Stopped(Stopped::Cancelled)),
            }
        }
    }

    /// Waits before Postgres is asked again; `false` once cancelled.
    async fn again(&self, retry: &mut Retry, source: &sqlx::Error) -> bool {
        metrics::counter!("projection_retries_total").increment(1);
        let pause = retry.next();
        warn!(error = source as &dyn std::error::Error, ?pause, "Postgres does not take the read models; trying again");
        tokio::select! {
            () = self.cancel.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    /// Lets a partition stand still, for everybody to see.
    async fn stand_still(&mut self, fault: &SourceFault) -> Option<()> {
        error!(partition = %fault.partition, position = %fault.position, detail = fault.detail, "a partition stands still");
        metrics::gauge!("projection_faulted", "partition" => fault.partition.to_string()).set(1.0);
        self.faulted.insert(fault.partition);
        let mut retry = Retry::default();
        while let Err(source) = self.target.record(fault).await {
            if !self.again(&mut retry, &source).await {
                return None;
            }
        }
        Some(())
    }

    fn report(&self, events: usize, took: Duration, last_recorded_at: Option<DateTime<Utc>>) {
        #[allow(clippy::cast_precision_loss)]
        metrics::histogram!("projection_batch_events").record(events as f64);
        metrics::histogram!("projection_batch_seconds").record(took.as_secs_f64());
        if let Some(recorded_at) = last_recorded_at {
            let visible = (Utc::now() - recorded_at).to_std().unwrap_or_default();
            metrics::histogram!("projection_visible_seconds").record(visible.as_secs_f64());
        }
        for (partition, next) in &self.progress {
            #[allow(clippy::cast_precision_loss)]
            metrics::gauge!("projection_next_position", "partition" => partition.to_string()).set(stored(*next) as f64);
            if !self.faulted.contains(partition) {
                metrics::gauge!("projection_faulted", "partition" => partition.to_string()).set(0.0);
            }
        }
        if let Some(progress) = &self.settings.progress {
            progress.send_modify(|known| known.extend(&self.progress));
        }
    }
}

/// How long to wait before trying again: ever longer, up to a limit.
#[derive(Debug)]
struct Retry(Duration);

impl Default for Retry {
    fn default() -> Self {
        Self(Self::FIRST)
    }
}

impl Retry {
    const FIRST: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(5);

    fn next(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (pause * 2).min(Self::MAX);
        pause
    }
}

/// Why a transaction was not applied.
enum Refused {
    Stopped(Stopped),
    /// Its events are the reason: trying again is no use.
    Poison(crate::delta::WriteError),
}

enum Written {
    Stopped(Stopped),
    Done { progress: Progress, recorded_at: Option<DateTime<Utc>>, faults: Vec<SourceFault> },
}

impl Written {
    fn of(applied: Applied) -> Self {
        Self::Done { progress: applied.progress, recorded_at: applied.last_recorded_at, faults: applied.faults }
    }

    fn add(&mut self, more: BTreeMap<Partition, Position>, at: Option<DateTime<Utc>>, met: Vec<SourceFault>) {
        if let Self::Done { progress, recorded_at, faults } = self {
            progress.extend(more);
            *recorded_at = (*recorded_at).max(at);
            faults.extend(met);
        }
    }
}

/// Fetches and folds batches until there is nobody to write them.
async fn fetch<S: Source>(mut source: S, writers: Vec<mpsc::Sender<Group>>, settings: Settings, done: CancellationToken) {
    let mut retry = Retry::default();
    loop {
        let batch = tokio::select! {
            () = done.cancelled() => return,
            batch = source.next_batch(settings.batch_events_max, settings.batch_wait_max) => batch,
        };
        let batch = match batch {
            Ok(batch) => batch,
            Err(source) => {
                metrics::counter!("projection_source_retries_total").increment(1);
                let pause = retry.next();
                warn!(error = &*source as &dyn std::error::Error, ?pause, "the source gives no events; trying again");
                tokio::select! {
                    () = done.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                continue;
            }
        };
        retry = Retry::default();
        if batch.partitions.is_empty() && batch.faults.is_empty() && !batch.ended {
            continue;
        }
        let next = Instant::now() + settings.batch_pace;
        let is_small = batch.partitions.iter().map(|partition| partition.events.len()).sum::<usize>() < SMALL;
        let ended = batch.ended;
        let (until, lanes, only) = (settings.until.clone(), writers.len(), settings.only.clone());
        let skipped = Arc::clone(&settings.skipped);
        // Decoding a large batch takes long enough to keep others of this thread waiting.
        let prepare = move || prepare(batch, until.as_ref(), &skipped, lanes, only.as_ref());
        let groups = match tokio::task::spawn_blocking(prepare).await {
            Ok(groups) => groups,
            Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
            Err(_) => return, // the runtime is shutting down
        };
        for (writer, group) in writers.iter().zip(groups) {
            if group.is_nothing() {
                continue;
            }
            tokio::select! {
                () = done.cancelled() => return,
                sent = writer.send(group) => drop(sent), // it fails where a writer has come to where it was to stop
            }
        }
        if ended {
            info!("the source has no more events");
            return;
        }
        if is_small {
            tokio::select! {
                () = done.cancelled() => return,
                () = tokio::time::sleep_until(next.into()) => {}
            }
        }
    }
}
