//! A milestone of infrastructure, security or compliance: reached, perhaps lost again.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{Label, Reference};
use crate::rejection::Rejection;

/// What the milestone belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MilestoneArea {
    Infrastructure,
    Security,
    Compliance,
}

facts! {
    Milestone "milestone"
    MilestoneCommand {
        /// The milestone is reached; again, to give newer evidence.
        Reach(ReachMilestone) {
            area: MilestoneArea,
            /// As the plan names it, such as `database_read_replicas`.
            milestone: Label,
            evidence: Reference,
        }
        /// It holds no more, such as a certificate that ran out.
        Reopen(ReopenMilestone) {}
    }
    MilestoneEvent {
        MilestoneReached "1.0" {
            area: MilestoneArea,
            milestone: Label,
            evidence: Reference,
        }
        MilestoneReopened "1.0" {}
    }
}

/// How it was last reached.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Milestone {
    #[default]
    Unknown,
    Reached(MilestoneReached),
    Reopened(MilestoneReached),
}

impl Milestone {
    pub fn decide(&self, command: MilestoneCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<MilestoneEvent>, Rejection> {
        use MilestoneCommand::{Reach, Reopen};
        match (self, command) {
            (Self::Unknown, Reopen(_)) => Err(Rejection::Unknown { what: "milestone" }),
            (Self::Reached(_), Reopen(_)) => Ok(vec![MilestoneReopened { occurred_at: at }.into()]),
            (Self::Reopened(_), Reopen(_)) => Ok(vec![]),
            (Self::Reached(known) | Self::Reopened(known), Reach(command))
                if (command.area, &command.milestone) != (known.area, &known.milestone) =>
            {
                Err(Rejection::Exists { what: "milestone" })
            }
            (Self::Reached(known), Reach(command)) if command.evidence == known.evidence => Ok(vec![]),
            // A reopened one is reached again at a later time only: the same time is the same, sent twice.
            (Self::Reopened(known), Reach(command))
                if command.evidence == known.evidence && command.occurred_at.is_some_and(|at| at <= known.occurred_at) =>
            {
                Ok(vec![])
            }
            (_, Reach(ReachMilestone { area, milestone, evidence, .. })) => {
                Ok(vec![MilestoneReached { area, milestone, evidence, occurred_at: at }.into()])
            }
        }
    }

    #[must_use]
    pub fn evolve(self, event: &MilestoneEvent) -> Self {
        match (self, event) {
            (_, MilestoneEvent::MilestoneReached(reached)) => Self::Reached(reached.clone()),
            (Self::Reached(known), MilestoneEvent::MilestoneReopened(_)) => Self::Reopened(known),
            (state, MilestoneEvent::MilestoneReopened(_)) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed};

    fn given(events: Vec<MilestoneEvent>) -> AggregateTestExecutor<Milestone> {
        crate::testing::given(events)
    }
    fn reach(area: &str, evidence: &str) -> MilestoneCommand {
        let json = format!(r#"{{"area":"{area}","milestone":"soc_2_type_i_certification","evidence":"{evidence}"}}"#);
        parsed!(Milestone, "reach", json)
    }
    fn reopen() -> MilestoneCommand {
        parsed!(Milestone, "reopen", "{}")
    }
    fn was_reached(evidence: &str) -> MilestoneEvent {
        MilestoneReached {
            area: MilestoneArea::Compliance,
            milestone: Label::parse("soc_2_type_i_certification").unwrap(),
            evidence: Reference::parse(evidence).unwrap(),
            occurred_at: noon(),
        }
        .into()
    }
    fn was_reopened() -> MilestoneEvent {
        MilestoneReopened { occurred_at: noon() }.into()
    }

    #[test]
    fn a_milestone_is_reached_and_again_by_newer_evidence() {
        given(vec![]).when(reach("compliance", "report-1")).then_expect_events(vec![was_reached("report-1")]);
        given(vec![was_reached("report-1")]).when(reach("compliance", "report-1")).then_expect_events(vec![]);
        given(vec![was_reached("report-1")])
            .when(reach("compliance", "report-2"))
            .then_expect_events(vec![was_reached("report-2")]);
        given(vec![was_reached("report-1")])
            .when(reach("security", "report-1"))
            .then_expect_error(Rejection::Exists { what: "milestone" });
    }

    #[test]
    fn a_milestone_is_lost_and_reached_again() {
        given(vec![was_reached("r")]).when(reopen()).then_expect_events(vec![was_reopened()]);
        given(vec![was_reached("r"), was_reopened()]).when(reopen()).then_expect_events(vec![]);
        given(vec![]).when(reopen()).then_expect_error(Rejection::Unknown { what: "milestone" });
        given(vec![was_reached("r"), was_reopened()]).when(reach("compliance", "r")).then_expect_events(vec![was_reached("r")]);
    }
}
