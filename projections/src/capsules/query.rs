//! Capsules by id and page by page.

use chrono::{DateTime, Utc};
use domain::{CapsuleId, Partition, Position, TenantId};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Row};

use crate::error::Error;
use crate::progress::{partition, position};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapsuleState {
    Draft,
    Open,
    Closed,
}

impl CapsuleState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Capsule {
    pub id: String,
    pub title: String,
    pub state: CapsuleState,
    pub created_at: Option<DateTime<Utc>>,
    pub published_at: Option<DateTime<Utc>>,
    pub archived_at: Option<DateTime<Utc>>,
    /// The number of its own events; what `If-Match` compares.
    pub version: u64,
    /// Recorded, not voided interactions of every kind by anybody.
    pub interactions: u64,
    /// Those of them that are active ones by definition 1.
    pub active: u64,
    #[serde(skip)]
    pub partition: Partition,
    /// The last event that changed anything here.
    #[serde(skip)]
    pub last_position: Position,
}

const COLUMNS: &str = "SELECT capsule_id, title, state, created_at, published_at, archived_at, version, interactions, active,
                              partition, last_position FROM read.capsules";

/// One capsule, or nothing where the tenant has none of this id.
pub async fn by_id(pool: &PgPool, tenant: &TenantId, id: &CapsuleId) -> Result<Option<Capsule>, Error> {
    let statement = format!("{COLUMNS} WHERE tenant = $1 AND capsule_id = $2");
    let row = sqlx::query(&statement).bind(tenant.as_str()).bind(id.as_str()).fetch_optional(pool).await?;
    row.as_ref().map(capsule).transpose()
}

/// Up to `limit` capsules in the order of their ids, from the one that follows `after`.
pub async fn list(pool: &PgPool, tenant: &TenantId, after: Option<&CapsuleId>, limit: u16) -> Result<Vec<Capsule>, Error> {
    let statement = format!("{COLUMNS} WHERE tenant = $1 AND capsule_id > $2 ORDER BY capsule_id LIMIT $3");
    let rows = sqlx::query(&statement)
        .bind(tenant.as_str())
        .bind(after.map_or("", CapsuleId::as_str))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(capsule).collect()
}

fn capsule(row: &sqlx::postgres::PgRow) -> Result<Capsule, Error> {
    let count = |name| -> Result<u64, Error> { Ok(u64::try_from(row.try_get::<i64, _>(name)?).unwrap_or(0)) };
    let state = match row.try_get::<&str, _>("state")? {
        "draft" => CapsuleState::Draft,
        "open" => CapsuleState::Open,
        _ => CapsuleState::Closed,
    };
    Ok(Capsule {
        id: row.try_get("capsule_id")?,
        title: row.try_get("title")?,
        state,
        created_at: row.try_get("created_at")?,
        published_at: row.try_get("published_at")?,
        archived_at: row.try_get("archived_at")?,
        version: count("version")?,
        interactions: count("interactions")?,
        active: count("active")?,
        partition: partition(row.try_get("partition")?),
        last_position: position(row.try_get("last_position")?),
    })
}
