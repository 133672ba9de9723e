//! How ripe a process is, as once assessed.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::Reference;
use crate::rejection::Rejection;

/// What the process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProcessArea {
    ProductDevelopment,
    SalesProcess,
    CustomerSuccess,
    MarketingOperations,
}

facts! {
    Assessment "assessment"
    AssessmentCommand {
        /// Says how ripe a process was found; a later finding is another assessment.
        Record(RecordAssessment) {
            area: ProcessArea,
            /// 1 is ad hoc, 2 repeatable, 3 defined.
            level: u8,
            evidence: Reference,
        }
    }
    AssessmentEvent {
        ProcessAssessed "1.0" {
            area: ProcessArea,
            /// 1 is ad hoc, 2 repeatable, 3 defined.
            level: u8,
            evidence: Reference,
        }
    }
}

/// What was found, once.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Assessment(Option<ProcessAssessed>);

impl Assessment {
    pub fn decide(
        &self,
        command: AssessmentCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<AssessmentEvent>, Rejection> {
        let AssessmentCommand::Record(RecordAssessment { area, level, evidence, occurred_at }) = command;
        if !(1..=3).contains(&level) {
            return Err(Rejection::Invalid { field: "/level", detail: "must be 1 to 3" });
        }
        let known = self.0.as_ref();
        let occurred_at = occurred_at.or(known.map(|known| known.occurred_at)).unwrap_or(at);
        let assessed = ProcessAssessed { area, level, evidence, occurred_at };
        match known {
            None => Ok(vec![assessed.into()]),
            Some(known) if *known == assessed => Ok(vec![]),
            Some(_) => Err(Rejection::Exists { what: "assessment" }),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &AssessmentEvent) -> Self {
        let AssessmentEvent::ProcessAssessed(assessed) = event;
        Self(Some(assessed.clone()))
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<AssessmentEvent>) -> AggregateTestExecutor<Assessment> {
        crate::testing::given(events)
    }
    fn record(level: u8) -> AssessmentCommand {
        let finding = format!(r#""area":"sales_process","level":{level},"evidence":"audit 2026-10""#);
        parsed!(Assessment, "record", format!("{{{finding}}}"))
    }
    fn recorded(level: u8, at: DateTime<Utc>) -> AssessmentEvent {
        let evidence = Reference::parse("audit 2026-10").unwrap();
        ProcessAssessed { area: ProcessArea::SalesProcess, level, evidence, occurred_at: at }.into()
    }

    #[test]
    fn a_process_is_assessed_once_under_an_id() {
        given(vec![]).when(record(2)).then_expect_events(vec![recorded(2, noon())]);
        given(vec![recorded(2, noon())]).when(record(2)).then_expect_events(vec![]);
        given(vec![recorded(2, at("2026-10-30T12:00:00Z"))]).when(record(2)).then_expect_events(vec![]);
        given(vec![recorded(2, noon())]).when(record(3)).then_expect_error(Rejection::Exists { what: "assessment" });
    }

    #[test]
    fn a_process_is_ad_hoc_repeatable_or_defined() {
        for level in [1, 3] {
            given(vec![]).when(record(level)).then_expect_events(vec![recorded(level, noon())]);
        }
        for level in [0, 4] {
            let error = Rejection::Invalid { field: "/level", detail: "must be 1 to 3" };
            given(vec![]).when(record(level)).then_expect_error(error);
        }
    }
}
