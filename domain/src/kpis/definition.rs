//! Adopting another definition of a KPI: history is figured by it, and the one before stays readable.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{Label, Reference};
use crate::interaction::{Actor, Kind};
use crate::rejection::Rejection;

facts! {
    Definition "definition"
    DefinitionCommand {
        /// From now on the KPI means this, for all of its history.
        Adopt(AdoptDefinition) {
            /// As in the register; the same for every version of one definition.
            kpi: Label,
            /// From 2 on: 1 is the register's own.
            version: u16,
            /// What changed and why, by the name of a document.
            reason: Option<Reference>,
            /// Of active_capsule_interactions: `kinds` and `actors`. Of user_engagement_score: `weights` and `reference`. Of
            /// customer_health_score: `weights`, `at_risk_below` and `healthy_above`.
            parameters: Map<String, Value>,
        }
    }
    DefinitionEvent {
        DefinitionAdopted "1.0" {
            kpi: Label,
            version: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<Reference>,
            parameters: Map<String, Value>,
        }
    }
}

/// Which interactions are active ones.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActiveParameters {
    pub kinds: Vec<Kind>,
    pub actors: Vec<Actor>,
}

/// How a user's engagement is scored: the weight of each component, and nine ascending thresholds that part reference users
/// into tenths.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EngagementParameters {
    pub weights: BTreeMap<EngagementComponent, u8>,
    pub reference: BTreeMap<EngagementComponent, Vec<u32>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EngagementComponent {
    ActiveDays,
    Sessions,
    /// Interactions a session.
    Depth,
}

/// How an account's health is scored and told in bands.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthParameters {
    pub weights: BTreeMap<HealthComponent, u8>,
    pub at_risk_below: u8,
    pub healthy_above: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthComponent {
    Usage,
    Support,
    Nps,
    Payment,
}

/// Every version that was adopted, of one KPI.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    kpi: Option<Label>,
    versions: BTreeMap<u16, DefinitionAdopted>,
}

impl Definition {
    pub fn decide(
        &self,
        command: DefinitionCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<DefinitionEvent>, Rejection> {
        let DefinitionCommand::Adopt(AdoptDefinition { kpi, version, reason, parameters, occurred_at }) = command;
        if self.kpi.as_ref().is_some_and(|known| *known != kpi) {
            return Err(Rejection::Exists { what: "definition" });
        }
        if version < 2 {
            return Err(Rejection::Invalid { field: "/version", detail: "must be 2 or more: 1 is the register's own" });
        }
        check(kpi.as_str(), &parameters)?;
        let adopted = |occurred_at| DefinitionAdopted { kpi, version, reason, parameters, occurred_at };
        match self.versions.get(&version) {
            None => Ok(vec![adopted(at).into()]),
            Some(known) if adopted(occurred_at.unwrap_or(known.occurred_at)) == *known => Ok(vec![]),
            Some(_) => Err(Rejection::Exists { what: "definition's version" }),
        }
    }

    #[must_use]
    pub fn evolve(mut self, event: &DefinitionEvent) -> Self {
        let DefinitionEvent::DefinitionAdopted(adopted) = event;
        self.versions.insert(adopted.version, adopted.clone());
        Self { kpi: Some(adopted.kpi.clone()), ..self }
    }
}

fn check(kpi: &str, parameters: &Map<String, Value>) -> Result<(), Rejection> {
    let invalid = |detail| Err(Rejection::Invalid { field: "/parameters", detail });
    match kpi {
        "active_capsule_interactions" => match read::<ActiveParameters>(parameters) {
            Some(active) if !active.kinds.is_empty() && !active.actors.is_empty() => Ok(()),
            _ => invalid("must be kinds and actors, each a list of at least one that there is"),
        },
        "user_engagement_score" => match read::<EngagementParameters>(parameters) {
            Some(engagement) if is_scored(&engagement) => Ok(()),
            _ => invalid("must be weights above zero and, for each, a reference of nine ascending numbers"),
        },
        "customer_health_score" => match read::<HealthParameters>(parameters) {
            Some(health)
                if health.weights.values().any(|weight| *weight > 0)
                    && health.at_risk_below <= health.healthy_above
                    && health.healthy_above <= 100 =>
            {
                Ok(())
            }
            _ => invalid("must be weights, at_risk_below and healthy_above, the bands within 0 to 100"),
        },
        _ => Err(Rejection::Invalid { field: "/kpi", detail: "has one definition only" }),
    }
}

fn read<T: DeserializeOwned>(parameters: &Map<String, Value>) -> Option<T> {
    serde_json::from_value(Value::Object(parameters.clone())).ok()
}

fn is_scored(engagement: &EngagementParameters) -> bool {
    !engagement.weights.is_empty()
        && engagement.weights.iter().all(|(component, weight)| {
            let reference = engagement.reference.get(component);
            *weight > 0 && reference.is_some_and(|tenths| tenths.len() == 9 && tenths.is_sorted())
        })
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed};

    fn given(events: Vec<DefinitionEvent>) -> AggregateTestExecutor<Definition> {
        crate::testing::given(events)
    }
    fn adopt(kpi: &str, version: u16, parameters: &str) -> DefinitionCommand {
        let json = format!(r#"{{"kpi":"{kpi}","version":{version},"parameters":{parameters}}}"#);
        parsed!(Definition, "adopt", json)
    }
    fn active(version: u16, kinds: &str) -> DefinitionCommand {
        adopt("active_capsule_interactions", version, &format!(r#"{{"kinds":{kinds},"actors":["human"]}}"#))
    }
    fn was_adopted(kinds: &str) -> DefinitionEvent {
        let DefinitionCommand::Adopt(AdoptDefinition { kpi, version, reason, parameters, .. }) = active(2, kinds);
        DefinitionAdopted { kpi, version, reason, parameters, occurred_at: noon() }.into()
    }

    const VIEWS: &str = r#"["view","interaction"]"#;

    #[test]
    fn a_version_is_adopted_once() {
        given(vec![]).when(active(2, VIEWS)).then_expect_events(vec![was_adopted(VIEWS)]);
        given(vec![was_adopted(VIEWS)]).when(active(2, VIEWS)).then_expect_events(vec![]);
        given(vec![was_adopted(VIEWS)])
            .when(active(2, r#"["view"]"#))
            .then_expect_error(Rejection::Exists { what: "definition's version" });
        let other = adopt("customer_health_score", 3, r#"{"weights":{"usage":1},"at_risk_below":40,"healthy_above":70}"#);
        given(vec![was_adopted(VIEWS)]).when(other).then_expect_error(Rejection::Exists { what: "definition" });
    }

    #[test]
    fn what_the_formula_cannot_use_is_refused() {
        for (kpi, parameters) in [
            ("active_capsule_interactions", r#"{"kinds":[],"actors":["human"]}"#),
            ("active_capsule_interactions", r#"{"kinds":["nap"],"actors":["human"]}"#),
            ("active_capsule_interactions", r#"{"kinds":["view"]}"#),
            ("user_engagement_score", r#"{"weights":{},"reference":{}}"#),
            ("user_engagement_score", r#"{"weights":{"depth":1},"reference":{"depth":[1,2,3]}}"#),
            ("user_engagement_score", r#"{"weights":{"depth":1},"reference":{"depth":[9,8,7,6,5,4,3,2,1]}}"#),
            ("customer_health_score", r#"{"weights":{"usage":0},"at_risk_below":40,"healthy_above":70}"#),
            ("customer_health_score", r#"{"weights":{"usage":1},"at_risk_below":80,"healthy_above":70}"#),
        ] {
            let decided = Definition::default().decide(adopt(kpi, 2, parameters), noon(), &Context::at(noon()));
            assert!(matches!(decided, Err(Rejection::Invalid { field: "/parameters", .. })), "{kpi} {parameters}");
        }
        let detail = "has one definition only";
        given(vec![]).when(adopt("nps", 2, "{}")).then_expect_error(Rejection::Invalid { field: "/kpi", detail });
        let detail = "must be 2 or more: 1 is the register's own";
        given(vec![]).when(active(1, VIEWS)).then_expect_error(Rejection::Invalid { field: "/version", detail });
    }

    #[test]
    fn what_the_register_says_could_be_adopted() {
        for kpi in ["active_capsule_interactions", "user_engagement_score"] {
            let parameters = crate::kpis::find(kpi).expect("a KPI").default_definition().to_string();
            assert!(Definition::default().decide(adopt(kpi, 2, &parameters), noon(), &Context::at(noon())).is_ok(), "{kpi}");
        }
    }
}
