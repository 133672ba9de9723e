//! A topic for each test, a store in memory, and readers that wait for a condition with a limit.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::{AggregateType, Partition, Position, RecordedEvent, TenantId};
use event_log::consumer::Settings;
use event_log::record::encode_headers;
use event_log::{Batch, BoxError, Committed, Consumed, Consumer, Fault, Start, Starts, ensure_topic};
use futures::FutureExt;
use futures::future::BoxFuture;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::sync::Notify;

pub(crate) const LIMIT: Duration = Duration::from_secs(30);

pub(crate) fn brokers() -> String {
    std::env::var("TEST_KAFKA_BROKERS").unwrap_or_else(|_| panic!("TEST_KAFKA_BROKERS is not set; `make test` sets it"))
}

pub(crate) fn unused_name() -> String {
    format!("event-log-test-{}", uuid::Uuid::now_v7())
}

/// A new topic.
pub(crate) async fn topic(partitions: u16) -> String {
    let name = unused_name();
    ensure_topic(&brokers(), &name, partitions).await.expect("a topic");
    name
}

pub(crate) async fn delete(topic: &str) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers()).create().expect("an admin client");
    let answers = admin.delete_topics(&[topic], &AdminOptions::new()).await.expect("an answer");
    answers[0].as_ref().expect("no topic");
}

pub(crate) fn event(partition: u16, position: u64) -> RecordedEvent {
    let at = DateTime::<Utc>::from_timestamp_micros(1_793_448_000_123_456 + i64::try_from(position).unwrap()).unwrap();
    RecordedEvent {
        partition: Partition(partition),
        position: Position(position),
        tenant: TenantId::parse("demo").unwrap(),
        aggregate_type: AggregateType::Interaction,
        aggregate_id: format!("interaction-{partition}-{position}"),
        sequence: 1,
        event_type: "InteractionRecorded".into(),
        event_version: "1.0".into(),
        partition_key: format!("capsule-{partition}"),
        occurred_at: at,
        recorded_at: at,
        payload: format!(r#"{{"type":"InteractionRecorded","capsule_id":"capsule-{partition}","kind":"view","n":{position}}}"#),
        metadata: r#"{"key":"k1","command":"interactions/record"}"#.into(),
    }
}

pub(crate) fn events(partition: u16, positions: std::ops::Range<u64>) -> Vec<RecordedEvent> {
    positions.map(|position| event(partition, position)).collect()
}

/// Waits until `done` gives something.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut done: impl FnMut() -> F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = done().await {
            return value;
        }
        assert!(started.elapsed() < LIMIT, "waited too long for: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A store in memory, as far as a relay sees one.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Inner>);

struct Inner {
    events: Mutex<Vec<Vec<RecordedEvent>>>,
    leads: Mutex<Vec<Partition>>,
    fresh: Mutex<std::collections::VecDeque<Arc<[RecordedEvent]>>>,
    handed_over: Notify,
    reads: std::sync::atomic::AtomicUsize,
}

impl Memory {
    pub(crate) fn leading(partitions: u16, leads: impl IntoIterator<Item = u16>) -> Self {
        Self(Arc::new(Inner {
            events: Mutex::new(vec![vec![]; usize::from(partitions)]),
            leads: Mutex::new(leads.into_iter().map(Partition).collect()),
            fresh: Mutex::default(),
            handed_over: Notify::new(),
            reads: 0.into(),
        }))
    }

    /// The same events, led by another relay.
    pub(crate) fn also_led(&self, leads: impl IntoIterator<Item = u16>) -> Self {
        let events = self.0.events.lock().unwrap().clone();
        let other = Self::leading(u16::try_from(events.len()).unwrap(), leads);
        *other.0.events.lock().unwrap() = events;
        other
    }

    pub(crate) fn lead(&self, leads: impl IntoIterator<Item = u16>) {
        *self.0.leads.lock().unwrap() = leads.into_iter().map(Partition).collect();
    }

    /// Appends without handing over, as another process does.
    pub(crate) fn append(&self, partition: u16, count: u64) -> Arc<[RecordedEvent]> {
        let mut events = self.0.events.lock().unwrap();
        let stream = &mut events[usize::from(partition)];
        let next = u64::try_from(stream.len()).unwrap();
        let appended = self::events(partition, next..next + count);
        stream.extend_from_slice(&appended);
        appended.into()
    }

    pub(crate) fn append_and_hand_over(&self, partition: u16, count: u64) {
        let run = self.append(partition, count);
        self.0.fresh.lock().unwrap().push_back(run);
        self.0.handed_over.notify_one();
    }

    pub(crate) fn reads(&self) -> usize {
        self.0.reads.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl Committed for Memory {
    async fn read(&self, partition: Partition, from: Position, limit: usize) -> Result<Vec<RecordedEvent>, BoxError> {
        self.0.reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let events = self.0.events.lock().unwrap();
        let from = usize::try_from(from.0).unwrap();
        Ok(events[usize::from(partition.0)].iter().skip(from).take(limit).cloned().collect())
    }

    async fn heads(&self) -> Result<Vec<Position>, BoxError> {
        Ok(self.0.events.lock().unwrap().iter().map(|events| Position(u64::try_from(events.len()).unwrap())).collect())
    }

    async fn next_fresh(&self) -> Option<Arc<[RecordedEvent]>> {
        loop {
            if let Some(run) = self.0.fresh.lock().unwrap().pop_front() {
                return Some(run);
            }
            self.0.handed_over.notified().await;
        }
    }

    async fn balance(&self) -> Result<Vec<Partition>, BoxError> {
        Ok(self.0.leads.lock().unwrap().clone())
    }
}

/// Where effects are stored, as far as a consumer sees it: shared by the members of a group.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<BTreeMap<Partition, Start>>>);

impl Progress {
    pub(crate) fn at(partition: u16, next: u64, offset_hint: Option<i64>) -> Self {
        let partition = Partition(partition);
        let start = Start { partition, next_position: Position(next), offset_hint };
        Self(Arc::new(Mutex::new(BTreeMap::from([(partition, start)]))))
    }

    /// Applies a batch as a projection does: only what is next, and only once.
    pub(crate) fn apply(&self, batch: &Batch) -> usize {
        let mut progress = self.0.lock().unwrap();
        let mut applied = 0;
        for read in &batch.partitions {
            let start = progress.entry(read.partition).or_insert_with(|| start_of(read.partition));
            if read.first() <= start.next_position && read.next() > start.next_position {
                applied += usize::try_from(read.next().0 - start.next_position.0).unwrap();
                (start.next_position, start.offset_hint) = (read.next(), Some(read.next_offset()));
            }
        }
        applied
    }

    pub(crate) fn next(&self, partition: u16) -> u64 {
        self.0.lock().unwrap().get(&Partition(partition)).map_or(0, |start| start.next_position.0)
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.lock().unwrap().values().map(|start| start.next_position.0).sum()
    }
}

fn start_of(partition: Partition) -> Start {
    Start { partition, next_position: Position(0), offset_hint: None }
}

impl Starts for Progress {
    fn starts(&self, partitions: &[Partition]) -> BoxFuture<'static, Result<Vec<Start>, BoxError>> {
        let progress = self.0.lock().unwrap();
        let starts =
            partitions.iter().map(|partition| progress.get(partition).copied().unwrap_or_else(|| start_of(*partition)));
        let starts: Vec<Start> = starts.collect();
        async { Ok(starts) }.boxed()
    }
}

pub(crate) fn settings(topic: &str) -> Settings {
    Settings::new(brokers(), topic, format!("{topic}-readers"))
}

pub(crate) fn consumer(topic: &str, progress: &Progress) -> Consumer {
    Consumer::start(&settings(topic), progress.clone()).expect("a consumer")
}

/// What a consumer gives until it has given so many events.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) events: Vec<Consumed>,
    pub(crate) faults: Vec<Fault>,
}

impl Read {
    pub(crate) async fn until(consumer: &mut Consumer, mut done: impl FnMut(&Self) -> bool) -> Self {
        let (mut read, started) = (Self::default(), Instant::now());
        while !done(&read) {
            read.add(consumer.next_batch(1_000, Duration::from_millis(100)).await.expect("a batch"));
            assert!(started.elapsed() < LIMIT, "read only {:?} and {:?}", read.positions_by_partition(), read.faults);
        }
        read
    }

    pub(crate) fn add(&mut self, batch: Batch) {
        self.events.extend(batch.partitions.into_iter().flat_map(|read| read.events));
        self.faults.extend(batch.faults);
    }

    pub(crate) fn positions(&self, partition: u16) -> Vec<u64> {
        let of = self.events.iter().filter(|consumed| consumed.event.partition.0 == partition);
        of.map(|consumed| consumed.event.position.0).collect()
    }

    fn positions_by_partition(&self) -> BTreeMap<u16, usize> {
        let mut counts = BTreeMap::new();
        for consumed in &self.events {
            *counts.entry(consumed.event.partition.0).or_default() += 1;
        }
        counts
    }
}

/// Writes records as they are told, right or wrong.
pub(crate) struct Pen(FutureProducer, String);

impl Pen {
    pub(crate) fn new(topic: &str) -> Self {
        let producer = ClientConfig::new().set("bootstrap.servers", brokers()).set("linger.ms", "1").create();
        Self(producer.expect("a producer"), topic.to_owned())
    }

    pub(crate) async fn write(&self, partition: u16, positions: impl IntoIterator<Item = u64>) {
        let writes: Vec<_> = positions.into_iter().map(|position| self.write_event(event(partition, position))).collect();
        futures::future::join_all(writes).await;
    }

    fn write_event(&self, event: RecordedEvent) -> impl Future<Output = ()> + use<> {
        let mut headers = OwnedHeaders::new();
        encode_headers(&event, |key, value| {
            let so_far = std::mem::take(&mut headers);
            headers = so_far.insert(Header { key, value: Some(value) });
        });
        self.write_raw(i32::from(event.partition.0), &event.partition_key, headers, &event.payload)
    }

    pub(crate) fn write_raw(
        &self,
        partition: i32,
        key: &str,
        headers: OwnedHeaders,
        payload: &str,
    ) -> impl Future<Output = ()> + use<> {
        let record = FutureRecord::to(&self.1).partition(partition).key(key).payload(payload).headers(headers);
        let delivery = self.0.send_result(record).expect("room in the queue");
        async { delivery.await.expect("an answer").map(drop).expect("a delivery") }
    }
}
