//! A risk: raised, assessed anew, mitigated, closed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::Label;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// What part of the company would be hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RiskCategory {
    Organizational,
    Operational,
    Financial,
}

facts! {
    Risk "risk"
    RiskCommand {
        /// Something might go wrong.
        Raise(RaiseRisk) {
            category: RiskCategory,
            /// What might go wrong, in a few words.
            risk: Label,
            /// From 1, hardly, to 5, almost certainly.
            likelihood: u8,
            /// From 1, hardly felt, to 5, the company's end.
            impact: u8,
        }
        /// Likelihood or impact are others than thought.
        Reassess(ReassessRisk) {
            /// From 1, hardly, to 5, almost certainly.
            likelihood: u8,
            /// From 1, hardly felt, to 5, the company's end.
            impact: u8,
        }
        /// Something is done against it; at most 100 times.
        Mitigate(MitigateRisk) {
            /// What is done, in a few words.
            mitigation: Label,
        }
        /// It can no longer go wrong, or it did.
        Close(CloseRisk) {}
    }
    RiskEvent {
        RiskRaised "1.0" {
            category: RiskCategory,
            risk: Label,
            likelihood: u8,
            impact: u8,
        }
        RiskReassessed "1.0" {
            likelihood: u8,
            impact: u8,
        }
        RiskMitigated "1.0" {
            mitigation: Label,
        }
        RiskClosed "1.0" {}
    }
}

const MITIGATIONS_MAX: usize = 100;

/// What its own events have made of a risk.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Risk {
    #[default]
    Unknown,
    Known(Box<KnownRisk>),
}

/// A risk that was raised, as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownRisk {
    raised: RiskRaised,
    /// Likelihood and impact.
    grades: Timeline<(u8, u8)>,
    mitigations: BTreeSet<Label>,
    is_closed: bool,
}

impl Risk {
    pub fn decide(&self, command: RiskCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<RiskEvent>, Rejection> {
        match (self, command) {
            (Self::Unknown, RiskCommand::Raise(command)) => Ok(vec![raised(command, at)?.into()]),
            (Self::Unknown, _) => Err(Rejection::Unknown { what: "risk" }),
            (Self::Known(risk), RiskCommand::Raise(command)) => {
                let at = command.occurred_at.unwrap_or(risk.raised.occurred_at);
                if raised(command, at)? == risk.raised { Ok(vec![]) } else { Err(Rejection::Exists { what: "risk" }) }
            }
            (Self::Known(risk), command) => risk.decide(command, at),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &RiskEvent) -> Self {
        match (self, event) {
            (_, RiskEvent::RiskRaised(raised)) => Self::Known(Box::new(KnownRisk {
                raised: raised.clone(),
                grades: Timeline::from(raised.occurred_at, (raised.likelihood, raised.impact)),
                mitigations: BTreeSet::new(),
                is_closed: false,
            })),
            (Self::Known(risk), event) => Self::Known(Box::new(risk.evolve(event))),
            (Self::Unknown, _) => Self::Unknown,
        }
    }
}

impl KnownRisk {
    fn decide(&self, command: RiskCommand, at: DateTime<Utc>) -> Result<Vec<RiskEvent>, Rejection> {
        use RiskCommand::{Close, Mitigate, Raise, Reassess};
        let event = match command {
            Raise(_) => unreachable!("a known risk is not raised"),
            Close(_) if self.is_closed => return Ok(vec![]),
            Reassess(_) | Mitigate(_) if self.is_closed => return Err(Rejection::NotNow { detail: "the risk is closed" }),
            Reassess(ReassessRisk { likelihood, impact, occurred_at }) => {
                let (likelihood, impact) = grades(likelihood, impact)?;
                if !self.grades.is_news(occurred_at, at, &(likelihood, impact)) {
                    return Ok(vec![]);
                }
                RiskReassessed { likelihood, impact, occurred_at: at }.into()
            }
            Mitigate(MitigateRisk { mitigation, .. }) => {
                if self.mitigations.contains(&mitigation) {
                    return Ok(vec![]);
                }
                if self.mitigations.len() >= MITIGATIONS_MAX {
                    return Err(Rejection::NotNow { detail: "the risk has 100 mitigations, which is the most" });
                }
                RiskMitigated { mitigation, occurred_at: at }.into()
            }
            Close(_) => RiskClosed { occurred_at: at }.into(),
        };
        Ok(vec![event])
    }

    fn evolve(mut self, event: &RiskEvent) -> Self {
        match event {
            RiskEvent::RiskRaised(_) => self,
            RiskEvent::RiskReassessed(event) => {
                Self { grades: self.grades.with(event.occurred_at, (event.likelihood, event.impact)), ..self }
            }
            RiskEvent::RiskMitigated(event) => {
                self.mitigations.insert(event.mitigation.clone());
                self
            }
            RiskEvent::RiskClosed(_) => Self { is_closed: true, ..self },
        }
    }
}

fn raised(command: RaiseRisk, at: DateTime<Utc>) -> Result<RiskRaised, Rejection> {
    let RaiseRisk { category, risk, likelihood, impact, .. } = command;
    let (likelihood, impact) = grades(likelihood, impact)?;
    Ok(RiskRaised { category, risk, likelihood, impact, occurred_at: at })
}

fn grades(likelihood: u8, impact: u8) -> Result<(u8, u8), Rejection> {
    for (field, grade) in [("/likelihood", likelihood), ("/impact", impact)] {
        if !(1..=5).contains(&grade) {
            return Err(Rejection::Invalid { field, detail: "must be 1 to 5" });
        }
    }
    Ok((likelihood, impact))
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed};

    fn given(events: Vec<RiskEvent>) -> AggregateTestExecutor<Risk> {
        crate::testing::given(events)
    }
    fn command(name: &str, json: &str) -> RiskCommand {
        parsed!(Risk, name, json)
    }
    fn raise(likelihood: u8, impact: u8) -> RiskCommand {
        let what = r#""category":"financial","risk":"runway under a year""#;
        command("raise", &format!(r#"{{{what},"likelihood":{likelihood},"impact":{impact}}}"#))
    }
    fn reassess(likelihood: u8, impact: u8) -> RiskCommand {
        command("reassess", &format!(r#"{{"likelihood":{likelihood},"impact":{impact}}}"#))
    }
    fn mitigate(mitigation: &str) -> RiskCommand {
        command("mitigate", &format!(r#"{{"mitigation":"{mitigation}"}}"#))
    }
    fn label(text: &str) -> Label {
        Label::parse(text).unwrap()
    }
    fn was_raised() -> RiskEvent {
        let (category, risk) = (RiskCategory::Financial, label("runway under a year"));
        RiskRaised { category, risk, likelihood: 3, impact: 5, occurred_at: noon() }.into()
    }
    fn was_reassessed(likelihood: u8, impact: u8) -> RiskEvent {
        RiskReassessed { likelihood, impact, occurred_at: noon() }.into()
    }
    fn was_mitigated(mitigation: &str) -> RiskEvent {
        RiskMitigated { mitigation: label(mitigation), occurred_at: noon() }.into()
    }
    fn was_closed() -> RiskEvent {
        RiskClosed { occurred_at: noon() }.into()
    }

    #[test]
    fn a_risk_is_raised_once() {
        given(vec![]).when(raise(3, 5)).then_expect_events(vec![was_raised()]);
        for history in [vec![was_raised()], vec![was_raised(), was_reassessed(2, 5)], vec![was_raised(), was_closed()]] {
            given(history.clone()).when(raise(3, 5)).then_expect_events(vec![]);
            given(history).when(raise(2, 5)).then_expect_error(Rejection::Exists { what: "risk" });
        }
    }

    #[test]
    fn nothing_happens_to_a_risk_that_was_not_raised() {
        for command in [reassess(1, 1), mitigate("a second lender"), command("close", "{}")] {
            given(vec![]).when(command).then_expect_error(Rejection::Unknown { what: "risk" });
        }
    }

    #[test]
    fn likelihood_and_impact_are_1_to_5() {
        for (likelihood, impact, field) in [(0, 3, "/likelihood"), (6, 3, "/likelihood"), (3, 0, "/impact"), (3, 6, "/impact")]
        {
            let error = || Rejection::Invalid { field, detail: "must be 1 to 5" };
            given(vec![]).when(raise(likelihood, impact)).then_expect_error(error());
            given(vec![was_raised()]).when(reassess(likelihood, impact)).then_expect_error(error());
        }
        given(vec![was_raised()]).when(reassess(1, 1)).then_expect_events(vec![was_reassessed(1, 1)]);
    }

    #[test]
    fn a_risk_is_reassessed_to_something_new() {
        given(vec![was_raised()]).when(reassess(3, 5)).then_expect_events(vec![]);
        given(vec![was_raised()]).when(reassess(2, 5)).then_expect_events(vec![was_reassessed(2, 5)]);
        given(vec![was_raised(), was_reassessed(2, 5)]).when(reassess(2, 5)).then_expect_events(vec![]);
        given(vec![was_raised(), was_reassessed(2, 5)]).when(reassess(3, 5)).then_expect_events(vec![was_reassessed(3, 5)]);
    }

    #[test]
    fn each_mitigation_counts_once() {
        let (first, other) = (|| was_mitigated("a second lender"), || was_mitigated("slower hiring"));
        given(vec![was_raised()]).when(mitigate("a second lender")).then_expect_events(vec![first()]);
        given(vec![was_raised(), first()]).when(mitigate("slower hiring")).then_expect_events(vec![other()]);
        given(vec![was_raised(), first(), other()]).when(mitigate("a second lender")).then_expect_events(vec![]);
    }

    #[test]
    fn a_risk_has_100_mitigations_at_most() {
        let history = |count: usize| {
            let mitigations = (0..count).map(|number| was_mitigated(&format!("m-{number}")));
            [was_raised()].into_iter().chain(mitigations).collect::<Vec<_>>()
        };
        given(history(99)).when(mitigate("one more")).then_expect_events(vec![was_mitigated("one more")]);
        given(history(100)).when(mitigate("m-7")).then_expect_events(vec![]);
        given(history(100))
            .when(mitigate("one more"))
            .then_expect_error(Rejection::NotNow { detail: "the risk has 100 mitigations, which is the most" });
    }

    #[test]
    fn a_closed_risk_stays_as_it_is() {
        given(vec![was_raised()]).when(command("close", "{}")).then_expect_events(vec![was_closed()]);
        given(vec![was_raised(), was_closed()]).when(command("close", "{}")).then_expect_events(vec![]);
        for command in [reassess(1, 1), mitigate("a second lender")] {
            let error = Rejection::NotNow { detail: "the risk is closed" };
            given(vec![was_raised(), was_closed()]).when(command).then_expect_error(error);
        }
    }
}
