//! What must be so before the next stage, what of it is, and on what evidence.

use domain::Grain;
use serde::Deserialize;
use serde_json::Number;
use sqlx::PgPool;

use super::{Asked, Reading, Report};
use crate::error::Error;
use crate::kpis::series::Segments;
use crate::kpis::shown::Shown;

/// The gate between two stages.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Such as `foundation_to_systematization`.
    pub transition: String,
    /// It is the one that the company comes to next.
    pub is_next: bool,
    pub shown: Shown,
    pub items: Vec<GateItem>,
}

/// One item of a gate's list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct GateItem {
    pub id: String,
    pub title: String,
    pub is_met: bool,
    /// `figure`: the ledger can tell; `evidence`: somebody said so.
    pub by: String,
    /// The figure that tells, what it must be at least, and what it is.
    pub kpi: Option<String>,
    pub at_least: Option<Number>,
    pub value: Option<Number>,
    /// Where the evidence lies.
    pub evidence: Option<String>,
    /// The event that said so, and the event that it relied on: `PARTITION-POSITION`.
    pub event: Option<String>,
    pub relied_on: Option<String>,
}

/// Every gate of the plan. None before a plan was adopted or anything said of an item.
pub async fn gates(pool: &PgPool, asked: Asked<'_>) -> Result<Report<Vec<Gate>>, Error> {
    let mut reading = Reading::begin(pool, asked).await?;
    let month = asked.last_day();
    let (_, series) = reading.figures("gate_readiness", (Grain::Month, month, month), Segments::All).await?;
    let next = series.figures.iter().find(|shown| shown.figure.segment == "all");
    let next = next.and_then(|shown| shown.figure.parts["transition"].as_str()).map(str::to_owned);
    let mut gates = Vec::new();
    for shown in series.figures {
        let Some(transition) = shown.figure.segment.strip_prefix("transition:").map(str::to_owned) else { continue };
        let items = serde_json::from_value(shown.figure.parts["items"].clone());
        let items = items.map_err(|source| Error::Parts { kpi: "gate_readiness", source: Box::new(source) })?;
        gates.push(Gate { is_next: next.as_deref() == Some(transition.as_str()), transition, shown, items });
    }
    Ok(reading.end(gates))
}
