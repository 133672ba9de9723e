//! Connecting to the ledger's database and bringing its tables up to date.

use std::time::Duration;

use sqlx::ConnectOptions as _;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::error::Error;

const ACQUIRE_WAIT_MAX: Duration = Duration::from_secs(3);

/// A pool of connections that wait for the disk before they say "committed".
pub async fn connect(url: &str, max_connections: u32) -> Result<PgPool, Error> {
    let options: PgConnectOptions = url.parse()?;
    let options = options.application_name("capsule-ledger").options([("synchronous_commit", "on")]);
    // A large batch may take seconds, and is in the metrics; its SQL says nothing to whoever reads the log.
    let options = options.disable_statement_logging();
    Ok(PgPoolOptions::new().max_connections(max_connections).acquire_timeout(ACQUIRE_WAIT_MAX).connect_with(options).await?)
}

/// Creates the ledger, or brings an existing one up to date. Any number of processes may do it at once.
pub async fn migrate(pool: &PgPool, partitions: u16) -> Result<(), Error> {
    let mut migrator = sqlx::migrate!("../migrations/ledger");
    // The projections' migrations are recorded in the same table.
    migrator.set_ignore_missing(true).run(pool).await?;
    sqlx::query(include_str!("sql/create_ledger.sql")).bind(i32::from(partitions)).execute(pool).await?;
    let actual = partition_count(pool).await?;
    if actual == partitions { Ok(()) } else { Err(Error::PartitionCount { asked: partitions, actual }) }
}

pub(crate) async fn partition_count(pool: &PgPool) -> Result<u16, Error> {
    let exists: bool = sqlx::query_scalar("SELECT to_regclass('ledger.ledgers') IS NOT NULL").fetch_one(pool).await?;
    if !exists {
        return Err(Error::NoLedger);
    }
    let count: Option<i32> = sqlx::query_scalar("SELECT partitions FROM ledger.ledgers").fetch_optional(pool).await?;
    u16::try_from(count.ok_or(Error::NoLedger)?).map_err(|_| Error::Broken("ledgers.partitions".to_owned()))
}
