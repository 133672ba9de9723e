//! A deployment: finished once, perhaps rolled back later.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{ChangeId, IncidentId};
use crate::rejection::Rejection;

/// Where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    Production,
    Staging,
    Test,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentResult {
    Succeeded,
    Failed,
}

/// Why it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentReason {
    #[default]
    Planned,
    /// Unplanned, because of an incident.
    Incident,
}

/// One change that a deployment brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Such as the commit's hash.
    pub id: ChangeId,
    pub committed_at: DateTime<Utc>,
}

facts! {
    Deployment "deployment"
    DeploymentCommand {
        /// A deployment has ended; `occurred_at` is when.
        Finish(FinishDeployment) {
            environment: Environment,
            result: DeploymentResult,
            #[serde(default)]
            reason: DeploymentReason,
            /// The incident that it was made for.
            incident_id: Option<IncidentId>,
            /// What it brought, for the lead time; at most 500.
            #[serde(default)]
            changes: Vec<Change>,
        }
        /// The deployment was taken back.
        RollBack(RollBackDeployment) {}
    }
    DeploymentEvent {
        DeploymentFinished "1.0" {
            environment: Environment,
            result: DeploymentResult,
            reason: DeploymentReason,
            #[serde(skip_serializing_if = "Option::is_none")]
            incident_id: Option<IncidentId>,
            changes: Vec<Change>,
        }
        /// Says the environment again, so that whoever counts need not look it up.
        DeploymentRolledBack "1.0" {
            environment: Environment,
            finished_at: DateTime<Utc>,
        }
    }
}

const CHANGES_MAX: usize = 500;

/// What its own events have made of a deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Deployment {
    #[default]
    Unknown,
    Finished(Box<DeploymentFinished>),
    RolledBack(Box<DeploymentFinished>),
}

impl Deployment {
    pub fn decide(
        &self,
        command: DeploymentCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<DeploymentEvent>, Rejection> {
        use DeploymentCommand::{Finish, RollBack};
        match (self, command) {
            (Self::Unknown, Finish(command)) => Ok(vec![finished(command, at)?.into()]),
            (Self::Finished(known) | Self::RolledBack(known), Finish(command)) => {
                let at = command.occurred_at.unwrap_or(known.occurred_at);
                if finished(command, at)? == **known { Ok(vec![]) } else { Err(Rejection::Exists { what: "deployment" }) }
            }
            (Self::Unknown, RollBack(_)) => Err(Rejection::Unknown { what: "deployment" }),
            (Self::Finished(known), RollBack(_)) => {
                let (environment, finished_at) = (known.environment, known.occurred_at);
                Ok(vec![DeploymentRolledBack { environment, finished_at, occurred_at: at }.into()])
            }
            (Self::RolledBack(_), RollBack(_)) => Ok(vec![]),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &DeploymentEvent) -> Self {
        match (self, event) {
            (_, DeploymentEvent::DeploymentFinished(finished)) => Self::Finished(Box::new(finished.clone())),
            (Self::Finished(known), DeploymentEvent::DeploymentRolledBack(_)) => Self::RolledBack(known),
            (state, DeploymentEvent::DeploymentRolledBack(_)) => state,
        }
    }
}

fn finished(command: FinishDeployment, at: DateTime<Utc>) -> Result<DeploymentFinished, Rejection> {
    let FinishDeployment { environment, result, reason, incident_id, changes, .. } = command;
    if changes.len() > CHANGES_MAX {
        return Err(Rejection::Invalid { field: "/changes", detail: "holds more than 500 changes" });
    }
    if changes.iter().any(|change| change.committed_at > at) {
        return Err(Rejection::Invalid { field: "/changes", detail: "holds a change that was committed after the deployment" });
    }
    Ok(DeploymentFinished { environment, result, reason, incident_id, changes, occurred_at: at })
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<DeploymentEvent>) -> AggregateTestExecutor<Deployment> {
        crate::testing::given(events)
    }
    fn finish(json: &str) -> DeploymentCommand {
        parsed!(Deployment, "finish", json)
    }
    fn roll_back() -> DeploymentCommand {
        parsed!(Deployment, "roll_back", "{}")
    }
    fn was_finished() -> DeploymentEvent {
        DeploymentFinished {
            environment: Environment::Production,
            result: DeploymentResult::Succeeded,
            reason: DeploymentReason::Planned,
            incident_id: None,
            changes: vec![Change { id: ChangeId::parse("4f2a").unwrap(), committed_at: at("2026-10-31T09:00:00Z") }],
            occurred_at: noon(),
        }
        .into()
    }
    fn was_rolled_back() -> DeploymentEvent {
        DeploymentRolledBack { environment: Environment::Production, finished_at: noon(), occurred_at: noon() }.into()
    }

    const FINISH: &str = r#"{"environment":"production","result":"succeeded",
        "changes":[{"id":"4f2a","committed_at":"2026-10-31T09:00:00Z"}]}"#;

    #[test]
    fn a_deployment_finishes_once() {
        given(vec![]).when(finish(FINISH)).then_expect_events(vec![was_finished()]);
        given(vec![was_finished()]).when(finish(FINISH)).then_expect_events(vec![]);
        given(vec![was_finished(), was_rolled_back()]).when(finish(FINISH)).then_expect_events(vec![]);
        let failed = finish(r#"{"environment":"production","result":"failed"}"#);
        given(vec![was_finished()]).when(failed).then_expect_error(Rejection::Exists { what: "deployment" });
    }

    #[test]
    fn a_deployment_is_rolled_back_once_and_only_after_it_finished() {
        given(vec![was_finished()]).when(roll_back()).then_expect_events(vec![was_rolled_back()]);
        given(vec![was_finished(), was_rolled_back()]).when(roll_back()).then_expect_events(vec![]);
        given(vec![]).when(roll_back()).then_expect_error(Rejection::Unknown { what: "deployment" });
    }

    #[test]
    fn no_change_is_committed_after_its_deployment() {
        let late = r#"{"environment":"production","result":"succeeded",
            "changes":[{"id":"4f2a","committed_at":"2026-10-31T12:00:01Z"}]}"#;
        let detail = "holds a change that was committed after the deployment";
        given(vec![]).when(finish(late)).then_expect_error(Rejection::Invalid { field: "/changes", detail });
    }

    #[test]
    fn a_deployment_brings_at_most_500_changes() {
        let change = r#"{"id":"4f2a","committed_at":"2026-10-31T09:00:00Z"}"#;
        let of = |count| format!(r#"{{"environment":"test","result":"failed","changes":[{}]}}"#, vec![change; count].join(","));
        let detail = "holds more than 500 changes";
        given(vec![]).when(finish(&of(501))).then_expect_error(Rejection::Invalid { field: "/changes", detail });
        let Ok(events) = Deployment::Unknown.decide(finish(&of(500)), noon(), &Context::at(noon())) else { panic!("refused") };
        assert_eq!(events.len(), 1);
    }
}
