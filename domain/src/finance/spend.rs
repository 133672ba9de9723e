//! Money spent.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::facts::once;
use crate::ids::Label;
use crate::money::Money;

/// What money is spent on, as the budgets name it; and the cost of goods sold, for the gross margin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Personnel,
    Infrastructure,
    Marketing,
    Operations,
}

once! {
    /// Records money spent; a credit is negative.
    Spend "spend"
    SpendCommand Record(RecordSpend)
    SpendEvent SpendRecorded "1.0" {
        category: Category,
        amount: Money,
        /// Whether it is a cost of what was sold, for the gross margin.
        #[serde(default)]
        is_cogs: bool,
        /// Whether it was spent to win customers, for what one costs to acquire.
        #[serde(default)]
        is_acquisition: bool,
        /// The marketing channel that it was spent on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        channel: Option<Label>,
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::rejection::Rejection;
    use crate::testing::{noon, parsed, usd};

    fn given(events: Vec<SpendEvent>) -> AggregateTestExecutor<Spend> {
        crate::testing::given(events)
    }
    fn record(amount: &str) -> SpendCommand {
        let amount = format!(r#"{{"amount":"{amount}","currency":"USD"}}"#);
        parsed!(Spend, "record", format!(r#"{{"category":"marketing","channel":"search","amount":{amount}}}"#))
    }
    fn recorded(amount: &str) -> SpendEvent {
        SpendRecorded {
            category: Category::Marketing,
            amount: usd(amount),
            is_cogs: false,
            is_acquisition: false,
            channel: Some(Label::parse("search").unwrap()),
            occurred_at: noon(),
        }
        .into()
    }

    #[test]
    fn money_is_spent_once_and_credited_by_another_record() {
        given(vec![]).when(record("99.50")).then_expect_events(vec![recorded("99.50")]);
        given(vec![recorded("99.50")]).when(record("99.50")).then_expect_events(vec![]);
        given(vec![recorded("99.50")]).when(record("99.51")).then_expect_error(Rejection::Exists { what: "spend" });
        given(vec![]).when(record("-10.00")).then_expect_events(vec![recorded("-10.00")]);
    }
}
