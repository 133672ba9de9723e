//! Who comes back: of those who signed up in each month, how many did something in each month since.

use chrono::NaiveDate;
use sqlx::{PgPool, Row};

use domain::TenantId;

use crate::error::Error;

/// Those who signed up in one month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    pub month: NaiveDate,
    pub people: i64,
    /// How many of them did something in that month, in the next, and so on.
    pub active: Vec<i64>,
}

/// The cohorts from one month to another, oldest first, as far as each could come by the second. As known now: who was active in a
/// month is kept without the day of recording.
pub async fn retention(pool: &PgPool, tenant: &TenantId, (first, last): (NaiveDate, NaiveDate)) -> Result<Vec<Cohort>, Error> {
    let rows = sqlx::query(include_str!("retention.sql")).bind(tenant.as_str()).bind(first).bind(last).fetch_all(pool).await?;
    let mut cohorts: Vec<Cohort> = Vec::new();
    for row in &rows {
        let month: NaiveDate = row.try_get("cohort")?;
        if cohorts.last().is_none_or(|cohort| cohort.month != month) {
            cohorts.push(Cohort { month, people: row.try_get("people")?, active: Vec::new() });
        }
        cohorts.last_mut().expect("it was pushed").active.push(row.try_get("active")?);
    }
    Ok(cohorts)
}
