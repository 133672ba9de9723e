//! The relay: publishes committed events to Kafka. Several share the partitions; one that dies is replaced.

use anyhow::Context as _;
use clap::Args;
use domain::Partition;
use event_log::relay::{Relay, RelayStatus, Settings};
use event_store::lease::Leases;
use event_store::{CommittedEvents, Store};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

use crate::config::LedgerArguments;
use crate::ledger::{StoreForRelay, open_database, open_topic};
use crate::roles::say_share;
use crate::signals::cancel_on_signal;

#[derive(Debug, Args)]
pub(crate) struct RelayArguments {
    #[command(flatten)]
    ledger: LedgerArguments,
}

pub(crate) async fn run(arguments: RelayArguments) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let pool = open_database(&arguments.ledger).await?;
    open_topic(&arguments.ledger).await?;
    let store = Store::open(pool, event_store::Settings::default()).await?;
    start(&arguments.ledger, settings(&arguments.ledger), store, None, cancel).await
}

pub(crate) fn settings(ledger: &LedgerArguments) -> Settings {
    Settings::new(&ledger.kafka_brokers, &ledger.shape.topic, ledger.shape.partitions)
}

/// Runs until cancelled. `fresh` is the hand-over from a store that appends in this process.
pub(crate) async fn start(
    ledger: &LedgerArguments,
    settings: Settings,
    store: Store,
    fresh: Option<CommittedEvents>,
    cancel: CancellationToken,
) -> anyhow::Result<()> {
    let leases = Leases::join(&ledger.database_url, "relay").await.context("cannot join the relays")?;
    let committed = StoreForRelay { store, fresh: fresh.map(Mutex::new), leases: Mutex::new(leases) };
    let status = settings.status();
    let relay = Relay::run(settings, committed, cancel);
    tokio::select! {
        ended = relay => ended.context("the relay stopped"),
        () = say_shares(status) => anyhow::bail!("the relay's status ended before the relay"),
    }
}

async fn say_shares(mut status: watch::Receiver<RelayStatus>) {
    let mut said = Vec::new();
    loop {
        let leads: Vec<Partition> = status.borrow_and_update().leads.iter().map(|lead| lead.partition).collect();
        if leads != said {
            say_share("Relay", &leads);
            said = leads;
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
