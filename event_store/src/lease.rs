//! Which process leads which partition: fair shares by PostgreSQL's advisory locks, held by one dedicated connection.
//!
//! A lease ends with its connection, so a process that dies leaves its partitions to the others within about ten seconds,
//! and one that merely loses its connection leads nothing until it has asked again. Two leaders for a moment are harmless:
//! whoever publishes obeys the rule of the next position.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use domain::Partition;
use sha2::{Digest, Sha256};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::time::timeout;

use crate::error::Error;

const WAIT_MAX: Duration = Duration::from_secs(3);
/// The second part of the lock that every member holds; no partition has this number.
const MEMBER: i32 = i32::MAX;

/// One member's leases. Dropped, they are all free again.
pub struct Leases {
    options: PgConnectOptions,
    /// The first part of every lock of this group.
    class: i32,
    connection: Option<PgConnection>,
    held: BTreeSet<Partition>,
}

impl fmt::Debug for Leases {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Leases").field("held", &self.held).finish_non_exhaustive()
    }
}

impl Leases {
    /// Joins the group of this name in this database.
    pub async fn join(url: &str, name: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse()?;
        // The server frees a silent member's locks: a dead host within 9 s, a stopped process within 10 s.
        let options = options.application_name("capsule-ledger-leases").options([
            ("tcp_keepalives_idle", "3"),
            ("tcp_keepalives_interval", "2"),
            ("tcp_keepalives_count", "3"),
            ("tcp_user_timeout", "9000"),
            ("idle_session_timeout", "10000"),
        ]);
        let digest = Sha256::digest(name);
        let class = i32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
        let mut leases = Self { options, class, connection: None, held: BTreeSet::new() };
        let connection = within(leases.connect()).await?;
        leases.connection = Some(connection);
        Ok(leases)
    }

    /// The partitions that this member leads now, ascending. Call it every second: it takes free ones up to the fair share
    /// and gives up what is above it. After an error nothing is led; the next call connects again.
    pub async fn balance(&mut self, partitions: u16) -> Result<Vec<Partition>, Error> {
        let connection = self.connection.take();
        let mut held = std::mem::take(&mut self.held);
        let connection = within(async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => {
                    held.clear();
                    self.connect().await?
                }
            };
            self.share_out(&mut connection, &mut held, partitions).await?;
            Ok(connection)
        })
        .await?;
        self.connection = Some(connection);
        self.held = held;
        Ok(self.held.iter().copied().collect())
    }

    async fn share_out(
        &self,
        connection: &mut PgConnection,
        held: &mut BTreeSet<Partition>,
        partitions: u16,
    ) -> Result<(), Error> {
        let locks: Vec<i64> = sqlx::query_scalar(include_str!("sql/lease_locks.sql"))
            .bind(i64::from(self.class as u32))
            .fetch_all(&mut *connection)
            .await?;
        let members = locks.iter().filter(|lock| **lock == i64::from(MEMBER)).count().max(1);
        let share = usize::from(partitions).div_ceil(members);
        while held.len() > share {
            let Some(partition) = held.pop_last() else { break };
            sqlx::query("SELECT pg_advisory_unlock($1, $2)")
                .bind(self.class)
                .bind(i32::from(partition.0))
                .execute(&mut *connection)
                .await?;
        }
        for number in 0..partitions {
            if held.len() >= share {
                break;
            }
            if locks.contains(&i64::from(number)) {
                continue;
            }
            let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1, $2)")
                .bind(self.class)
                .bind(i32::from(number))
                .fetch_one(&mut *connection)
                .await?;
            if taken {
                held.insert(Partition(number));
            }
        }
        Ok(())
    }

    async fn connect(&self) -> Result<PgConnection, Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        sqlx::query("SELECT pg_advisory_lock_shared($1, $2)").bind(self.class).bind(MEMBER).execute(&mut connection).await?;
        Ok(connection)
    }
}

async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(WAIT_MAX, work).await.map_err(|_| Error::Timeout { limit_ms: WAIT_MAX.as_millis() as u64 })?
}
