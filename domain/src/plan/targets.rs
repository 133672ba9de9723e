//! What each figure is held against.

use rust_decimal::Decimal;

use super::{Plan, Stage};
use crate::people::Function;
use crate::period::Grain;

impl Plan {
    /// The target of a KPI's segment in a period that ends in the company's `month`; none where the plan names none.
    pub fn target(&self, kpi: &str, segment: &str, grain: Grain, month: u32) -> Option<Decimal> {
        let stage = (month > 0).then(|| self.stage_in_month(month)).flatten()?;
        self.named(kpi, segment, stage).or_else(|| self.follows(kpi, segment, grain, month, stage))
    }

    /// Named as a target or as a service level's objective; of the stage rather than of all.
    fn named(&self, kpi: &str, segment: &str, stage: &Stage) -> Option<Decimal> {
        let of_segment = self.targets.iter().filter(|target| {
            target.kpi.as_str() == kpi && target.segment.as_ref().map_or("all", |segment| segment.as_str()) == segment
        });
        let of_stage = of_segment.clone().find(|target| target.stage == Some(stage.number));
        of_stage.or_else(|| of_segment.clone().find(|target| target.stage.is_none())).map(|target| target.value.decimal())
    }

    /// What the stage says.
    fn follows(&self, kpi: &str, segment: &str, grain: Grain, month: u32, stage: &Stage) -> Option<Decimal> {
        match (kpi, segment) {
            ("active_capsule_interactions", "all") => match grain {
                Grain::Month => Some(stage.interactions_per_month.into()),
                Grain::Quarter => Some((3 * stage.interactions_per_month).into()),
                Grain::Day | Grain::Week => None,
            },
            ("cac", "all") => Some(stage.cac.decimal()),
            ("ltv", "all") => Some(stage.ltv.decimal()),
            ("ltv_to_cac", "all") => Some(stage.ltv_to_cac.decimal()),
            ("cac_payback_months", "all") => Some(stage.cac_payback_months.decimal()),
            ("slo_uptime", "all") => Some(stage.uptime_percent.decimal() / Decimal::ONE_HUNDRED),
            ("slo_response" | "slo_ai_response" | "slo_page_load" | "slo_api_latency", "all") => {
                let level = self.service_levels.iter().find(|level| level.kpi.as_str() == kpi);
                level.and_then(|level| level.objective).map(|objective| objective.decimal())
            }
            ("headcount_vs_plan", "all") => (!self.hires.is_empty())
                .then(|| Function::ALL.into_iter().map(|function| self.headcount(function, month)).sum()),
            ("headcount_vs_plan", _) => {
                let function =
                    Function::ALL.into_iter().find(|function| segment == format!("function:{}", function.as_str()))?;
                (!self.hires.is_empty()).then(|| self.headcount(function, month))
            }
            ("process_maturity", _) => Some(stage.process_level.into()),
            ("gate_readiness" | "stage_capacity", _) => Some(Decimal::ONE),
            ("budget_variance", _) => Some(Decimal::ZERO),
            _ => None,
        }
    }

    /// Full-time equivalents of a function at the end of a month: hires spread evenly over their months, from what the
    /// strategy says there were before to what it says there are after.
    pub fn headcount(&self, function: Function, month: u32) -> Decimal {
        let mut reached = Decimal::ZERO;
        for hires in self.hires.iter().filter(|hires| hires.function == function) {
            let (first, last) = hires.months;
            let full = hires.total.map_or(reached + hires.fte.decimal(), |total| total.decimal());
            if month >= last {
                reached = full;
            } else if month >= first {
                let (passed, all) = (Decimal::from(month - first + 1), Decimal::from(last - first + 1));
                return reached + (full - reached) * passed / all;
            } else {
                break;
            }
        }
        reached
    }

    /// What may be spent on a category in a month: the stage's budget by its share, spread evenly over its months.
    pub fn monthly_budget(&self, category: crate::finance::Category, month: u32) -> Option<Decimal> {
        let stage = (month > 0).then(|| self.stage_in_month(month)).flatten()?;
        let share = stage.budget_shares.iter().find(|share| share.category == category)?;
        let months = Decimal::from(stage.months.1 - stage.months.0 + 1);
        Some(stage.budget.decimal() * Decimal::from(share.percent) / Decimal::ONE_HUNDRED / months)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(kpi: &str, segment: &str, month: u32) -> Option<String> {
        Plan::carried().target(kpi, segment, Grain::Month, month).map(|target| target.normalize().to_string())
    }

    #[test]
    fn a_target_is_its_stages() {
        assert_eq!(target("cac", "all", 6).as_deref(), Some("1000"));
        assert_eq!(target("cac", "all", 7).as_deref(), Some("200"));
        assert_eq!(target("slo_uptime", "all", 1).as_deref(), Some("0.99"));
        assert_eq!(target("pipeline_coverage", "all", 20).as_deref(), Some("3"));
        assert_eq!(target("active_capsule_interactions", "all", 36).as_deref(), Some("5000000"));
        assert_eq!(target("active_capsule_interactions", "all", 0), None);
        assert_eq!(target("win_rate", "all", 6), None);
        assert_eq!(target("pipeline_coverage", "team:smb", 20), None);
    }

    #[test]
    fn people_are_hired_over_the_months_of_their_phase() {
        let engineers = |month| target("headcount_vs_plan", "function:engineering", month);
        assert_eq!(engineers(1).as_deref(), Some("2"));
        assert_eq!(engineers(2).as_deref(), Some("4"));
        assert_eq!(engineers(6).as_deref(), Some("4"));
        assert_eq!(engineers(12).as_deref(), Some("8"));
        assert_eq!(engineers(18).as_deref(), Some("12"));
        assert_eq!(engineers(36).as_deref(), Some("26"));
        assert_eq!(target("headcount_vs_plan", "all", 5).as_deref(), Some("7"));
        assert_eq!(target("headcount_vs_plan", "all", 18).as_deref(), Some("32"));
        assert_eq!(target("headcount_vs_plan", "all", 36).as_deref(), Some("75"));
    }

    #[test]
    fn a_later_plan_may_name_a_target_where_the_first_has_none() {
        let mut plan = Plan::carried();
        let named = |value: &str, stage| super::super::Target {
            kpi: crate::Label::parse("win_rate").unwrap(),
            stage,
            segment: None,
            value: value.parse().unwrap(),
        };
        plan.targets.extend([named("0.2", None), named("0.25", Some(2))]);
        let target = |month| plan.target("win_rate", "all", Grain::Month, month).map(|target| target.to_string());
        assert_eq!((target(1).as_deref(), target(7).as_deref()), (Some("0.2"), Some("0.25")));
    }

    #[test]
    fn a_stages_budget_is_spread_over_its_months() {
        let marketing = Plan::carried().monthly_budget(crate::finance::Category::Marketing, 7).unwrap();
        assert_eq!(marketing.normalize().to_string(), "74750");
    }
}
