//! The events as the table holds them, row by row, for whoever audits it: what cannot be read, or should not be there, too.

use domain::{Partition, RecordedEvent};
use sqlx::{PgPool, Row};

use crate::error::Error;
use crate::read::recorded;

/// What PostgreSQL holds at a position.
#[derive(Debug)]
pub struct CopyRow {
    pub position: i64,
    pub event: Result<RecordedEvent, Error>,
}

/// Rows of a partition after a position, in order, at most so many.
pub async fn rows(pool: &PgPool, partition: Partition, after: i64, limit: usize) -> Result<Vec<CopyRow>, Error> {
    let rows = sqlx::query(include_str!("sql/read_copy.sql"))
        .bind(i32::from(partition.0))
        .bind(after)
        .bind(limit as i64)
        .fetch_all(pool)
        .await?;
    rows.iter().map(|row| Ok(CopyRow { position: row.try_get("position")?, event: recorded(row) })).collect()
}

/// An event of a partition that the ledger does not have, if there is one: its partition and position.
pub async fn stray(pool: &PgPool, partitions: u16) -> Result<Option<(i32, i64)>, Error> {
    let stray = sqlx::query_as(
        "(SELECT partition, position FROM ledger.events WHERE partition < 0 ORDER BY partition, position LIMIT 1)
         UNION ALL
         (SELECT partition, position FROM ledger.events WHERE partition >= $1 ORDER BY partition, position LIMIT 1) LIMIT 1",
    );
    Ok(stray.bind(i32::from(partitions)).fetch_optional(pool).await?)
}
