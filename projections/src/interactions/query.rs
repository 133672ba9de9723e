//! Interactions by id, and page by page in the order in which they occurred.

use chrono::{DateTime, Utc};
use domain::{CapsuleId, InteractionId, Partition, Position, TenantId};
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::error::Error;
use crate::progress::{partition, position, stored};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interaction {
    pub id: String,
    pub capsule_id: String,
    /// The user's pseudonym.
    pub user_id: Option<Uuid>,
    pub session_id: Option<String>,
    pub kind: String,
    pub actor: String,
    pub occurred_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    pub feature: Option<String>,
    pub channel: Option<String>,
    pub device: Option<String>,
    pub region: Option<String>,
    pub duration_ms: Option<i64>,
    pub response_ms: Option<i64>,
    pub ai_response_ms: Option<i64>,
    pub page_load_ms: Option<i64>,
    pub attributes: Option<Value>,
    pub partition: Partition,
    pub position: Position,
    pub voided_at: Option<DateTime<Utc>>,
    pub void_reason: Option<String>,
}

/// Which interactions: those that occurred from `from` until before `to`.
#[derive(Debug, Clone)]
pub struct Filter {
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub capsule_id: Option<CapsuleId>,
    /// Only these kinds; empty: any.
    pub kinds: Vec<String>,
    /// Only these actors; empty: any.
    pub actors: Vec<String>,
    pub with_voided: bool,
}

/// The last interaction of a page; the next page follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub occurred_at: DateTime<Utc>,
    pub partition: Partition,
    pub position: Position,
}

impl From<&Interaction> for Cursor {
    fn from(last: &Interaction) -> Self {
        Self { occurred_at: last.occurred_at, partition: last.partition, position: last.position }
    }
}

/// One interaction, or nothing where the tenant has none of this id.
pub async fn by_id(pool: &PgPool, tenant: &TenantId, id: &InteractionId) -> Result<Option<Interaction>, Error> {
    let row = sqlx::query("SELECT * FROM read.interactions WHERE tenant = $1 AND interaction_id = $2")
        .bind(tenant.as_str())
        .bind(id.as_str())
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(interaction).transpose()
}

/// Up to `limit` interactions in the order in which they occurred, from the one that follows `after`.
pub async fn page(
    pool: &PgPool,
    tenant: &TenantId,
    filter: &Filter,
    after: Option<Cursor>,
    limit: u16,
) -> Result<Vec<Interaction>, Error> {
    let rows = sqlx::query(include_str!("page.sql"))
        .bind(tenant.as_str())
        .bind(after.map_or(filter.from, |cursor| cursor.occurred_at.max(filter.from)))
        .bind(filter.to)
        .bind(filter.capsule_id.as_ref().map(CapsuleId::as_str))
        .bind(&filter.kinds)
        .bind(&filter.actors)
        .bind(filter.with_voided)
        .bind(after.map(|cursor| cursor.occurred_at))
        .bind(after.map(|cursor| i32::from(cursor.partition.0)))
        .bind(after.map(|cursor| stored(cursor.position)))
        .bind(i64::from(limit))
        .fetch_all(pool)
        .await?;
    rows.iter().map(interaction).collect()
}

fn interaction(row: &PgRow) -> Result<Interaction, Error> {
    Ok(Interaction {
        id: row.try_get("interaction_id")?,
        capsule_id: row.try_get("capsule_id")?,
        user_id: row.try_get("user_id")?,
        session_id: row.try_get("session_id")?,
        kind: row.try_get("kind")?,
        actor: row.try_get("actor")?,
        occurred_at: row.try_get("occurred_at")?,
        recorded_at: row.try_get("recorded_at")?,
        feature: row.try_get("feature")?,
        channel: row.try_get("channel")?,
        device: row.try_get("device")?,
        region: row.try_get("region")?,
        duration_ms: row.try_get("duration_ms")?,
        response_ms: row.try_get("response_ms")?,
        ai_response_ms: row.try_get("ai_response_ms")?,
        page_load_ms: row.try_get("page_load_ms")?,
        attributes: row.try_get("attributes")?,
        partition: partition(row.try_get("partition")?),
        position: position(row.try_get("position")?),
        voided_at: row.try_get("voided_at")?,
        void_reason: row.try_get("void_reason")?,
    })
}
