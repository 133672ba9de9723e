//! A sign-up: somebody became a user.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{AccountId, Label, Pseudonym, UserRef};
use crate::personal::{Personal, Sealed};
use crate::rejection::Rejection;

facts! {
    SignUp "sign_up"
    SignUpCommand {
        /// Somebody became a user. The id in the path is the sign-up's own: never a person's name or address.
        Record(RecordSignUp) {
            /// The user in the client's own system. Replaced by a pseudonym before anything is stored.
            user_id: UserRef,
            /// The customer whose user they are.
            account_id: Option<AccountId>,
            /// Where they came from, such as `search` or `invitation`.
            channel: Option<Label>,
            /// The plan that they signed up for.
            plan: Option<Label>,
            region: Option<Label>,
            /// What is personal: sealed with the user's own key, and gone once the user is erased.
            personal: Option<Personal>,
        }
    }
    SignUpEvent {
        UserSignedUp "1.1" {
            user_id: Pseudonym,
            #[serde(skip_serializing_if = "Option::is_none")]
            account_id: Option<AccountId>,
            #[serde(skip_serializing_if = "Option::is_none")]
            channel: Option<Label>,
            #[serde(skip_serializing_if = "Option::is_none")]
            plan: Option<Label>,
            #[serde(skip_serializing_if = "Option::is_none")]
            region: Option<Label>,
            #[serde(skip_serializing_if = "Option::is_none")]
            sealed: Option<Sealed>,
        }
    }
}

/// How it was recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SignUp(Option<UserSignedUp>);

impl SignUp {
    pub fn decide(&self, command: SignUpCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<SignUpEvent>, Rejection> {
        let SignUpCommand::Record(RecordSignUp { user_id, account_id, channel, plan, region, personal, occurred_at }) = command;
        let sealed = Personal::sealed(personal, Some(&user_id))?;
        let user_id = user_id.pseudonym();
        let signed_up = |occurred_at| UserSignedUp { user_id, account_id, channel, plan, region, sealed, occurred_at };
        match &self.0 {
            None => Ok(vec![signed_up(at).into()]),
            Some(known) if signed_up(occurred_at.unwrap_or(known.occurred_at)) == *known => Ok(vec![]),
            Some(_) => Err(Rejection::Exists { what: "sign_up" }),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &SignUpEvent) -> Self {
        let SignUpEvent::UserSignedUp(signed_up) = event;
        Self(Some(signed_up.clone()))
    }
}

#[cfg(test)]
mod tests {
    use cqrs_es::test::AggregateTestExecutor;
    use uuid::Uuid;

    use super::*;
    use crate::testing::{noon, parsed};

    const USER: Pseudonym = Pseudonym(Uuid::from_u128(7));

    fn given(events: Vec<SignUpEvent>) -> AggregateTestExecutor<SignUp> {
        crate::testing::given(events)
    }
    /// With the user replaced, as the vault does.
    fn record(channel: &str) -> SignUpCommand {
        let json = format!(r#"{{"user_id":"u1","account_id":"acme","channel":"{channel}"}}"#);
        let SignUpCommand::Record(command) = parsed!(SignUp, "record", json);
        SignUpCommand::Record(RecordSignUp { user_id: UserRef::Known(USER), ..command })
    }
    fn recorded() -> SignUpEvent {
        let (account_id, channel) = (AccountId::parse("acme").ok(), Label::parse("search").ok());
        UserSignedUp { user_id: USER, account_id, channel, plan: None, region: None, sealed: None, occurred_at: noon() }.into()
    }

    #[test]
    fn somebody_signs_up_once() {
        given(vec![]).when(record("search")).then_expect_events(vec![recorded()]);
        given(vec![recorded()]).when(record("search")).then_expect_events(vec![]);
        given(vec![recorded()]).when(record("event")).then_expect_error(Rejection::Exists { what: "sign_up" });
    }

    #[test]
    fn the_vault_finds_the_user_to_replace() {
        let mut command = crate::Command::parse(crate::AggregateType::SignUp, "record", br#"{"user_id":"u1"}"#).unwrap();
        assert!(command.person().is_some());
    }

    #[test]
    fn a_time_left_out_contradicts_nothing_and_another_user_does() {
        let known = UserSignedUp {
            user_id: USER,
            account_id: None,
            channel: None,
            plan: None,
            region: None,
            sealed: None,
            occurred_at: noon(),
        };
        let earlier = UserSignedUp { occurred_at: "2026-10-01T00:00:00Z".parse().unwrap(), ..known };
        let record = |user| {
            let SignUpCommand::Record(command) = parsed!(SignUp, "record", r#"{"user_id":"u1"}"#);
            SignUpCommand::Record(RecordSignUp { user_id: UserRef::Known(user), ..command })
        };
        given(vec![earlier.clone().into()]).when(record(USER)).then_expect_events(vec![]);
        given(vec![earlier.into()])
            .when(record(Pseudonym(Uuid::from_u128(8))))
            .then_expect_error(Rejection::Exists { what: "sign_up" });
    }
}
