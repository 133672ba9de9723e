//! The API. Any number of them share a ledger.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use event_store::keys::Keys;
use event_store::trees::Trees;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::LedgerArguments;
use crate::ledger::{open_database, open_store};
use crate::notary::key_file::KeyFile;
use crate::notary::signed_by;
use crate::roles::retention::{self, RetentionArguments};
use crate::signals::cancel_on_signal;

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    ledger: LedgerArguments,
    /// Where to listen; port 0 takes a free one
    #[arg(long, env = "LEDGER_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The file with the key that signs receipts, certificates of erasure and attestations of figures. Without it a write that asks
    /// for a receipt is refused, and erasures and figures are answered with nothing signed
    #[arg(long, env = "LEDGER_SIGNING_KEY")]
    signing_key: Option<PathBuf>,
    #[command(flatten)]
    retention: RetentionArguments,
}

pub(crate) async fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let pool = open_database(&arguments.ledger).await?;
    let store = open_store(&pool).await?;
    event_store::audit::note_keys(&store).await.context("the keys cannot be noted in the audit log")?;
    let listener = listen(arguments.listen).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    let mut api = api::Api::new(store.clone(), Keys::new(pool.clone()), pool.clone(), api::Settings::default());
    if let Some(path) = arguments.signing_key {
        let trees = Trees::new(pool);
        let keys = KeyFile::open(path, &trees.ledger_id().await?, signed_by(&trees).await?.as_ref())?;
        api = api.with_signing(keys.asked());
    }
    let retaining = retention::run(&arguments.retention, &store, cancel.clone());
    let (served, ()) = tokio::join!(api::serve(listener, api, cancel.clone()), retaining);
    store.shutdown().await;
    served.context("the API stopped")
}

pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}; choose another by --listen"))
}
