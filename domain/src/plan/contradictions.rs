//! Where a plan's own figures contradict each other. They stand as they are; whoever reads them is told.

use rust_decimal::Decimal;
use serde::Serialize;

use super::{Plan, Stage};
use crate::people::Function;

/// Two statements of a plan that cannot both be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contradiction {
    /// The KPIs whose targets it concerns.
    pub kpis: Vec<&'static str>,
    pub stage: u16,
    /// Both statements, in a sentence.
    pub detail: String,
}

impl Plan {
    /// All of them, by stage.
    pub fn contradictions(&self) -> Vec<Contradiction> {
        let mut found: Vec<Contradiction> = Vec::new();
        for (place, stage) in self.stages.iter().enumerate() {
            let mut say = |kpis: &[&'static str], detail: String| {
                found.push(Contradiction { kpis: kpis.to_vec(), stage: stage.number, detail });
            };
            if let Some(detail) = budget_shares(stage) {
                say(&["budget_variance"], detail);
            }
            if let Some(detail) = place.checked_sub(1).and_then(|before| self.payback(&self.stages[before], stage)) {
                say(&["cac_payback_months", "ltv_to_cac"], detail);
            }
            for detail in [self.teams(stage), sizes(stage), self.hires_against_size(stage)].into_iter().flatten() {
                say(&["headcount_vs_plan"], detail);
            }
            for detail in self.hires_against_totals(stage) {
                say(&["headcount_vs_plan"], detail);
            }
            if let Some(detail) = self.uptime(stage) {
                say(&["slo_uptime"], detail);
            }
        }
        found
    }

    fn teams(&self, stage: &Stage) -> Option<String> {
        let teams = self.teams.iter().filter(|team| team.stage == stage.number);
        let sum = teams.fold((0, 0), |sum, team| (sum.0 + team.people.0, sum.1 + team.people.1));
        (sum != (0, 0) && sum != stage.people).then(|| {
            format!(
                "the teams of stage {} add up to {}, where it names {} people",
                stage.number,
                range(sum),
                range(stage.people)
            )
        })
    }

    /// Only of a first stage do its hires alone make up its people.
    fn hires_against_size(&self, stage: &Stage) -> Option<String> {
        let is_first = self.stages.first().is_some_and(|first| first.number == stage.number);
        let hired: Decimal =
            self.hires.iter().filter(|hires| hires.stage == stage.number).map(|hires| hires.fte.decimal()).sum();
        let (least, most) = stage.people_after_hiring;
        let fits = (Decimal::from(least)..=Decimal::from(most)).contains(&hired);
        (is_first && !hired.is_zero() && !fits).then(|| {
            let stated = range(stage.people_after_hiring);
            format!(
                "the hires of stage {} add up to {}, where it names {stated} people after them",
                stage.number,
                hired.normalize()
            )
        })
    }

    fn hires_against_totals(&self, stage: &Stage) -> Vec<String> {
        let before = |function: Function| -> Decimal {
            let earlier = self.hires.iter().filter(|hires| hires.function == function && hires.stage < stage.number);
            let stated =
                earlier.clone().filter_map(|hires| Some((hires.stage, hires.total?.decimal()))).max_by_key(|(stage, _)| *stage);
            stated.map_or_else(|| earlier.map(|hires| hires.fte.decimal()).sum(), |(_, total)| total)
        };
        let hires = self.hires.iter().filter(|hires| hires.stage == stage.number);
        hires
            .filter_map(|hires| {
                let (stated, reached) = (hires.total?.decimal(), before(hires.function) + hires.fte.decimal());
                let function = hires.function.as_str().replace('_', " ");
                (stated != reached).then(|| {
                    let reached = reached.normalize();
                    format!("the hires of stage {} reach {reached} in {function}, where it names {stated}", stage.number)
                })
            })
            .collect()
    }

    /// What a customer brings in a month follows from CAC and payback; with the same lifetime value it should be the same.
    fn payback(&self, before: &Stage, stage: &Stage) -> Option<String> {
        let monthly = |stage: &Stage| stage.cac.decimal().checked_div(stage.cac_payback_months.decimal());
        let (was, is) = (monthly(before)?, monthly(stage)?);
        let money = |amount: Decimal| format!("{} {}", self.currency.as_str(), amount.normalize());
        (before.ltv == stage.ltv && was != is).then(|| {
            format!(
                "a customer pays their cost back at {} a month in stage {} and at {} in stage {}, with the same lifetime \
                 value: the payback of one is on revenue, of the other on gross profit",
                money(was),
                before.number,
                money(is),
                stage.number
            )
        })
    }

    fn uptime(&self, stage: &Stage) -> Option<String> {
        let levels = self.service_levels.iter().filter(|level| level.kpi.as_str() == "slo_uptime");
        let everywhere =
            levels.filter_map(|level| level.objective).map(|objective| objective.decimal() * Decimal::ONE_HUNDRED).next()?;
        let own = stage.uptime_percent.decimal();
        (everywhere != own).then(|| {
            format!("stage {} is to be up {own} % of the time, the plan as a whole {} %", stage.number, everywhere.normalize())
        })
    }
}

fn budget_shares(stage: &Stage) -> Option<String> {
    let sum: u32 = stage.budget_shares.iter().map(|share| u32::from(share.percent)).sum();
    (sum != 100).then(|| format!("the shares of the budget of stage {} add up to {sum} %", stage.number))
}

fn sizes(stage: &Stage) -> Option<String> {
    (stage.people != stage.people_after_hiring).then(|| {
        let (named, hired) = (range(stage.people), range(stage.people_after_hiring));
        format!("stage {} names {named} people in one place and {hired} in another", stage.number)
    })
}

fn range((least, most): (u32, u32)) -> String {
    if least == most { least.to_string() } else { format!("{least}–{most}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strategys_known_contradictions_are_found() {
        let found: Vec<String> = Plan::carried().contradictions().into_iter().map(|found| found.detail).collect();
        for known in [
            "the shares of the budget of stage 1 add up to 101 %",
            "the shares of the budget of stage 2 add up to 101 %",
            "at USD 50 a month in stage 1 and at USD 40 in stage 2",
            "the teams of stage 1 add up to 9–13, where it names 8–12 people",
            "the hires of stage 1 add up to 7, where it names 8–10 people after them",
            "the hires of stage 2 reach 10 in engineering, where it names 12",
            "the hires of stage 2 reach 5.5 in sales, where it names 6",
            "the hires of stage 2 reach 3.5 in marketing, where it names 4",
            "stage 2 names 20–35 people in one place and 30–35 in another",
            "stage 3 names 50–75 people in one place and 75 in another",
        ] {
            assert!(found.iter().any(|detail| detail.contains(known)), "{known}\n{found:#?}");
        }
    }

    #[test]
    fn what_fits_together_is_no_contradiction() {
        let mut plan = Plan::carried();
        plan.teams.clear();
        plan.hires.clear();
        plan.service_levels.clear();
        for stage in &mut plan.stages {
            stage.people = stage.people_after_hiring;
            stage.cac_payback_months = "5".parse().unwrap();
            stage.cac = "200.00".parse().unwrap();
            stage.budget_shares[0].percent = 100;
            stage.budget_shares.truncate(1);
        }
        assert_eq!(plan.contradictions(), []);
    }
}
