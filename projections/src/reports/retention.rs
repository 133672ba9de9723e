//! Who comes back: of those who signed up in each month, how many did something in each month since.

use chrono::NaiveDate;
use domain::{Grain, TenantId};
use sqlx::{Executor, PgPool, Row};

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
    let months: Vec<NaiveDate> = Grain::Month.between(first, last).collect();
    let mut transaction = pool.begin().await?;
    // How many came is guessed far too low, and a nested loop over what was guessed to be one row never ends.
    (&mut *transaction).execute("SET LOCAL enable_nestloop = off").await?;
    let rows = sqlx::query(include_str!("retention.sql"))
        .bind(tenant.as_str())
        .bind(first)
        .bind(last)
        .bind(months)
        .fetch_all(&mut *transaction)
        .await?;
    transaction.commit().await?;
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
