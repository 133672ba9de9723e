//! The one task that leads, reads and sends. Everything that takes time is asked for elsewhere and answers by a channel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Partition, Position, RecordedEvent};
use metrics::{counter, gauge};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::lane::{Lane, NotConsecutive, Phase, Run};
use super::publisher::{Failure, Publisher, Refusal};
use super::{Committed, LeadStatus, RelayStatus, Settings};
use crate::tail::{Tail, tails};
use crate::topic::words;
use crate::{BoxError, Error};

const BALANCE_EVERY: Duration = Duration::from_secs(1);
/// How often the store is asked for its heads while nothing is handed over, and while it is.
const HEADS_EVERY: Duration = Duration::from_millis(25);
const HEADS_EVERY_BESIDES: Duration = Duration::from_millis(250);
const STATUS_EVERY: Duration = Duration::from_millis(100);
/// How long the store may take to answer.
const STORE_LIMIT: Duration = Duration::from_secs(10);
const STORE_PAUSE: Duration = Duration::from_secs(1);
const READ_MAX: usize = 2_000;
const HANDED_OVER_MAX: usize = 256;
/// How many events of a partition are sent before other partitions, and other tasks, have their turn.
const TURN: usize = 64;
/// A broker that is back is noticed within this time.
const LOCATE_PAUSE_MAX: Duration = Duration::from_secs(1);
const FAILURE_PAUSE_MAX: Duration = Duration::from_secs(30);

pub(super) struct Leading<C> {
    settings: Settings,
    committed: Arc<C>,
    lanes: Vec<Lane>,
    publisher: Publisher,
    /// Whose turn it is to send first.
    turn: usize,
    answers: mpsc::UnboundedSender<Answer>,
    answered: mpsc::UnboundedReceiver<Answer>,
    fresh: mpsc::Receiver<Run>,
    /// At most: one hand-over, one balance, one heads, one locating, one read a partition, one farewell to a producer.
    asked: JoinSet<()>,
    fresh_at: Option<Instant>,
    heads_due: Instant,
    asking_heads: bool,
    balance_due: Instant,
    asking_balance: bool,
    locating: bool,
    store_answers: bool,
}

/// What was asked for elsewhere. Few can be under way, so the channel needs no bound of its own.
enum Answer {
    Balance(Result<Vec<Partition>, BoxError>),
    Heads(Result<Vec<Position>, BoxError>),
    Read(Partition, Result<Vec<RecordedEvent>, BoxError>),
    /// Where these partitions end, and the store's heads as they were after that.
    Located(Vec<Partition>, Result<(Vec<Tail>, Vec<Position>), BoxError>),
}

impl<C: Committed> Leading<C> {
    pub(super) fn start(settings: Settings, committed: Arc<C>) -> Result<Self, Error> {
        let (answers, answered) = mpsc::unbounded_channel();
        let (handed_over, fresh) = mpsc::channel(HANDED_OVER_MAX);
        let mut asked = JoinSet::new();
        let source = committed.clone();
        asked.spawn(async move {
            while let Some(run) = source.next_fresh().await {
                if handed_over.send(run).await.is_err() {
                    break;
                }
            }
            std::future::pending::<()>().await; // an end of the hand-over is not an end of the relay
            drop(handed_over);
        });
        let publisher = Publisher::new(&settings)?;
        let lanes = (0..settings.partitions).map(|partition| Lane::new(Partition(partition))).collect();
        let now = Instant::now();
        Ok(Self {
            settings,
            committed,
            lanes,
            publisher,
            turn: 0,
            answers,
            answered,
            fresh,
            asked,
            fresh_at: None,
            heads_due: now,
            asking_heads: false,
            balance_due: now,
            asking_balance: false,
            locating: false,
            store_answers: true,
        })
    }

    pub(super) async fn run(&mut self, cancel: &CancellationToken) {
        let mut status = tokio::time::interval(STATUS_EVERY);
        status.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !cancel.is_cancelled() {
            self.ask();
            let more = self.send();
            let due = self.next_due();
            let progress = self.publisher.progress().clone();
            tokio::select! {
                () = cancel.cancelled() => {}
                Some(answer) = self.answered.recv() => self.take(answer),
                Some(run) = self.fresh.recv() => self.hand_over(run),
                _ = status.tick() => self.report(),
                () = progress.moved.notified() => {}
                Some(ended) = self.asked.join_next() => ended.expect("what the relay asks for does not panic"),
                () = tokio::time::sleep_until(due.into()), if !more => {}
                () = tokio::task::yield_now(), if more => {}
            }
            self.recover();
        }
    }

    /// Lets through what is on its way, for a while.
    pub(super) async fn end(mut self) {
        let deadline = Instant::now() + self.settings.farewell;
        let progress = self.publisher.progress();
        while progress.in_flight_of_all() > 0 && Instant::now() < deadline {
            // While Kafka is away nothing moves, so look again all the same.
            let _ = tokio::time::timeout(STATUS_EVERY, progress.moved.notified()).await;
        }
        let discarded = tokio::task::spawn_blocking(|| self.publisher.discard());
        discarded.await.expect("throwing a producer away does not panic");
        self.asked.shutdown().await;
        self.settings.status.send_replace(RelayStatus::default());
    }

    fn next_due(&self) -> Instant {
        let mut due = Instant::now() + BALANCE_EVERY;
        if !self.asking_balance {
            due = due.min(self.balance_due);
        }
        if !self.asking_heads && self.lanes.iter().any(Lane::is_led) {
            due = due.min(self.heads_due);
        }
        for lane in &self.lanes {
            match lane.phase {
                Phase::Waiting { until } if !self.locating => due = due.min(until.max(Instant::now() + HEADS_EVERY)),
                _ => {}
            }
        }
        due
    }

    /// Asks for whatever is due.
    fn ask(&mut self) {
        let now = Instant::now();
        if !self.asking_balance && now >= self.balance_due {
            self.asking_balance = true;
            let committed = self.committed.clone();
            self.answer(async move { Answer::Balance(limited(committed.balance()).await) });
        }
        if !self.asking_heads && now >= self.heads_due && self.lanes.iter().any(Lane::is_led) {
            self.asking_heads = true;
            let committed = self.committed.clone();
            self.answer(async move { Answer::Heads(limited(committed.heads()).await) });
        }
        self.ask_where_kafka_ends(now);
        if !self.store_answers {
            return; // the heads will tell when it does again
        }
        let wanted: Vec<_> =
            self.lanes.iter_mut().filter_map(|lane| lane.wants_read().map(|from| (lane.partition, from))).collect();
        for (partition, from) in wanted {
            let committed = self.committed.clone();
            self.answer(async move { Answer::Read(partition, limited(committed.read(partition, from, READ_MAX)).await) });
        }
    }

    fn answer(&mut self, answer: impl Future<Output = Answer> + Send + 'static) {
        let answers = self.answers.clone();
        self.asked.spawn(async move {
            // Nobody listens once the relay has ended.
            let _ = answers.send(answer.await);
        });
    }

    fn ask_where_kafka_ends(&mut self, now: Instant) {
        let progress = self.publisher.progress();
        // What is on its way from an earlier lead must have arrived first.
        let due = |lane: &&mut Lane| {
            matches!(lane.phase, Phase::Waiting { until } if until <= now) && progress.in_flight(lane.partition) == 0
        };
        if self.locating {
            return;
        }
        let partitions: Vec<Partition> = self
            .lanes
            .iter_mut()
            .filter(due)
            .map(|lane| {
                lane.phase = Phase::Locating;
                lane.partition
            })
            .collect();
        if partitions.is_empty() {
            return;
        }
        self.locating = true;
        let (brokers, topic) = (self.settings.brokers.clone(), self.settings.topic.clone());
        let committed = self.committed.clone();
        self.answer(async move {
            let asked = partitions.clone();
            let located = tokio::task::spawn_blocking(move || tails(&brokers, &topic, &asked)).await;
            let located = match located.expect("reading the end of a partition does not panic") {
                // Heads only grow: read after Kafka's ends, they lie behind them, or it is another ledger's topic.
                Ok(tails) => limited(committed.heads()).await.map(|heads| (tails, heads)),
                Err(error) => Err(error.into()),
            };
            Answer::Located(partitions, located)
        });
    }

    fn take(&mut self, answer: Answer) {
        let now = Instant::now();
        match answer {
            Answer::Balance(result) => {
                self.asking_balance = false;
                self.balance_due = now + BALANCE_EVERY;
                match result {
                    Ok(leads) => self.lead(&leads, now),
                    // Who leads is unknown for now. Going on can only repeat what another relay publishes.
                    Err(error) => tracing::warn!(error = words(&error), "the store does not say what to lead"),
                }
            }
            Answer::Heads(result) => {
                self.asking_heads = false;
                let handed_over = self.fresh_at.is_some_and(|at| now - at < BALANCE_EVERY);
                self.heads_due = now + if handed_over { HEADS_EVERY_BESIDES } else { HEADS_EVERY };
                match result {
                    Ok(heads) => {
                        self.take_fresh(); // what the heads tell may be waiting there
                        self.store_is(None);
                        self.lanes.iter_mut().zip(heads).for_each(|(lane, head)| lane.head = lane.head.max(head));
                    }
                    Err(error) => self.store_is(Some(&error)),
                }
            }
            Answer::Read(partition, result) => {
                let run = match result {
                    Ok(events) => Some(events.into()),
                    Err(error) => {
                        self.store_is(Some(&error));
                        None
                    }
                };
                let joined = self.lanes[usize::from(partition.0)].read_ended(run);
                self.check(partition, joined);
            }
            Answer::Located(partitions, result) => {
                self.locating = false;
                self.located(&partitions, result, now);
            }
        }
    }

    fn store_is(&mut self, away: Option<&BoxError>) {
        match away {
            Some(error) => {
                tracing::warn!(error = words(error), "the store does not answer the relay");
                counter!("relay_errors_total").increment(1);
                self.heads_due = Instant::now() + STORE_PAUSE;
                self.store_answers = false;
            }
            None => self.store_answers = true,
        }
    }

    fn lead(&mut self, leads: &[Partition], now: Instant) {
        if let Some(beyond) = leads.iter().find(|partition| partition.0 >= self.settings.partitions) {
            tracing::error!(partition = %beyond, "the topic has no such partition; it is not published");
        }
        for lane in &mut self.lanes {
            match (lane.is_led(), leads.contains(&lane.partition)) {
                (false, true) => {
                    tracing::info!(partition = %lane.partition, "leading");
                    lane.lead(now);
                }
                (true, false) => {
                    tracing::info!(partition = %lane.partition, "no longer leading");
                    lane.yield_lead();
                    gauge!("relay_lag_events", "partition" => lane.partition.to_string()).set(0.0);
                }
                _ => {}
            }
        }
    }

    fn located(&mut self, partitions: &[Partition], result: Result<(Vec<Tail>, Vec<Position>), BoxError>, now: Instant) {
        let (tails, heads) = match result {
            Ok(located) => located,
            Err(error) => {
                counter!("relay_errors_total").increment(1);
                tracing::warn!(error = words(&error), "where to go on in Kafka is unknown; asking again");
                for partition in partitions {
                    let lane = &mut self.lanes[usize::from(partition.0)];
                    if lane.phase == Phase::Locating {
                        lane.fail(now, words(&error), LOCATE_PAUSE_MAX);
                    }
                }
                return;
            }
        };
        for tail in tails {
            let head = heads.get(usize::from(tail.partition.0)).copied().unwrap_or_default();
            self.begin(tail, head, now);
        }
    }

    fn begin(&mut self, tail: Tail, head: Position, now: Instant) {
        let lane = &mut self.lanes[usize::from(tail.partition.0)];
        if lane.phase != Phase::Locating {
            return; // the lead was lost meanwhile, or the producer
        }
        let last_next = tail.hole.map_or(tail.next, |hole| hole.last.next());
        if last_next > head {
            let reason = format!(
                "Kafka ends before position {last_next}, the store before {head}: this is another ledger's topic or database, \
                 or the store has lost events"
            );
            tracing::error!(partition = %tail.partition, reason, "not publishing");
            counter!("relay_errors_total").increment(1);
            return lane.fail(now, reason, FAILURE_PAUSE_MAX);
        }
        if let Some(hole) = tail.hole {
            tracing::error!(partition = %tail.partition, from = %tail.next, last = %hole.last,
                "Kafka has lost events that it had confirmed; publishing them again");
            counter!("relay_errors_total").increment(1);
        }
        tracing::info!(partition = %tail.partition, next = %tail.next, %head, "publishing");
        self.publisher.progress().begin(tail.partition, tail.next);
        lane.begin(tail.next);
        lane.head = head;
    }

    fn take_fresh(&mut self) {
        while let Ok(run) = self.fresh.try_recv() {
            self.hand_over(run);
        }
    }

    fn hand_over(&mut self, run: Run) {
        self.fresh_at = Some(Instant::now());
        let Some(partition) = run.first().map(|event| event.partition) else {
            return;
        };
        if let Some(lane) = self.lanes.get_mut(usize::from(partition.0)) {
            let joined = lane.hand_over(run);
            self.check(partition, joined);
        }
    }

    fn check(&mut self, partition: Partition, joined: Result<(), NotConsecutive>) {
        if let Err(error) = joined {
            self.fail_lane(partition, &error.to_string());
        }
    }

    /// Gives the producer what it takes, lane by lane. Whether there is more at once.
    fn send(&mut self) -> bool {
        self.turn = (self.turn + 1) % self.lanes.len().max(1);
        let (later, first) = self.lanes.split_at_mut(self.turn);
        for lane in first.iter_mut().chain(later) {
            for _ in 0..TURN {
                let Some(event) = lane.next() else { break };
                match self.publisher.send(event) {
                    Ok(()) => lane.sent(),
                    Err(Refusal::Full) => return false,
                    Err(Refusal::Failed(error)) => {
                        self.publisher.progress().fail(Some(lane.partition), error.to_string());
                        return false;
                    }
                }
            }
        }
        self.lanes.iter().any(|lane| lane.next().is_some())
    }

    /// After a failure: throws the producer away, and goes on from what Kafka then holds.
    fn recover(&mut self) {
        let Some(Failure { partition, reason }) = self.publisher.progress().take_failure() else {
            return;
        };
        let now = Instant::now();
        if let Some(partition) = partition {
            self.fail_lane(partition, &reason);
        } else {
            counter!("relay_errors_total").increment(1);
            tracing::error!(reason, "the producer failed");
        }
        self.renew(now);
    }

    fn fail_lane(&mut self, partition: Partition, reason: &str) {
        tracing::error!(%partition, reason, "publishing failed");
        counter!("relay_errors_total").increment(1);
        let lane = &mut self.lanes[usize::from(partition.0)];
        if lane.is_led() {
            lane.fail(Instant::now(), reason.to_owned(), FAILURE_PAUSE_MAX);
        }
    }

    fn renew(&mut self, now: Instant) {
        let renewed = Publisher::new(&self.settings).expect("settings that were right at the start are right");
        let failed = std::mem::replace(&mut self.publisher, renewed);
        self.asked.spawn_blocking(|| failed.discard());
        self.lanes.iter_mut().for_each(|lane| lane.restart(now));
    }

    fn report(&mut self) {
        let mut leads = vec![];
        for lane in self.lanes.iter_mut().filter(|lane| lane.is_led()) {
            let published = (lane.phase == Phase::Sending).then(|| self.publisher.progress().published(lane.partition));
            if let Some(published) = published {
                lane.confirmed(published);
                #[allow(clippy::cast_precision_loss)] // it is read by people
                let lag = lane.head.0.saturating_sub(published.0) as f64;
                gauge!("relay_lag_events", "partition" => lane.partition.to_string()).set(lag);
            }
            leads.push(LeadStatus { partition: lane.partition, published, head: lane.head, error: lane.error.clone() });
        }
        let status = RelayStatus { leads };
        self.settings.status.send_if_modified(|before| {
            let changed = *before != status;
            *before = status;
            changed
        });
    }
}

/// An answer of the store, or an error when it takes too long.
async fn limited<T>(answer: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    tokio::time::timeout(STORE_LIMIT, answer).await.unwrap_or_else(|_| Err("no answer within 10 s".into()))
}
