//! The thread that owns the servers.
//!
//! It has a runtime of its own, so that the servers live as long as the [`crate::Devstack`] that stands for them, not only
//! as long as the runtime in which that was made (a test's, perhaps, while other tests go on using it).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::Options;
use crate::error::{Error, While};
use crate::fetch;
use crate::guard::Guard;
use crate::kafka::{self, Kafka};
use crate::lock::DataDirLock;
use crate::logs::Log;
use crate::postgres::{Place, Postgres};
use crate::process;
use crate::record::{Record, RecordFile};
use crate::supervisor::{CurrentPid, Supervised};

const LOOK_AFTER_GUARD_EVERY: Duration = Duration::from_secs(1);

/// What the servers are to those who use them.
#[derive(Debug)]
pub(crate) struct Addresses {
    pub(crate) database_url: String,
    pub(crate) kafka_brokers: String,
    pub(crate) postgres_pid: CurrentPid,
    pub(crate) kafka_pid: CurrentPid,
}

/// The owner's end of the thread. Where it is dropped, the servers are killed; that is also what happens to a start that
/// is given up.
#[derive(Debug)]
pub(crate) struct Keeper {
    stop: CancellationToken,
    done: oneshot::Receiver<Result<(), Error>>,
}

impl Keeper {
    pub(crate) async fn start(options: Options) -> Result<(Addresses, Self), Error> {
        let stop = CancellationToken::new();
        let (started_to, started) = oneshot::channel();
        let (done_to, done) = oneshot::channel();
        let token = stop.clone();
        let data_dir = options.data_dir.clone();
        std::thread::Builder::new()
            .name("devstack".to_owned())
            .spawn(move || run(options, token, started_to, done_to))
            .while_doing("start a thread for", &data_dir)?;
        let addresses = started.await.map_err(|_| Error::KeeperGone)??;
        Ok((addresses, Self { stop, done }))
    }

    pub(crate) async fn stop(self) -> Result<(), Error> {
        self.stop.cancel();
        self.done.await.map_err(|_| Error::KeeperGone)?
    }
}

fn run(
    options: Options,
    stop: CancellationToken,
    mut started_to: oneshot::Sender<Result<Addresses, Error>>,
    mut done_to: oneshot::Sender<Result<(), Error>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime.while_doing("start a runtime for", &options.data_dir) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started_to.send(Err(error)); // nobody waits any more: nobody to tell
            return;
        }
    };
    runtime.block_on(async move {
        let started = tokio::select! {
            started = Servers::start(&options, &stop) => started,
            () = started_to.closed() => return,
        };
        let servers = match started {
            Ok((addresses, servers)) => {
                if started_to.send(Ok(addresses)).is_err() {
                    return;
                }
                servers
            }
            Err(error) => {
                let _ = started_to.send(Err(error));
                return;
            }
        };
        tokio::select! {
            () = servers.look_after_guard() => {}
            () = stop.cancelled() => {}
            () = done_to.closed() => return,
        }
        let _ = done_to.send(servers.stop().await);
    });
    // Closes the guard's pipe at once, whatever blocking work is still under way.
    runtime.shutdown_background();
}

/// Those that are ours: none, one or both.
#[derive(Debug, Default)]
struct Servers {
    postgres: Option<Supervised>,
    kafka: Option<Supervised>,
    guard: Option<Arc<Guard>>,
}

impl Servers {
    async fn start(options: &Options, stop: &CancellationToken) -> Result<(Addresses, Self), Error> {
        let (database_url, kafka_brokers) = (options.database_url.clone(), options.kafka_brokers.clone());
        if let (Some(database_url), Some(kafka_brokers)) = (&database_url, &kafka_brokers) {
            let addresses = Addresses {
                database_url: database_url.clone(),
                kafka_brokers: kafka_brokers.clone(),
                postgres_pid: CurrentPid::default(),
                kafka_pid: CurrentPid::default(),
            };
            return Ok((addresses, Self::default()));
        }

        let data_dir = make_data_dir(&options.data_dir)?;
        let lock = DataDirLock::take(&data_dir).await?;
        let record = Arc::new(RecordFile::open(&data_dir)?);
        let place = Place::settle(&data_dir, &record)?;
        end_leftovers(&[place.dir.clone(), data_dir.join("kafka")], &record.read());
        let guard = Arc::new(Guard::post(&place.dir, &data_dir.join("kafka"), lock)?);
        let programs = fetch::programs(&data_dir, place.account).await?;

        let postgres = async {
            if let Some(url) = database_url {
                return Ok((url, None));
            }
            let postgres = Postgres::open(place, programs.clone(), record.clone()).await?;
            let log = Log::new(&data_dir, "postgres")?;
            let (postgres, supervised) = Supervised::start(postgres, guard.clone(), log, stop.clone()).await?;
            Ok::<_, Error>((postgres.url(), Some(supervised)))
        };
        let kafka = async {
            if let Some(brokers) = kafka_brokers {
                return Ok((brokers, None));
            }
            let java = kafka::find_java().await?;
            let kafka = Kafka::open(&data_dir, java, programs.clone(), record.clone()).await?;
            let log = Log::new(&data_dir, "kafka")?;
            let (kafka, supervised) = Supervised::start(kafka, guard.clone(), log, stop.clone()).await?;
            Ok::<_, Error>((kafka.brokers(), Some(supervised)))
        };
        let ((database_url, postgres), (kafka_brokers, kafka)) = tokio::try_join!(postgres, kafka)?;
        let pid = |server: &Option<Supervised>| server.as_ref().map(|server| server.pid.clone()).unwrap_or_default();
        let addresses = Addresses { database_url, kafka_brokers, postgres_pid: pid(&postgres), kafka_pid: pid(&kafka) };
        let servers = Self { postgres, kafka, guard: Some(guard) };
        Ok((addresses, servers))
    }

    async fn look_after_guard(&self) {
        let Some(guard) = &self.guard else {
            return std::future::pending().await;
        };
        loop {
            tokio::time::sleep(LOOK_AFTER_GUARD_EVERY).await;
            if let Err(error) = guard.renew().await {
                error!("Were this program killed now, its servers would go on: {error}");
            }
        }
    }

    /// After `stop` was cancelled.
    async fn stop(self) -> Result<(), Error> {
        let ended = |server: Option<Supervised>| async {
            match server {
                Some(server) => server.stopped().await,
                None => Ok(()),
            }
        };
        let (postgres, kafka) = tokio::join!(ended(self.postgres), ended(self.kafka));
        if let Some(guard) = self.guard.and_then(Arc::into_inner) {
            guard.dismiss().await;
            info!("PostgreSQL and Kafka have stopped");
        }
        postgres.and(kafka)
    }
}

/// Absolute and without links: the servers' command lines are searched for it.
fn make_data_dir(dir: &Path) -> Result<PathBuf, Error> {
    std::fs::create_dir_all(dir).while_doing("make", dir)?;
    dir.canonicalize().while_doing("find", dir)
}

/// Servers of a program that died together with its guard (the whole terminal, container or machine was taken down).
fn end_leftovers(places: &[PathBuf], record: &Record) {
    let recorded = [record.postgres.process, record.kafka.process].into_iter().flatten();
    let mut leftovers: Vec<u32> =
        recorded.filter(|recorded| process::is_recorded(recorded.pid, recorded.started)).map(|recorded| recorded.pid).collect();
    leftovers.extend(process::servers_on(places));
    leftovers.sort_unstable();
    leftovers.dedup();
    if !leftovers.is_empty() {
        info!(pids = ?leftovers, "Ending servers that a program left behind");
        // An immediate shutdown of Postgres. Java prints its threads and goes on, so it is killed after the wait.
        process::end_all(&leftovers, Signal::SIGQUIT, Duration::from_secs(3));
    }
}
