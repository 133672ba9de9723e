//! The store: its lanes, its memory, and the lower-level append.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use domain::{Partition, Position, RecordedEvent, Stream, TenantId};
use futures::future::join_all;
use sqlx::PgPool;
use tokio::sync::{Mutex, broadcast};
use tokio::task::JoinHandle;

use crate::cache::Cache;
use crate::commit::{AppendError, Appended, Commit, Expected};
use crate::committed::CommittedEvents;
use crate::database;
use crate::error::Error;
use crate::idempotency::InFlight;
use crate::lane::{CommitResult, Lane, LaneHandle};
use crate::read::{self, EventPage, EventQuery};
use crate::restore;
use crate::search::{self, SearchPage, SearchQuery};
use crate::settings::Settings;
use crate::streams::{self, Capsules, LoadedStream};
use crate::vault::Vault;

/// The ledger's way in and the way to read it. Clones share everything; the lanes end with the last of them.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) pool: PgPool,
    pub(crate) settings: Settings,
    pub(crate) partitions: u16,
    pub(crate) capsules: Capsules,
    pub(crate) vault: Vault,
    pub(crate) in_flight: InFlight,
    lanes: Vec<LaneHandle>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    committed: broadcast::Sender<Arc<[RecordedEvent]>>,
    closing: AtomicBool,
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("partitions", &self.inner.partitions).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a migrated ledger and starts its lanes.
    pub async fn open(pool: PgPool, settings: Settings) -> Result<Self, Error> {
        let partitions = database::partition_count(&pool).await?;
        if restore::is_under_way(&pool).await? {
            return Err(Error::Restoring);
        }
        let (committed, _) = broadcast::channel(settings.committed_runs_max);
        let (lanes, tasks) = (0..settings.lanes.clamp(1, partitions))
            .map(|_| Lane::start(&pool, &settings, partitions, committed.clone()))
            .unzip();
        let inner = Inner {
            capsules: Cache::new(settings.cached_capsules_max),
            vault: Vault::new(pool.clone(), settings.cached_pseudonyms_max),
            in_flight: InFlight::default(),
            pool,
            settings,
            partitions,
            lanes,
            tasks: Mutex::new(tasks),
            committed,
            closing: AtomicBool::new(false),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn pool(&self) -> &PgPool {
        &self.inner.pool
    }

    pub fn partitions(&self) -> u16 {
        self.inner.partitions
    }

    pub fn vault(&self) -> &Vault {
        &self.inner.vault
    }

    /// Takes no more commands, and returns when every command that it had taken is answered.
    pub async fn shutdown(&self) {
        self.inner.closing.store(true, Ordering::Release);
        for lane in &self.inner.lanes {
            lane.close();
        }
        let tasks = std::mem::take(&mut *self.inner.tasks.lock().await);
        for ended in join_all(tasks).await {
            if let Err(error) = ended {
                tracing::error!(%error, "a lane ended in a panic");
            }
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.inner.closing.load(Ordering::Acquire)
    }

    /// Events as they are committed by this store. Bounded and lossy: see [`CommittedEvents`].
    pub fn committed(&self) -> CommittedEvents {
        CommittedEvents::new(self.inner.committed.subscribe())
    }

    /// Appends commits that were decided elsewhere. Each succeeds or fails by itself; results are in the given order.
    pub async fn append(&self, commits: Vec<Commit>) -> Vec<Result<Appended, AppendError>> {
        let any: Vec<(usize, Commit)> = commits
            .iter()
            .enumerate()
            .filter(|(_, commit)| commit.expected == Expected::Any)
            .map(|(index, commit)| (index, commit.clone()))
            .collect();
        let mut results = self.append_once(commits).await;
        // A fact that expects any version is never in conflict with its stream: it only has to wait for the next batch.
        for (index, commit) in any {
            for _ in 0..self.inner.settings.decide_attempts_max {
                if !matches!(results[index], Err(AppendError::Conflict { .. })) {
                    break;
                }
                if let Some(result) = self.append_once(vec![commit.clone()]).await.pop() {
                    results[index] = result;
                }
            }
        }
        results
    }

    pub(crate) async fn append_once(&self, commits: Vec<Commit>) -> Vec<CommitResult> {
        let count = commits.len();
        let mut results: Vec<Option<CommitResult>> = vec![None; count];
        let mut lanes: Vec<Vec<(usize, Commit)>> = vec![Vec::new(); self.inner.lanes.len()];
        for (index, commit) in commits.into_iter().enumerate() {
            let partition = Partition::of(&commit.stream.tenant, &commit.partition_key, self.inner.partitions);
            assert!(!commit.events.is_empty(), "a commit has at least one event");
            if let Some(guard) = &commit.guard {
                let guarded = Partition::of(&guard.stream.tenant, &guard.stream.id, self.inner.partitions);
                assert_eq!(partition, guarded, "the lock on the partition of {} covers its guard", commit.stream);
            }
            lanes[usize::from(partition.0) % self.inner.lanes.len()].push((index, commit));
        }
        let groups = lanes.into_iter().zip(&self.inner.lanes).filter(|(commits, _)| !commits.is_empty());
        let answers = join_all(groups.map(|(commits, lane)| async move {
            let (indexes, commits): (Vec<usize>, Vec<Commit>) = commits.into_iter().unzip();
            (indexes, self.append_in_lane(lane, commits).await)
        }));
        for (indexes, answers) in answers.await {
            for (index, answer) in indexes.into_iter().zip(answers) {
                results[index] = Some(answer);
            }
        }
        results.into_iter().map(|result| result.expect("every commit went to one lane")).collect()
    }

    /// Hands commits to their lane, in groups that fit into a batch, and waits for the answers. The waits have a limit:
    /// the lane's own.
    async fn append_in_lane(&self, lane: &LaneHandle, commits: Vec<Commit>) -> Vec<CommitResult> {
        let mut answers = Vec::new();
        for group in in_groups(commits, self.inner.settings.batch_events_max / 2, self.inner.settings.batch_bytes_max / 2) {
            let count = group.len();
            answers.push((count, lane.send(group).await));
        }
        let mut results = Vec::new();
        for (count, answer) in answers {
            match answer {
                Ok(receiver) => match receiver.await {
                    Ok(answers) => results.extend(answers),
                    Err(_) => results.extend((0..count).map(|_| Err(AppendError::Unavailable(Error::Closed)))),
                },
                Err(error) => results.extend((0..count).map(|_| Err(error.clone()))),
            }
        }
        results
    }

    /// A stream's state, if it has events.
    pub async fn load(&self, stream: &Stream) -> Result<Option<LoadedStream>, Error> {
        let streams = std::slice::from_ref(stream);
        Ok(streams::load(&self.inner.pool, streams).await?.remove(stream))
    }

    /// At most `limit` events of a partition, from a position on, in order.
    pub async fn read(&self, partition: Partition, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, Error> {
        read::read(&self.inner.pool, partition, from, limit).await
    }

    /// The next position of every partition; index = partition.
    pub async fn heads(&self) -> Result<Vec<Position>, Error> {
        read::heads(&self.inner.pool, self.inner.partitions).await
    }

    /// One event; another tenant's is not found.
    pub async fn event(
        &self,
        tenant: &TenantId,
        partition: Partition,
        position: Position,
    ) -> Result<Option<RecordedEvent>, Error> {
        read::event(&self.inner.pool, tenant, partition, position).await
    }

    /// Those of these events that are the tenant's, by partition and position.
    pub async fn events_at(&self, tenant: &TenantId, places: &[(Partition, Position)]) -> Result<Vec<RecordedEvent>, Error> {
        read::events_at(&self.inner.pool, tenant, places).await
    }

    /// Where the events of these streams are, each up to a version; at most so many.
    pub async fn places_of(&self, streams: &[(Stream, u64)], limit: usize) -> Result<Vec<(Partition, Position)>, Error> {
        read::places_of(&self.inner.pool, streams, limit).await
    }

    /// A page of the tenant's events, by partition and position.
    pub async fn events(&self, tenant: &TenantId, query: EventQuery) -> Result<EventPage, Error> {
        read::events(&self.inner.pool, tenant, &query, self.partitions()).await
    }

    /// A page of the tenant's events that match, the newest first.
    pub async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> Result<SearchPage, Error> {
        let looks_max = self.inner.settings.search_looks_max;
        search::search(&self.inner.pool, tenant, query, (self.partitions(), looks_max)).await
    }

    /// Of each partition, in order, the first position that was recorded at a moment or later; its head, where nothing was. Below it is
    /// what was recorded before.
    pub async fn first_since(&self, moment: DateTime<Utc>) -> Result<Vec<(Partition, Position)>, Error> {
        let asked: Vec<_> = (0..self.partitions()).map(|partition| (Partition(partition), moment)).collect();
        let found = search::first_at(&self.inner.pool, &asked).await?;
        let positions = found.into_iter().map(|position| Position(u64::try_from(position).unwrap_or(0)));
        Ok(asked.into_iter().map(|(partition, _)| partition).zip(positions).collect())
    }

    /// Whether the database answers within a second.
    pub async fn ping(&self) -> Result<(), Error> {
        read::ping(&self.inner.pool).await
    }
}

/// Cuts commits into groups of so many events and bytes; a larger commit is a group of its own.
fn in_groups(commits: Vec<Commit>, events_max: usize, bytes_max: usize) -> Vec<Vec<Commit>> {
    let mut groups: Vec<Vec<Commit>> = Vec::with_capacity(1);
    let (mut events, mut bytes) = (0, 0);
    for commit in commits {
        let (more_events, more_bytes) = (commit.events.len(), commit.bytes());
        match groups.last_mut() {
            Some(group) if events + more_events <= events_max && bytes + more_bytes <= bytes_max => {
                group.push(commit);
                events += more_events;
                bytes += more_bytes;
            }
            _ => {
                groups.push(vec![commit]);
                (events, bytes) = (more_events, more_bytes);
            }
        }
    }
    groups
}
