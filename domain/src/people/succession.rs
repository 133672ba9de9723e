//! The succession in a key role: who would take it over, and how soon.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Function, Level};
use crate::collections::Context;
use crate::facts::facts;
use crate::ids::PersonId;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// How soon a successor could take over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    Now,
    OneYear,
    TwoYears,
}

facts! {
    Succession "succession"
    SuccessionCommand {
        /// Names who would take over a key role, such as `cto`, which is the id in the path; again, to change it.
        Name(NameSuccessor) {
            /// The key role's.
            level: Level,
            /// The key role's.
            function: Function,
            successor: PersonId,
            readiness: Readiness,
        }
        /// The one who was named would take it over no more.
        Withdraw(WithdrawSuccessor) {}
    }
    SuccessionEvent {
        SuccessorNamed "1.0" {
            level: Level,
            function: Function,
            successor: PersonId,
            readiness: Readiness,
        }
        SuccessorWithdrawn "1.0" {}
    }
}

/// Who was named when, and when nobody was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Succession(Timeline<Option<Naming>>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Naming {
    level: Level,
    function: Function,
    successor: PersonId,
    readiness: Readiness,
}

impl Succession {
    pub fn decide(
        &self,
        command: SuccessionCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<SuccessionEvent>, Rejection> {
        use SuccessionCommand::{Name, Withdraw};
        match command {
            Name(NameSuccessor { level, function, successor, readiness, occurred_at }) => {
                let naming = Naming { level, function, successor: successor.clone(), readiness };
                if !self.0.is_news(occurred_at, at, &Some(naming)) {
                    return Ok(vec![]);
                }
                Ok(vec![SuccessorNamed { level, function, successor, readiness, occurred_at: at }.into()])
            }
            Withdraw(_) if self.0.is_empty() => Err(Rejection::Unknown { what: "succession" }),
            Withdraw(WithdrawSuccessor { occurred_at }) if !self.0.is_news(occurred_at, at, &None) => Ok(vec![]),
            Withdraw(_) => Ok(vec![SuccessorWithdrawn { occurred_at: at }.into()]),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &SuccessionEvent) -> Self {
        match event {
            SuccessionEvent::SuccessorNamed(named) => {
                let SuccessorNamed { level, function, successor, readiness, occurred_at } = named.clone();
                Self(self.0.with(occurred_at, Some(Naming { level, function, successor, readiness })))
            }
            SuccessionEvent::SuccessorWithdrawn(withdrawn) => Self(self.0.with(withdrawn.occurred_at, None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<SuccessionEvent>) -> AggregateTestExecutor<Succession> {
        crate::testing::given(events)
    }
    fn name(successor: &str, readiness: &str) -> SuccessionCommand {
        name_at(successor, readiness, "null")
    }
    fn name_at(successor: &str, readiness: &str, at: &str) -> SuccessionCommand {
        let (who, when) = (format!(r#""successor":"{successor}","readiness":"{readiness}""#), format!(r#""occurred_at":{at}"#));
        parsed!(Succession, "name", format!(r#"{{"level":"executive","function":"engineering",{who},{when}}}"#))
    }
    fn withdraw() -> SuccessionCommand {
        parsed!(Succession, "withdraw", "{}")
    }
    fn was_named(successor: &str, readiness: Readiness, at: DateTime<Utc>) -> SuccessionEvent {
        let successor = PersonId::parse(successor).unwrap();
        let (level, function) = (Level::Executive, Function::Engineering);
        SuccessorNamed { level, function, successor, readiness, occurred_at: at }.into()
    }
    fn was_withdrawn() -> SuccessionEvent {
        SuccessorWithdrawn { occurred_at: noon() }.into()
    }

    #[test]
    fn a_successor_is_named_and_replaced() {
        let (first, other) = (|| was_named("p-1", Readiness::OneYear, noon()), was_named("p-2", Readiness::OneYear, noon()));
        given(vec![]).when(name("p-1", "one_year")).then_expect_events(vec![first()]);
        given(vec![first()]).when(name("p-1", "one_year")).then_expect_events(vec![]);
        given(vec![first()]).when(name("p-2", "one_year")).then_expect_events(vec![other]);
        let ready = was_named("p-1", Readiness::Now, noon());
        given(vec![first()]).when(name("p-1", "now")).then_expect_events(vec![ready]);
    }

    #[test]
    fn a_successor_is_withdrawn_once() {
        let named = || was_named("p-1", Readiness::Now, noon());
        given(vec![named()]).when(withdraw()).then_expect_events(vec![was_withdrawn()]);
        given(vec![named(), was_withdrawn()]).when(withdraw()).then_expect_events(vec![]);
        given(vec![]).when(withdraw()).then_expect_error(Rejection::Unknown { what: "succession" });
    }

    #[test]
    fn who_was_withdrawn_is_named_again_later() {
        let history = || vec![was_named("p-1", Readiness::Now, noon()), was_withdrawn()];
        let again = was_named("p-1", Readiness::Now, at("2026-10-31T12:30:00Z"));
        given(history()).when(name_at("p-1", "now", r#""2026-10-31T12:30:00Z""#)).then_expect_events(vec![again]);
        given(history()).when(name_at("p-1", "now", r#""2026-10-31T12:00:00Z""#)).then_expect_events(vec![]);
        let other = was_named("p-2", Readiness::Now, noon());
        given(history()).when(name_at("p-2", "now", r#""2026-10-31T12:00:00Z""#)).then_expect_events(vec![other]);
    }
}
