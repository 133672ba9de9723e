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
const CHANGES_MAX: usize = 200;

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
        let known = self.0.get(feature);
        let is_news = match known {
            Some(known) => known.is_news(said_at, at, &switch),
            // Off it is already. With a time it is kept, for that it was enabled before may yet arrive.
            None => switch == Switch::On || said_at.is_some(),
        };
        match known {
            _ if !is_news => return Ok(vec![]),
            None if self.0.len() >= FEATURES_MAX => {
                return Err(Rejection::NotNow { detail: "the account has 1000 features, which is the most" });
            }
            Some(known) if known.len() >= CHANGES_MAX => {
                return Err(Rejection::NotNow { detail: "the feature changed 200 times, which is the most" });
            }
            _ => {}
        }
        let feature = feature.clone();
        Ok(vec![match switch {
            Switch::On => FeatureEnabled { feature, occurred_at: at }.into(),
            Switch::Off => FeatureDisabled { feature, occurred_at: at }.into(),
        }])
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
    use chrono::TimeDelta;
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
    fn disabled(occurred_at: DateTime<Utc>) -> AccountEvent {
        FeatureDisabled { feature: Label::parse("quiz").unwrap(), occurred_at }.into()
    }

    #[test]
    fn a_feature_is_enabled_and_disabled() {
        given(vec![]).when(command("enable_feature", "")).then_expect_events(vec![enabled(noon())]);
        given(vec![enabled(noon())]).when(command("enable_feature", "")).then_expect_events(vec![]);
        given(vec![enabled(noon())]).when(command("disable_feature", "")).then_expect_events(vec![disabled(noon())]);
        given(vec![]).when(command("disable_feature", "")).then_expect_events(vec![]);
    }

    #[test]
    fn it_may_have_been_enabled_earlier_than_known() {
        const BEFORE: &str = "2026-10-01T00:00:00Z";
        given(vec![enabled(noon())]).when(command("enable_feature", BEFORE)).then_expect_events(vec![enabled(at(BEFORE))]);
        given(vec![enabled(noon()), enabled(at(BEFORE))]).when(command("enable_feature", BEFORE)).then_expect_events(vec![]);
    }

    #[test]
    fn that_it_was_disabled_may_arrive_before_that_it_was_enabled() {
        const ENABLED: &str = "2026-10-01T00:00:00Z";
        const DISABLED: &str = "2026-10-02T00:00:00Z";
        let history = vec![disabled(at(DISABLED))];
        given(vec![]).when(command("disable_feature", DISABLED)).then_expect_events(history.clone());
        given(history).when(command("enable_feature", ENABLED)).then_expect_events(vec![enabled(at(ENABLED))]);
        let history = vec![disabled(at(DISABLED)), enabled(at(ENABLED))];
        given(history.clone()).when(command("disable_feature", DISABLED)).then_expect_events(vec![]);
        given(history).when(command("disable_feature", "")).then_expect_events(vec![]);
    }

    #[test]
    fn features_and_their_changes_have_an_end() {
        let feature = |number: usize| Label::parse(format!("feature-{number}")).unwrap();
        let full: Vec<AccountEvent> =
            (0..1_000).map(|number| FeatureEnabled { feature: feature(number), occurred_at: noon() }.into()).collect();
        let detail = "the account has 1000 features, which is the most";
        given(full).when(command("enable_feature", "")).then_expect_error(Rejection::NotNow { detail });

        let changes: Vec<_> = (0..200).map(|hours| enabled(noon() - TimeDelta::hours(hours))).collect();
        given(changes.clone()).when(command("enable_feature", "")).then_expect_events(vec![]);
        let detail = "the feature changed 200 times, which is the most";
        given(changes).when(command("disable_feature", "")).then_expect_error(Rejection::NotNow { detail });
    }
}
