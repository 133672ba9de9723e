//! An interaction: something somebody did with a capsule, recorded once, perhaps voided later.
//!
//! It is an aggregate of its own, so a busy capsule has no contention and the interaction's id is its idempotency key for
//! ever: recording the same content again decides to no event.

pub mod aggregate;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::collections::Context;
use crate::ids::{CapsuleId, InteractionId, Label, Pseudonym, SessionId, UserRef};
use crate::personal::{Personal, Sealed};
use crate::rejection::Rejection;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    View,
    Interaction,
    ContentAccess,
    Conversion,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::View, Self::Interaction, Self::ContentAccess, Self::Conversion];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Interaction => "interaction",
            Self::ContentAccess => "content_access",
            Self::Conversion => "conversion",
        }
    }
}

/// Who did it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    #[default]
    Human,
    Bot,
    Preview,
    Test,
}

impl Actor {
    pub const ALL: [Self; 4] = [Self::Human, Self::Bot, Self::Preview, Self::Test];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Bot => "bot",
            Self::Preview => "preview",
            Self::Test => "test",
        }
    }
}

/// Why a recorded interaction no longer counts. A closed list: free text might name a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    #[default]
    Mistake,
    Fraud,
    Bot,
    Test,
    Other,
}

/// One interaction as clients send it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordInteraction {
    /// Required in `POST /v1/interactions`; otherwise the id in the path, and not repeated here.
    pub id: Option<InteractionId>,
    pub capsule_id: CapsuleId,
    /// The user in the client's own system. Replaced by a pseudonym before anything is stored.
    pub user_id: Option<UserRef>,
    pub session_id: Option<SessionId>,
    pub kind: Kind,
    /// When it happened, RFC 3339 with zone; default: when the request arrived.
    #[serde(default, deserialize_with = "crate::input::time")]
    pub occurred_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub actor: Actor,
    pub feature: Option<Label>,
    pub channel: Option<Label>,
    pub device: Option<Label>,
    pub region: Option<Label>,
    /// How long it lasted, milliseconds.
    pub duration_ms: Option<u32>,
    /// How long the capsule took to answer, milliseconds.
    pub response_ms: Option<u32>,
    /// How long the AI took to answer, milliseconds.
    pub ai_response_ms: Option<u32>,
    /// How long the page took to load, milliseconds.
    pub page_load_ms: Option<u32>,
    /// Anything else worth keeping, readable to analysts. Not for personal data.
    pub attributes: Option<Map<String, Value>>,
    /// What is personal: sealed with the user's own key, and gone once the user is erased. Needs `user_id`.
    pub personal: Option<Personal>,
}

/// Takes a recorded interaction out of every figure. Said twice, nothing more happens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidInteraction {
    #[serde(default)]
    pub reason: VoidReason,
    /// When it was found; default: when the request arrived.
    #[serde(default, deserialize_with = "crate::input::time")]
    pub occurred_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum InteractionCommand {
    Record(Box<RecordInteraction>),
    Void(VoidInteraction),
}

impl InteractionCommand {
    pub fn occurred_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Record(command) => command.occurred_at,
            Self::Void(command) => command.occurred_at,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionRecorded {
    pub capsule_id: CapsuleId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Pseudonym>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    pub kind: Kind,
    pub actor: Actor,
    pub occurred_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Label>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai_response_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_load_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Sealed>,
}

/// Says again what is voided, so that whoever counts can take it out without looking anything up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InteractionVoided {
    pub reason: VoidReason,
    pub occurred_at: DateTime<Utc>,
    pub voided: Counted,
}

/// What a recorded interaction is counted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counted {
    pub capsule_id: CapsuleId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Pseudonym>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    pub kind: Kind,
    pub actor: Actor,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum InteractionEvent {
    InteractionRecorded(Box<InteractionRecorded>),
    InteractionVoided(InteractionVoided),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub enum Interaction {
    #[default]
    Unknown,
    Recorded(Box<InteractionRecorded>),
    Voided(Box<InteractionRecorded>),
}

fn recorded(command: RecordInteraction, at: DateTime<Utc>) -> Result<InteractionRecorded, Rejection> {
    let sealed = Personal::sealed(command.personal, command.user_id.as_ref())?;
    Ok(InteractionRecorded {
        capsule_id: command.capsule_id,
        user_id: command.user_id.as_ref().map(UserRef::pseudonym),
        session_id: command.session_id,
        kind: command.kind,
        actor: command.actor,
        occurred_at: at,
        feature: command.feature,
        channel: command.channel,
        device: command.device,
        region: command.region,
        duration_ms: command.duration_ms,
        response_ms: command.response_ms,
        ai_response_ms: command.ai_response_ms,
        page_load_ms: command.page_load_ms,
        attributes: command.attributes,
        sealed,
    })
}

impl InteractionRecorded {
    pub fn counted(&self) -> Counted {
        Counted {
            capsule_id: self.capsule_id.clone(),
            user_id: self.user_id,
            session_id: self.session_id.clone(),
            kind: self.kind,
            actor: self.actor,
            occurred_at: self.occurred_at,
        }
    }
}

impl Interaction {
    /// What follows from a command. `at` is the business time; the context holds the interaction's capsule as it stands.
    pub fn decide(
        &self,
        command: InteractionCommand,
        at: DateTime<Utc>,
        context: &Context,
    ) -> Result<Vec<InteractionEvent>, Rejection> {
        use Interaction::{Recorded, Unknown, Voided};
        use InteractionCommand::{Record, Void};
        match (self, command) {
            (Unknown, Record(command)) => {
                context.capsule.takes_interaction_at(at)?;
                Ok(vec![InteractionEvent::InteractionRecorded(Box::new(recorded(*command, at)?))])
            }
            (Recorded(facts) | Voided(facts), Record(command)) => {
                // A time left out says nothing, so it contradicts nothing.
                let at = command.occurred_at.unwrap_or(facts.occurred_at);
                if recorded(*command, at)? == **facts { Ok(vec![]) } else { Err(Rejection::InteractionConflict) }
            }
            (Unknown, Void(_)) => Err(Rejection::InteractionUnknown),
            (Voided(_), Void(_)) => Ok(vec![]),
            (Recorded(facts), Void(VoidInteraction { reason, .. })) => {
                Ok(vec![InteractionEvent::InteractionVoided(InteractionVoided {
                    reason,
                    occurred_at: at,
                    voided: facts.counted(),
                })])
            }
        }
    }

    /// The state after one more of its events.
    #[must_use]
    pub fn evolve(self, event: &InteractionEvent) -> Self {
        match (self, event) {
            (_, InteractionEvent::InteractionRecorded(facts)) => Self::Recorded(facts.clone()),
            (Self::Recorded(facts), InteractionEvent::InteractionVoided(_)) => Self::Voided(facts),
            (state, InteractionEvent::InteractionVoided(_)) => state,
        }
    }

    /// The capsule it belongs to, once recorded.
    pub fn capsule_id(&self) -> Option<&CapsuleId> {
        match self {
            Self::Unknown => None,
            Self::Recorded(facts) | Self::Voided(facts) => Some(&facts.capsule_id),
        }
    }
}
