//! A subscription: started, changed, ended.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{AccountId, Label};
use crate::money::Money;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

/// Why a subscription ended. A closed list: free text might name a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    Price,
    Product,
    Support,
    Competitor,
    Nonpayment,
    ClosedDown,
    #[default]
    Other,
}

facts! {
    Subscription "subscription"
    SubscriptionCommand {
        /// An account begins to pay, or to try.
        Start(StartSubscription) {
            account_id: AccountId,
            plan: Label,
            /// What it pays a month, without what is paid once; nothing for a trial.
            monthly: Money,
            /// Whether it is tried out: trials count neither as customers nor as revenue.
            #[serde(default)]
            is_trial: bool,
        }
        /// The plan, the price or the seats changed, or a trial became a customer.
        Change(ChangeSubscription) {
            plan: Label,
            monthly: Money,
            #[serde(default)]
            is_trial: bool,
        }
        /// The account pays no more, from `occurred_at` on.
        End(EndSubscription) {
            #[serde(default)]
            reason: EndReason,
        }
    }
    SubscriptionEvent {
        SubscriptionStarted "1.0" {
            account_id: AccountId,
            plan: Label,
            monthly: Money,
            is_trial: bool,
        }
        SubscriptionChanged "1.0" {
            plan: Label,
            monthly: Money,
            is_trial: bool,
        }
        SubscriptionEnded "1.0" {
            reason: EndReason,
        }
    }
}

/// What its own events have made of a subscription.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Subscription {
    #[default]
    Unknown,
    Running(Box<Terms>),
    Ended(Box<Terms>),
}

/// How it started, and what held when: plan, monthly, whether a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    started: SubscriptionStarted,
    changes: Timeline<(Label, Money, bool)>,
}

impl Terms {
    fn of(started: &SubscriptionStarted) -> Self {
        let SubscriptionStarted { plan, monthly, is_trial, occurred_at, .. } = started.clone();
        Self { started: started.clone(), changes: Timeline::from(occurred_at, (plan, monthly, is_trial)) }
    }
}

impl Subscription {
    pub fn decide(
        &self,
        command: SubscriptionCommand,
        at: DateTime<Utc>,
        _: &Context,
    ) -> Result<Vec<SubscriptionEvent>, Rejection> {
        use SubscriptionCommand::{Change, End, Start};
        let event = match (self, command) {
            (Self::Unknown, Start(command)) => started(command, at)?.into(),
            (Self::Unknown, _) => return Err(Rejection::Unknown { what: "subscription" }),
            (Self::Running(terms) | Self::Ended(terms), Start(command)) => {
                let at = command.occurred_at.unwrap_or(terms.started.occurred_at);
                let is_same = started(command, at)? == terms.started;
                return if is_same { Ok(vec![]) } else { Err(Rejection::Exists { what: "subscription" }) };
            }
            (Self::Running(terms), Change(ChangeSubscription { plan, monthly, is_trial, occurred_at })) => {
                let monthly = paid(monthly, is_trial)?;
                if !terms.changes.is_news(occurred_at, at, &(plan.clone(), monthly, is_trial)) {
                    return Ok(vec![]);
                }
                SubscriptionChanged { plan, monthly, is_trial, occurred_at: at }.into()
            }
            (Self::Running(_), End(EndSubscription { reason, .. })) => SubscriptionEnded { reason, occurred_at: at }.into(),
            (Self::Ended(_), End(_)) => return Ok(vec![]),
            (Self::Ended(_), Change(_)) => return Err(Rejection::NotNow { detail: "the subscription has ended" }),
        };
        Ok(vec![event])
    }

    #[must_use]
    pub fn evolve(self, event: &SubscriptionEvent) -> Self {
        match (self, event) {
            (_, SubscriptionEvent::SubscriptionStarted(started)) => Self::Running(Box::new(Terms::of(started))),
            (Self::Running(terms), SubscriptionEvent::SubscriptionChanged(changed)) => {
                let SubscriptionChanged { plan, monthly, is_trial, occurred_at } = changed.clone();
                let changes = terms.changes.with(occurred_at, (plan, monthly, is_trial));
                Self::Running(Box::new(Terms { started: terms.started, changes }))
            }
            (Self::Running(terms), SubscriptionEvent::SubscriptionEnded(_)) => Self::Ended(terms),
            (state, _) => state,
        }
    }
}

fn started(command: StartSubscription, at: DateTime<Utc>) -> Result<SubscriptionStarted, Rejection> {
    let StartSubscription { account_id, plan, monthly, is_trial, .. } = command;
    Ok(SubscriptionStarted { account_id, plan, monthly: paid(monthly, is_trial)?, is_trial, occurred_at: at })
}

/// A trial pays nothing; anything else may be free too, but never less than that.
fn paid(monthly: Money, is_trial: bool) -> Result<Money, Rejection> {
    let field = "/monthly";
    if monthly.amount.is_negative() {
        return Err(Rejection::Invalid { field, detail: "must not be negative" });
    }
    if is_trial && monthly.amount.is_positive() {
        return Err(Rejection::Invalid { field, detail: "must be 0.00 for a trial" });
    }
    Ok(monthly)
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed, usd};

    fn given(events: Vec<SubscriptionEvent>) -> AggregateTestExecutor<Subscription> {
        crate::testing::given(events)
    }
    fn command(name: &str, json: &str) -> SubscriptionCommand {
        parsed!(Subscription, name, json)
    }
    fn pays(amount: &str, is_trial: bool) -> String {
        format!(r#""plan":"team","monthly":{{"amount":"{amount}","currency":"USD"}},"is_trial":{is_trial}"#)
    }
    fn start(amount: &str, is_trial: bool) -> SubscriptionCommand {
        command("start", &format!(r#"{{"account_id":"acme",{}}}"#, pays(amount, is_trial)))
    }
    fn change(amount: &str, is_trial: bool) -> SubscriptionCommand {
        command("change", &format!("{{{}}}", pays(amount, is_trial)))
    }
    fn was_started(amount: &str, is_trial: bool) -> SubscriptionEvent {
        let (account_id, plan) = (AccountId::parse("acme").unwrap(), Label::parse("team").unwrap());
        SubscriptionStarted { account_id, plan, monthly: usd(amount), is_trial, occurred_at: noon() }.into()
    }
    fn was_changed(amount: &str) -> SubscriptionEvent {
        let plan = Label::parse("team").unwrap();
        SubscriptionChanged { plan, monthly: usd(amount), is_trial: false, occurred_at: noon() }.into()
    }
    fn has_ended() -> SubscriptionEvent {
        SubscriptionEnded { reason: EndReason::Other, occurred_at: noon() }.into()
    }

    #[test]
    fn a_subscription_starts_once() {
        given(vec![]).when(start("50.00", false)).then_expect_events(vec![was_started("50.00", false)]);
        given(vec![was_started("50.00", false)]).when(start("50.00", false)).then_expect_events(vec![]);
        given(vec![was_started("50.00", false), was_changed("60.00")]).when(start("50.00", false)).then_expect_events(vec![]);
        given(vec![was_started("50.00", false)])
            .when(start("60.00", false))
            .then_expect_error(Rejection::Exists { what: "subscription" });
    }

    #[test]
    fn a_trial_becomes_a_customer() {
        given(vec![was_started("0.00", true)]).when(change("50.00", false)).then_expect_events(vec![was_changed("50.00")]);
        let detail = "must be 0.00 for a trial";
        given(vec![]).when(start("1.00", true)).then_expect_error(Rejection::Invalid { field: "/monthly", detail });
    }

    #[test]
    fn a_change_that_is_told_late_takes_its_place_among_those_before() {
        let dated =
            |day: &str| command("change", &format!(r#"{{{},"occurred_at":"2026-{day}T12:00:00Z"}}"#, pays("60.00", false)));
        let plan = Label::parse("team").unwrap();
        let changed = |day: &str| -> SubscriptionEvent {
            let occurred_at = crate::testing::at(&format!("2026-{day}T12:00:00Z"));
            SubscriptionChanged { plan: plan.clone(), monthly: usd("60.00"), is_trial: false, occurred_at }.into()
        };
        let known = || vec![was_started("50.00", false), changed("10-30")];
        given(known()).when(dated("10-15")).then_expect_events(vec![changed("10-15")]);
        given(known()).when(dated("10-30")).then_expect_events(vec![]);
        given(known()).when(change("60.00", false)).then_expect_events(vec![was_changed("60.00")]);
    }

    #[test]
    fn a_change_says_something_new() {
        given(vec![was_started("50.00", false)]).when(change("50.00", false)).then_expect_events(vec![]);
        given(vec![was_started("50.00", false)]).when(change("60.00", false)).then_expect_events(vec![was_changed("60.00")]);
        given(vec![]).when(change("60.00", false)).then_expect_error(Rejection::Unknown { what: "subscription" });
        let detail = "must not be negative";
        given(vec![was_started("50.00", false)])
            .when(change("-1.00", false))
            .then_expect_error(Rejection::Invalid { field: "/monthly", detail });
    }

    #[test]
    fn a_subscription_ends_once() {
        given(vec![was_started("50.00", false)]).when(command("end", "{}")).then_expect_events(vec![has_ended()]);
        given(vec![was_started("50.00", false), has_ended()]).when(command("end", "{}")).then_expect_events(vec![]);
        given(vec![was_started("50.00", false), has_ended()])
            .when(change("60.00", false))
            .then_expect_error(Rejection::NotNow { detail: "the subscription has ended" });
        given(vec![]).when(command("end", "{}")).then_expect_error(Rejection::Unknown { what: "subscription" });
    }
}
