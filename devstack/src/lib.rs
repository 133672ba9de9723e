//! Real Apache Kafka and PostgreSQL for one machine: the program's `up`, the tests and the benchmarks all use it.
//!
//! [`Devstack::start`] gives two addresses whose servers accept work. The servers are private to a data directory, run on
//! free ports of 127.0.0.1, are started again when they die (same port, same data), and end with the program however that
//! ends. What they hold is there again at the next start. Linux only: it reads `/proc`.
//!
//! Where to start reading: `keeper` starts and stops the whole; `supervisor` keeps one server; `postgres` and
//! `kafka` know their server; `fetch` brings both from Maven Central; `guard` sees to it that nothing outlives the program.
//!
//! Invariants:
//! - one program at a time on a data directory (`lock`);
//! - no server runs without the guard knowing its pid (`launch`);
//! - Postgres never runs as root, and listens on 127.0.0.1 only, by password.
//!
//! This crate knows nothing of ledgers, and is no client of either server.

#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::path::PathBuf;

mod account;
mod error;
mod fetch;
mod guard;
mod kafka;
mod kafka_probe;
mod keeper;
mod launch;
mod lock;
mod logs;
mod ports;
mod postgres;
mod process;
mod record;
mod supervisor;
mod tool;

pub use error::Error;

/// Where the servers keep their data, and which of them are somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Made if it is not there. Holds `postgres/`, `kafka/`, `log/`, `devstack.json` and a lock.
    pub data_dir: PathBuf,
    /// Use this database, and start no Postgres.
    pub database_url: Option<String>,
    /// Use these brokers, and start no Kafka.
    pub kafka_brokers: Option<String>,
}

impl Options {
    /// Both servers are started.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self { data_dir: data_dir.into(), database_url: None, kafka_brokers: None }
    }

    /// Those servers are started that `DATABASE_URL` and `KAFKA_BROKERS` do not name.
    pub fn from_env(data_dir: impl Into<PathBuf>) -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self { database_url: set("DATABASE_URL"), kafka_brokers: set("KAFKA_BROKERS"), ..Self::new(data_dir) }
    }
}

/// Both servers, running. Dropped without [`Devstack::stop`], it kills those it started, and the next start recovers.
#[derive(Debug)]
pub struct Devstack {
    addresses: keeper::Addresses,
    keeper: keeper::Keeper,
}

impl Devstack {
    /// Starts both servers in parallel and returns when they accept work. The first start on a machine fetches them
    /// (60 MB). Given up (dropped) before it is done, it leaves nothing running.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let (addresses, keeper) = keeper::Keeper::start(options).await?;
        Ok(Self { addresses, keeper })
    }

    /// The superuser's URL of the database `capsule_ledger`, password included.
    pub fn database_url(&self) -> &str {
        &self.addresses.database_url
    }

    /// `127.0.0.1:PORT`, or what [`Options::kafka_brokers`] says.
    pub fn kafka_brokers(&self) -> &str {
        &self.addresses.kafka_brokers
    }

    /// The postmaster's pid; `None` while it is being restarted, and where the database is somebody else's.
    pub fn postgres_pid(&self) -> Option<u32> {
        self.addresses.postgres_pid.get()
    }

    /// The broker's pid; `None` while it is being restarted, and where the brokers are somebody else's.
    pub fn kafka_pid(&self) -> Option<u32> {
        self.addresses.kafka_pid.get()
    }

    /// Stops both servers cleanly, in parallel: Postgres by a fast shutdown, Kafka by `SIGTERM`; each is killed where it
    /// does not obey in time.
    pub async fn stop(self) -> Result<(), Error> {
        self.keeper.stop().await
    }
}
