//! How far leads and deals come: each step of a cohort, and where open deals stand.

use chrono::NaiveDate;
use domain::period::midnight;
use rust_decimal::Decimal;
use sqlx::{PgPool, Row};

use super::{Asked, Reading, Report};
use crate::error::Error;

/// One step, and how many came so far.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// `captured`, `mql`, `sql`, `deal` or `won`; of deals the stage.
    pub step: String,
    pub count: i64,
    /// Of deals, what they are worth a year; what is in another currency is left out.
    pub annual_value: Option<Decimal>,
}

/// What became of the leads that were captured from the first to the last of two days, whenever it did.
pub async fn leads(pool: &PgPool, asked: Asked<'_>, (from, to): (NaiveDate, NaiveDate)) -> Result<Vec<Step>, Error> {
    let row = sqlx::query(include_str!("leads.sql"))
        .bind(asked.tenant.as_str())
        .bind(asked.known_before())
        .bind(asked.at())
        .bind(midnight(from))
        .bind(midnight(to.succ_opt().expect("far from the last day there is")))
        .fetch_one(pool)
        .await?;
    let steps = ["captured", "mql", "sql", "deal", "won"];
    steps.into_iter().map(|step| Ok(Step { step: step.to_owned(), count: row.try_get(step)?, annual_value: None })).collect()
}

/// Open deals by the stage they have come to, in the order of the sales process.
pub async fn open_deals(pool: &PgPool, asked: Asked<'_>) -> Result<Report<Vec<Step>>, Error> {
    let reading = Reading::begin(pool, asked).await?;
    let rows = sqlx::query(include_str!("open_deals.sql"))
        .bind(asked.tenant.as_str())
        .bind(asked.known_before())
        .bind(asked.at())
        .bind(reading.in_force().plan.currency.as_str())
        .fetch_all(pool)
        .await?;
    let by_stage = |stage: &str| rows.iter().find(|row| row.try_get::<&str, _>("stage").is_ok_and(|found| found == stage));
    let steps = domain::sales::DealStage::ALL.into_iter().map(|stage| {
        let row = by_stage(stage.as_str());
        Ok(Step {
            step: stage.as_str().to_owned(),
            count: row.map_or(Ok(0), |row| row.try_get("count"))?,
            annual_value: row.map(|row| row.try_get("annual_value")).transpose()?,
        })
    });
    let steps = steps.collect::<Result<Vec<_>, Error>>()?;
    Ok(reading.end(steps))
}
