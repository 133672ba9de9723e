//! Identifiers and short texts. Each parses once, at the edge, and is trusted from then on.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Why a text is not the identifier it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    #[error("must not be empty")]
    Empty,
    #[error("is longer than {max_bytes} bytes")]
    TooLong { max_bytes: usize },
    #[error("may hold only letters, digits and . _ : ~ - @ +")]
    Character,
    #[error("may not hold control characters")]
    Control,
}

/// Characters that need no escaping in a URL path segment or a log line.
fn is_identifier(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:~-@+".contains(&byte))
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $max:literal, $form:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(#[schemars(length(min = 1, max = $max))] String);

        impl $name {
            pub const MAX_BYTES: usize = $max;

            pub fn parse(text: impl Into<String>) -> Result<Self, InvalidText> {
                let text = text.into();
                if text.is_empty() {
                    return Err(InvalidText::Empty);
                }
                if text.len() > Self::MAX_BYTES {
                    return Err(InvalidText::TooLong { max_bytes: Self::MAX_BYTES });
                }
                text!(@$form text);
                Ok(Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidText;
            fn try_from(text: String) -> Result<Self, InvalidText> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> String {
                text.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
    (@identifier $text:ident) => {
        if !is_identifier(&$text) {
            return Err(InvalidText::Character);
        }
    };
    (@line $text:ident) => {
        if $text.chars().any(char::is_control) {
            return Err(InvalidText::Control);
        }
    };
}

text!(
    /// Whose events, rows and keys these are.
    TenantId, 32, identifier
);
text!(
    /// A capsule, named by its client.
    CapsuleId, 128, identifier
);
text!(
    /// One interaction, named by its client; its idempotency key for ever.
    InteractionId, 128, identifier
);
text!(
    /// One visit of somebody to one capsule.
    SessionId, 128, identifier
);
text!(
    /// A customer: the company or the person that pays. Never a person's name or address.
    AccountId, 128, identifier
);
text!(
    /// Somebody who might become a customer, named by its client. Never a person's name or address.
    LeadId, 128, identifier
);
text!(
    /// One deployment, named by its client.
    DeploymentId, 128, identifier
);
text!(
    /// One change of the software, such as a commit's hash.
    ChangeId, 128, identifier
);
text!(
    /// One incident, named by its client.
    IncidentId, 128, identifier
);
text!(
    /// Somebody who works here, by an opaque id. Never a person's name or address.
    PersonId, 128, identifier
);
text!(
    /// What a capsule is called.
    Title, 200, line
);
text!(
    /// A short word to group by: a feature, channel, device or region. Never a person's.
    Label, 64, line
);
text!(
    /// Where the evidence lies: a link or a document's name. Never a person's.
    Reference, 500, line
);
text!(
    /// The public part of an API key.
    KeyId, 64, identifier
);
text!(
    /// A route as it is declared, such as `/v1/capsules/{id}`: never what stood in a path.
    Route, 200, line
);
text!(
    /// Why somebody who runs the ledger did something. Never a person's name or address.
    Reason, 500, line
);
text!(
    /// Where data reside, as whoever runs the ledger calls it, such as `eu-central-1`.
    Region, 64, identifier
);
text!(
    /// A key that signs for the ledger, by the verifier key that checks it.
    SigningKeyId, 300, line
);
text!(
    /// A user's id in the client's own system. Lives only from the request to the vault; no event holds one.
    UserId, 256, line
);

/// What the ledger knows a user by: random, per tenant, meaningless without the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Pseudonym(pub Uuid);

impl fmt::Display for Pseudonym {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A user in a command: as the client names them, until the vault has replaced the name.
///
/// Reads only as [`UserRef::Named`], so no client can pass a pseudonym off as its own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "UserId")]
#[schemars(with = "UserId")]
pub enum UserRef {
    Named(UserId),
    Known(Pseudonym),
}

impl From<UserId> for UserRef {
    fn from(user: UserId) -> Self {
        Self::Named(user)
    }
}

impl UserRef {
    /// The pseudonym. Commands reach `decide` only through the vault, which leaves no `Named` behind.
    pub fn pseudonym(&self) -> Pseudonym {
        match self {
            Self::Known(pseudonym) => *pseudonym,
            Self::Named(_) => unreachable!("the vault replaces every user id before a decision is made"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_no_slash_no_blank_and_an_end() {
        assert_eq!(CapsuleId::parse("a/b"), Err(InvalidText::Character));
        assert_eq!(CapsuleId::parse("a b"), Err(InvalidText::Character));
        assert_eq!(CapsuleId::parse(""), Err(InvalidText::Empty));
        assert_eq!(CapsuleId::parse("x".repeat(129)), Err(InvalidText::TooLong { max_bytes: 128 }));
        assert!(CapsuleId::parse("site-1010323").is_ok());
    }

    #[test]
    fn a_title_is_any_one_line() {
        assert!(Title::parse("Über Kapseln – 你好").is_ok());
        assert_eq!(Title::parse("two\nlines"), Err(InvalidText::Control));
    }
}
