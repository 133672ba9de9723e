//! An incident: opened, perhaps traced to a deployment, resolved once.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::DeploymentId;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Critical,
    Major,
    Minor,
}

facts! {
    Incident "incident"
    IncidentCommand {
        /// Something broke.
        Open(OpenIncident) {
            severity: Severity,
            /// The deployment that caused it, if one is known to.
            caused_by: Option<DeploymentId>,
        }
        /// The deployment that caused it was found, or another than thought.
        Attribute(AttributeIncident) {
            caused_by: DeploymentId,
        }
        /// It works again.
        Resolve(ResolveIncident) {}
    }
    IncidentEvent {
        IncidentOpened "1.0" {
            severity: Severity,
            #[serde(skip_serializing_if = "Option::is_none")]
            caused_by: Option<DeploymentId>,
        }
        IncidentAttributed "1.0" {
            caused_by: DeploymentId,
        }
        /// Says again when it was opened, so that whoever measures need not look it up.
        IncidentResolved "1.0" {
            opened_at: DateTime<Utc>,
        }
    }
}

/// What its own events have made of an incident.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    opened: Option<IncidentOpened>,
    causes: Timeline<DeploymentId>,
    resolved_at: Option<DateTime<Utc>>,
}

impl Incident {
    pub fn decide(&self, command: IncidentCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<IncidentEvent>, Rejection> {
        use IncidentCommand::{Attribute, Open, Resolve};
        let event = match (&self.opened, command) {
            (None, Open(OpenIncident { severity, caused_by, .. })) => {
                IncidentOpened { severity, caused_by, occurred_at: at }.into()
            }
            (Some(known), Open(OpenIncident { severity, caused_by, occurred_at })) => {
                let said = IncidentOpened { severity, caused_by, occurred_at: occurred_at.unwrap_or(known.occurred_at) };
                return if said == *known { Ok(vec![]) } else { Err(Rejection::Exists { what: "incident" }) };
            }
            (None, _) => return Err(Rejection::Unknown { what: "incident" }),
            // It is often found after all works again.
            (Some(_), Attribute(AttributeIncident { caused_by, occurred_at })) => {
                if !self.causes.is_news(occurred_at, at, &caused_by) {
                    return Ok(vec![]);
                }
                IncidentAttributed { caused_by, occurred_at: at }.into()
            }
            (Some(_), Resolve(_)) if self.resolved_at.is_some() => return Ok(vec![]),
            (Some(opened), Resolve(_)) => {
                if at < opened.occurred_at {
                    let detail = "is before the incident was opened";
                    return Err(Rejection::Invalid { field: "/occurred_at", detail });
                }
                IncidentResolved { opened_at: opened.occurred_at, occurred_at: at }.into()
            }
        };
        Ok(vec![event])
    }

    #[must_use]
    pub fn evolve(self, event: &IncidentEvent) -> Self {
        match event {
            IncidentEvent::IncidentOpened(opened) => {
                let cause = opened.caused_by.clone().map(|cause| Timeline::from(opened.occurred_at, cause));
                Self { causes: cause.unwrap_or_default(), opened: Some(opened.clone()), ..self }
            }
            IncidentEvent::IncidentAttributed(attributed) => {
                Self { causes: self.causes.with(attributed.occurred_at, attributed.caused_by.clone()), ..self }
            }
            IncidentEvent::IncidentResolved(resolved) => Self { resolved_at: Some(resolved.occurred_at), ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<IncidentEvent>) -> AggregateTestExecutor<Incident> {
        crate::testing::given(events)
    }
    fn command(name: &str, json: &str) -> IncidentCommand {
        parsed!(Incident, name, json)
    }
    fn was_opened() -> IncidentEvent {
        IncidentOpened { severity: Severity::Major, caused_by: None, occurred_at: noon() }.into()
    }
    fn was_resolved() -> IncidentEvent {
        IncidentResolved { opened_at: noon(), occurred_at: noon() }.into()
    }
    fn was_attributed(deployment: &str) -> IncidentEvent {
        IncidentAttributed { caused_by: DeploymentId::parse(deployment).unwrap(), occurred_at: noon() }.into()
    }

    #[test]
    fn an_incident_opens_once() {
        let open = || command("open", r#"{"severity":"major"}"#);
        given(vec![]).when(open()).then_expect_events(vec![was_opened()]);
        given(vec![was_opened()]).when(open()).then_expect_events(vec![]);
        given(vec![was_opened(), was_resolved()]).when(open()).then_expect_events(vec![]);
        given(vec![was_opened()])
            .when(command("open", r#"{"severity":"minor"}"#))
            .then_expect_error(Rejection::Exists { what: "incident" });
    }

    #[test]
    fn an_incident_resolves_once_and_not_before_it_opened() {
        given(vec![was_opened()]).when(command("resolve", "{}")).then_expect_events(vec![was_resolved()]);
        given(vec![was_opened(), was_resolved()]).when(command("resolve", "{}")).then_expect_events(vec![]);
        given(vec![]).when(command("resolve", "{}")).then_expect_error(Rejection::Unknown { what: "incident" });
        given(vec![was_opened()])
            .when(command("resolve", r#"{"occurred_at":"2026-10-31T11:59:59Z"}"#))
            .then_expect_error(Rejection::Invalid { field: "/occurred_at", detail: "is before the incident was opened" });
    }

    #[test]
    fn its_cause_is_found_even_after_it_was_resolved() {
        let attribute = |deployment: &str| command("attribute", &format!(r#"{{"caused_by":"{deployment}"}}"#));
        given(vec![was_opened(), was_resolved()]).when(attribute("d1")).then_expect_events(vec![was_attributed("d1")]);
        given(vec![was_opened(), was_attributed("d1")]).when(attribute("d1")).then_expect_events(vec![]);
        given(vec![was_opened(), was_attributed("d1")]).when(attribute("d2")).then_expect_events(vec![was_attributed("d2")]);
        let known = IncidentOpened {
            severity: Severity::Major,
            caused_by: Some(DeploymentId::parse("d1").unwrap()),
            occurred_at: at("2026-10-30T12:00:00Z"),
        };
        given(vec![known.into()]).when(attribute("d1")).then_expect_events(vec![]);
    }
}
