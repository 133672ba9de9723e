//! The register of risks: each as it stands, with what is done against it.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::{Asked, Reading, Report};
use crate::error::Error;

/// Which risks are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RisksQuery {
    /// Only open ones, or only closed ones.
    pub is_open: Option<bool>,
    /// Such as `financial`.
    pub category: Option<String>,
    /// Those that come after this one.
    pub after: Option<Place>,
    pub limit: u16,
}

/// A place in the register: by exposure, the highest first, then by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub exposure: i64,
    pub id: String,
}

/// A risk as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RegisteredRisk {
    pub id: String,
    pub category: String,
    /// What might go wrong.
    pub risk: String,
    /// 1 to 5.
    pub likelihood: i64,
    /// 1 to 5.
    pub impact: i64,
    /// Likelihood times impact.
    pub exposure: i64,
    pub raised_at: DateTime<Utc>,
    /// When likelihood and impact were last said.
    pub assessed_at: DateTime<Utc>,
    /// None: it is open.
    pub closed_at: Option<DateTime<Utc>>,
    /// Days that it has been open, or was, by the calendar, UTC.
    pub age_days: i64,
    /// In the order they were taken.
    pub mitigations: Vec<Mitigation>,
    /// The event that it stands by: `PARTITION-POSITION`.
    pub last_event: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mitigation {
    pub mitigation: String,
    pub occurred_at: DateTime<Utc>,
}

impl RegisteredRisk {
    pub fn place(&self) -> Place {
        Place { exposure: self.exposure, id: self.id.clone() }
    }
}

/// A page of the register, and whether more follow. Read from the facts, so it is never due.
pub async fn risks(pool: &PgPool, asked: Asked<'_>, query: &RisksQuery) -> Result<(Report<Vec<RegisteredRisk>>, bool), Error> {
    let reading = Reading::begin(pool, asked).await?;
    let rows = sqlx::query(include_str!("risks.sql"))
        .bind(asked.tenant.as_str())
        .bind(asked.known_before())
        .bind(asked.at())
        .bind(query.is_open)
        .bind(query.category.as_deref())
        .bind(query.after.as_ref().map(|place| place.exposure))
        .bind(query.after.as_ref().map(|place| place.id.as_str()))
        .bind(i64::from(query.limit) + 1)
        .fetch_all(pool)
        .await?;
    let mut risks = rows.iter().map(risk).collect::<Result<Vec<_>, _>>()?;
    let has_more = risks.len() > usize::from(query.limit);
    risks.truncate(query.limit.into());
    Ok((reading.end(risks), has_more))
}

fn risk(row: &PgRow) -> Result<RegisteredRisk, Error> {
    let mitigations: Value = row.try_get("mitigations")?;
    Ok(RegisteredRisk {
        id: row.try_get("risk_id")?,
        category: row.try_get("category")?,
        risk: row.try_get("risk")?,
        likelihood: row.try_get("likelihood")?,
        impact: row.try_get("impact")?,
        exposure: row.try_get("exposure")?,
        raised_at: row.try_get("raised_at")?,
        assessed_at: row.try_get("assessed_at")?,
        closed_at: row.try_get("closed_at")?,
        age_days: row.try_get("age_days")?,
        mitigations: serde_json::from_value(mitigations)
            .map_err(|source| Error::Parts { kpi: "open_risks", source: Box::new(source) })?,
        last_event: row.try_get("last_event")?,
    })
}
