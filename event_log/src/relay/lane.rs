//! One partition on its way to Kafka: what is to be sent next, and what it is waiting for. No I/O.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Partition, Position, RecordedEvent};

/// A run of consecutive events.
pub(super) type Run = Arc<[RecordedEvent]>;

/// How many events may wait to be sent before no more are read.
const QUEUE_MAX: usize = 8_192;
/// How many handed-over events may wait for the ones before them.
const AHEAD_MAX: usize = 32_768;
const BACK_OFF_MIN: Duration = Duration::from_millis(250);
const BACK_OFF_MAX: Duration = Duration::from_secs(30);

pub(super) struct Lane {
    pub(super) partition: Partition,
    pub(super) phase: Phase,
    /// Ready to be sent: consecutive, the last one is `tail` - 1.
    queue: VecDeque<(Run, usize)>,
    queued: usize,
    /// The position after the last queued or sent one.
    tail: Position,
    /// Kafka has confirmed everything below, as far as was noted.
    confirmed: Position,
    /// Handed over, but not yet joined to the queue.
    ahead: VecDeque<Run>,
    ahead_events: usize,
    /// A read of the store is under way.
    reading: bool,
    /// The store's next position, as last seen.
    pub(super) head: Position,
    /// Failures in a row.
    failures: u32,
    pub(super) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Somebody else's.
    NotLed,
    /// To be located, not before this time.
    Waiting {
        until: Instant,
    },
    /// Kafka is being asked where it ends.
    Locating,
    Sending,
}

/// The store handed over what cannot be.
#[derive(Debug, thiserror::Error)]
#[error("the store gave position {found} of partition {of} where {expected} of {partition} follows")]
pub(super) struct NotConsecutive {
    partition: Partition,
    of: Partition,
    found: Position,
    expected: Position,
}

impl Lane {
    pub(super) fn new(partition: Partition) -> Self {
        Self {
            partition,
            phase: Phase::NotLed,
            queue: VecDeque::new(),
            queued: 0,
            tail: Position(0),
            confirmed: Position(0),
            ahead: VecDeque::new(),
            ahead_events: 0,
            reading: false,
            head: Position(0),
            failures: 0,
            error: None,
        }
    }

    pub(super) fn is_led(&self) -> bool {
        self.phase != Phase::NotLed
    }

    pub(super) fn lead(&mut self, now: Instant) {
        self.phase = Phase::Waiting { until: now };
        (self.failures, self.error) = (0, None);
    }

    /// What was sent is let through; what was not is forgotten.
    pub(super) fn yield_lead(&mut self) {
        self.clear();
        self.phase = Phase::NotLed;
        self.error = None;
    }

    fn clear(&mut self) {
        self.queue.clear();
        self.ahead.clear();
        (self.queued, self.ahead_events) = (0, 0);
    }

    /// Something else went wrong: locate again at once.
    pub(super) fn restart(&mut self, now: Instant) {
        self.clear();
        // One that waits because of a failure of its own waits on.
        if !matches!(self.phase, Phase::NotLed | Phase::Waiting { .. }) {
            self.phase = Phase::Waiting { until: now };
        }
    }

    /// Locate again after a pause that grows with every failure in a row, up to `pause_max`.
    pub(super) fn fail(&mut self, now: Instant, reason: String, pause_max: Duration) {
        self.clear();
        let pause = BACK_OFF_MIN.saturating_mul(2_u32.saturating_pow(self.failures)).min(BACK_OFF_MAX).min(pause_max);
        self.failures = self.failures.saturating_add(1);
        self.error = Some(reason);
        self.phase = Phase::Waiting { until: now + pause };
    }

    pub(super) fn begin(&mut self, next: Position) {
        self.clear();
        (self.tail, self.confirmed) = (next, next);
        self.phase = Phase::Sending;
    }

    /// Kafka has confirmed everything below this position. If that is news, whatever was wrong is over.
    pub(super) fn confirmed(&mut self, next: Position) {
        if next > self.confirmed {
            self.confirmed = next;
            (self.failures, self.error) = (0, None);
        }
    }

    /// Takes what was handed over, if it is of any use.
    pub(super) fn hand_over(&mut self, run: Run) -> Result<(), NotConsecutive> {
        let Some(last) = run.last() else { return Ok(()) };
        self.head = self.head.max(last.position.next());
        if self.phase != Phase::Sending || last.position < self.tail {
            return Ok(());
        }
        self.ahead_events += run.len();
        self.ahead.push_back(run);
        while self.ahead_events > AHEAD_MAX {
            self.drop_oldest_ahead(); // it will be read from the store
        }
        self.join()
    }

    fn drop_oldest_ahead(&mut self) -> Option<Run> {
        let run = self.ahead.pop_front()?;
        self.ahead_events -= run.len();
        Some(run)
    }

    /// Moves to the queue what now follows on it.
    fn join(&mut self) -> Result<(), NotConsecutive> {
        while let Some(first) = self.ahead.front().and_then(|run| run.first()) {
            if first.position > self.tail || self.queued >= QUEUE_MAX {
                break;
            }
            if let Some(run) = self.drop_oldest_ahead() {
                self.push(run)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, run: Run) -> Result<(), NotConsecutive> {
        let from = run.iter().position(|event| event.position >= self.tail).unwrap_or(run.len());
        for event in &run[from..] {
            if event.position != self.tail || event.partition != self.partition {
                let (of, found, expected) = (event.partition, event.position, self.tail);
                return Err(NotConsecutive { partition: self.partition, of, found, expected });
            }
            self.tail = self.tail.next();
        }
        self.queued += run.len() - from;
        if from < run.len() {
            self.queue.push_back((run, from));
        }
        Ok(())
    }

    /// Where to read the store from, if that is called for: something is missing before what was handed over, or the store
    /// has more than was.
    pub(super) fn wants_read(&mut self) -> Option<Position> {
        let behind = !self.ahead.is_empty() || self.head > self.tail;
        let wanted = self.phase == Phase::Sending && !self.reading && behind && self.queued < QUEUE_MAX / 2;
        self.reading |= wanted;
        wanted.then_some(self.tail)
    }

    pub(super) fn read_ended(&mut self, run: Option<Run>) -> Result<(), NotConsecutive> {
        self.reading = false;
        if let Some(run) = run.filter(|_| self.phase == Phase::Sending) {
            // What was read for a lane that has begun anew since then may lie elsewhere.
            if run.first().is_some_and(|first| first.position <= self.tail) {
                self.push(run)?;
            }
        }
        self.join()
    }

    pub(super) fn next(&self) -> Option<&RecordedEvent> {
        if self.phase != Phase::Sending {
            return None;
        }
        self.queue.front().map(|(run, from)| &run[*from])
    }

    pub(super) fn sent(&mut self) {
        let (run, from) = self.queue.front_mut().expect("what was sent was at the front");
        *from += 1;
        if *from == run.len() {
            self.queue.pop_front();
        }
        self.queued -= 1;
    }
}

#[cfg(test)]
mod tests {
    use domain::{AggregateType, TenantId};

    use super::*;

    fn run(positions: std::ops::Range<u64>) -> Run {
        let event = |position| RecordedEvent {
            partition: Partition(3),
            position: Position(position),
            tenant: TenantId::parse("demo").unwrap(),
            aggregate_type: AggregateType::Capsule,
            aggregate_id: "c1".into(),
            sequence: 1,
            event_type: "CapsulePublished".into(),
            event_version: "1.0".into(),
            partition_key: "c1".into(),
            occurred_at: chrono::DateTime::UNIX_EPOCH,
            recorded_at: chrono::DateTime::UNIX_EPOCH,
            payload: "{}".into(),
            metadata: "{}".into(),
        };
        positions.map(event).collect()
    }

    fn sending_from(next: u64) -> Lane {
        let mut lane = Lane::new(Partition(3));
        lane.lead(Instant::now());
        lane.begin(Position(next));
        lane
    }

    fn send_all(lane: &mut Lane) -> Vec<u64> {
        std::iter::from_fn(|| {
            let position = lane.next()?.position.0;
            lane.sent();
            Some(position)
        })
        .collect()
    }

    #[test]
    fn runs_that_overlap_are_sent_once() {
        let mut lane = sending_from(5);
        lane.hand_over(run(0..7)).unwrap();
        lane.hand_over(run(6..9)).unwrap();
        lane.hand_over(run(0..4)).unwrap();
        assert_eq!(send_all(&mut lane), [5, 6, 7, 8]);
        assert_eq!(lane.wants_read(), None);
    }

    #[test]
    fn what_is_missing_before_a_run_is_read_and_the_run_is_kept() {
        let mut lane = sending_from(0);
        lane.hand_over(run(4..8)).unwrap();
        assert_eq!(send_all(&mut lane), [0; 0]);
        assert_eq!(lane.wants_read(), Some(Position(0)));
        assert_eq!(lane.wants_read(), None, "one read at a time");
        lane.read_ended(Some(run(0..5))).unwrap();
        assert_eq!(send_all(&mut lane), [0, 1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_read_for_a_lane_that_has_begun_anew_does_no_harm() {
        let mut lane = sending_from(10);
        lane.head = Position(20);
        assert_eq!(lane.wants_read(), Some(Position(10)));
        lane.begin(Position(3));
        lane.read_ended(Some(run(10..20))).unwrap();
        assert_eq!(send_all(&mut lane), [0; 0]);
        assert_eq!(lane.wants_read(), Some(Position(3)));
    }

    #[test]
    fn a_store_that_skips_a_position_is_refused() {
        let mut lane = sending_from(0);
        let torn: Run = run(0..2).iter().chain(run(3..4).iter()).cloned().collect();
        assert!(lane.hand_over(torn).is_err());
    }

    #[test]
    fn the_pause_grows_and_has_an_end() {
        let mut lane = sending_from(0);
        let now = Instant::now();
        for seconds in [0.25, 0.5, 1.0, 1.0] {
            lane.fail(now, String::new(), Duration::from_secs(1));
            assert_eq!(lane.phase, Phase::Waiting { until: now + Duration::from_secs_f64(seconds) });
        }
    }
}
