//! Publishes what the store has committed: each partition in the order of its positions, from where Kafka's own last record
//! leaves off. It keeps no other checkpoint.
//!
//! Kafka must never hold a gap, since readers stop there for good. Four things see to that:
//! * one task alone sends, and a lane sends consecutive positions only;
//! * a send never times out by itself. Were it to, the client would drop that record and still send the ones behind it.
//!   Instead it is tried again until Kafka answers, and the client refuses to go on after a loss (`enable.gapless.guarantee`);
//! * after any failed delivery the whole producer is thrown away with all that is in it, and every partition goes on from
//!   what Kafka then holds;
//! * if Kafka itself lost what it had confirmed, that is noticed by offsets that go back, and by fewer records than positions.
//!
//! A second relay that believes to lead the same partition can only repeat what is there. So losing the lead needs no haste:
//! what is on its way is let through.
//!
//! Must not know the store: it sees [`Committed`].

mod lane;
mod leading;
mod publisher;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use domain::{Partition, Position, RecordedEvent};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::leading::Leading;
use crate::{BoxError, Error};

/// What the relay needs of the store.
pub trait Committed: Send + Sync + 'static {
    /// Committed events of a partition from a position on, consecutive, at most `limit` of them.
    fn read(
        &self,
        partition: Partition,
        from: Position,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, BoxError>> + Send;

    /// The next position of every partition, by its number.
    fn heads(&self) -> impl Future<Output = Result<Vec<Position>, BoxError>> + Send;

    /// A run of consecutive events of one partition that was committed just now, in this process. Runs may be lost: then
    /// they are read. Pending for ever where there is no such hand-over.
    fn next_fresh(&self) -> impl Future<Output = Option<Arc<[RecordedEvent]>>> + Send;

    /// The partitions that this relay leads now. Called every second.
    fn balance(&self) -> impl Future<Output = Result<Vec<Partition>, BoxError>> + Send;
}

/// Where to publish to, and the relay's limits.
#[derive(Debug, Clone)]
pub struct Settings {
    pub brokers: String,
    pub topic: String,
    /// How many the topic has; it must exist.
    pub partitions: u16,
    /// The most events that are on their way to Kafka at a time; default 50,000. Their payloads take at most 32 MiB.
    pub in_flight_max: usize,
    /// How long the end waits for what is on its way; default 5 s.
    pub farewell: Duration,
    status: watch::Sender<RelayStatus>,
}

impl Settings {
    pub fn new(brokers: impl Into<String>, topic: impl Into<String>, partitions: u16) -> Self {
        Self {
            brokers: brokers.into(),
            topic: topic.into(),
            partitions,
            in_flight_max: 50_000,
            farewell: Duration::from_secs(5),
            status: watch::Sender::default(),
        }
    }

    /// How the relay of these settings is doing, brought up to date several times a second.
    pub fn status(&self) -> watch::Receiver<RelayStatus> {
        self.status.subscribe()
    }
}

/// The partitions that a relay leads, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RelayStatus {
    pub leads: Vec<LeadStatus>,
}

/// How far one partition is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadStatus {
    pub partition: Partition,
    /// Kafka has confirmed every position below this one; none while that is being found out.
    pub published: Option<Position>,
    /// The store's next position, as last seen.
    pub head: Position,
    /// Why nothing is being published, if so. It is tried again all the same.
    pub error: Option<String>,
}

impl RelayStatus {
    pub fn published(&self, partition: Partition) -> Option<Position> {
        self.leads.iter().find(|lead| lead.partition == partition)?.published
    }
}

/// The publisher of every partition that it is given to lead.
#[derive(Debug)]
pub struct Relay;

impl Relay {
    /// Runs until cancelled, whatever Kafka and the store do meanwhile. An error is about the settings, and only at the start.
    pub async fn run(settings: Settings, committed: impl Committed, cancel: CancellationToken) -> Result<(), Error> {
        let mut leading = Leading::start(settings, Arc::new(committed))?;
        leading.run(&cancel).await;
        leading.end().await;
        Ok(())
    }
}
