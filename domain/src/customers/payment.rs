//! A payment that failed, and perhaps came in later.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::AccountId;
use crate::money::Money;
use crate::rejection::Rejection;

facts! {
    Payment "payment"
    PaymentCommand {
        /// A payment that was due did not come in.
        Fail(FailPayment) {
            account_id: AccountId,
            amount: Money,
        }
        /// It came in after all.
        Recover(RecoverPayment) {}
    }
    PaymentEvent {
        PaymentFailed "1.0" {
            account_id: AccountId,
            amount: Money,
        }
        /// Says the account again, so that whoever counts need not look it up.
        PaymentRecovered "1.0" {
            account_id: AccountId,
        }
    }
}

/// What its own events have made of a payment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Payment {
    #[default]
    Unknown,
    Failed(PaymentFailed),
    Recovered(PaymentFailed),
}

impl Payment {
    pub fn decide(&self, command: PaymentCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<PaymentEvent>, Rejection> {
        use PaymentCommand::{Fail, Recover};
        match (self, command) {
            (Self::Unknown, Fail(FailPayment { account_id, amount, .. })) => {
                let amount = amount.positive("/amount")?;
                Ok(vec![PaymentFailed { account_id, amount, occurred_at: at }.into()])
            }
            (Self::Failed(known) | Self::Recovered(known), Fail(FailPayment { account_id, amount, occurred_at })) => {
                let said = PaymentFailed { account_id, amount, occurred_at: occurred_at.unwrap_or(known.occurred_at) };
                if said == *known { Ok(vec![]) } else { Err(Rejection::Exists { what: "payment" }) }
            }
            (Self::Unknown, Recover(_)) => Err(Rejection::Unknown { what: "payment" }),
            (Self::Failed(known), Recover(_)) => {
                Ok(vec![PaymentRecovered { account_id: known.account_id.clone(), occurred_at: at }.into()])
            }
            (Self::Recovered(_), Recover(_)) => Ok(vec![]),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &PaymentEvent) -> Self {
        match (self, event) {
            (_, PaymentEvent::PaymentFailed(failed)) => Self::Failed(failed.clone()),
            (Self::Failed(failed), PaymentEvent::PaymentRecovered(_)) => Self::Recovered(failed),
            (state, PaymentEvent::PaymentRecovered(_)) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed, usd};

    fn given(events: Vec<PaymentEvent>) -> AggregateTestExecutor<Payment> {
        crate::testing::given(events)
    }
    fn fail(amount: &str) -> PaymentCommand {
        let amount = format!(r#"{{"amount":"{amount}","currency":"USD"}}"#);
        parsed!(Payment, "fail", format!(r#"{{"account_id":"acme","amount":{amount}}}"#))
    }
    fn recover() -> PaymentCommand {
        parsed!(Payment, "recover", "{}")
    }
    fn failed() -> PaymentEvent {
        PaymentFailed { account_id: AccountId::parse("acme").unwrap(), amount: usd("50.00"), occurred_at: noon() }.into()
    }
    fn recovered() -> PaymentEvent {
        PaymentRecovered { account_id: AccountId::parse("acme").unwrap(), occurred_at: noon() }.into()
    }

    #[test]
    fn a_payment_fails_once() {
        given(vec![]).when(fail("50.00")).then_expect_events(vec![failed()]);
        given(vec![failed()]).when(fail("50.00")).then_expect_events(vec![]);
        given(vec![failed(), recovered()]).when(fail("50.00")).then_expect_events(vec![]);
        given(vec![failed()]).when(fail("60.00")).then_expect_error(Rejection::Exists { what: "payment" });
        let detail = "must be more than zero";
        given(vec![]).when(fail("0.00")).then_expect_error(Rejection::Invalid { field: "/amount", detail });
    }

    #[test]
    fn a_payment_recovers_once_and_only_after_it_failed() {
        given(vec![failed()]).when(recover()).then_expect_events(vec![recovered()]);
        given(vec![failed(), recovered()]).when(recover()).then_expect_events(vec![]);
        given(vec![]).when(recover()).then_expect_error(Rejection::Unknown { what: "payment" });
    }
}
