//! After how long without an event people are erased.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::rejection::Rejection;

facts! {
    RetentionRule "retention_rule"
    RetentionRuleCommand {
        /// People of whom nothing was recorded for so long are erased. Of several rules the shortest counts.
        Set(SetRetentionRule) {
            /// Days, 1 to 36500.
            after_days: u32,
        }
        /// The rule is in force no longer.
        Lift(LiftRetentionRule) {}
    }
    RetentionRuleEvent {
        RetentionRuleSet "1.0" {
            /// Days without an event after which people are erased.
            after_days: u32,
        }
        RetentionRuleLifted "1.0" {}
    }
}

/// What is in force.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RetentionRule {
    after_days: Option<u32>,
}

impl RetentionRule {
    pub fn decide(
        &self,
        command: RetentionRuleCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<RetentionRuleEvent>, Rejection> {
        match (command, self.after_days) {
            (RetentionRuleCommand::Set(SetRetentionRule { after_days, .. }), _) if !(1..=36_500).contains(&after_days) => {
                Err(Rejection::Invalid { field: "/after_days", detail: "must be 1 to 36500" })
            }
            (RetentionRuleCommand::Set(SetRetentionRule { after_days, .. }), known) if known == Some(after_days) => Ok(vec![]),
            (RetentionRuleCommand::Set(SetRetentionRule { after_days, .. }), _) => {
                Ok(vec![RetentionRuleSet { after_days, occurred_at: at }.into()])
            }
            (RetentionRuleCommand::Lift(_), None) => Ok(vec![]),
            (RetentionRuleCommand::Lift(_), Some(_)) => Ok(vec![RetentionRuleLifted { occurred_at: at }.into()]),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &RetentionRuleEvent) -> Self {
        match event {
            RetentionRuleEvent::RetentionRuleSet(set) => Self { after_days: Some(set.after_days) },
            RetentionRuleEvent::RetentionRuleLifted(_) => Self { after_days: None },
        }
    }

    /// None: no rule is in force.
    pub fn after_days(&self) -> Option<u32> {
        self.after_days
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{given, noon, parsed};

    fn set(days: u32) -> RetentionRuleCommand {
        parsed!(RetentionRule, "set", format!(r#"{{"after_days":{days}}}"#))
    }
    fn lift() -> RetentionRuleCommand {
        parsed!(RetentionRule, "lift", "{}")
    }
    fn was_set(after_days: u32) -> RetentionRuleEvent {
        RetentionRuleSet { after_days, occurred_at: noon() }.into()
    }

    #[test]
    fn a_rule_is_set_changed_and_lifted() {
        let lifted: RetentionRuleEvent = RetentionRuleLifted { occurred_at: noon() }.into();
        given::<RetentionRule>(vec![]).when(set(730)).then_expect_events(vec![was_set(730)]);
        given::<RetentionRule>(vec![was_set(730)]).when(set(730)).then_expect_events(vec![]);
        given::<RetentionRule>(vec![was_set(730)]).when(set(365)).then_expect_events(vec![was_set(365)]);
        given::<RetentionRule>(vec![was_set(730)]).when(lift()).then_expect_events(vec![lifted.clone()]);
        given::<RetentionRule>(vec![]).when(lift()).then_expect_events(vec![]);
        let rule = RetentionRule::default().evolve(&was_set(730));
        assert_eq!((rule.after_days(), rule.evolve(&lifted).after_days()), (Some(730), None));
    }

    #[test]
    fn nobody_is_erased_within_a_day() {
        for days in [0, 36_501] {
            given::<RetentionRule>(vec![])
                .when(set(days))
                .then_expect_error(Rejection::Invalid { field: "/after_days", detail: "must be 1 to 36500" });
        }
    }
}
