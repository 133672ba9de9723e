//! The company's standing against its plan.

use chrono::{Days, Months, NaiveDate};
use domain::TenantId;
use domain::north_star::DEFINITION_1;
use domain::period::midnight;
use domain::plan::{Outlook, Plan, growth, month_number, outlook};
use serde::Serialize;
use sqlx::PgPool;

use crate::error::Error;
use crate::kpis::plans::Plans;
use crate::kpis::query::Known;
use crate::north_star::{self, Period, SeriesQuery};
use domain::Grain;

/// Where the company stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Standing {
    /// `2026-10`: the first month with interactions, the company's month 1.
    pub first_month: Option<String>,
    /// The last month that is over; the figures below are its.
    pub last_complete_month: String,
    /// Its number, counted from the first month; 0 before it.
    pub month_number: u32,
    /// The stage that the plan puts it in.
    pub planned_stage: Option<u16>,
    /// The smallest stage that can carry it; none: it is beyond the last.
    pub needed_stage: Option<u16>,
    /// Active users of that month.
    pub users: u64,
    /// Active interactions of that month.
    pub interactions: u64,
    /// Growth a month over the last (up to) three complete months, as a factor.
    pub users_growth: Option<f64>,
    pub interactions_growth: Option<f64>,
    pub stages: Vec<StageStanding>,
}

/// One stage of the plan, and how much of what it can carry is used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageStanding {
    pub number: u16,
    pub name: String,
    /// First and last month of the stage by the plan.
    pub months: (u32, u32),
    pub users: Limit,
    pub interactions: Limit,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Limit {
    pub limit: u64,
    /// What is used of it: 0.5 is half.
    pub share: f64,
    pub expected: Expected,
    /// Months from the last complete one until the limit, at present growth; where it is ahead.
    pub months_until: Option<f64>,
}

/// When the limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    Reached,
    Ahead,
    /// It does not grow.
    Never,
    /// Fewer than two complete months with a figure.
    NoData,
}

impl Limit {
    fn of(complete_months: &[u64], limit: u64) -> Self {
        let (expected, months_until) = match outlook(complete_months, limit) {
            Outlook::Reached => (Expected::Reached, None),
            Outlook::InMonths(months) => (Expected::Ahead, Some(months)),
            Outlook::Never => (Expected::Never, None),
            Outlook::NoData => (Expected::NoData, None),
        };
        #[allow(clippy::cast_precision_loss)]
        let share = complete_months.last().copied().unwrap_or(0) as f64 / limit as f64;
        Self { limit, share, expected, months_until }
    }
}

/// Growth is looked at over so many months up to the last complete one.
pub const MONTHS_OF_GROWTH: u32 = 3;

/// How the company stands on the day `today`, or stood at the end of a past day by what was known then.
pub async fn standing(pool: &PgPool, tenant: &TenantId, today: NaiveDate, as_of: Option<NaiveDate>) -> Result<Standing, Error> {
    let day = as_of.unwrap_or(today);
    let last = Grain::Month.start(day) - Months::new(1);
    let plans = Plans::load(&mut *pool.acquire().await?, "read", tenant, Known::of(as_of)).await?;
    let in_force = plans.in_force(midnight(day + Days::new(1)));
    let months = match plans.first_interaction_month() {
        None => Vec::new(),
        // What is known of a past day is counted for the question: no more of it than is needed.
        Some(first) => {
            let from = Some(first.max(last - Months::new(MONTHS_OF_GROWTH)));
            let query = SeriesQuery { grain: Grain::Month, from, to: Some(last), as_of, definition: &DEFINITION_1, today };
            north_star::series(pool, tenant, &query).await?
        }
    };
    Ok(stand(in_force.plan, in_force.first_month, last, &months))
}

fn stand(plan: &Plan, first: Option<NaiveDate>, last: NaiveDate, months: &[Period]) -> Standing {
    let users: Vec<u64> = months.iter().map(|month| month.active_users).collect();
    let interactions: Vec<u64> = months.iter().map(|month| month.active).collect();
    let number = first.map_or(0, |first| month_number(first, last));
    let now = (users.last().copied().unwrap_or(0), interactions.last().copied().unwrap_or(0));
    Standing {
        first_month: first.map(|first| Grain::Month.name(first)),
        last_complete_month: Grain::Month.name(last),
        month_number: number,
        planned_stage: (number > 0).then(|| plan.stage_in_month(number)).flatten().map(|stage| stage.number),
        needed_stage: plan.stage_for(now.0, now.1).map(|stage| stage.number),
        users: now.0,
        interactions: now.1,
        users_growth: growth(&users),
        interactions_growth: growth(&interactions),
        stages: plan
            .stages
            .iter()
            .map(|stage| StageStanding {
                number: stage.number,
                name: stage.name.clone(),
                months: stage.months,
                users: Limit::of(&users, stage.users),
                interactions: Limit::of(&interactions, stage.interactions_per_month),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_first_interaction_every_stage_is_empty() {
        let standing = stand(&Plan::carried(), None, "2026-10-01".parse().expect("a day"), &[]);
        assert_eq!((standing.month_number, standing.planned_stage, standing.needed_stage), (0, None, Some(1)));
        assert!(standing.stages.iter().all(|stage| stage.users.expected == Expected::NoData));
        assert!(standing.stages.iter().all(|stage| stage.users.share == 0.0));
    }
}
