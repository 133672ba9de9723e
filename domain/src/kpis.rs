//! The register of KPIs: what each figure means, from which facts it follows, how it is shown.
//!
//! API, views, dashboards, docs and explanations read this list. A KPI is one entry here and one formula in
//! `projections/src/kpis/formulas/`.

mod customer_success;
mod definition;
mod engineering;
mod finance;
mod marketing;
mod operations;
mod people;
mod product;
mod sales;

pub use definition::*;

use crate::period::Grain;

/// One figure and what it means.
#[derive(Debug, Clone, PartialEq)]
pub struct Kpi {
    pub id: &'static str,
    pub function: KpiFunction,
    pub name: &'static str,
    /// How it is made, in a sentence.
    pub formula: &'static str,
    /// What is counted or summed; in words.
    pub numerator: &'static str,
    /// What that is divided by or held against; none for a plain count or sum, a median or a state.
    pub denominator: Option<&'static str>,
    /// What `n` counts: how many facts the figure rests on.
    pub n: &'static str,
    pub unit: Unit,
    pub better: Better,
    /// The periods that it is given for, its own one first.
    pub grains: &'static [Grain],
    /// How much of the past it looks at.
    pub window: Window,
    /// What it can be split by; a segment is written `DIMENSION:VALUE`.
    pub dimensions: &'static [&'static str],
    /// Whether there is a figure over all segments, named `all`.
    pub has_total: bool,
    /// The version of the definition that holds if none is asked for.
    pub definition: u16,
    /// The events that it follows from.
    pub facts: &'static [&'static str],
}

/// Whose figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KpiFunction {
    NorthStar,
    Product,
    Engineering,
    Sales,
    Marketing,
    CustomerSuccess,
    Finance,
    People,
    Operations,
}

/// What a figure counts in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    #[default]
    Count,
    /// 0.25 is 25 %.
    Ratio,
    Days,
    Hours,
    Months,
    /// In the currency of the plan.
    Money,
    /// 0 to 100.
    Score,
    /// −100 to 100.
    Points,
    /// Full-time equivalents: half-time people are 0.5.
    Fte,
    /// 1 to 3.
    Level,
    /// Times the denominator: 3 is three times as much.
    Times,
}

/// Which way a figure should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Higher,
    Lower,
    /// Near its target.
    OnTarget,
}

/// How much of the past a figure looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// What occurred in the period.
    Period,
    /// So many days up to the period's end.
    TrailingDays(u16),
    /// The state at the period's end; of a period that is not over, now.
    AtEnd,
    /// Those who began in the period, however long the rest took.
    Cohort,
}

const DAY_UP: &[Grain] = &[Grain::Month, Grain::Day, Grain::Week, Grain::Quarter];
const WEEK_UP: &[Grain] = &[Grain::Month, Grain::Week, Grain::Quarter];
const MONTH_UP: &[Grain] = &[Grain::Month, Grain::Quarter];

/// Every KPI, function by function.
pub fn register() -> impl Iterator<Item = &'static Kpi> {
    [
        product::KPIS,
        engineering::KPIS,
        sales::KPIS,
        marketing::KPIS,
        customer_success::KPIS,
        finance::KPIS,
        people::KPIS,
        operations::KPIS,
    ]
    .into_iter()
    .flatten()
}

/// The KPI of this id.
pub fn find(id: &str) -> Option<&'static Kpi> {
    register().find(|kpi| kpi.id == id)
}

impl Kpi {
    /// Whether facts that occur after a period may change its figures: what becomes of it, or a budget or searches of a month, which are
    /// told later.
    pub fn looks_ahead(&self) -> bool {
        let by_facts_of_later =
            ["brand_awareness", "budget_variance", "change_failure_rate", "csat", "marketing_sourced_revenue", "mttr"];
        self.window == Window::Cohort || by_facts_of_later.contains(&self.id)
    }

    /// It is how far one sum is over another, so it has a sign.
    pub fn is_difference(&self) -> bool {
        self.id == "budget_variance"
    }

    /// Whether what its numerator and its denominator sum up is money.
    pub fn sums_money(&self) -> (bool, bool) {
        match self.id {
            "arr" | "average_deal_size" | "cac" | "cost_per_lead" | "ltv" | "mrr" => (true, false),
            "budget_variance"
            | "cac_payback_months"
            | "ltv_to_cac"
            | "marketing_sourced_revenue"
            | "net_revenue_retention"
            | "pipeline_coverage" => (true, true),
            _ => (false, false),
        }
    }

    /// What counts in which unit that its formula tells beside it, by name.
    pub fn unit_beside(&self, name: &str) -> Unit {
        match name {
            "mean" | "median" | "trailing_3_months" => self.unit,
            "arpa"
            | "closed_value"
            | "gross_numerator"
            | "lost_revenue"
            | "spend"
            | "trailing_3_months_spend"
            | "won_value" => Unit::Money,
            "by_value" | "error_budget_left" | "gross" | "gross_margin" | "measured_share" | "monthly_churn" | "objective"
            | "share" | "share_of_plan" | "succession_cover" | "within_30" | "within_60" | "within_90" | "within_wished" => {
                Unit::Ratio
            }
            "p90_days" => Unit::Days,
            _ => Unit::Count,
        }
    }

    /// The parameters of the definition that holds if none is asked for; nothing where there are none.
    pub fn default_definition(&self) -> serde_json::Value {
        match self.id {
            "active_capsule_interactions" => serde_json::json!({
                "kinds": crate::north_star::DEFINITION_1.kinds,
                "actors": crate::north_star::DEFINITION_1.actors,
            }),
            "user_engagement_score" => serde_json::json!({
                "weights": { "active_days": 50, "sessions": 30, "depth": 20 },
                "reference": {
                    "active_days": [1, 2, 3, 4, 5, 7, 9, 12, 16],
                    "sessions": [1, 2, 3, 5, 7, 9, 13, 18, 28],
                    "depth": [1, 2, 3, 4, 5, 6, 8, 11, 16],
                },
            }),
            "customer_health_score" => serde_json::json!({
                "weights": { "usage": 40, "support": 20, "nps": 20, "payment": 20 },
                "at_risk_below": 40,
                "healthy_above": 70,
            }),
            _ => serde_json::json!({}),
        }
    }
}

impl Window {
    /// What occurs in a period is not all there before its end; a state, or the days up to now, is told in full at any time.
    pub fn is_counted_up(self) -> bool {
        matches!(self, Self::Period | Self::Cohort)
    }

    /// As people read it.
    pub fn in_words(self) -> String {
        match self {
            Self::Period => "what occurred in the period".to_owned(),
            Self::TrailingDays(days) => format!("the {days} days up to the period's end"),
            Self::AtEnd => "the state at the period's end; of the present period, now".to_owned(),
            Self::Cohort => "those who began in the period, however long the rest took".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::AggregateType;

    #[test]
    fn every_id_is_there_once_and_is_a_name_for_sql() {
        let mut ids = BTreeSet::new();
        for kpi in register() {
            assert!(ids.insert(kpi.id), "{} twice", kpi.id);
            assert!(kpi.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{}", kpi.id);
        }
    }

    #[test]
    fn every_kpi_follows_from_events_that_there_are() {
        let events: BTreeSet<&str> =
            AggregateType::ALL.iter().flat_map(|aggregate_type| aggregate_type.events()).map(|event| event.name).collect();
        for kpi in register() {
            assert!(!kpi.facts.is_empty() && !kpi.grains.is_empty(), "{}", kpi.id);
            for fact in kpi.facts {
                assert!(events.contains(fact), "{}: {fact}", kpi.id);
            }
        }
    }

    #[test]
    fn every_figure_can_be_read_over_all_or_by_a_segment() {
        for kpi in register() {
            assert!(kpi.has_total || !kpi.dimensions.is_empty(), "{}", kpi.id);
        }
    }
}
