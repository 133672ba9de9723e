//! A gate's item: what must be so before the company moves on to its next phase.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::Reference;
use crate::recorded::EventRef;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// Which two phases the gate lies between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    FoundationToSystematization,
    SystematizationToOptimization,
}

facts! {
    GateItem "gate_item"
    GateItemCommand {
        /// The item, such as `series_a_funding_secured`, is met; again, to give newer evidence.
        Meet(MeetGateItem) {
            transition: Transition,
            evidence: Reference,
            /// The event of this ledger that it rests on.
            relied_on: Option<EventRef>,
        }
        /// It is met no more.
        Reopen(ReopenGateItem) {}
    }
    GateItemEvent {
        GateItemMet "1.0" {
            transition: Transition,
            evidence: Reference,
            #[serde(skip_serializing_if = "Option::is_none")]
            relied_on: Option<EventRef>,
        }
        GateItemReopened "1.0" {}
    }
}

/// Which gate it belongs to, and whether it was met when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GateItem {
    of: Option<Transition>,
    standings: Timeline<Standing>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Standing {
    Met(Reference, Option<EventRef>),
    Reopened,
}

impl GateItem {
    pub fn decide(&self, command: GateItemCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<GateItemEvent>, Rejection> {
        use GateItemCommand::{Meet, Reopen};
        match (self.of, command) {
            (None, Reopen(_)) => Err(Rejection::Unknown { what: "gate_item" }),
            (Some(transition), Meet(command)) if command.transition != transition => {
                Err(Rejection::Exists { what: "gate_item" })
            }
            (_, Meet(MeetGateItem { transition, evidence, relied_on, occurred_at })) => {
                if !self.standings.is_news(occurred_at, at, &Standing::Met(evidence.clone(), relied_on)) {
                    return Ok(vec![]);
                }
                Ok(vec![GateItemMet { transition, evidence, relied_on, occurred_at: at }.into()])
            }
            (Some(_), Reopen(ReopenGateItem { occurred_at })) => {
                if !self.standings.is_news(occurred_at, at, &Standing::Reopened) {
                    return Ok(vec![]);
                }
                Ok(vec![GateItemReopened { occurred_at: at }.into()])
            }
        }
    }

    #[must_use]
    pub fn evolve(self, event: &GateItemEvent) -> Self {
        match event {
            GateItemEvent::GateItemMet(met) => Self {
                of: Some(met.transition),
                standings: self.standings.with(met.occurred_at, Standing::Met(met.evidence.clone(), met.relied_on)),
            },
            GateItemEvent::GateItemReopened(reopened) => {
                Self { standings: self.standings.with(reopened.occurred_at, Standing::Reopened), ..self }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<GateItemEvent>) -> AggregateTestExecutor<GateItem> {
        crate::testing::given(events)
    }
    fn meet(evidence: &str) -> GateItemCommand {
        meet_with(&format!(r#""transition":"foundation_to_systematization","evidence":"{evidence}""#))
    }
    fn meet_with(content: &str) -> GateItemCommand {
        parsed!(GateItem, "meet", format!("{{{content}}}"))
    }
    fn reopen() -> GateItemCommand {
        parsed!(GateItem, "reopen", "{}")
    }
    fn was_met(evidence: &str, at: DateTime<Utc>) -> GateItemEvent {
        let (transition, evidence) = (Transition::FoundationToSystematization, Reference::parse(evidence).unwrap());
        GateItemMet { transition, evidence, relied_on: None, occurred_at: at }.into()
    }
    fn was_reopened() -> GateItemEvent {
        GateItemReopened { occurred_at: noon() }.into()
    }

    #[test]
    fn an_item_is_met_and_met_again_by_newer_evidence() {
        let first = || was_met("term sheet", noon());
        given(vec![]).when(meet("term sheet")).then_expect_events(vec![first()]);
        given(vec![first()]).when(meet("term sheet")).then_expect_events(vec![]);
        given(vec![first()]).when(meet("contract")).then_expect_events(vec![was_met("contract", noon())]);
    }

    #[test]
    fn an_item_may_rest_on_an_event_of_the_ledger() {
        const RESTING: &str =
            r#""transition":"systematization_to_optimization","evidence":"the ledger itself","relied_on":"3-41""#;
        let resting: GateItemEvent = GateItemMet {
            transition: Transition::SystematizationToOptimization,
            evidence: Reference::parse("the ledger itself").unwrap(),
            relied_on: Some("3-41".parse().unwrap()),
            occurred_at: noon(),
        }
        .into();
        given(vec![]).when(meet_with(RESTING)).then_expect_events(vec![resting.clone()]);
        given(vec![resting.clone()]).when(meet_with(RESTING)).then_expect_events(vec![]);
        let on_another = GateItemMet {
            transition: Transition::SystematizationToOptimization,
            evidence: Reference::parse("the ledger itself").unwrap(),
            relied_on: Some("3-42".parse().unwrap()),
            occurred_at: noon(),
        };
        given(vec![resting]).when(meet_with(&RESTING.replace("3-41", "3-42"))).then_expect_events(vec![on_another.into()]);
    }

    #[test]
    fn an_item_is_of_one_gate() {
        let other = || meet_with(r#""transition":"systematization_to_optimization","evidence":"term sheet""#);
        for history in [vec![was_met("term sheet", noon())], vec![was_met("term sheet", noon()), was_reopened()]] {
            given(history).when(other()).then_expect_error(Rejection::Exists { what: "gate_item" });
        }
    }

    #[test]
    fn an_item_reopens_once() {
        given(vec![was_met("term sheet", noon())]).when(reopen()).then_expect_events(vec![was_reopened()]);
        given(vec![was_met("term sheet", noon()), was_reopened()]).when(reopen()).then_expect_events(vec![]);
        given(vec![]).when(reopen()).then_expect_error(Rejection::Unknown { what: "gate_item" });
    }

    #[test]
    fn a_reopened_item_is_met_again_later() {
        let history = || vec![was_met("term sheet", at("2026-10-30T12:00:00Z")), was_reopened()];
        given(history()).when(meet("term sheet")).then_expect_events(vec![was_met("term sheet", noon())]);
        const SENT_TWICE: &str =
            r#""transition":"foundation_to_systematization","evidence":"term sheet","occurred_at":"2026-10-30T12:00:00Z""#;
        given(history()).when(meet_with(SENT_TWICE)).then_expect_events(vec![]);
        let contract = was_met("contract", at("2026-10-30T12:00:00Z"));
        given(history()).when(meet_with(&SENT_TWICE.replace("term sheet", "contract"))).then_expect_events(vec![contract]);
    }
}
