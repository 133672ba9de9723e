//! The service levels, and how much of each error budget is left.

use domain::Grain;
use domain::kpis::{Kpi, register};
use domain::plan::ServiceLevel;
use rust_decimal::Decimal;
use sqlx::PgPool;

use super::{Asked, Reading, Report};
use crate::error::Error;
use crate::kpis::series::Segments;
use crate::kpis::shown::Shown;

/// One service level over the 30 days up to the moment asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceLevelStanding {
    pub kpi: &'static Kpi,
    /// What the plan in force says of it.
    pub level: Option<ServiceLevel>,
    /// Its objective at the company's stage; none: the plan names none.
    pub objective: Option<Decimal>,
    /// None: nothing was measured.
    pub shown: Option<Shown>,
}

/// Every service level of the register.
pub async fn service_levels(pool: &PgPool, asked: Asked<'_>) -> Result<Report<Vec<ServiceLevelStanding>>, Error> {
    let mut reading = Reading::begin(pool, asked).await?;
    let day = asked.last_day();
    let mut levels = Vec::new();
    for kpi in register().filter(|kpi| kpi.id.starts_with("slo_")) {
        let (_, series) = reading.figures(kpi.id, (Grain::Day, day, day), Segments::Total).await?;
        let in_force = reading.in_force();
        let level = in_force.plan.service_levels.iter().find(|level| level.kpi.as_str() == kpi.id).cloned();
        let objective = in_force.plan.target(kpi.id, "all", Grain::Day, in_force.month);
        levels.push(ServiceLevelStanding { kpi, level, objective, shown: series.figures.into_iter().next() });
    }
    Ok(reading.end(levels))
}
