//! The relay: publishes committed events to Kafka. Several share the partitions; one that dies is replaced.

use std::path::PathBuf;

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
use crate::notary;
use crate::roles::say_share;
use crate::signals::cancel_on_signal;

#[derive(Debug, Args)]
pub(crate) struct RelayArguments {
    #[command(flatten)]
    ledger: LedgerArguments,
    /// The file with the key that signs checkpoints; made where there is none. Without it this relay signs nothing
    #[arg(long, env = "LEDGER_SIGNING_KEY")]
    signing_key: Option<PathBuf>,
    /// The folder that checkpoints are published to, beside Kafka and HTTP
    #[arg(long, env = "LEDGER_CHECKPOINTS")]
    checkpoints: Option<PathBuf>,
}

pub(crate) async fn run(arguments: RelayArguments) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let pool = open_database(&arguments.ledger).await?;
    open_topic(&arguments.ledger).await?;
    let store = Store::open(pool, event_store::Settings::default()).await?;
    let settings = settings(&arguments.ledger);
    let relayed = settings.status();
    let relay = start(&arguments.ledger, settings, store.clone(), None, cancel.clone());
    let Some(signing_key) = arguments.signing_key else {
        println!("No --signing-key: this relay signs no checkpoints");
        return relay.await;
    };
    let notary = notary::Settings { signing_key, checkpoints: arguments.checkpoints };
    let notary = notary::run(&arguments.ledger, store, notary, relayed, watch::Sender::default(), cancel);
    // Each of them ends only when it is asked to.
    tokio::try_join!(relay, notary).map(|_| ())
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
