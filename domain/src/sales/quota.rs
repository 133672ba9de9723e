//! A quota: what a team is to sell in a quarter.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::Label;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

facts! {
    Quota "quota"
    QuotaCommand {
        /// Sets what is to be sold in a quarter; again, to change it.
        Set(SetQuota) {
            /// The quarter's first day, such as 2026-10-01.
            quarter: NaiveDate,
            /// The team; default: the whole company.
            team: Option<Label>,
            /// The annual value of the deals to win.
            amount: Money,
        }
    }
    QuotaEvent {
        QuotaSet "1.0" {
            quarter: NaiveDate,
            #[serde(skip_serializing_if = "Option::is_none")]
            team: Option<Label>,
            amount: Money,
        }
    }
}

/// Whose and when's it is, and what was set when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Quota {
    of: Option<(NaiveDate, Option<Label>)>,
    amounts: Timeline<Money>,
}

impl Quota {
    pub fn decide(&self, command: QuotaCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<QuotaEvent>, Rejection> {
        let QuotaCommand::Set(SetQuota { quarter, team, amount, occurred_at }) = command;
        if quarter.day() != 1 || quarter.month0() % 3 != 0 {
            return Err(Rejection::Invalid {
                field: "/quarter",
                detail: "must be the first day of a quarter, such as 2026-10-01",
            });
        }
        let amount = amount.positive("/amount")?;
        match &self.of {
            Some(of) if *of != (quarter, team.clone()) => Err(Rejection::Exists { what: "quota" }),
            _ if !self.amounts.is_news(occurred_at, at, &amount) => Ok(vec![]),
            _ => Ok(vec![QuotaSet { quarter, team, amount, occurred_at: at }.into()]),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &QuotaEvent) -> Self {
        let QuotaEvent::QuotaSet(set) = event;
        Self { of: Some((set.quarter, set.team.clone())), amounts: self.amounts.with(set.occurred_at, set.amount) }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, usd};

    fn given(events: Vec<QuotaEvent>) -> AggregateTestExecutor<Quota> {
        crate::testing::given(events)
    }
    fn set(quarter: &str, amount: &str) -> QuotaCommand {
        QuotaCommand::Set(SetQuota { quarter: quarter.parse().unwrap(), team: None, amount: usd(amount), occurred_at: None })
    }
    fn was_set(amount: &str) -> QuotaEvent {
        QuotaSet { quarter: "2026-10-01".parse().unwrap(), team: None, amount: usd(amount), occurred_at: noon() }.into()
    }

    #[test]
    fn a_quota_is_set_and_changed() {
        given(vec![]).when(set("2026-10-01", "90000.00")).then_expect_events(vec![was_set("90000.00")]);
        given(vec![was_set("90000.00")]).when(set("2026-10-01", "90000.00")).then_expect_events(vec![]);
        given(vec![was_set("90000.00")]).when(set("2026-10-01", "95000.00")).then_expect_events(vec![was_set("95000.00")]);
    }

    #[test]
    fn a_quota_is_one_quarters() {
        given(vec![was_set("90000.00")])
            .when(set("2027-01-01", "90000.00"))
            .then_expect_error(Rejection::Exists { what: "quota" });
        for day in ["2026-10-02", "2026-11-01"] {
            given(vec![]).when(set(day, "90000.00")).then_expect_error(Rejection::Invalid {
                field: "/quarter",
                detail: "must be the first day of a quarter, such as 2026-10-01",
            });
        }
        given(vec![])
            .when(set("2026-10-01", "0.00"))
            .then_expect_error(Rejection::Invalid { field: "/amount", detail: "must be more than zero" });
    }
}
