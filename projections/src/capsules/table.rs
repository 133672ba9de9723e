//! Adds changes to `capsules`: one statement.

use sqlx::PgConnection;

use super::fold::{Capsules, Change};
use super::query::CapsuleState;
use crate::delta::Tenants;
use crate::progress::stored;

pub(crate) async fn add(connection: &mut PgConnection, tenants: &Tenants, capsules: &Capsules) -> Result<(), sqlx::Error> {
    let rows: Vec<(&str, &str, &Change)> = capsules
        .changes
        .iter()
        .flat_map(|(tenant, changes)| changes.iter().map(|(id, change)| (tenants.name(*tenant), id.as_str(), change)))
        .collect();
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query(include_str!("add.sql"))
        .bind(rows.iter().map(|row| row.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.1).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.title.as_ref().map(domain::Title::as_str)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.state.map(CapsuleState::as_str)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.created_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.published_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.archived_at).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| i64::try_from(row.2.version).expect("fewer than 2^63 events")).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.interactions).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.2.active).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| i32::from(row.2.partition.0)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| stored(row.2.last_position)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
