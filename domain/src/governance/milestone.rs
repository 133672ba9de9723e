//! A milestone of infrastructure, security or compliance: reached, perhaps lost again.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{Label, Reference};
use crate::rejection::Rejection;
use crate::timeline::Timeline;

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

/// What it is, and whether it held when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Milestone {
    of: Option<(MilestoneArea, Label)>,
    standings: Timeline<Standing>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Standing {
    Reached(Reference),
    Reopened,
}

impl Milestone {
    pub fn decide(&self, command: MilestoneCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<MilestoneEvent>, Rejection> {
        use MilestoneCommand::{Reach, Reopen};
        let (said_at, standing) = match &command {
            Reach(command) => (command.occurred_at, Standing::Reached(command.evidence.clone())),
            Reopen(command) => (command.occurred_at, Standing::Reopened),
        };
        match (&self.of, command) {
            (None, Reopen(_)) => Err(Rejection::Unknown { what: "milestone" }),
            (Some((area, milestone)), Reach(command)) if (command.area, &command.milestone) != (*area, milestone) => {
                Err(Rejection::Exists { what: "milestone" })
            }
            (Some(_), Reopen(_)) if self.standings.at(at).is_none() => {
                Err(Rejection::Invalid { field: "/occurred_at", detail: "is before the milestone was reached" })
            }
            _ if !self.standings.is_news(said_at, at, &standing) => Ok(vec![]),
            (_, Reach(ReachMilestone { area, milestone, evidence, .. })) => {
                Ok(vec![MilestoneReached { area, milestone, evidence, occurred_at: at }.into()])
            }
            (Some(_), Reopen(_)) => Ok(vec![MilestoneReopened { occurred_at: at }.into()]),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &MilestoneEvent) -> Self {
        match event {
            MilestoneEvent::MilestoneReached(MilestoneReached { area, milestone, evidence, occurred_at }) => Self {
                of: Some((*area, milestone.clone())),
                standings: self.standings.with(*occurred_at, Standing::Reached(evidence.clone())),
            },
            MilestoneEvent::MilestoneReopened(reopened) => {
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

    fn given(events: Vec<MilestoneEvent>) -> AggregateTestExecutor<Milestone> {
        crate::testing::given(events)
    }
    fn reach(area: &str, evidence: &str) -> MilestoneCommand {
        let json = format!(r#"{{"area":"{area}","milestone":"soc_2_type_i_certification","evidence":"{evidence}"}}"#);
        parsed!(Milestone, "reach", json)
    }
    fn reach_at(time: &str, evidence: &str) -> MilestoneCommand {
        let MilestoneCommand::Reach(command) = reach("compliance", evidence) else { unreachable!("it reaches") };
        MilestoneCommand::Reach(ReachMilestone { occurred_at: Some(at(time)), ..command })
    }
    fn reopen() -> MilestoneCommand {
        parsed!(Milestone, "reopen", "{}")
    }
    fn reopen_at(time: &str) -> MilestoneCommand {
        parsed!(Milestone, "reopen", format!(r#"{{"occurred_at":"{time}"}}"#))
    }
    fn was_reached(evidence: &str) -> MilestoneEvent {
        was_reached_at(noon(), evidence)
    }
    fn was_reached_at(occurred_at: DateTime<Utc>, evidence: &str) -> MilestoneEvent {
        MilestoneReached {
            area: MilestoneArea::Compliance,
            milestone: Label::parse("soc_2_type_i_certification").unwrap(),
            evidence: Reference::parse(evidence).unwrap(),
            occurred_at,
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

    #[test]
    fn earlier_evidence_that_arrives_late_takes_its_place_before_what_is_known() {
        const EARLIER: &str = "2026-10-01T00:00:00Z";
        let late = || was_reached_at(at(EARLIER), "draft");
        given(vec![was_reached("report")]).when(reach_at(EARLIER, "draft")).then_expect_events(vec![late()]);
        given(vec![was_reached("report"), late()]).when(reach_at(EARLIER, "draft")).then_expect_events(vec![]);
        given(vec![was_reached("report"), late()]).when(reach("compliance", "report")).then_expect_events(vec![]);
    }

    #[test]
    fn a_command_sent_twice_says_nothing_new_whatever_was_said_between() {
        let [first, lost_at, again] = ["2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", "2026-10-03T00:00:00Z"];
        let lost: MilestoneEvent = MilestoneReopened { occurred_at: at(lost_at) }.into();
        let history = || vec![was_reached_at(at(first), "r"), lost.clone(), was_reached_at(at(again), "s")];
        for command in [reach_at(first, "r"), reopen_at(lost_at), reach_at(again, "s")] {
            given(history()).when(command).then_expect_events(vec![]);
        }
    }

    #[test]
    fn a_milestone_is_not_lost_before_it_was_reached() {
        let detail = "is before the milestone was reached";
        given(vec![was_reached("r")])
            .when(reopen_at("2026-10-31T11:59:59Z"))
            .then_expect_error(Rejection::Invalid { field: "/occurred_at", detail });
    }
}
