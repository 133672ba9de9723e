//! Group commit: one task that takes every commit that waits, appends them as one batch, and answers each caller after the
//! batch is durable.
//!
//! A partition belongs to one lane, so its batches, and the runs published to subscribers, come one after the other.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{RecordedEvent, Stream};
use rustc_hash::FxHashMap;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, PgPool};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::batch::{self, Answer, Mode};
use crate::commit::{AppendError, Appended, Commit, Expected};
use crate::error::Error;
use crate::settings::Settings;

pub(crate) type CommitResult = Result<Appended, AppendError>;

const RACES_MAX: usize = 8;
/// How often other tasks are let run before a batch that is smaller than the last one.
const YIELDS_MAX: usize = 64;
/// A connection that was idle for so long may be dead: ask before a batch's fate depends on it.
const IDLE_MAX: Duration = Duration::from_secs(1);

/// Commits of one caller, answered together.
struct Group {
    commits: Vec<Commit>,
    events: usize,
    bytes: usize,
    answer: oneshot::Sender<Vec<CommitResult>>,
    /// Its share of the queue, given back when it is answered.
    _room: OwnedSemaphorePermit,
}

/// A group whose commits were taken.
struct PendingAnswer {
    answer: oneshot::Sender<Vec<CommitResult>>,
    results: Vec<Option<CommitResult>>,
    _room: OwnedSemaphorePermit,
}

/// The callers' end of a lane.
pub(crate) struct LaneHandle {
    queue: mpsc::UnboundedSender<Group>, // bounded by `room`, which counts events
    room: Arc<Semaphore>,
    queue_events_max: usize,
    queue_wait_max: Duration,
    closing: CancellationToken,
}

impl LaneHandle {
    /// Queues a group. The answer comes within the lane's own limits: a batch before it and its own.
    pub(crate) async fn send(&self, commits: Vec<Commit>) -> Result<oneshot::Receiver<Vec<CommitResult>>, AppendError> {
        if self.closing.is_cancelled() {
            return Err(AppendError::ShuttingDown);
        }
        let events: usize = commits.iter().map(|commit| commit.events.len()).sum();
        let wanted = u32::try_from(events.min(self.queue_events_max)).unwrap_or(u32::MAX);
        let room = match Arc::clone(&self.room).try_acquire_many_owned(wanted) {
            Ok(room) => room,
            Err(_) => match timeout(self.queue_wait_max, Arc::clone(&self.room).acquire_many_owned(wanted)).await {
                Ok(Ok(room)) => room,
                Ok(Err(_)) => return Err(AppendError::ShuttingDown),
                Err(_) => return Err(AppendError::TooBusy),
            },
        };
        let bytes = commits.iter().map(Commit::bytes).sum();
        let (answer, receiver) = oneshot::channel();
        let group = Group { commits, events, bytes, answer, _room: room };
        self.queue.send(group).map_err(|_| AppendError::ShuttingDown)?;
        Ok(receiver)
    }

    pub(crate) fn close(&self) {
        self.closing.cancel();
        self.room.close();
    }
}

pub(crate) struct Lane {
    queue: mpsc::UnboundedReceiver<Group>,
    room: Arc<Semaphore>,
    closing: CancellationToken,
    /// Taken from the queue, but too large for the batch before.
    held: Option<Group>,
    options: Arc<PgConnectOptions>,
    connection: Option<(PgConnection, Instant)>,
    settings: Settings,
    partitions: u16,
    /// How many callers the last batch answered.
    last_groups: usize,
    /// The last batch had conflicts: the next one probably has, too.
    mode: Mode,
    committed: broadcast::Sender<Arc<[RecordedEvent]>>,
}

impl Lane {
    pub(crate) fn start(
        pool: &PgPool,
        settings: &Settings,
        partitions: u16,
        committed: broadcast::Sender<Arc<[RecordedEvent]>>,
    ) -> (LaneHandle, JoinHandle<()>) {
        let (sender, queue) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(settings.queue_events_max));
        let closing = CancellationToken::new();
        let handle = LaneHandle {
            queue: sender,
            room: Arc::clone(&room),
            queue_events_max: settings.queue_events_max,
            queue_wait_max: settings.queue_wait_max,
            closing: closing.clone(),
        };
        let lane = Self {
            queue,
            room,
            closing,
            held: None,
            options: pool.connect_options(),
            connection: None,
            settings: settings.clone(),
            partitions,
            last_groups: 0,
            mode: Mode::AllOrNothing,
            committed,
        };
        (handle, tokio::spawn(lane.run()))
    }

    async fn run(mut self) {
        while let Some(first) = self.next_group().await {
            let groups = self.take_waiting(first).await;
            self.carry_out(groups).await;
        }
    }

    async fn next_group(&mut self) -> Option<Group> {
        if let Some(group) = self.held.take() {
            return Some(group);
        }
        tokio::select! {
            biased;
            group = self.queue.recv() => group,
            () = self.closing.cancelled() => {
                // What was accepted before is still answered.
                self.queue.close();
                self.queue.recv().await
            }
        }
    }

    /// Everything that waits, up to a batch. Callers that were answered a moment ago are about to send their next command:
    /// where there are fewer than last time, they are let run first, for a batch costs the same flush whatever its size.
    async fn take_waiting(&mut self, first: Group) -> Vec<Group> {
        let (mut events, mut bytes) = (first.events, first.bytes);
        let mut groups = vec![first];
        let mut yields = 0;
        loop {
            match self.queue.try_recv() {
                Ok(group) => {
                    events += group.events;
                    bytes += group.bytes;
                    if events > self.settings.batch_events_max || bytes > self.settings.batch_bytes_max {
                        self.held = Some(group);
                        break;
                    }
                    groups.push(group);
                }
                Err(_) if groups.len() < self.last_groups && yields < YIELDS_MAX => {
                    yields += 1;
                    tokio::task::yield_now().await;
                }
                Err(_) => break,
            }
        }
        self.last_groups = groups.len();
        metrics::gauge!("ledger_append_queue_events")
            .set((self.settings.queue_events_max - self.room.available_permits()) as f64);
        groups
    }

    /// Appends what can go into one batch and answers every group.
    async fn carry_out(&mut self, groups: Vec<Group>) {
        let mut answers = Vec::with_capacity(groups.len());
        let mut taken: Vec<Commit> = Vec::new();
        let mut places: Vec<(usize, usize)> = Vec::new();
        let mut written: FxHashMap<Arc<Stream>, Written> = FxHashMap::default();
        for (group_index, group) in groups.into_iter().enumerate() {
            let mut results: Vec<Option<CommitResult>> = Vec::with_capacity(group.commits.len());
            for (index, commit) in group.commits.into_iter().enumerate() {
                let refused = Self::sent_back(&commit, &mut written);
                if refused.is_none() {
                    taken.push(commit);
                    places.push((group_index, index));
                }
                results.push(refused.map(Err));
            }
            answers.push(PendingAnswer { answer: group.answer, results, _room: group._room });
        }
        for (result, (group, index)) in self.append_all(taken).await.into_iter().zip(places) {
            answers[group].results[index] = Some(result);
        }
        // Only now, for what was sent back may depend on what was appended.
        for PendingAnswer { answer, results, _room } in answers {
            let results = results.into_iter().map(|result| result.expect("every commit was appended or sent back")).collect();
            // A caller that went away does not want its answer; its commits stand.
            drop(answer.send(results));
        }
    }

    /// Whether this commit has to be decided again after the batch, because of a commit before it.
    fn sent_back(commit: &Commit, written: &mut FxHashMap<Arc<Stream>, Written>) -> Option<AppendError> {
        if let Some(guard) = &commit.guard
            && written.contains_key(&*guard.stream)
        {
            return Some(AppendError::GuardMoved { actual: None });
        }
        let is_plain = commit.guard.is_none() && commit.idempotency.is_none();
        let write = if is_plain && commit.expected == Expected::Any { Written::Following } else { Written::Alone };
        match written.entry(Arc::new(commit.stream.clone())) {
            Entry::Vacant(entry) => {
                entry.insert(write);
                None
            }
            Entry::Occupied(entry) if *entry.get() == Written::Following && write == Written::Following => None,
            Entry::Occupied(_) => Some(AppendError::Conflict { actual: None }),
        }
    }

    async fn append_all(&mut self, commits: Vec<Commit>) -> Vec<CommitResult> {
        if commits.is_empty() {
            return Vec::new();
        }
        let mut results = Vec::with_capacity(commits.len());
        // Mostly one part. A batch that the database refuses is halved until only the commits at fault are refused.
        let mut parts = vec![commits];
        while let Some(mut commits) = parts.pop() {
            match self.append(&commits).await {
                Ok(answer) => {
                    self.publish(commits, &answer);
                    results.extend(answer.results);
                }
                Err(error) if error.is_refusal() && commits.len() > 1 => {
                    let second = commits.split_off(commits.len() / 2);
                    parts.push(second);
                    parts.push(commits);
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, commits = commits.len(), "an append failed");
                    results.extend(commits.iter().map(|_| Err(AppendError::Unavailable(error.clone()))));
                    if !error.is_refusal() {
                        // Whoever waits behind would wait for the same time-out.
                        let rest: usize = parts.drain(..).map(|part| part.len()).sum();
                        results.extend((0..rest).map(|_| Err(AppendError::Unavailable(error.clone()))));
                        self.fail_waiting(&error);
                    }
                }
            }
        }
        results
    }

    fn publish(&self, commits: Vec<Commit>, answer: &Answer) {
        if self.committed.receiver_count() == 0 {
            return;
        }
        for run in batch::recorded(commits, answer) {
            // Nobody listens any more: they read PostgreSQL when they come back.
            drop(self.committed.send(run));
        }
    }

    fn fail_waiting(&mut self, error: &Error) {
        let mut next = self.held.take().or_else(|| self.queue.try_recv().ok());
        while let Some(group) = next {
            let results = group.commits.iter().map(|_| Err(AppendError::Unavailable(error.clone()))).collect();
            drop(group.answer.send(results));
            next = self.queue.try_recv().ok();
        }
    }

    /// One batch: all or nothing first where that is likely to do, else leaving out what fails.
    async fn append(&mut self, commits: &[Commit]) -> Result<Answer, Error> {
        let is_any = commits.iter().any(|commit| commit.expected == Expected::Any);
        let mut mode = if is_any { Mode::LeaveOut } else { self.mode };
        let mut races = 0;
        let answer = loop {
            let started = Instant::now();
            match self.append_once(commits, mode).await {
                Ok(answer) if answer.is_appended => {
                    metrics::histogram!("ledger_append_batch_seconds").record(started.elapsed());
                    metrics::histogram!("ledger_append_batch_events")
                        .record(answer.results.iter().flatten().map(|appended| appended.events).sum::<u64>() as f64);
                    break answer;
                }
                Ok(_) => mode = Mode::LeaveOut,
                Err(error) if error.is_lost_race() && races < RACES_MAX => {
                    races += 1;
                    mode = Mode::LeaveOut;
                }
                Err(error) => return Err(error),
            }
        };
        let conflicts = answer.results.iter().any(Result::is_err);
        self.mode = if conflicts { Mode::LeaveOut } else { Mode::AllOrNothing };
        Ok(answer)
    }

    /// A connection is only kept when the statement ended: after a time-out its state, and the batch's fate, are unknown.
    async fn append_once(&mut self, commits: &[Commit], mode: Mode) -> Result<Answer, Error> {
        let limit = self.settings.append_wait_max;
        let too_late = |_| Error::Timeout { limit_ms: limit.as_millis() as u64 };
        let mut connection = timeout(limit, self.connected()).await.map_err(too_late)??;
        let result = timeout(limit, batch::append(&mut connection, commits, self.partitions, mode)).await.map_err(too_late)?;
        if result.as_ref().err().is_none_or(Error::is_refusal) {
            self.connection = Some((connection, Instant::now()));
        }
        result
    }

    async fn connected(&mut self) -> Result<PgConnection, Error> {
        if let Some((mut connection, used)) = self.connection.take()
            && (used.elapsed() < IDLE_MAX || connection.ping().await.is_ok())
        {
            return Ok(connection);
        }
        Ok(PgConnection::connect_with(&self.options).await?)
    }
}

/// How a batch's commits write one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Alone,
    /// By facts that expect any version and cannot fail, so another may follow.
    Following,
}
