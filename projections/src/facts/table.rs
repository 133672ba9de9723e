//! Adds rows of facts: one statement for each table.

use sqlx::PgConnection;
use sqlx::types::Json;

use super::columns::table_name;
use super::fold::Facts;

pub(crate) async fn add(connection: &mut PgConnection, facts: &Facts) -> Result<(), sqlx::Error> {
    for (aggregate_type, rows) in &facts.rows {
        let table = table_name(*aggregate_type);
        let statement = format!("INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(NULL::{table}, $1)");
        sqlx::query(&statement).bind(Json(rows)).execute(&mut *connection).await?;
    }
    Ok(())
}
