//! The key results of a quarter's objectives: where each began, is to be, and stands.

use chrono::{DateTime, Utc};
use domain::kpis::Unit;
use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{PgPool, Row};

use super::Asked;
use crate::error::Error;

/// A key result as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyResult {
    pub objective_id: String,
    /// What is to be reached.
    pub objective: String,
    /// Whose it is; `company`: all of it.
    pub function: String,
    /// What its measurements call it.
    pub id: String,
    /// What is measured.
    pub title: String,
    pub unit: Unit,
    pub start: Decimal,
    pub target: Decimal,
    /// How much it counts among the objective's.
    pub weight: Decimal,
    /// None: nobody has measured it yet.
    pub measured: Option<Measured>,
    /// How far it has come from its start to its target, 0 to 1; 0 where nobody has measured it.
    pub progress: Decimal,
}

/// The newest measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub value: Decimal,
    pub at: DateTime<Utc>,
    /// `PARTITION-POSITION`.
    pub event: String,
}

/// Those of the quarter that is looked at, the company's first. Read from the facts, so it is never due.
pub async fn key_results(pool: &PgPool, asked: Asked<'_>) -> Result<Vec<KeyResult>, Error> {
    let rows = sqlx::query(include_str!("key_results.sql"))
        .bind(asked.tenant.as_str())
        .bind(asked.known_before())
        .bind(asked.at())
        .fetch_all(pool)
        .await?;
    rows.iter().map(key_result).collect()
}

fn key_result(row: &PgRow) -> Result<KeyResult, Error> {
    let value: Option<Decimal> = row.try_get("value")?;
    let measured = match value {
        Some(value) => Some(Measured { value, at: row.try_get("measured_at")?, event: row.try_get("event")? }),
        None => None,
    };
    Ok(KeyResult {
        objective_id: row.try_get("objective_id")?,
        objective: row.try_get("objective")?,
        function: row.try_get("function")?,
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        unit: row.try_get::<Option<Json<Unit>>, _>("unit")?.map_or_else(Unit::default, |unit| unit.0),
        start: row.try_get("start")?,
        target: row.try_get("target")?,
        weight: row.try_get("weight")?,
        measured,
        progress: row.try_get("progress")?,
    })
}
