//! Adds members, and adds who thereby came or went to the partial sums in `distincts`: in one statement.

use domain::Partition;
use sqlx::PgConnection;

use super::fold::{Columns, Sorted};
use crate::delta::WriteError;

/// `owner` is a partition that the caller has locked: nobody else writes its partial sums meanwhile.
///
/// Users come last: theirs are the only rows that other partitions' transactions may wait for.
pub(crate) async fn add(connection: &mut PgConnection, owner: Partition, members: &Sorted) -> Result<(), WriteError> {
    add_columns(connection, owner, &members.own).await?;
    add_columns(connection, owner, &members.shared).await
}

async fn add_columns(connection: &mut PgConnection, owner: Partition, columns: &Columns) -> Result<(), WriteError> {
    if columns.members.is_empty() {
        return Ok(());
    }
    let least: Option<i32> = sqlx::query_scalar(include_str!("add.sql"))
        .bind(&columns.tenants)
        .bind(&columns.grains)
        .bind(&columns.periods)
        .bind(&columns.kinds)
        .bind(&columns.members)
        .bind(&columns.totals)
        .bind(&columns.actives)
        .bind(i32::from(owner.0))
        .fetch_one(connection)
        .await?;
    if least.is_some_and(|least| least < 0) { Err(WriteError::BelowZero) } else { Ok(()) }
}
