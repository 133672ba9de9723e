//! The servers that all benchmarks run on, and fresh databases on them.

use std::path::PathBuf;

use devstack::{Devstack, Options};
use event_store::{PgPool, Store};
use sqlx::{Connection as _, Executor as _, PgConnection};

const PREFIX: &str = "capsule-ledger-bench-";

pub(crate) struct Servers {
    // The servers stop before their directory goes.
    devstack: Devstack,
    directory: Directory,
}

/// Goes with the run, however it ends; after a kill, with the next run.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

pub(crate) async fn start() -> anyhow::Result<Servers> {
    for entry in std::fs::read_dir(std::env::temp_dir())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(process) = name.strip_prefix(PREFIX)
            && !PathBuf::from(format!("/proc/{process}")).exists()
        {
            std::fs::remove_dir_all(&path)?;
        }
    }
    let directory = Directory(std::env::temp_dir().join(format!("{PREFIX}{}", std::process::id())));
    println!("Starting PostgreSQL and Kafka …");
    let devstack = Devstack::start(Options::new(&directory.0)).await?;
    Ok(Servers { devstack, directory })
}

impl Servers {
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        Ok(self.devstack.stop().await?)
    }

    pub(crate) fn directory(&self) -> &PathBuf {
        &self.directory.0
    }

    pub(crate) fn kafka_brokers(&self) -> &str {
        self.devstack.kafka_brokers()
    }

    /// A new, empty database.
    pub(crate) async fn database(&self, name: &str) -> anyhow::Result<String> {
        let server = self.devstack.database_url();
        let mut connection = PgConnection::connect(server).await?;
        connection.execute(format!("CREATE DATABASE {name}").as_str()).await?;
        Ok(self.url_of(name))
    }

    pub(crate) fn url_of(&self, database: &str) -> String {
        let (address, _) = self.devstack.database_url().rsplit_once('/').expect("a database URL ends in /DATABASE");
        format!("{address}/{database}")
    }

    /// A new ledger with a tenant `bench`, and its store.
    pub(crate) async fn ledger(&self, name: &str) -> anyhow::Result<(Store, PgPool, String)> {
        let url = self.database(name).await?;
        let pool = event_store::connect(&url, 16).await?;
        event_store::migrate(&pool, 8).await?;
        event_store::keys::Keys::new(pool.clone()).ensure_tenant(&tenant()).await?;
        let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
        Ok((store, pool, url))
    }
}

pub(crate) fn tenant() -> domain::TenantId {
    domain::TenantId::parse("bench").expect("a tenant")
}
