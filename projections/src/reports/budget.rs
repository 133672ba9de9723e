//! Money spent against the budget, by category and month.

use chrono::NaiveDate;
use domain::Grain;
use sqlx::PgPool;

use super::{Asked, Reading, Report};
use crate::error::Error;
use crate::kpis::series::Segments;
use crate::kpis::shown::Shown;

/// Each month's figures over all and by category: numerator is the money spent, denominator the budget, value their difference.
pub async fn budget(pool: &PgPool, asked: Asked<'_>, months: (NaiveDate, NaiveDate)) -> Result<Report<Vec<Shown>>, Error> {
    let mut reading = Reading::begin(pool, asked).await?;
    let (_, series) = reading.figures("budget_variance", (Grain::Month, months.0, months.1), Segments::All).await?;
    Ok(reading.end(series.figures))
}
