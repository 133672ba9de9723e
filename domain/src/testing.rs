//! What the tests of facts have alike: rules told as given / when / then, with commands as clients write them.

use chrono::{DateTime, Utc};
use cqrs_es::Aggregate;
use cqrs_es::test::{AggregateTestExecutor, TestFramework};

use crate::Context;
use crate::money::Money;

pub(crate) fn noon() -> DateTime<Utc> {
    at("2026-10-31T12:00:00Z")
}

pub(crate) fn at(time: &str) -> DateTime<Utc> {
    time.parse().expect("a time")
}

pub(crate) fn usd(amount: &str) -> Money {
    Money { amount: amount.parse().expect("an amount"), currency: "USD".to_owned().try_into().expect("a currency") }
}

/// At noon, after these events.
pub(crate) fn given<A: Aggregate<Services = Context>>(events: Vec<A::Event>) -> AggregateTestExecutor<A> {
    TestFramework::<A>::with(Context::at(noon())).given(events)
}

/// The command that a client sends by this name and body.
macro_rules! parsed {
    ($kind:ident, $name:expr, $json:expr) => {
        match crate::Command::parse(crate::AggregateType::$kind, $name, $json.as_ref()).expect("a command") {
            crate::Command::$kind(command) => command,
            other => unreachable!("{other:?}"),
        }
    };
}

pub(crate) use parsed;
