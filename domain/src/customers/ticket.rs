//! A support ticket: opened, closed, perhaps opened again.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::AccountId;
use crate::rejection::Rejection;

facts! {
    Ticket "ticket"
    TicketCommand {
        /// An account asks for help; of a closed ticket: again.
        Open(OpenTicket) {
            account_id: AccountId,
        }
        /// It was helped.
        Close(CloseTicket) {}
    }
    TicketEvent {
        TicketOpened "1.0" {
            account_id: AccountId,
        }
        /// Says the account again, so that whoever counts need not look it up.
        TicketClosed "1.0" {
            account_id: AccountId,
            opened_at: DateTime<Utc>,
        }
    }
}

/// What its own events have made of a ticket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Ticket {
    #[default]
    Unknown,
    Open(TicketOpened),
    Closed(TicketOpened),
}

impl Ticket {
    pub fn decide(&self, command: TicketCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<TicketEvent>, Rejection> {
        use TicketCommand::{Close, Open};
        match (self, command) {
            (Self::Open(known) | Self::Closed(known), Open(command)) if command.account_id != known.account_id => {
                Err(Rejection::Exists { what: "ticket" })
            }
            (Self::Open(_), Open(_)) | (Self::Closed(_), Close(_)) => Ok(vec![]),
            // A closed ticket opens again at a later time only: the same time is the same opening, sent twice.
            (Self::Closed(known), Open(command)) if command.occurred_at.is_some_and(|at| at <= known.occurred_at) => Ok(vec![]),
            (Self::Unknown | Self::Closed(_), Open(command)) => {
                Ok(vec![TicketOpened { account_id: command.account_id, occurred_at: at }.into()])
            }
            (Self::Unknown, Close(_)) => Err(Rejection::Unknown { what: "ticket" }),
            (Self::Open(known), Close(_)) => {
                let TicketOpened { account_id, occurred_at: opened_at } = known.clone();
                Ok(vec![TicketClosed { account_id, opened_at, occurred_at: at }.into()])
            }
        }
    }

    #[must_use]
    pub fn evolve(self, event: &TicketEvent) -> Self {
        match (self, event) {
            (_, TicketEvent::TicketOpened(opened)) => Self::Open(opened.clone()),
            (Self::Open(opened), TicketEvent::TicketClosed(_)) => Self::Closed(opened),
            (state, TicketEvent::TicketClosed(_)) => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;

    use super::*;
    use crate::testing::{at, noon, parsed};

    fn given(events: Vec<TicketEvent>) -> AggregateTestExecutor<Ticket> {
        crate::testing::given(events)
    }
    fn open(json: &str) -> TicketCommand {
        parsed!(Ticket, "open", json)
    }
    fn close() -> TicketCommand {
        parsed!(Ticket, "close", "{}")
    }
    fn acme() -> AccountId {
        AccountId::parse("acme").unwrap()
    }
    fn opened() -> TicketEvent {
        TicketOpened { account_id: acme(), occurred_at: noon() }.into()
    }
    fn closed() -> TicketEvent {
        TicketClosed { account_id: acme(), opened_at: noon(), occurred_at: noon() }.into()
    }

    #[test]
    fn a_ticket_opens_and_closes() {
        given(vec![]).when(open(r#"{"account_id":"acme"}"#)).then_expect_events(vec![opened()]);
        given(vec![opened()]).when(open(r#"{"account_id":"acme"}"#)).then_expect_events(vec![]);
        given(vec![opened()]).when(close()).then_expect_events(vec![closed()]);
        given(vec![opened(), closed()]).when(close()).then_expect_events(vec![]);
        given(vec![]).when(close()).then_expect_error(Rejection::Unknown { what: "ticket" });
        let other = open(r#"{"account_id":"other"}"#);
        given(vec![opened()]).when(other).then_expect_error(Rejection::Exists { what: "ticket" });
    }

    #[test]
    fn a_closed_ticket_opens_again_later() {
        let later = at("2026-10-31T12:30:00Z");
        let again: TicketEvent = TicketOpened { account_id: acme(), occurred_at: later }.into();
        let history = || vec![opened(), closed()];
        given(history())
            .when(open(r#"{"account_id":"acme","occurred_at":"2026-10-31T12:30:00Z"}"#))
            .then_expect_events(vec![again]);
        given(history()).when(open(r#"{"account_id":"acme","occurred_at":"2026-10-31T12:00:00Z"}"#)).then_expect_events(vec![]);
    }
}
