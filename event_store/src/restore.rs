//! Brings a ledger's events back from its other copy, as they are, into an empty one: in batches, each with the heads in one
//! transaction, so that a killed restore is gone on with.

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{Partition, Position, RecordedEvent};
use sqlx::PgPool;
use uuid::Uuid;

use crate::database::partition_count;
use crate::error::Error;
use crate::read;

/// How much is handed to the driver at once; it keeps a copy.
const COPY_CHUNK_BYTES: usize = 1 << 20;

const COPY: &str =
    "COPY ledger.events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata, tenant,
    partition, position, partition_key, occurred_at, recorded_at) FROM STDIN";

/// Why a ledger is not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    #[error("this database holds {0} events of a ledger already: restore into an empty one")]
    NotEmpty(i64),
    #[error("this database is being restored from {0}")]
    OtherSource(String),
    #[error("partition {partition} ends before position {next}, and the batch begins at {first}: another restore is at work")]
    Moved { partition: Partition, next: Position, first: Position },
    #[error(transparent)]
    Store(#[from] Error),
}

impl From<sqlx::Error> for RestoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// A restore under way.
#[derive(Debug)]
pub struct Restore {
    pool: PgPool,
    partitions: u16,
    /// An earlier run had begun it.
    pub is_resumed: bool,
}

impl Restore {
    /// Begins, or goes on with what an earlier run began, in a migrated database that holds nothing else.
    pub async fn begin(pool: PgPool, source: &str, ledger_id: Option<Uuid>) -> Result<Self, RestoreError> {
        let partitions = partition_count(&pool).await?;
        let mut transaction = pool.begin().await?;
        sqlx::query("LOCK TABLE ledger.restores IN EXCLUSIVE MODE").execute(&mut *transaction).await?;
        let begun: Option<String> = sqlx::query_scalar("SELECT source FROM ledger.restores WHERE finished_at IS NULL")
            .fetch_optional(&mut *transaction)
            .await?;
        let is_resumed = begun.is_some();
        match begun {
            Some(begun) if begun != source => return Err(RestoreError::OtherSource(begun)),
            Some(_) => {}
            None => {
                let events: i64 = sqlx::query_scalar("SELECT sum(next_position)::bigint FROM ledger.partition_heads")
                    .fetch_one(&mut *transaction)
                    .await?;
                if events > 0 {
                    return Err(RestoreError::NotEmpty(events));
                }
                sqlx::query(
                    "INSERT INTO ledger.restores (source) VALUES ($1)
                     ON CONFLICT ON CONSTRAINT restores_pkey DO UPDATE
                         SET source = excluded.source, started_at = excluded.started_at, finished_at = NULL",
                )
                .bind(source)
                .execute(&mut *transaction)
                .await?;
            }
        }
        if let Some(ledger_id) = ledger_id {
            sqlx::query("UPDATE ledger.ledgers SET ledger_id = $1").bind(ledger_id).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(Self { pool, partitions, is_resumed })
    }

    /// The next position of every partition; index = partition.
    pub async fn heads(&self) -> Result<Vec<Position>, RestoreError> {
        Ok(read::heads(&self.pool, self.partitions).await?)
    }

    /// Writes consecutive events of one partition, all or none.
    pub async fn write(&self, partition: Partition, events: &[RecordedEvent]) -> Result<(), RestoreError> {
        let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
        let mut transaction = self.pool.begin().await?;
        let next: i64 = sqlx::query_scalar("SELECT next_position FROM ledger.partition_heads WHERE partition = $1 FOR UPDATE")
            .bind(i32::from(partition.0))
            .fetch_one(&mut *transaction)
            .await?;
        if next as u64 != first.position.0 {
            return Err(RestoreError::Moved { partition, next: Position(next as u64), first: first.position });
        }
        let rows = rows(events);
        let mut copy = transaction.copy_in_raw(COPY).await?;
        for chunk in rows.as_bytes().chunks(COPY_CHUNK_BYTES) {
            copy.send(chunk).await?;
        }
        copy.finish().await?;
        sqlx::query("UPDATE ledger.partition_heads SET next_position = $2, last_recorded_at = $3 WHERE partition = $1")
            .bind(i32::from(partition.0))
            .bind(last.position.next().0 as i64)
            .bind(last.recorded_at)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// From here on the ledger takes commands.
    pub async fn finish(self) -> Result<(), RestoreError> {
        sqlx::query("UPDATE ledger.restores SET finished_at = now()").execute(&self.pool).await?;
        Ok(())
    }
}

/// Whether a restore was begun and is not at its end.
pub(crate) async fn is_under_way(pool: &PgPool) -> Result<bool, Error> {
    let knows: bool = sqlx::query_scalar("SELECT to_regclass('ledger.restores') IS NOT NULL").fetch_one(pool).await?;
    if !knows {
        return Ok(false);
    }
    let open = sqlx::query_scalar("SELECT EXISTS (SELECT FROM ledger.restores WHERE finished_at IS NULL)");
    Ok(open.fetch_one(pool).await?)
}

/// In the text form of COPY.
fn rows(events: &[RecordedEvent]) -> String {
    let mut rows = String::new();
    for event in events {
        let stored_id = format!("{}/{}", event.tenant, event.aggregate_id);
        let fields: [&str; 13] = [
            event.aggregate_type.as_str(),
            &stored_id,
            &event.sequence.to_string(),
            &event.event_type,
            &event.event_version,
            &event.payload,
            &event.metadata,
            event.tenant.as_str(),
            &event.partition.to_string(),
            &event.position.to_string(),
            &event.partition_key,
            &time(event.occurred_at),
            &time(event.recorded_at),
        ];
        for (at, field) in fields.into_iter().enumerate() {
            if at > 0 {
                rows.push('\t');
            }
            escape(field, &mut rows);
        }
        rows.push('\n');
    }
    rows
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

fn escape(field: &str, into: &mut String) {
    for letter in field.chars() {
        match letter {
            '\\' => into.push_str("\\\\"),
            '\t' => into.push_str("\\t"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            letter => into.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_field_or_a_row_is_escaped() {
        let mut row = String::new();
        escape("a\tb\\n\nc\rd", &mut row);
        assert_eq!(row, "a\\tb\\\\n\\nc\\rd");
    }
}
