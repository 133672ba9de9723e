//! People employed against the hiring plan, by function and month, the months to come with it.

use chrono::NaiveDate;
use domain::Grain;
use domain::people::Function;
use domain::plan::month_number;
use rust_decimal::Decimal;
use sqlx::PgPool;

use super::{Asked, Reading, Report, first_day_of};
use crate::error::Error;
use crate::kpis::series::Segments;
use crate::kpis::shown::Shown;

/// One function, or all of them, in one month.
#[derive(Debug, Clone, PartialEq)]
pub struct Headcount {
    pub month: NaiveDate,
    /// `all`, or `function:NAME`.
    pub segment: String,
    /// Full-time equivalents that the plan has at the month's end; none: it names none.
    pub plan: Option<Decimal>,
    /// None: the month is to come, or there is no data.
    pub shown: Option<Shown>,
}

/// By default from the company's first month to the last of the plan.
pub async fn headcount(
    pool: &PgPool,
    asked: Asked<'_>,
    (from, to): (Option<NaiveDate>, Option<NaiveDate>),
) -> Result<Report<Vec<Headcount>>, Error> {
    let mut reading = Reading::begin(pool, asked).await?;
    let present = Grain::Month.start(asked.last_day());
    let in_force = reading.in_force();
    let first_month = in_force.first_month;
    let from = Grain::Month.start(from.or(first_month).unwrap_or(present));
    let months_planned = in_force.plan.stages.last().map_or(1, |stage| stage.months.1);
    let to = to.unwrap_or_else(|| first_month.map_or(present, |first| first_day_of(first, months_planned)).max(from));
    let (kpi, series) =
        reading.figures("headcount_vs_plan", (Grain::Month, from, to.min(asked.last_day())), Segments::All).await?;
    let mut rows: Vec<Headcount> = series
        .figures
        .into_iter()
        .map(|shown| Headcount {
            month: shown.figure.period,
            segment: shown.figure.segment.clone(),
            plan: shown.target,
            shown: Some(shown),
        })
        .collect();
    // What has no figure has a plan all the same: the months to come, and those before anybody was hired.
    let has_figures: std::collections::BTreeSet<NaiveDate> = rows.iter().map(|row| row.month).collect();
    let plan = reading.in_force().plan;
    let functions = Function::ALL.map(|function| format!("function:{}", function.as_str()));
    for month in Grain::Month.between(from, to).filter(|month| !has_figures.contains(month)) {
        let number = first_month.map_or(0, |first| month_number(first, month));
        rows.extend(["all".to_owned()].into_iter().chain(functions.clone()).map(|segment| Headcount {
            month,
            plan: plan.target(kpi.id, &segment, Grain::Month, number),
            segment,
            shown: None,
        }));
    }
    rows.sort_by(|one, other| (one.month, &one.segment).cmp(&(other.month, &other.segment)));
    Ok(reading.end(rows))
}
