//! An objective: set for a quarter with its key results, each measured as it moves from its start to its target.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{Label, Title};
use crate::kpis::Unit;
use crate::people::Function;
use crate::quantity::Quantity;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// What an objective is measured by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyResult {
    /// What its measurements call it.
    pub id: Label,
    /// What is measured.
    pub title: Title,
    /// What it counts in; default: just so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// Where it stood when it was set.
    pub start: Quantity,
    /// Where it is to be at the quarter's end; below the start, where less is better.
    pub target: Quantity,
    /// How much it counts among the objective's, 1 to 100.
    pub weight: u8,
}

facts! {
    Objective "objective"
    ObjectiveCommand {
        /// Sets what is to be reached in a quarter.
        Set(SetObjective) {
            /// The quarter's first day, such as 2026-10-01.
            quarter: NaiveDate,
            /// What is to be reached.
            title: Title,
            /// Whose it is; default: the whole company's.
            function: Option<Function>,
            /// 1 to 20, each with another id.
            key_results: Vec<KeyResult>,
        }
        /// Says where a key result stands.
        Measure(MeasureKeyResult) {
            /// The key result's id.
            key_result: Label,
            value: Quantity,
        }
    }
    ObjectiveEvent {
        ObjectiveSet "1.1" {
            quarter: NaiveDate,
            title: Title,
            #[serde(skip_serializing_if = "Option::is_none")]
            function: Option<Function>,
            key_results: Vec<KeyResult>,
        }
        KeyResultMeasured "1.0" {
            key_result: Label,
            value: Quantity,
        }
    }
}

const KEY_RESULTS_MAX: usize = 20;

/// What its own events have made of an objective.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Objective {
    #[default]
    Unknown,
    Known(Box<KnownObjective>),
}

/// An objective that was set, and the measurements of each key result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownObjective {
    set: ObjectiveSet,
    measured: BTreeMap<Label, Timeline<Quantity>>,
}

impl Objective {
    pub fn decide(&self, command: ObjectiveCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<ObjectiveEvent>, Rejection> {
        use ObjectiveCommand::{Measure, Set};
        match (self, command) {
            (Self::Unknown, Set(command)) => Ok(vec![set(command, at)?.into()]),
            (Self::Unknown, Measure(_)) => Err(Rejection::Unknown { what: "objective" }),
            (Self::Known(objective), Set(command)) => {
                let at = command.occurred_at.unwrap_or(objective.set.occurred_at);
                if set(command, at)? == objective.set { Ok(vec![]) } else { Err(Rejection::Exists { what: "objective" }) }
            }
            (Self::Known(objective), Measure(command)) => objective.measure(command, at),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &ObjectiveEvent) -> Self {
        match (self, event) {
            (_, ObjectiveEvent::ObjectiveSet(set)) => {
                Self::Known(Box::new(KnownObjective { set: set.clone(), measured: BTreeMap::new() }))
            }
            (Self::Known(mut objective), ObjectiveEvent::KeyResultMeasured(measured)) => {
                let known = objective.measured.remove(&measured.key_result).unwrap_or_default();
                let measurements = known.with(measured.occurred_at, measured.value);
                objective.measured.insert(measured.key_result.clone(), measurements);
                Self::Known(objective)
            }
            (Self::Unknown, ObjectiveEvent::KeyResultMeasured(_)) => Self::Unknown,
        }
    }
}

impl KnownObjective {
    fn measure(&self, command: MeasureKeyResult, at: DateTime<Utc>) -> Result<Vec<ObjectiveEvent>, Rejection> {
        let MeasureKeyResult { key_result, value, occurred_at } = command;
        if !self.set.key_results.iter().any(|known| known.id == key_result) {
            return Err(Rejection::Invalid { field: "/key_result", detail: "is not one of the objective's" });
        }
        if self.measured.get(&key_result).is_some_and(|known| !known.is_news(occurred_at, at, &value)) {
            return Ok(vec![]);
        }
        Ok(vec![KeyResultMeasured { key_result, value, occurred_at: at }.into()])
    }
}

fn set(command: SetObjective, at: DateTime<Utc>) -> Result<ObjectiveSet, Rejection> {
    let SetObjective { quarter, title, function, key_results, .. } = command;
    if quarter.day() != 1 || quarter.month0() % 3 != 0 {
        return Err(Rejection::Invalid { field: "/quarter", detail: "must be the first day of a quarter, such as 2026-10-01" });
    }
    check(&key_results).map_err(|detail| Rejection::Invalid { field: "/key_results", detail })?;
    Ok(ObjectiveSet { quarter, title, function, key_results, occurred_at: at })
}

fn check(key_results: &[KeyResult]) -> Result<(), &'static str> {
    if !(1..=KEY_RESULTS_MAX).contains(&key_results.len()) {
        return Err("must hold 1 to 20 key results");
    }
    if key_results.iter().map(|key_result| &key_result.id).collect::<BTreeSet<_>>().len() < key_results.len() {
        return Err("holds two key results of one id");
    }
    if key_results.iter().any(|key_result| key_result.start == key_result.target) {
        return Err("holds a key result whose target is its start");
    }
    if !key_results.iter().all(|key_result| (1..=100).contains(&key_result.weight)) {
        return Err("holds a key result whose weight is not 1 to 100");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    const NPS: &str = r#"{"id":"nps","title":"Promoters","start":"31","target":"45.0","weight":60}"#;
    const CHURN: &str = r#"{"id":"churn","title":"Churn","unit":"ratio","start":"0.025","target":"0.015","weight":40}"#;

    fn given(events: Vec<ObjectiveEvent>) -> AggregateTestExecutor<Objective> {
        crate::testing::given(events)
    }
    fn set(key_results: &[&str]) -> ObjectiveCommand {
        set_for("2026-10-01", key_results)
    }
    fn set_for(quarter: &str, key_results: &[&str]) -> ObjectiveCommand {
        let what = format!(r#""quarter":"{quarter}","title":"Customers stay","function":"customer_success""#);
        parsed!(Objective, "set", format!(r#"{{{what},"key_results":[{}]}}"#, key_results.join(",")))
    }
    fn measure(key_result: &str, value: &str) -> ObjectiveCommand {
        measure_at(key_result, value, "null")
    }
    fn measure_at(key_result: &str, value: &str, at: &str) -> ObjectiveCommand {
        let said = format!(r#""key_result":"{key_result}","value":"{value}","occurred_at":{at}"#);
        parsed!(Objective, "measure", format!("{{{said}}}"))
    }
    fn was_set() -> ObjectiveEvent {
        let key_results = [NPS, CHURN].map(|json| serde_json::from_str(json).unwrap()).into();
        let (quarter, title) = ("2026-10-01".parse().unwrap(), Title::parse("Customers stay").unwrap());
        ObjectiveSet { quarter, title, function: Some(Function::CustomerSuccess), key_results, occurred_at: noon() }.into()
    }
    fn was_measured(key_result: &str, value: &str, at: DateTime<Utc>) -> ObjectiveEvent {
        let key_result = Label::parse(key_result).unwrap();
        KeyResultMeasured { key_result, value: value.parse().unwrap(), occurred_at: at }.into()
    }

    #[test]
    fn an_objective_is_set_once() {
        given(vec![]).when(set(&[NPS, CHURN])).then_expect_events(vec![was_set()]);
        given(vec![was_set()]).when(set(&[NPS, CHURN])).then_expect_events(vec![]);
        given(vec![was_set(), was_measured("nps", "33", noon())]).when(set(&[NPS, CHURN])).then_expect_events(vec![]);
        // The same target, with one zero less.
        given(vec![was_set()]).when(set(&[&NPS.replace("45.0", "45"), CHURN])).then_expect_events(vec![]);
        for other in [set(&[NPS]), set_for("2027-01-01", &[NPS, CHURN])] {
            given(vec![was_set()]).when(other).then_expect_error(Rejection::Exists { what: "objective" });
        }
    }

    #[test]
    fn an_objective_is_one_quarters() {
        for day in ["2026-10-02", "2026-11-01"] {
            let detail = "must be the first day of a quarter, such as 2026-10-01";
            given(vec![]).when(set_for(day, &[NPS])).then_expect_error(Rejection::Invalid { field: "/quarter", detail });
        }
    }

    #[test]
    fn key_results_can_be_told_apart_and_reached() {
        let numbered: Vec<String> = (0..=20).map(|number| NPS.replace("nps", &format!("nps-{number}"))).collect();
        let numbered: Vec<&str> = numbered.iter().map(String::as_str).collect();
        for (key_results, detail) in [
            (&[][..], "must hold 1 to 20 key results"),
            (&numbered, "must hold 1 to 20 key results"),
            (&[NPS, CHURN, NPS], "holds two key results of one id"),
            (&[CHURN, &NPS.replace("45.0", "31.00")], "holds a key result whose target is its start"),
            (&[CHURN, &NPS.replace("60", "0")], "holds a key result whose weight is not 1 to 100"),
            (&[CHURN, &NPS.replace("60", "101")], "holds a key result whose weight is not 1 to 100"),
        ] {
            let error = Rejection::Invalid { field: "/key_results", detail };
            given(vec![]).when(set(key_results)).then_expect_error(error);
        }
        let most = Objective::default().decide(set(&numbered[..20]), noon(), &Context::at(noon()));
        assert_eq!(most.map(|events| events.len()), Ok(1));
    }

    #[test]
    fn a_key_result_of_the_objective_is_measured() {
        given(vec![was_set()]).when(measure("churn", "2.10")).then_expect_events(vec![was_measured("churn", "2.1", noon())]);
        given(vec![]).when(measure("nps", "33")).then_expect_error(Rejection::Unknown { what: "objective" });
        let detail = "is not one of the objective's";
        given(vec![was_set()])
            .when(measure("revenue", "33"))
            .then_expect_error(Rejection::Invalid { field: "/key_result", detail });
    }

    #[test]
    fn a_measurement_says_something_new() {
        let history = || vec![was_set(), was_measured("nps", "33", noon())];
        let (before, same, later) = (r#""2026-10-31T11:30:00Z""#, r#""2026-10-31T12:00:00Z""#, r#""2026-10-31T12:30:00Z""#);
        given(history()).when(measure("nps", "33.0")).then_expect_events(vec![]);
        given(history()).when(measure_at("nps", "33", same)).then_expect_events(vec![]);
        for time in [before, later] {
            let also_then = was_measured("nps", "33", at(time.trim_matches('"')));
            given(history()).when(measure_at("nps", "33", time)).then_expect_events(vec![also_then]);
        }
        let other = was_measured("nps", "34", noon());
        given(history()).when(measure("nps", "34")).then_expect_events(vec![other]);
        let another_key_result = was_measured("churn", "33", noon());
        given(history()).when(measure("churn", "33")).then_expect_events(vec![another_key_result]);
    }
}
