//! Adopting a plan, and revising it by a later version.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Plan;
use crate::collections::Context;
use crate::facts::facts;
use crate::rejection::Rejection;

facts! {
    PlanAdoption "plan"
    PlanAdoptionCommand {
        /// From `occurred_at` on this plan is in force; a later version replaces it.
        Adopt(AdoptPlan) {
            /// The company's month 1, by its first day; default: the month of its first interaction.
            first_month: Option<NaiveDate>,
            plan: Plan,
        }
    }
    PlanAdoptionEvent {
        PlanAdopted "1.0" {
            #[serde(skip_serializing_if = "Option::is_none")]
            first_month: Option<NaiveDate>,
            plan: Plan,
        }
    }
}

/// Every version that was adopted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanAdoption(BTreeMap<u16, PlanAdopted>);

impl PlanAdoption {
    pub fn decide(
        &self,
        command: PlanAdoptionCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<PlanAdoptionEvent>, Rejection> {
        let PlanAdoptionCommand::Adopt(AdoptPlan { first_month, plan, occurred_at }) = command;
        if first_month.is_some_and(|month| month.day() != 1) {
            let detail = "must be the first day of a month, such as 2026-10-01";
            return Err(Rejection::Invalid { field: "/first_month", detail });
        }
        plan.check().map_err(|(field, detail)| Rejection::Invalid { field, detail })?;
        match self.0.get(&plan.version) {
            Some(known) => {
                let said = PlanAdopted { first_month, plan, occurred_at: occurred_at.unwrap_or(known.occurred_at) };
                if said == *known { Ok(vec![]) } else { Err(Rejection::Exists { what: "plan's version" }) }
            }
            None => Ok(vec![PlanAdopted { first_month, plan, occurred_at: at }.into()]),
        }
    }

    #[must_use]
    pub fn evolve(mut self, event: &PlanAdoptionEvent) -> Self {
        let PlanAdoptionEvent::PlanAdopted(adopted) = event;
        self.0.insert(adopted.plan.version, adopted.clone());
        self
    }
}

impl Plan {
    /// What must hold for the plan to be read at all: the field at fault, and what is wrong.
    fn check(&self) -> Result<(), (&'static str, &'static str)> {
        let mut next_month = 1;
        for stage in &self.stages {
            if stage.months.0 != next_month || stage.months.1 < stage.months.0 {
                return Err(("/plan/stages", "must follow each other month by month, from month 1"));
            }
            next_month = stage.months.1 + 1;
        }
        if self.stages.is_empty() {
            return Err(("/plan/stages", "must hold a stage"));
        }
        let is_known = |number: u16| self.stages.iter().any(|stage| stage.number == number);
        if !self.hires.iter().all(|hires| is_known(hires.stage) && hires.months.0 <= hires.months.1) {
            return Err(("/plan/hires", "must be of stages that there are, in months that follow each other"));
        }
        let kpis =
            self.targets.iter().map(|target| &target.kpi).chain(self.gate_items.iter().filter_map(|item| item.kpi.as_ref()));
        if kpis.into_iter().any(|kpi| crate::kpis::find(kpi.as_str()).is_none()) {
            return Err(("/plan/targets", "and the figures of gate items must be of KPIs that there are"));
        }
        if self.gate_items.iter().any(|item| item.kpi.as_ref().is_some_and(|kpi| !GATE_KPIS.contains(&kpi.as_str()))) {
            return Err(("/plan/gate_items", "can be met by the figures arr and mrr, or by evidence"));
        }
        if self.gate_items.iter().any(|item| item.kpi.is_some() != item.at_least.is_some()) {
            return Err(("/plan/gate_items", "must name both a figure and what it is to be at least, or neither"));
        }
        Ok(())
    }
}

/// What the ledger can tell of a gate's item by itself.
const GATE_KPIS: [&str; 2] = ["arr", "mrr"];

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::noon;

    fn given(events: Vec<PlanAdoptionEvent>) -> AggregateTestExecutor<PlanAdoption> {
        crate::testing::given(events)
    }
    fn adopt(plan: Plan) -> PlanAdoptionCommand {
        PlanAdoptionCommand::Adopt(AdoptPlan { first_month: None, plan, occurred_at: None })
    }
    fn was_adopted(plan: Plan) -> PlanAdoptionEvent {
        PlanAdopted { first_month: None, plan, occurred_at: noon() }.into()
    }
    fn revised() -> Plan {
        Plan { version: 2, ..Plan::carried() }
    }

    #[test]
    fn a_plan_is_adopted_and_revised_by_a_later_version() {
        given(vec![]).when(adopt(Plan::carried())).then_expect_events(vec![was_adopted(Plan::carried())]);
        given(vec![was_adopted(Plan::carried())]).when(adopt(Plan::carried())).then_expect_events(vec![]);
        given(vec![was_adopted(Plan::carried())]).when(adopt(revised())).then_expect_events(vec![was_adopted(revised())]);
    }

    #[test]
    fn a_version_says_one_thing_only() {
        let mut other = Plan::carried();
        other.stages[0].users += 1;
        given(vec![was_adopted(Plan::carried())])
            .when(adopt(other))
            .then_expect_error(Rejection::Exists { what: "plan's version" });
    }

    #[test]
    fn a_plan_that_cannot_be_read_is_refused() {
        let mut gap = Plan::carried();
        gap.stages[1].months.0 = 8;
        let detail = "must follow each other month by month, from month 1";
        given(vec![]).when(adopt(gap)).then_expect_error(Rejection::Invalid { field: "/plan/stages", detail });
        let by_figure = |kpi: &str, at_least: Option<&str>| {
            let mut plan = Plan::carried();
            plan.gate_items[0].kpi = Some(crate::Label::parse(kpi).unwrap());
            plan.gate_items[0].at_least = at_least.map(|value| value.parse().unwrap());
            plan
        };
        let detail = "can be met by the figures arr and mrr, or by evidence";
        let error = Rejection::Invalid { field: "/plan/gate_items", detail };
        given(vec![]).when(adopt(by_figure("win_rate", Some("1")))).then_expect_error(error);
        let detail = "must name both a figure and what it is to be at least, or neither";
        let error = Rejection::Invalid { field: "/plan/gate_items", detail };
        given(vec![]).when(adopt(by_figure("mrr", None))).then_expect_error(error);
        let mut unknown = Plan::carried();
        unknown.targets[0].kpi = crate::Label::parse("happiness").unwrap();
        let detail = "and the figures of gate items must be of KPIs that there are";
        given(vec![]).when(adopt(unknown)).then_expect_error(Rejection::Invalid { field: "/plan/targets", detail });
    }

    #[test]
    fn the_plan_in_toml_is_the_plan_in_json() {
        let json = serde_json::to_vec(&Plan::carried()).unwrap();
        assert_eq!(serde_json::from_slice::<Plan>(&json).unwrap(), Plan::carried());
    }
}
