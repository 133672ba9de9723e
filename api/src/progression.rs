//! How far the read models have come behind the ledger: what `?after=` waits for, what `freshness` says and what
//! `/readyz` judges. One task looks each [`LOOK_EACH`], and oftener while somebody waits.

mod lag;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{Partition, Position};
use event_store::{PgPool, Store};
use projections::{Fault, Progress, Underway};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::problem::{NOT_YET_VISIBLE, Problem};
use crate::settings::LOOK_EACH;
use crate::token::Token;
use lag::Lag;

/// While a read waits for a projector of another process.
const LOOK_EACH_WAITED_FOR: Duration = Duration::from_millis(20);
/// How long one look may take. Longer than a busy moment of Postgres.
const LOOK_TIME_MAX: Duration = Duration::from_secs(5);

/// One partition: where the ledger and the read models are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) head: Position,
    pub(crate) mark: Position,
    /// Since when the oldest event that is not applied has waited, as far as this process saw.
    pub(crate) behind_since: Option<Instant>,
    /// When the mark last moved, or there last was nothing to do.
    pub(crate) moved_at: Option<Instant>,
}

impl Place {
    pub(crate) fn lag_events(&self) -> u64 {
        self.head.0.saturating_sub(self.mark.0)
    }
}

/// What the last look saw.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// By partition.
    pub(crate) places: Vec<Place>,
    pub(crate) faults: Vec<Fault>,
    /// Read models that are being filled to serve next.
    pub(crate) underway: Option<Underway>,
    /// When the newest applied event was recorded.
    pub(crate) newest_recorded_at: Option<DateTime<Utc>>,
    pub(crate) looked_at: Option<Instant>,
    /// Since when looking fails.
    pub(crate) away_since: Option<Instant>,
}

/// How fresh the figures beside it are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Freshness {
    /// When the newest event in the read models was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of_recorded_at: Option<DateTime<Utc>>,
    /// Events in the ledger that the read models have not seen.
    lag_events: u64,
    /// How long the oldest of them has waited.
    lag_seconds: f64,
    state: FreshnessState,
    /// How far the read models were.
    #[serde(skip)]
    token: Token,
}

impl Freshness {
    pub(crate) fn recorded_at(&self) -> Option<DateTime<Utc>> {
        self.as_of_recorded_at
    }

    pub(crate) fn lag_seconds(&self) -> f64 {
        self.lag_seconds
    }

    pub(crate) fn state(&self) -> FreshnessState {
        self.state
    }

    pub(crate) fn token(&self) -> &Token {
        &self.token
    }

    /// Whether the read models have seen whatever was recorded so long ago.
    pub(crate) fn has_seen_all_since(&self, ago: TimeDelta) -> bool {
        let is_known = matches!(self.state, FreshnessState::Live | FreshnessState::Behind);
        // An event is recorded a moment before it can be seen.
        is_known && ago.num_milliseconds() as f64 / 1_000.0 > self.lag_seconds + 60.0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FreshnessState {
    /// Nothing is missing, or what is missing is on its way.
    Live,
    /// More than two seconds behind.
    Behind,
    /// A projector stands still at an event that it cannot apply.
    Stopped,
    /// Not known at the moment.
    Unknown,
}

#[derive(Debug)]
pub(crate) struct Progression {
    seen: watch::Sender<Arc<Seen>>,
    told_by: Option<watch::Receiver<Progress>>,
    waiting: AtomicUsize,
    look_now: Notify,
}

impl Progression {
    pub(crate) fn new() -> Self {
        Self { seen: watch::Sender::new(Arc::default()), told_by: None, waiting: AtomicUsize::new(0), look_now: Notify::new() }
    }

    pub(crate) fn told_by(progress: watch::Receiver<Progress>) -> Self {
        Self { told_by: Some(progress), ..Self::new() }
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        self.seen.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Seen>> {
        self.seen.subscribe()
    }

    /// Returns once the read models have seen what the token stands for.
    pub(crate) async fn wait_for(&self, token: &Token, wait_max: Duration) -> Result<(), Problem> {
        let mut seen = self.seen.subscribe();
        if has_seen(&seen.borrow(), token) {
            return Ok(());
        }
        let _waiting = Waiting::of(self);
        match tokio::time::timeout(wait_max, seen.wait_for(|seen| has_seen(seen, token))).await {
            Ok(_) => Ok(()),
            Err(_) => {
                let detail = format!("the read models have not seen this write within {} ms", wait_max.as_millis());
                Err(Problem::new(&NOT_YET_VISIBLE, detail))
            }
        }
    }

    /// Looks until cancelled.
    pub(crate) async fn run(&self, store: &Store, read_pool: &PgPool, cancel: &CancellationToken) {
        let mut told_by = self.told_by.clone();
        let mut lag = Lag::default();
        loop {
            self.look(store, read_pool, &mut lag).await;
            let mut next_look = Box::pin(tokio::time::sleep(LOOK_EACH));
            loop {
                let pause = if self.waiting.load(Ordering::Relaxed) > 0 { LOOK_EACH_WAITED_FOR } else { LOOK_EACH };
                tokio::select! {
                    () = cancel.cancelled() => return,
                    () = &mut next_look => break,
                    () = tokio::time::sleep(pause) => break,
                    () = self.look_now.notified() => {
                        next_look.as_mut().reset(tokio::time::Instant::now() + LOOK_EACH_WAITED_FOR);
                    }
                    progress = next_progress(&mut told_by) => self.take(&progress, &mut lag),
                }
            }
        }
    }

    async fn look(&self, store: &Store, read_pool: &PgPool, lag: &mut Lag) {
        let looking = async {
            let heads = store.heads().await.map_err(Problem::from)?;
            let marks = projections::marks(read_pool).await?;
            let faults = projections::faults(read_pool).await?;
            Ok::<_, Problem>((heads, marks, faults, projections::underway(read_pool).await?))
        };
        match tokio::time::timeout(LOOK_TIME_MAX, looking).await {
            Ok(Ok((heads, marks, faults, underway))) => {
                let newest_recorded_at = marks.iter().filter_map(|mark| mark.last_recorded_at).max();
                let marks = marks.iter().map(|mark| (mark.partition, mark.next_position)).collect();
                let places = lag.places(&heads, &marks, Instant::now());
                report(&places);
                let looked_at = Some(Instant::now());
                let seen = Seen { places, faults, underway, newest_recorded_at, looked_at, away_since: None };
                self.seen.send_replace(Arc::new(seen));
            }
            Ok(Err(_)) | Err(_) => self.seen.send_modify(|seen| {
                let away_since = seen.away_since.or_else(|| Some(Instant::now()));
                *seen = Arc::new(Seen { away_since, ..Seen::clone(seen) });
            }),
        }
    }

    /// What the projector of this process says it has committed.
    fn take(&self, progress: &Progress, lag: &mut Lag) {
        self.seen.send_modify(|seen| {
            let heads: Vec<_> = seen.places.iter().map(|place| place.head).collect();
            let mut marks: Progress = (0..).map(Partition).zip(seen.places.iter().map(|place| place.mark)).collect();
            for (partition, next) in progress {
                let mark = marks.entry(*partition).or_default();
                *mark = (*mark).max(*next);
            }
            let places = lag.places(&heads, &marks, Instant::now());
            *seen = Arc::new(Seen { places, ..Seen::clone(seen) });
        });
    }
}

async fn next_progress(told_by: &mut Option<watch::Receiver<Progress>>) -> Progress {
    if let Some(receiver) = told_by {
        if receiver.changed().await.is_ok() {
            return receiver.borrow_and_update().clone();
        }
        *told_by = None;
    }
    std::future::pending().await
}

fn has_seen(seen: &Seen, token: &Token) -> bool {
    token.needs().all(|(partition, next)| seen.places.get(usize::from(partition.0)).is_some_and(|place| place.mark >= next))
}

fn report(places: &[Place]) {
    for (partition, place) in places.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)]
        metrics::gauge!("ledger_projection_lag_events", "partition" => partition.to_string()).set(place.lag_events() as f64);
    }
}

impl Seen {
    pub(crate) fn freshness(&self) -> Freshness {
        let lag_events = self.places.iter().map(Place::lag_events).sum();
        let behind_since = self.places.iter().filter_map(|place| place.behind_since).min();
        let lag_seconds = behind_since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        let state = match () {
            () if self.looked_at.is_none() || self.away_since.is_some() => FreshnessState::Unknown,
            () if !self.faults.is_empty() => FreshnessState::Stopped,
            () if lag_seconds > 2.0 => FreshnessState::Behind,
            () => FreshnessState::Live,
        };
        let lag_seconds = (lag_seconds * 1_000.0).round() / 1_000.0;
        Freshness { as_of_recorded_at: self.newest_recorded_at, lag_events, lag_seconds, state, token: self.token() }
    }

    /// How far the read models are, by partition.
    pub(crate) fn marks(&self) -> impl Iterator<Item = Position> {
        self.places.iter().map(|place| place.mark)
    }

    /// How far the read models are, as a token.
    pub(crate) fn token(&self) -> Token {
        (0..).map(Partition).zip(self.marks()).collect()
    }
}

/// Somebody waits, so it is worth looking often.
struct Waiting<'a>(&'a Progression);

impl<'a> Waiting<'a> {
    fn of(progression: &'a Progression) -> Self {
        progression.waiting.fetch_add(1, Ordering::Relaxed);
        progression.look_now.notify_one();
        Self(progression)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(marks: &[u64]) -> Arc<Seen> {
        let places = marks.iter().map(|mark| Place { mark: Position(*mark), ..Place::default() }).collect();
        Arc::new(Seen { places, ..Seen::default() })
    }

    fn token(places: &[(u16, u64)]) -> Token {
        places.iter().map(|(partition, next)| (Partition(*partition), Position(*next))).collect()
    }

    #[tokio::test]
    async fn a_read_waits_until_every_partition_has_come_so_far() {
        let progression = Progression::new();
        progression.seen.send_replace(seen(&[5, 0]));
        let token = token(&[(0, 5), (1, 2)]);
        let waits = progression.wait_for(&token, Duration::from_secs(5));
        let moves = async {
            tokio::task::yield_now().await;
            assert_eq!(progression.waiting.load(Ordering::Relaxed), 1);
            progression.seen.send_replace(seen(&[5, 2]));
        };
        let (waited, ()) = tokio::join!(waits, moves);
        waited.expect("it came");
        assert_eq!(progression.waiting.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_wait_has_its_limit() {
        let progression = Progression::new();
        let problem = progression.wait_for(&token(&[(0, 1)]), Duration::from_millis(1)).await.expect_err("nothing moves");
        assert_eq!(problem.kind.code, "not_yet_visible");
        progression.wait_for(&Token::default(), Duration::ZERO).await.expect("needs nothing");
    }

    #[tokio::test]
    async fn the_projector_of_this_process_is_heard_without_asking_postgres() {
        let progression = Progression::new();
        progression.seen.send_replace(seen(&[1, 1]));
        progression.take(&Progress::from([(Partition(1), Position(7))]), &mut Lag::default());
        assert!(has_seen(&progression.seen(), &token(&[(0, 1), (1, 7)])));
    }
}
