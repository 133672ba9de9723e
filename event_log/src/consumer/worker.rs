//! The thread that reads Kafka: one client, polled here and nowhere else, so everything about an assignment happens in
//! order.

mod lane;

use std::collections::BTreeMap;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::Partition;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use tokio::runtime::Handle;

use self::lane::{Lane, Step};
use super::mailbox::{Content, Mailbox};
use super::{Consumed, Settings, Start, Starts};
use crate::Error;
use crate::client::{self, config};
use crate::tail::{Ends, ends};
use crate::topic::words;

/// How long a poll may wait: how soon the thread notices that it is to end.
const POLL: Duration = Duration::from_millis(100);
/// How many events are handed over at once.
const RUN_MAX: usize = 512;
/// How long the thread waits for room before it pauses reading, so that a rebalance of the group never waits for longer.
const PATIENCE: Duration = Duration::from_secs(1);
const STARTS_LIMIT: Duration = Duration::from_secs(10);
const STARTS_PAUSE: Duration = Duration::from_millis(500);
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// After how long without a message it is checked that there is none.
const IDLE_LIMIT: Duration = Duration::from_secs(15);

/// Reads as a member of a group; the thread ends when the mailbox closes.
pub(super) fn in_group(settings: &Settings, starts: Arc<dyn Starts>, mailbox: Arc<Mailbox>) -> Result<JoinHandle<()>, Error> {
    let (topic, runtime) = (settings.topic.clone(), Handle::current());
    let begin = move |worker: &mut Worker| {
        let assigner = Assigner::Group { starts: starts.clone(), runtime: runtime.clone() };
        let consumer = client(&worker.settings, assigner, worker.mailbox.clone())?;
        let subscribed = consumer.subscribe(&[&topic]);
        subscribed.map_err(|source| Error::Refused { doing: "joining the group", source })?;
        Ok(consumer)
    };
    spawn(Worker::new(settings, mailbox), begin)
}

/// Reads alone from the given places.
pub(super) fn alone(settings: &Settings, starts: Vec<Start>, mailbox: Arc<Mailbox>) -> Result<JoinHandle<()>, Error> {
    let mut worker = Worker::new(settings, mailbox);
    worker.lanes = lanes(&starts);
    let begin = |worker: &mut Worker| {
        let consumer = client(&worker.settings, Assigner::Nobody, worker.mailbox.clone())?;
        let starts: Vec<Start> = worker.lanes.values().map(Lane::start).collect();
        worker.lanes = lanes(&starts);
        let assigned = assignment(&worker.settings.topic, &starts).and_then(|list| consumer.assign(&list));
        assigned.map_err(|source| Error::Refused { doing: "assigning partitions", source })?;
        Ok(consumer)
    };
    spawn(worker, begin)
}

type Client = BaseConsumer<Context>;

/// Starts the thread, which makes another client whenever the one it has no longer sees what is there.
fn spawn(
    mut worker: Worker,
    begin: impl Fn(&mut Worker) -> Result<Client, Error> + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let mut consumer = begin(&mut worker)?;
    let read = move || {
        let result = loop {
            match worker.run(&consumer).and_then(|end| if end == End::Closed { Ok(None) } else { begin(&mut worker).map(Some) })
            {
                Ok(Some(another)) => consumer = another,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = result {
            worker.mailbox.end(error);
        }
        worker.mailbox.close(); // so that the client's goodbye asks nobody for places
    };
    let thread = std::thread::Builder::new().name("kafka-reader".to_owned());
    Ok(thread.spawn(read).expect("a thread can be started"))
}

/// Why a client is done with.
#[derive(PartialEq, Eq)]
enum End {
    Closed,
    Blind,
}

fn lanes(starts: &[Start]) -> BTreeMap<Partition, Lane> {
    starts.iter().map(|start| (start.partition, Lane::new(start))).collect()
}

fn client(settings: &Settings, assigner: Assigner, mailbox: Arc<Mailbox>) -> Result<BaseConsumer<Context>, Error> {
    let mut config = config(&settings.brokers);
    config
        .set("group.id", &settings.group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        // Where a hint is out of range, reading begins again at the start, and the rule skips what was taken.
        .set("auto.offset.reset", "earliest")
        // Nobody writes transactions here: do not wait for them.
        .set("isolation.level", "read_uncommitted")
        .set("check.crcs", "true")
        .set("partition.assignment.strategy", "range,roundrobin")
        .set("session.timeout.ms", "6000")
        .set("heartbeat.interval.ms", "1500")
        // Under load few full answers; without, an event waits this long at most.
        .set("fetch.min.bytes", "65536")
        .set("fetch.wait.max.ms", "30")
        .set("fetch.message.max.bytes", "4194304")
        .set("fetch.queue.backoff.ms", "5")
        .set("fetch.error.backoff.ms", "100")
        .set("queued.min.messages", "50000")
        .set("queued.max.messages.kbytes", "32768");
    let context = Context { topic: settings.topic.clone(), assigner, mailbox, changes: Mutex::default() };
    config.create_with_context(context).map_err(Error::Client)
}

/// Where reading begins: one record before the hint, which must be the last one applied, so that a wrong hint is noticed
/// at once and not only when something new arrives.
fn assignment(topic: &str, starts: &[Start]) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for start in starts {
        let hint = start.offset_hint.filter(|hint| *hint > 0 && start.next_position.0 > 0);
        let from = hint.map_or(Offset::Beginning, |hint| Offset::Offset(hint - 1));
        list.add_partition_offset(topic, i32::from(start.partition.0), from)?;
    }
    Ok(list)
}

/// Who says where to begin.
enum Assigner {
    Group { starts: Arc<dyn Starts>, runtime: Handle },
    Nobody,
}

enum Change {
    Began(Vec<Start>),
    Ended,
    Failed(Error),
}

struct Context {
    topic: String,
    assigner: Assigner,
    mailbox: Arc<Mailbox>,
    /// What rebalances did while the thread polled.
    changes: Mutex<Vec<Change>>,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }
    fn error(&self, error: KafkaError, reason: &str) {
        client::log_error(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, kind: RDKafkaRespErr, partitions: &mut TopicPartitionList) {
        let result = if kind == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assigned(consumer, partitions)
        } else {
            self.change(Change::Ended);
            consumer.unassign()
        };
        if let Err(source) = result {
            self.change(Change::Failed(Error::Refused { doing: "taking part in a rebalance", source }));
        }
    }
}

impl Context {
    fn change(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }

    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) -> Result<(), KafkaError> {
        let partitions: Vec<Partition> = list
            .elements_for_topic(&self.topic)
            .iter()
            .filter_map(|element| u16::try_from(element.partition()).ok().map(Partition))
            .collect();
        let Some(starts) = self.starts(&partitions) else {
            return consumer.unassign();
        };
        tracing::info!(topic = self.topic, partitions = starts.len(), "reading");
        consumer.assign(&assignment(&self.topic, &starts)?)?;
        self.change(Change::Began(starts));
        Ok(())
    }

    /// Asks until it is answered: without places there is nothing else to do. None if this consumer is to end.
    fn starts(&self, partitions: &[Partition]) -> Option<Vec<Start>> {
        let Assigner::Group { starts, runtime } = &self.assigner else {
            return None;
        };
        while !self.mailbox.closed() {
            let (answer, answered) = std::sync::mpsc::sync_channel(1);
            let asked = starts.starts(partitions);
            runtime.spawn(async move { answer.send(asked.await) });
            match answered.recv_timeout(STARTS_LIMIT) {
                Ok(Ok(starts)) if partitions.iter().all(|wanted| starts.iter().any(|start| start.partition == *wanted)) => {
                    return Some(starts.into_iter().filter(|start| partitions.contains(&start.partition)).collect());
                }
                Ok(Ok(_)) => tracing::error!("not every assigned partition has a place to go on from; asking again"),
                Ok(Err(error)) => {
                    tracing::warn!(error = words(&error), "the places to go on from are unknown; asking again");
                }
                Err(RecvTimeoutError::Timeout) => tracing::warn!("the places to go on from are late; asking again"),
                Err(RecvTimeoutError::Disconnected) => return None, // the runtime has ended, and we with it
            }
            std::thread::sleep(STARTS_PAUSE);
        }
        None
    }
}

struct Worker {
    settings: Settings,
    mailbox: Arc<Mailbox>,
    lanes: BTreeMap<Partition, Lane>,
    /// The run of events being gathered.
    run: Vec<Consumed>,
    run_of: Partition,
    /// Since when there was nothing to read.
    idle_since: Instant,
}

impl Worker {
    fn new(settings: &Settings, mailbox: Arc<Mailbox>) -> Self {
        Self {
            settings: settings.clone(),
            mailbox,
            lanes: BTreeMap::new(),
            run: Vec::with_capacity(RUN_MAX),
            run_of: Partition(0),
            idle_since: Instant::now(),
        }
    }

    fn run(&mut self, consumer: &Client) -> Result<End, Error> {
        self.idle_since = Instant::now();
        while !self.mailbox.closed() {
            let wait = if self.run.is_empty() { POLL } else { Duration::ZERO };
            match consumer.poll(wait) {
                Some(Ok(message)) => self.take(consumer, &message)?,
                Some(Err(error)) => survive(error)?,
                // A rebalance ends a poll, so its changes are seen before the first message after it.
                None => {
                    self.apply_changes(consumer)?;
                    self.hand_over(consumer)?;
                    if self.is_blind(consumer) {
                        return Ok(End::Blind);
                    }
                }
            }
        }
        Ok(End::Closed)
    }

    /// Whether there is something to read that this client will never see. A topic that is deleted and made again can leave
    /// it waiting for an epoch that is over, or its group content with nothing to read.
    fn is_blind(&mut self, consumer: &Client) -> bool {
        if self.idle_since.elapsed() < IDLE_LIMIT {
            return false;
        }
        self.idle_since = Instant::now();
        let Settings { brokers, topic, group, .. } = &self.settings;
        let blind = if self.lanes.is_empty() {
            is_left_out(consumer, topic, group)
        } else {
            let partitions: Vec<Partition> = self.lanes.keys().copied().collect();
            let known = |ends: Vec<Ends>| ends.into_iter().zip(self.lanes.values()).all(|(ends, lane)| lane.knows(&ends));
            ends(brokers, topic, &partitions).map(|ends| !known(ends))
        };
        match &blind {
            Ok(false) => {}
            Ok(true) => tracing::warn!(topic, group, "this client does not see what there is to read; making another"),
            Err(error) => tracing::debug!(%error, "whether there is anything to read is unknown"),
        }
        blind.unwrap_or(false)
    }

    fn apply_changes(&mut self, consumer: &Client) -> Result<(), Error> {
        let changes = std::mem::take(&mut *consumer.context().changes.lock().unwrap_or_else(PoisonError::into_inner));
        for change in changes {
            let before: Vec<Partition> = self.lanes.keys().copied().collect();
            self.mailbox.forget(&before);
            self.run.clear();
            self.lanes.clear();
            match change {
                Change::Began(starts) => self.lanes = lanes(&starts),
                Change::Ended => {}
                Change::Failed(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(&mut self, consumer: &Client, message: &BorrowedMessage<'_>) -> Result<(), Error> {
        self.idle_since = Instant::now();
        let partition = Partition(u16::try_from(message.partition()).unwrap_or(u16::MAX));
        let Some(lane) = self.lanes.get_mut(&partition) else {
            return Ok(()); // of an assignment that is over
        };
        match lane.step(message, || end(consumer, &self.settings.topic, partition)) {
            Step::Nothing => Ok(()),
            Step::Event(consumed) => {
                if partition != self.run_of || self.run.len() == RUN_MAX {
                    self.hand_over(consumer)?;
                }
                self.run_of = partition;
                self.run.push(*consumed);
                Ok(())
            }
            Step::Rescan => {
                let again = consumer.seek(&self.settings.topic, message.partition(), Offset::Beginning, ANSWER_LIMIT);
                again.map_err(|source| Error::Unavailable { doing: "looking for the place in a partition", source })
            }
            Step::Fault(fault) => {
                self.hand_over(consumer)?;
                self.mailbox.put(Content::Fault(fault));
                Ok(())
            }
        }
    }

    /// Hands over the run. Waits for room; after a while it pauses reading, and polls only to stay in the group.
    fn hand_over(&mut self, consumer: &Client) -> Result<(), Error> {
        if self.run.is_empty() {
            return Ok(());
        }
        let waiting_since = Instant::now();
        while !self.mailbox.wait_for_room(POLL) {
            if waiting_since.elapsed() > PATIENCE {
                self.wait_paused(consumer)?;
                break;
            }
        }
        if !self.run.is_empty() {
            let run = std::mem::replace(&mut self.run, Vec::with_capacity(RUN_MAX));
            self.mailbox.put(Content::Events(self.run_of, run));
        }
        Ok(())
    }

    fn wait_paused(&mut self, consumer: &Client) -> Result<(), Error> {
        let refused = |source| Error::Refused { doing: "pausing", source };
        consumer.assignment().and_then(|all| consumer.pause(&all)).map_err(refused)?;
        while !self.mailbox.wait_for_room(POLL) {
            match consumer.poll(Duration::ZERO) {
                None => {
                    let changed = !consumer.context().changes.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
                    self.apply_changes(consumer)?;
                    if changed {
                        consumer.assignment().and_then(|all| consumer.pause(&all)).map_err(refused)?;
                    }
                }
                // One that was on its way already: to be read again after the pause.
                Some(Ok(message)) => {
                    let back = Offset::Offset(message.offset());
                    consumer.seek(&self.settings.topic, message.partition(), back, ANSWER_LIMIT).map_err(refused)?;
                }
                Some(Err(error)) => survive(error)?,
            }
        }
        self.idle_since = Instant::now();
        consumer.assignment().and_then(|all| consumer.resume(&all)).map_err(refused)
    }
}

/// Every member has a partition, unless there are more members than partitions.
fn is_left_out(consumer: &Client, topic: &str, group: &str) -> Result<bool, Error> {
    let unavailable = |source| Error::Unavailable { doing: "asking who reads the topic", source };
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER_LIMIT).map_err(unavailable)?;
    let partitions = metadata.topics().iter().find(|found| found.name() == topic).map_or(0, |found| found.partitions().len());
    let groups = consumer.fetch_group_list(Some(group), ANSWER_LIMIT).map_err(unavailable)?;
    let found = groups.groups().iter().find(|found| found.name() == group && found.state() == "Stable");
    Ok(found.is_some_and(|found| found.members().len() <= partitions))
}

/// Where the partition ends now; where Kafka does not say, here.
fn end(consumer: &Client, topic: &str, partition: Partition) -> i64 {
    consumer.fetch_watermarks(topic, i32::from(partition.0), ANSWER_LIMIT).map_or(0, |(_, high)| high)
}

/// The client tries again by itself, unless the error is fatal. What is wrong it has said to [`client::log_error`].
fn survive(error: KafkaError) -> Result<(), Error> {
    if let KafkaError::MessageConsumptionFatal(_) = error {
        return Err(Error::Refused { doing: "reading", source: error });
    }
    tracing::debug!(%error, "while reading Kafka");
    Ok(())
}
