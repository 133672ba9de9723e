//! `up`: everything in one process. Servers, API, relay, projector, and with `--demo` a company to look at.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use devstack::{Devstack, Options};
use domain::TenantId;
use event_log::relay::{LeadStatus, RelayStatus};
use event_store::keys::{Authentication, Keys, Role};
use event_store::trees::Trees;
use event_store::{PgPool, Store};
use futures::FutureExt as _;
use indicatif::HumanCount;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::config::{DataDirArguments, LedgerArguments, ShapeArguments};
use crate::connection::Connection;
use crate::ledger::{open_database, open_store, open_topic};
use crate::notary::key_file::KeyFile;
use crate::roles::retention::RetentionArguments;
use crate::signals::cancel_on_signal;
use crate::{demo, notary, roles, verify};

/// How long the roles may take to answer what they accepted and stop.
const STOP_MAX: Duration = Duration::from_secs(40);
const READY_MAX: Duration = Duration::from_secs(120);

#[derive(Debug, Args)]
pub(crate) struct UpArguments {
    /// Load the history of a simulated company, and let it go on living
    #[arg(long)]
    demo: bool,
    /// The share of the plan's volume that the demo company has, 0.005 to 1
    #[arg(long, default_value_t = demo::Volume::default())]
    demo_scale: demo::Volume,
    #[command(flatten)]
    data_dir: DataDirArguments,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, env = "LEDGER_LISTEN")]
    listen: Option<SocketAddr>,
    /// Whose events and keys
    #[arg(long, default_value = "demo")]
    tenant: String,
    #[command(flatten)]
    shape: ShapeArguments,
    #[command(flatten)]
    retention: RetentionArguments,
}

pub(crate) async fn run(arguments: UpArguments) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let tenant = TenantId::parse(arguments.tenant.clone()).context("--tenant")?;
    let data_dir = &arguments.data_dir.data_dir;
    println!("Starting PostgreSQL and Kafka in {} …", data_dir.display());
    let starting = Devstack::start(Options::from_env(data_dir));
    let servers = tokio::select! {
        servers = starting => servers.context("cannot start the servers")?,
        () = cancel.cancelled() => return Ok(()),
    };
    let ran = with_servers(&arguments, &servers, &tenant, &cancel).await;
    Connection::forget_address(data_dir)?;
    let stopped = servers.stop().await.context("cannot stop the servers");
    ran.and(stopped)
}

async fn with_servers(
    arguments: &UpArguments,
    servers: &Devstack,
    tenant: &TenantId,
    cancel: &CancellationToken,
) -> anyhow::Result<()> {
    let ledger = LedgerArguments {
        database_url: servers.database_url().to_owned(),
        kafka_brokers: servers.kafka_brokers().to_owned(),
        shape: arguments.shape.clone(),
    };
    let pool = open_database(&ledger).await?;
    open_topic(&ledger).await?;
    let listener = listen(arguments.listen).await?;
    let api = format!("http://{}", listener.local_addr()?);
    let data_dir = &arguments.data_dir.data_dir;
    let trees = Trees::new(pool.clone());
    let signed_by = notary::signed_by(&trees).await?;
    let mut keys = KeyFile::open(data_dir.join("signing-key"), &trees.ledger_id().await?, signed_by.as_ref())?;
    let notary =
        notary::Settings { signing_key: data_dir.join("signing-key"), checkpoints: Some(data_dir.join("checkpoints")) };
    let connection = Connection {
        api,
        database_url: ledger.database_url.clone(),
        kafka_brokers: ledger.kafka_brokers.clone(),
        topic: ledger.shape.topic.clone(),
        tenant: tenant.to_string(),
        verifier_key: keys.current()?.current().verifier_key().to_string(),
        api_keys: api_keys(&pool, tenant, data_dir).await?,
    };

    let store = open_store(&pool).await?;
    event_store::audit::note_keys(&store).await.context("the keys cannot be noted in the audit log")?;
    // Those before, too: the newest checkpoint that was kept may be of one of them.
    let trusted = keys.current()?.verifier_keys();
    let signing = keys.asked();
    let watching = verify::watch::Settings {
        state: Some(data_dir.join("verified.json")),
        trusted,
        ..verify::watch::Settings::of(verify::watch::SHARE)
    };
    let mut tasks = Roles::start(&ledger, pool, &store, listener, (notary, signing, watching), arguments.retention.clone());
    let verified = tasks.verified.clone();
    let outcome = tokio::select! {
        worked = work(arguments, &connection, verified, cancel) => worked,
        ended = tasks.ended() => ended,
    };
    tasks.stop(&store).await.and(outcome)
}

/// What there is to do while the roles run: say that all is ready, load the demo, wait for the end.
async fn work(
    arguments: &UpArguments,
    connection: &Connection,
    verified: watch::Receiver<verify::watch::Status>,
    cancel: &CancellationToken,
) -> anyhow::Result<()> {
    let client = Client::new(&connection.api, &connection.api_keys["admin"])?;
    let ready = ready(&client, &verified);
    tokio::select! {
        ready = ready => ready?,
        () = cancel.cancelled() => return Ok(()),
    }
    connection.write(&arguments.data_dir.data_dir)?;
    if !arguments.demo {
        greet(arguments, connection);
        cancel.cancelled().await;
        return Ok(());
    }
    let Some(loaded) = demo::load(&client, chrono::Utc::now(), arguments.demo_scale, cancel.clone()).await? else {
        return Ok(());
    };
    match loaded.sent {
        None => println!("The demo company is there already."),
        Some(sent) => println!(
            "The demo company is there: {} capsules, {} interactions and {} other facts in {:.0} s.",
            HumanCount(sent.capsules),
            HumanCount(sent.accepted),
            HumanCount(sent.facts),
            sent.seconds
        ),
    }
    greet(arguments, connection);
    demo::trickle(&client, &loaded.company, cancel.clone()).await;
    Ok(())
}

/// A ledger that was tampered with is not ready, and yet it is to be looked into: that is said, and not waited for.
async fn ready(client: &Client, verified: &watch::Receiver<verify::watch::Status>) -> anyhow::Result<()> {
    let started = Instant::now();
    while !client.is_ready().await {
        let found = verified.borrow().check();
        if let Err(found) = found {
            eprintln!("{found}");
            return Ok(());
        }
        anyhow::ensure!(
            started.elapsed() < READY_MAX,
            "not ready after {READY_MAX:?}; the log says why (RUST_LOG=info shows more)"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

fn greet(arguments: &UpArguments, connection: &Connection) {
    println!("\n  Capsule Ledger is ready.\n");
    println!("  Dashboard   {}/dashboards#key={}", connection.api, connection.api_keys["analyst"]);
    println!("  API         {}   (pages: /docs, /openapi.json)", connection.api);
    println!("  verifier    {}", connection.verifier_key);
    for (role, key) in &connection.api_keys {
        println!("  {role:<8}    {key}");
    }
    println!("  All of this {}", Connection::path(&arguments.data_dir.data_dir).display());
    println!("\n  Ctrl-C stops everything; what was recorded is there again at the next start.");
}

/// The address asked for; without one 8080, or any free port where that is taken.
async fn listen(address: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    if let Some(address) = address {
        return roles::serve::listen(address).await;
    }
    match TcpListener::bind("127.0.0.1:8080").await {
        Ok(listener) => Ok(listener),
        Err(_) => roles::serve::listen(SocketAddr::from(([127, 0, 0, 1], 0))).await,
    }
}

/// A key for each role: those of the last start where they still work, else new ones.
async fn api_keys(pool: &PgPool, tenant: &TenantId, data_dir: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let keys = Keys::new(pool.clone());
    keys.ensure_tenant(tenant).await?;
    let mut known = Connection::read(data_dir)?.map(|connection| connection.api_keys).unwrap_or_default();
    let mut all = BTreeMap::new();
    for role in Role::ALL.iter().copied() {
        let name = role.as_str().to_owned();
        let kept = match known.remove(&name) {
            Some(key) => match keys.authenticate(&key).await? {
                Authentication::Valid(info) if info.tenant == *tenant && info.role == role => Some(key),
                _ => None,
            },
            None => None,
        };
        let key = match kept {
            Some(key) => key,
            None => keys.create(tenant, role, "made by up", None).await?.1,
        };
        all.insert(name, key);
    }
    Ok(all)
}

fn relayed_by(status: &RelayStatus) -> Vec<api::Relayed> {
    let lead =
        |lead: &LeadStatus| api::Relayed { partition: lead.partition, published: lead.published, error: lead.error.clone() };
    status.leads.iter().map(lead).collect()
}

/// The three roles, each a task of this process.
struct Roles {
    /// The API stops first: it answers what it accepted while the others still work.
    serve: CancellationToken,
    rest: CancellationToken,
    tasks: JoinSet<anyhow::Result<()>>,
    verified: watch::Receiver<verify::watch::Status>,
}

impl Roles {
    fn start(
        ledger: &LedgerArguments,
        pool: PgPool,
        store: &Store,
        listener: TcpListener,
        (notary, signing, watching): (notary::Settings, api::AskKeys, verify::watch::Settings),
        retention: RetentionArguments,
    ) -> Self {
        let place = verify::Place::of(ledger, notary.checkpoints.clone());
        let (serve, rest) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let fresh = store.committed();
        let relay = roles::relay::settings(ledger);
        let relayed = relay.status();
        tasks.spawn({
            let (ledger, store, cancel) = (ledger.clone(), store.clone(), rest.clone());
            async move { roles::relay::start(&ledger, relay, store, Some(fresh), cancel).await }
        });
        let (status, doing) = watch::channel(notary::Status::default());
        tasks.spawn({
            let (ledger, store, cancel, relayed) = (ledger.clone(), store.clone(), rest.clone(), relayed.clone());
            async move { notary::run(&ledger, store, notary, relayed, status, cancel).await }
        });
        let (found, verified) = watch::channel(verify::watch::Status::default());
        let health = verified.clone();
        tasks.spawn({
            let (pool, cancel) = (pool.clone(), rest.clone());
            async move { verify::watch::run(place, pool, watching, found, cancel).await.context("the verification stopped") }
        });
        // Reads that wait for a write, and live updates, hear of each commit at once.
        let (progress, seen) = watch::channel(projections::Progress::new());
        tasks.spawn({
            let (ledger, pool, cancel) = (ledger.clone(), pool.clone(), rest.clone());
            let settings = projections::Settings { progress: Some(progress), ..projections::Settings::default() };
            async move { roles::project::start(&ledger, pool, settings, cancel).await }
        });
        tasks.spawn({
            let (store, cancel) = (store.clone(), rest.clone());
            async move {
                roles::retention::run(&retention, &store, cancel).await;
                Ok(())
            }
        });
        let api = api::Api::new(store.clone(), Keys::new(pool.clone()), pool, api::Settings::default())
            .with_progress(seen)
            .with_relay(Arc::new(move || relayed_by(&relayed.borrow())))
            .with_signing(signing)
            .with_check("notary", Arc::new(move || std::future::ready(doing.borrow().check()).boxed()))
            .with_check("verify", Arc::new(move || std::future::ready(health.borrow().check()).boxed()));
        tasks.spawn({
            let cancel = serve.clone();
            async move { api::serve(listener, api, cancel).await.context("the API stopped") }
        });
        Self { serve, rest, tasks, verified }
    }

    /// A role that ends by itself is an error: nothing may stop in silence.
    async fn ended(&mut self) -> anyhow::Result<()> {
        let ended = self.tasks.join_next().await.context("no role runs")?;
        ended.context("a role panicked")??;
        anyhow::bail!("a role ended without being asked to")
    }

    async fn stop(mut self, store: &Store) -> anyhow::Result<()> {
        self.serve.cancel();
        let stop = async {
            store.shutdown().await;
            self.rest.cancel();
            let mut first = Ok(());
            while let Some(ended) = self.tasks.join_next().await {
                first = first.and(ended.context("a role panicked").and_then(|ended| ended));
            }
            first
        };
        tokio::time::timeout(STOP_MAX, stop).await.context("the roles did not stop in time")?
    }
}
