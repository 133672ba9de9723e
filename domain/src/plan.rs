//! The scaling plan: stages and what each can carry, what is to be reached by when, and when the company outgrows it.
//!
//! It is data: adopting it is an event, and a later version another one. Every target is read from the plan in force.

mod adoption;
mod contradictions;
mod targets;

use chrono::{Datelike, NaiveDate};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use adoption::*;
pub use contradictions::Contradiction;

use crate::finance::Category;
use crate::governance::{RiskCategory, Transition};
use crate::ids::{Label, Title};
use crate::money::{Amount, Currency};
use crate::people::{Function, Level, ProcessArea};
use crate::quantity::Quantity;

/// A plan, as `schemas/plan.toml` and the command that adopts it write it. Months count from the company's first, 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub version: u16,
    pub name: Title,
    /// All money of the plan, and all figures of money that are held against it.
    pub currency: Currency,
    pub stages: Vec<Stage>,
    /// The leadership pipeline, from the lowest level.
    #[serde(default)]
    pub levels: Vec<Level>,
    #[serde(default)]
    pub teams: Vec<Team>,
    #[serde(default)]
    pub hires: Vec<Hires>,
    /// What is held against figures beside what the stages say.
    #[serde(default)]
    pub targets: Vec<Target>,
    #[serde(default)]
    pub service_levels: Vec<ServiceLevel>,
    #[serde(default)]
    pub processes: Vec<Process>,
    #[serde(default)]
    pub milestones: Vec<PlannedMilestone>,
    #[serde(default)]
    pub gate_items: Vec<PlannedGateItem>,
    #[serde(default)]
    pub risks: Vec<PlannedRisks>,
    #[serde(default)]
    pub cadence: Vec<Cadence>,
}

/// One stage of growth: what it can carry, costs and is to reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    pub number: u16,
    pub name: String,
    #[serde(default)]
    pub focus: String,
    /// First and last month of the stage.
    pub months: (u32, u32),
    /// How many people the strategy names for the stage: at least and at most.
    pub people: (u32, u32),
    /// How many it says there are after the stage's hires.
    pub people_after_hiring: (u32, u32),
    /// Users that the stage can carry.
    pub users: u64,
    /// Capsule interactions a month that the stage can carry.
    pub interactions_per_month: u64,
    pub storage_tb: u64,
    pub uptime_percent: Quantity,
    pub infrastructure_per_month: Amount,
    pub ai_per_month: Amount,
    pub cac: Amount,
    pub ltv: Amount,
    pub ltv_to_cac: Quantity,
    pub cac_payback_months: Quantity,
    /// Of the whole stage.
    pub budget: Amount,
    pub budget_shares: Vec<BudgetShare>,
    /// How ripe its processes are to be: 1 ad hoc, 2 repeatable, 3 defined.
    pub process_level: u8,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetShare {
    pub category: Category,
    /// Of the stage's budget.
    pub percent: u8,
}

/// A team at a stage: its smallest and largest number of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Team {
    pub stage: u16,
    pub name: String,
    pub people: (u32, u32),
}

/// Hires of one function in some months.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hires {
    pub stage: u16,
    /// First and last month in which they are made.
    pub months: (u32, u32),
    pub function: Function,
    /// Full-time equivalents: half-time people are 0.5.
    pub fte: Quantity,
    /// How many the strategy says the function has then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Quantity>,
}

/// A target of a figure; of one stage and one segment, where it says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// As in the register of KPIs.
    pub kpi: Label,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<u16>,
    /// `DIMENSION:VALUE`; default: the figure over all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment: Option<Label>,
    pub value: Quantity,
}

/// What counts as a good event, and how many of all are to be good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceLevel {
    pub kpi: Label,
    /// An event is good if it took less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_ms: Option<u32>,
    /// What is wished for beyond the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wished_ms: Option<u32>,
    /// 0.95 is 95 % of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Quantity>,
}

/// What a process looks like at a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Process {
    pub stage: u16,
    pub area: ProcessArea,
    pub name: String,
    pub practices: Vec<String>,
}

/// What the infrastructure or its security is to have at a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedMilestone {
    pub stage: u16,
    pub area: Label,
    pub id: Label,
    pub title: String,
}

/// What must be so before the next stage; by a figure where the ledger can tell, else by evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedGateItem {
    pub transition: Transition,
    pub id: Label,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kpi: Option<Label>,
    /// The figure meets it from here on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Quantity>,
}

/// What can go wrong, and what is done against it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlannedRisks {
    pub category: RiskCategory,
    pub risks: Vec<String>,
    pub mitigations: Vec<String>,
}

/// What is looked at how often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    pub rhythm: String,
    pub meetings: Vec<String>,
}

/// How fast a monthly figure grows and when it reaches a limit at that rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outlook {
    /// It is there already.
    Reached,
    /// In so many months after the last complete one.
    InMonths(f64),
    /// It does not grow.
    Never,
    /// Fewer than two complete months with a figure.
    NoData,
}

impl Plan {
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The plan that the project carries; in force until another one is adopted.
    pub fn carried() -> Self {
        Self::from_toml(include_str!("../../schemas/plan.toml")).expect("a test reads the plan that is compiled in")
    }

    /// The stage that the plan puts the company's `month` in; after the last, the last. Month 1 is the first.
    pub fn stage_in_month(&self, month: u32) -> Option<&Stage> {
        self.stages.iter().find(|stage| month <= stage.months.1).or(self.stages.last())
    }

    /// The smallest stage that can carry these figures; none if they are beyond the last.
    pub fn stage_for(&self, users: u64, interactions: u64) -> Option<&Stage> {
        self.stages.iter().find(|stage| users <= stage.users && interactions <= stage.interactions_per_month)
    }
}

/// Which month of the company `month` is, its first being 1; 0 before the first.
pub fn month_number(first: NaiveDate, month: NaiveDate) -> u32 {
    let months = |date: NaiveDate| date.year() * 12 + i32::try_from(date.month0()).expect("0 to 11");
    u32::try_from(months(month) - months(first) + 1).unwrap_or(0)
}

/// The compound growth a month over the last (up to) three steps between complete months, as a factor: 1.1 is 10 % a month.
pub fn growth(complete_months: &[u64]) -> Option<f64> {
    let recent = &complete_months[complete_months.len().saturating_sub(4)..];
    let (first, last) = (*recent.first()?, *recent.last()?);
    if recent.len() < 2 || first == 0 || last == 0 {
        return None;
    }
    let steps = f64::from(u32::try_from(recent.len() - 1).expect("at most 3"));
    #[allow(clippy::cast_precision_loss)]
    Some((last as f64 / first as f64).powf(1.0 / steps))
}

/// When a figure reaches `limit` at its present growth.
pub fn outlook(complete_months: &[u64], limit: u64) -> Outlook {
    let (Some(&last), growth) = (complete_months.last(), growth(complete_months)) else {
        return Outlook::NoData;
    };
    if last >= limit {
        return Outlook::Reached;
    }
    match growth {
        None => Outlook::NoData,
        Some(factor) if factor <= 1.0 => Outlook::Never,
        #[allow(clippy::cast_precision_loss)]
        Some(factor) => Outlook::InMonths((limit as f64 / last as f64).ln() / factor.ln()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn month(text: &str) -> NaiveDate {
        format!("{text}-01").parse().expect("a month")
    }

    #[test]
    fn the_plan_has_the_strategys_capacities() {
        let plan = Plan::carried();
        let capacities: Vec<_> = plan.stages.iter().map(|stage| (stage.users, stage.interactions_per_month)).collect();
        assert_eq!(capacities, [(10_000, 100_000), (75_000, 1_000_000), (250_000, 5_000_000)]);
    }

    #[test]
    fn the_plan_knows_the_stage_of_each_month() {
        let plan = Plan::carried();
        let stages: Vec<_> =
            [1, 6, 7, 18, 19, 36, 40].iter().map(|month| plan.stage_in_month(*month).expect("a stage").number).collect();
        assert_eq!(stages, [1, 1, 2, 2, 3, 3, 3]);
        assert_eq!(month_number(month("2025-11"), month("2025-11")), 1);
        assert_eq!(month_number(month("2025-11"), month("2026-02")), 4);
        assert_eq!(month_number(month("2025-11"), month("2025-10")), 0);
    }

    #[test]
    fn the_smallest_stage_that_carries_users_and_interactions_is_the_one() {
        let plan = Plan::carried();
        let stage = |users, interactions| plan.stage_for(users, interactions).map(|stage| stage.number);
        assert_eq!(stage(10_000, 100_000), Some(1));
        assert_eq!(stage(10_001, 100_000), Some(2));
        assert_eq!(stage(10, 1_000_001), Some(3));
        assert_eq!(stage(250_001, 1), None);
    }

    #[test]
    fn the_limit_is_reached_when_compound_growth_says_so() {
        assert_eq!(outlook(&[100, 200, 400], 1_600), Outlook::InMonths(2.0));
        assert_eq!(outlook(&[1, 100, 200, 400, 800], 800), Outlook::Reached);
        assert_eq!(outlook(&[400, 200], 800), Outlook::Never);
        assert_eq!(outlook(&[400], 800), Outlook::NoData);
        assert_eq!(outlook(&[], 800), Outlook::NoData);
        assert_eq!(outlook(&[0, 400], 800), Outlook::NoData);
    }
}
