//! The API. Any number of them share a ledger.

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Args;
use event_store::Store;
use event_store::keys::Keys;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::LedgerArguments;
use crate::ledger::open_database;
use crate::signals::cancel_on_signal;

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    ledger: LedgerArguments,
    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "LEDGER_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
}

pub(crate) async fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let pool = open_database(&arguments.ledger).await?;
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let listener = listen(arguments.listen).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    let api = api::Api::new(store.clone(), Keys::new(pool.clone()), pool, api::Settings::default());
    let served = api::serve(listener, api, cancel).await;
    store.shutdown().await;
    served.context("the API stopped")
}

pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; choose another by --listen"))
}
