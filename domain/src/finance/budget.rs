//! A budget: what may be spent on a category in a month.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Category;
use crate::collections::Context;
use crate::facts::facts;
use crate::money::Money;
use crate::rejection::Rejection;
use crate::timeline::Timeline;

facts! {
    Budget "budget"
    BudgetCommand {
        /// Sets what may be spent on a category in a month; again, to change it.
        Set(SetBudget) {
            category: Category,
            /// The month's first day, such as 2026-10-01.
            month: NaiveDate,
            amount: Money,
        }
    }
    BudgetEvent {
        BudgetSet "1.0" {
            category: Category,
            month: NaiveDate,
            amount: Money,
        }
    }
}

/// Whose and when's it is, and what was set when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    of: Option<(Category, NaiveDate)>,
    amounts: Timeline<Money>,
}

impl Budget {
    pub fn decide(&self, command: BudgetCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<BudgetEvent>, Rejection> {
        let BudgetCommand::Set(SetBudget { category, month, amount, occurred_at }) = command;
        if month.day() != 1 {
            return Err(Rejection::Invalid { field: "/month", detail: "must be the first day of a month, such as 2026-10-01" });
        }
        if amount.amount.is_negative() {
            return Err(Rejection::Invalid { field: "/amount", detail: "must not be negative" });
        }
        match self.of {
            Some(of) if of != (category, month) => Err(Rejection::Exists { what: "budget" }),
            _ if !self.amounts.is_news(occurred_at, at, &amount) => Ok(vec![]),
            _ => Ok(vec![BudgetSet { category, month, amount, occurred_at: at }.into()]),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &BudgetEvent) -> Self {
        let BudgetEvent::BudgetSet(set) = event;
        Self { of: Some((set.category, set.month)), amounts: self.amounts.with(set.occurred_at, set.amount) }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{noon, parsed, usd};

    fn given(events: Vec<BudgetEvent>) -> AggregateTestExecutor<Budget> {
        crate::testing::given(events)
    }
    fn set(month: &str, amount: &str) -> BudgetCommand {
        let amount = format!(r#"{{"amount":"{amount}","currency":"USD"}}"#);
        parsed!(Budget, "set", format!(r#"{{"category":"marketing","month":"{month}","amount":{amount}}}"#))
    }
    fn was_set(amount: &str) -> BudgetEvent {
        let month = "2026-10-01".parse().unwrap();
        BudgetSet { category: Category::Marketing, month, amount: usd(amount), occurred_at: noon() }.into()
    }

    #[test]
    fn a_budget_is_set_and_changed() {
        given(vec![]).when(set("2026-10-01", "5000.00")).then_expect_events(vec![was_set("5000.00")]);
        given(vec![was_set("5000.00")]).when(set("2026-10-01", "5000.00")).then_expect_events(vec![]);
        given(vec![was_set("5000.00")]).when(set("2026-10-01", "0.00")).then_expect_events(vec![was_set("0.00")]);
    }

    #[test]
    fn a_budget_is_one_months_and_not_negative() {
        given(vec![was_set("5000.00")])
            .when(set("2026-11-01", "5000.00"))
            .then_expect_error(Rejection::Exists { what: "budget" });
        let detail = "must be the first day of a month, such as 2026-10-01";
        given(vec![]).when(set("2026-10-31", "5000.00")).then_expect_error(Rejection::Invalid { field: "/month", detail });
        let detail = "must not be negative";
        given(vec![]).when(set("2026-10-01", "-0.01")).then_expect_error(Rejection::Invalid { field: "/amount", detail });
    }
}
