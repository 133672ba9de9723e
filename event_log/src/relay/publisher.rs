//! The producer, and how far it got. What Kafka says of each record arrives on the client's thread and only moves counters.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use domain::{Partition, Position, RecordedEvent};
use metrics::{Counter, Histogram, counter, histogram};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::Notify;

use super::Settings;
use crate::Error;
use crate::client::{self, config};
use crate::record::{HEADERS, encode_headers};
use crate::topic::MESSAGE_BYTES_MAX;

/// The most bytes of payloads on their way.
const IN_FLIGHT_KIBIBYTES_MAX: usize = 32 * 1024;
/// Of many events that arrive together, one tells how long they took.
const SAMPLE_EVERY: Duration = Duration::from_millis(1);

/// One producer, from its making to its first failure. After that there is another.
pub(super) struct Publisher {
    producer: ThreadedProducer<Context>,
    progress: Arc<Progress>,
    topic: String,
    in_flight_max: usize,
}

/// Why an event could not be given to the producer.
pub(super) enum Refusal {
    /// Wait for [`Progress::moved`].
    Full,
    Failed(KafkaError),
}

impl Publisher {
    pub(super) fn new(settings: &Settings) -> Result<Self, Error> {
        let progress = Arc::new(Progress::new(settings.partitions));
        let mut config = config(&settings.brokers);
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // See the module above: a record that times out leaves a gap.
            .set("message.timeout.ms", "0")
            .set("enable.gapless.guarantee", "true")
            .set("compression.type", "lz4")
            // A request carries one partition only: few larger ones cost this machine and Kafka less than many small ones.
            .set("linger.ms", "20")
            .set("batch.size", "1000000")
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", settings.in_flight_max.to_string())
            .set("queue.buffering.max.kbytes", IN_FLIGHT_KIBIBYTES_MAX.to_string())
            .set("request.timeout.ms", "10000")
            .set("socket.timeout.ms", "15000");
        let producer = config.create_with_context(Context { progress: progress.clone() }).map_err(Error::Client)?;
        Ok(Self { producer, progress, topic: settings.topic.clone(), in_flight_max: settings.in_flight_max })
    }

    pub(super) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    pub(super) fn send(&self, event: &RecordedEvent) -> Result<(), Refusal> {
        let progress = &self.progress;
        if progress.in_flight.load(Ordering::Acquire) >= self.in_flight_max {
            return Err(Refusal::Full);
        }
        let headers = headers(event);
        let record = BaseRecord::with_opaque_to(&self.topic, Tag::of(event).0)
            .partition(i32::from(event.partition.0))
            .key(event.partition_key.as_str())
            .payload(event.payload.as_str())
            .timestamp(event.recorded_at.timestamp_millis())
            .headers(headers);
        let track = progress.track(event.partition);
        track.in_flight.fetch_add(1, Ordering::AcqRel);
        progress.in_flight.fetch_add(1, Ordering::AcqRel);
        let Err((error, _)) = self.producer.send(record) else {
            return Ok(());
        };
        track.in_flight.fetch_sub(1, Ordering::AcqRel);
        progress.in_flight.fetch_sub(1, Ordering::AcqRel);
        match error {
            KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) => Err(Refusal::Full),
            error => Err(Refusal::Failed(error)),
        }
    }

    /// Throws away what is still in the producer, and the producer. Blocks for up to a second or so: not for a task.
    pub(super) fn discard(self) {
        drop(self.producer);
    }
}

fn headers(event: &RecordedEvent) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new_with_capacity(HEADERS);
    encode_headers(event, |name, value| {
        let so_far = std::mem::replace(&mut headers, OwnedHeaders::new_with_capacity(0));
        headers = so_far.insert(Header { key: name, value: Some(value) });
    });
    headers
}

/// A partition and position in the one word that the client hands back with each delivery report.
struct Tag(usize);

impl Tag {
    const POSITION_BITS: u32 = 48;

    fn of(event: &RecordedEvent) -> Self {
        let position = usize::try_from(event.position.0).expect("a 64-bit machine");
        assert!(position < 1 << Self::POSITION_BITS, "a partition of 2^48 events would take centuries to fill");
        Self(usize::from(event.partition.0) << Self::POSITION_BITS | position)
    }

    fn place(self) -> (Partition, Position) {
        let partition = u16::try_from(self.0 >> Self::POSITION_BITS).expect("16 bits are left");
        (Partition(partition), Position((self.0 & ((1 << Self::POSITION_BITS) - 1)) as u64))
    }
}

/// What Kafka has confirmed.
pub(super) struct Progress {
    tracks: Vec<Track>,
    in_flight: AtomicUsize,
    failure: Mutex<Option<Failure>>,
    /// There is room again, or a failure.
    pub(super) moved: Notify,
}

/// One partition of it.
pub(super) struct Track {
    /// Every position below this one is in Kafka.
    published: AtomicU64,
    in_flight: AtomicUsize,
    /// The offset that Kafka gave the last one.
    offset: AtomicI64,
    sampled_at: Mutex<Instant>,
    published_total: Counter,
    seconds: Histogram,
}

/// The first thing that went wrong.
#[derive(Debug)]
pub(super) struct Failure {
    /// None: it concerns them all.
    pub(super) partition: Option<Partition>,
    pub(super) reason: String,
}

impl Progress {
    fn new(partitions: u16) -> Self {
        let tracks = (0..partitions).map(Track::new).collect();
        Self { tracks, in_flight: AtomicUsize::new(0), failure: Mutex::default(), moved: Notify::new() }
    }

    fn track(&self, partition: Partition) -> &Track {
        &self.tracks[usize::from(partition.0)]
    }

    pub(super) fn published(&self, partition: Partition) -> Position {
        Position(self.track(partition).published.load(Ordering::Acquire))
    }

    pub(super) fn in_flight(&self, partition: Partition) -> usize {
        self.track(partition).in_flight.load(Ordering::Acquire)
    }

    pub(super) fn in_flight_of_all(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// Kafka holds everything below `next`, and nothing is on its way.
    pub(super) fn begin(&self, partition: Partition, next: Position) {
        assert_eq!(self.in_flight(partition), 0, "a lane begins when nothing of it is on its way");
        let track = self.track(partition);
        track.published.store(next.0, Ordering::Release);
        track.offset.store(-1, Ordering::Release);
    }

    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn fail(&self, partition: Option<Partition>, reason: String) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(Failure { partition, reason });
        drop(failure);
        self.moved.notify_one();
    }

    fn delivered(&self, partition: Partition, position: Position, offset: i64, recorded_at_ms: Option<i64>) {
        let track = self.track(partition);
        let before = track.published.load(Ordering::Acquire);
        if before != position.0 {
            let reason = format!("Kafka confirmed position {position}, {before} was next");
            return self.fail(Some(partition), reason);
        }
        // A record that Kafka had taken before, unknown to us, is confirmed without an offset.
        if offset >= 0 {
            let last = track.offset.swap(offset, Ordering::AcqRel);
            if offset <= last {
                let reason = format!("Kafka lost what it had confirmed: offset {offset} came after {last}");
                return self.fail(Some(partition), reason);
            }
        }
        track.published.store(position.0 + 1, Ordering::Release);
        track.published_total.increment(1);
        track.sample(recorded_at_ms);
    }

    fn settled(&self, partition: Partition) {
        let of_partition = self.track(partition).in_flight.fetch_sub(1, Ordering::AcqRel);
        let of_all = self.in_flight.fetch_sub(1, Ordering::AcqRel);
        // Seldom enough not to wake the relay for each record, often enough that the producer never runs dry.
        if of_all.is_multiple_of(1024) || of_all == 1 || of_partition == 1 {
            self.moved.notify_one();
        }
    }
}

impl Track {
    fn new(partition: u16) -> Self {
        let partition = partition.to_string();
        Self {
            published: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            offset: AtomicI64::new(-1),
            sampled_at: Mutex::new(Instant::now()),
            published_total: counter!("relay_published_total", "partition" => partition.clone()),
            seconds: histogram!("relay_publish_seconds", "partition" => partition),
        }
    }

    fn sample(&self, recorded_at_ms: Option<i64>) {
        let mut sampled_at = self.sampled_at.lock().unwrap_or_else(PoisonError::into_inner);
        if sampled_at.elapsed() < SAMPLE_EVERY {
            return;
        }
        *sampled_at = Instant::now();
        let recorded_at = recorded_at_ms.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        if let (Some(recorded_at), Ok(now)) = (recorded_at, now) {
            self.seconds.record(now.saturating_sub(recorded_at));
        }
    }
}

struct Context {
    progress: Arc<Progress>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::log_error(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.progress.fail(None, format!("the producer cannot go on: {reason}"));
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let (partition, position) = Tag(tag).place();
        match result {
            Ok(message) => {
                self.progress.delivered(partition, position, message.offset(), message.timestamp().to_millis());
            }
            Err((error, _)) => {
                self.progress.fail(Some(partition), format!("position {position} was not delivered: {error}"));
            }
        }
        self.progress.settled(partition);
    }
}
