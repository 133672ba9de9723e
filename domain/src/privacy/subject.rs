//! A person whom events are about, by pseudonym. All there is to say is that they were erased.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::rejection::Rejection;

/// Why somebody was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErasureReason {
    /// It was asked for.
    Request,
    /// A retention rule says so.
    Retention,
}

impl ErasureReason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Retention => "retention",
        }
    }
}

// No client sends this command: the ledger does, along with the destruction of what it says is destroyed.
facts! {
    Subject "subject"
    SubjectCommand {
        /// The person's pseudonym and key are destroyed.
        Erase(EraseSubject) {
            reason: ErasureReason,
        }
    }
    SubjectEvent {
        SubjectErased "1.0" {
            reason: ErasureReason,
        }
    }
}

/// How they were erased.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Subject(Option<SubjectErased>);

impl Subject {
    pub fn decide(&self, command: SubjectCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<SubjectEvent>, Rejection> {
        let SubjectCommand::Erase(EraseSubject { reason, .. }) = command;
        match &self.0 {
            None => Ok(vec![SubjectErased { reason, occurred_at: at }.into()]),
            Some(_) => Ok(vec![]), // nobody is erased twice
        }
    }

    #[must_use]
    pub fn evolve(self, event: &SubjectEvent) -> Self {
        let SubjectEvent::SubjectErased(erased) = event;
        Self(Some(erased.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{given, noon};

    #[test]
    fn somebody_is_erased_once() {
        let erase = |reason| SubjectCommand::Erase(EraseSubject { reason, occurred_at: None });
        let erased: SubjectEvent = SubjectErased { reason: ErasureReason::Request, occurred_at: noon() }.into();
        given::<Subject>(vec![]).when(erase(ErasureReason::Request)).then_expect_events(vec![erased.clone()]);
        given::<Subject>(vec![erased]).when(erase(ErasureReason::Retention)).then_expect_events(vec![]);
    }

    #[test]
    fn no_client_can_say_that_somebody_was_erased() {
        let error = crate::Command::parse(crate::AggregateType::Subject, "erase", br#"{"reason":"request"}"#);
        assert_eq!(error.expect_err("no command").code, "unknown_command");
    }
}
