//! An account's features: enabled and disabled.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::Label;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

facts! {
    Account "account"
    AccountCommand {
        /// The account's users may use the feature from now on.
        EnableFeature(EnableFeature) {
            feature: Label,
        }
        /// They may use it no more.
        DisableFeature(DisableFeature) {
            feature: Label,
        }
    }
    AccountEvent {
        FeatureEnabled "1.0" {
            feature: Label,
        }
        FeatureDisabled "1.0" {
            feature: Label,
        }
    }
}

const FEATURES_MAX: usize = 1_000;

/// When each feature was enabled and disabled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Account(BTreeMap<Label, Timeline<Switch>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Switch {
    On,
    Off,
}

impl Account {
    pub fn decide(&self, command: AccountCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<AccountEvent>, Rejection> {
        let (feature, said_at, switch) = match &command {
            AccountCommand::EnableFeature(command) => (&command.feature, command.occurred_at, Switch::On),
            AccountCommand::DisableFeature(command) => (&command.feature, command.occurred_at, Switch::Off),
        };
        let is_news = match (self.0.get(feature), switch) {
            (Some(known), _) => known.is_news(said_at, at, &switch),
            (None, Switch::Off) if said_at.is_none() => false,
            (None, _) if self.0.len() >= FEATURES_MAX => {
                return Err(Rejection::NotNow { detail: "the account has 1000 features, which is the most" });
            }
            (None, _) => true,
        };
        Ok(match (is_news, command) {
            (false, _) => vec![],
            (true, AccountCommand::EnableFeature(EnableFeature { feature, .. })) => {
                vec![FeatureEnabled { feature, occurred_at: at }.into()]
            }
            (true, AccountCommand::DisableFeature(DisableFeature { feature, .. })) => {
                vec![FeatureDisabled { feature, occurred_at: at }.into()]
            }
        })
    }

    #[must_use]
    pub fn evolve(mut self, event: &AccountEvent) -> Self {
        let (feature, at, switch) = match event {
            AccountEvent::FeatureEnabled(event) => (&event.feature, event.occurred_at, Switch::On),
            AccountEvent::FeatureDisabled(event) => (&event.feature, event.occurred_at, Switch::Off),
        };
        let known = self.0.remove(feature).unwrap_or_default();
        self.0.insert(feature.clone(), known.with(at, switch));
        self
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<AccountEvent>) -> AggregateTestExecutor<Account> {
        crate::testing::given(events)
    }
    fn command(name: &str, time: &str) -> AccountCommand {
        let time = if time.is_empty() { String::new() } else { format!(r#","occurred_at":"{time}""#) };
        parsed!(Account, name, format!(r#"{{"feature":"quiz"{time}}}"#))
    }
    fn enabled(occurred_at: DateTime<Utc>) -> AccountEvent {
        FeatureEnabled { feature: Label::parse("quiz").unwrap(), occurred_at }.into()
    }
    fn disabled() -> AccountEvent {
        FeatureDisabled { feature: Label::parse("quiz").unwrap(), occurred_at: noon() }.into()
    }

    #[test]
    fn a_feature_is_enabled_and_disabled() {
        given(vec![]).when(command("enable_feature", "")).then_expect_events(vec![enabled(noon())]);
        given(vec![enabled(noon())]).when(command("enable_feature", "")).then_expect_events(vec![]);
        given(vec![enabled(noon())]).when(command("disable_feature", "")).then_expect_events(vec![disabled()]);
        given(vec![]).when(command("disable_feature", "")).then_expect_events(vec![]);
    }

    #[test]
    fn it_may_have_been_enabled_earlier_than_known() {
        const BEFORE: &str = "2026-10-01T00:00:00Z";
        given(vec![enabled(noon())]).when(command("enable_feature", BEFORE)).then_expect_events(vec![enabled(at(BEFORE))]);
        given(vec![enabled(noon()), enabled(at(BEFORE))]).when(command("enable_feature", BEFORE)).then_expect_events(vec![]);
    }
}
