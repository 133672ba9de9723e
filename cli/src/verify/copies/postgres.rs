//! PostgreSQL's copy of a partition.

use std::time::Instant;

use domain::Partition;
use event_store::PgPool;
use event_store::copy::{CopyRow, rows};
use proof::audit::{Fault, PartitionAudit};

use crate::verify::pace::Pace;

const PAGE: u64 = 5_000;

pub(super) struct FromPostgres {
    pool: PgPool,
    partition: Partition,
    /// The last event that was found sound before is still to be looked for.
    is_resumed: bool,
    pub(super) audit: PartitionAudit,
}

impl FromPostgres {
    pub(super) fn new(pool: PgPool, partition: Partition, audit: PartitionAudit) -> Self {
        Self { pool, partition, is_resumed: audit.next() > 0, audit }
    }

    /// Whether there may be more.
    pub(super) async fn read(&mut self, until: u64, pace: Pace) -> anyhow::Result<bool> {
        if std::mem::take(&mut self.is_resumed) {
            let last = self.audit.next() - 1;
            let there = rows(&self.pool, self.partition, i64::try_from(last)? - 1, 1).await?;
            if there.first().is_none_or(|row| u64::try_from(row.position) != Ok(last)) {
                self.audit.fail(Fault::Short { position: last, signed: last + 1 });
            }
        }
        while self.audit.fault().is_none() {
            let (began, next) = (Instant::now(), self.audit.next());
            if next >= until {
                return Ok(true);
            }
            // A position below 0 would come first.
            let after = if next == 0 { i64::MIN } else { i64::try_from(next - 1)? };
            let page = rows(&self.pool, self.partition, after, usize::try_from(PAGE.min(until - next))?).await?;
            if page.is_empty() {
                return Ok(false);
            }
            let mut audit = std::mem::replace(&mut self.audit, PartitionAudit::new(self.partition, Vec::new()));
            // Hashing a page takes a few milliseconds of a core.
            self.audit = tokio::task::spawn_blocking(move || {
                page.into_iter().for_each(|row| take(&mut audit, row));
                audit
            })
            .await?;
            pace.rest(began).await;
        }
        Ok(false)
    }
}

fn take(audit: &mut PartitionAudit, row: CopyRow) {
    match (u64::try_from(row.position), row.event) {
        (Ok(_), Ok(event)) => audit.take(&event),
        (Ok(position), Err(error)) => audit.fail(unreadable(position, audit.next(), &error.to_string())),
        (Err(_), _) => audit.fail(unreadable(0, 0, &format!("there is a position {}", row.position))),
    }
}

/// What comes before it may be missing.
fn unreadable(position: u64, next: u64, reason: &str) -> Fault {
    if position > next { Fault::Missing { position: next } } else { Fault::Unreadable { position, reason: reason.to_owned() } }
}
