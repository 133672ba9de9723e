//! What a customer costs, brings and pays back at each stage, against the plan.

use chrono::NaiveDate;
use domain::Grain;
use domain::kpis::Kpi;
use rust_decimal::Decimal;
use sqlx::PgPool;

use super::{Asked, Reading, Report, first_day_of};
use crate::error::Error;
use crate::kpis::series::Segments;
use crate::kpis::shown::Shown;

/// What it shows.
pub const KPIS: [&str; 4] = ["cac", "ltv", "ltv_to_cac", "cac_payback_months"];

/// A stage of the plan, and where the company stood in it.
#[derive(Debug, Clone, PartialEq)]
pub struct StageEconomics {
    pub number: u16,
    pub name: String,
    /// First and last month of the stage by the plan.
    pub months: (u32, u32),
    /// The month that the figures are of: the stage's last, or the present one within it; none: it has not begun.
    pub month: Option<NaiveDate>,
    pub figures: Vec<StageFigure>,
}

/// A figure at a stage, beside the plan's.
#[derive(Debug, Clone, PartialEq)]
pub struct StageFigure {
    pub kpi: &'static Kpi,
    /// What the plan says for the stage: the one in force at that time, else the one in force now.
    pub plan: Option<Decimal>,
    /// None: the stage has not begun, or there is no data.
    pub shown: Option<Shown>,
}

/// Every stage of the plan in force, in order.
pub async fn unit_economics(pool: &PgPool, asked: Asked<'_>) -> Result<Report<Vec<StageEconomics>>, Error> {
    let mut reading = Reading::begin(pool, asked).await?;
    let (first_month, present) = (reading.in_force().first_month, Grain::Month.start(asked.last_day()));
    let mut found: Vec<(&'static Kpi, Vec<Shown>)> = Vec::new();
    for id in KPIS {
        let months = (Grain::Month, first_month.unwrap_or(present), present);
        let (kpi, series) = reading.figures(id, months, Segments::Total).await?;
        found.push((kpi, series.figures));
    }
    let plan = reading.in_force().plan;
    let stages = plan.stages.iter().map(|stage| {
        let begun = first_month.filter(|first| first_day_of(*first, stage.months.0) <= present);
        let month = begun.map(|first| first_day_of(first, stage.months.1).min(present));
        let figures = found.iter().map(|(kpi, figures)| {
            let shown = figures.iter().find(|shown| Some(shown.figure.period) == month).cloned();
            let held_against = shown.as_ref().and_then(|shown| shown.target);
            StageFigure { kpi, plan: held_against.or_else(|| plan.target(kpi.id, "all", Grain::Month, stage.months.1)), shown }
        });
        StageEconomics {
            number: stage.number,
            name: stage.name.clone(),
            months: stage.months,
            month,
            figures: figures.collect(),
        }
    });
    let stages = stages.collect();
    Ok(reading.end(stages))
}
