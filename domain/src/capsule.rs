//! A capsule: made, named, opened to its audience, closed.
//!
//! `decide` and `evolve` are plain functions; [`aggregate`] adapts them to cqrs-es.

pub mod aggregate;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::collections::Context;
use crate::ids::Title;
use crate::rejection::Rejection;

/// Creates a draft. Said twice with the same title, nothing more happens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCapsule {
    pub title: Title,
    /// When it happened; default: when the request arrived.
    #[serde(default, deserialize_with = "crate::input::time")]
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Gives the capsule another title.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameCapsule {
    pub title: Title,
    /// When it happened; default: when the request arrived.
    #[serde(default, deserialize_with = "crate::input::time")]
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Opens the capsule: from now on it takes interactions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishCapsule {
    /// When it happened; default: when the request arrived.
    #[serde(default, deserialize_with = "crate::input::time")]
    pub occurred_at: Option<DateTime<Utc>>,
}

/// Closes the capsule for good: it takes no interaction that occurs at this time or later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveCapsule {
    /// When it happened; default: when the request arrived.
    #[serde(default, deserialize_with = "crate::input::time")]
    pub occurred_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CapsuleCommand {
    Create(CreateCapsule),
    Rename(RenameCapsule),
    Publish(PublishCapsule),
    Archive(ArchiveCapsule),
}

impl CapsuleCommand {
    pub fn occurred_at(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Create(command) => command.occurred_at,
            Self::Rename(command) => command.occurred_at,
            Self::Publish(command) => command.occurred_at,
            Self::Archive(command) => command.occurred_at,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapsuleCreated {
    pub title: Title,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapsuleRenamed {
    pub title: Title,
    pub occurred_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapsulePublished {
    pub occurred_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CapsuleArchived {
    /// From this time on the capsule takes no interaction.
    pub occurred_at: DateTime<Utc>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum CapsuleEvent {
    CapsuleCreated(CapsuleCreated),
    CapsuleRenamed(CapsuleRenamed),
    CapsulePublished(CapsulePublished),
    CapsuleArchived(CapsuleArchived),
}

/// What its own events have made of a capsule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Capsule {
    #[default]
    Unknown,
    Draft {
        title: Title,
    },
    Open {
        title: Title,
    },
    Closed {
        title: Title,
        published: Published,
        archived_at: DateTime<Utc>,
    },
}

/// Whether a closed capsule was ever open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Published {
    Once,
    Never,
}

impl Capsule {
    /// What follows from a command. `at` is the business time: the command's own, or when the request arrived.
    pub fn decide(&self, command: CapsuleCommand, at: DateTime<Utc>, _: &Context) -> Result<Vec<CapsuleEvent>, Rejection> {
        use Capsule::{Closed, Draft, Open, Unknown};
        use CapsuleCommand::{Archive, Create, Publish, Rename};
        let event = match (self, command) {
            (Unknown, Create(CreateCapsule { title, .. })) => {
                CapsuleEvent::CapsuleCreated(CapsuleCreated { title, occurred_at: at })
            }
            (Unknown, _) => return Err(Rejection::CapsuleUnknown),
            (Draft { title: now } | Open { title: now } | Closed { title: now, .. }, Create(CreateCapsule { title, .. })) => {
                return if *now == title { Ok(vec![]) } else { Err(Rejection::CapsuleExists) };
            }
            (Closed { .. }, Archive(_)) => return Ok(vec![]),
            (Closed { archived_at, .. }, Rename(_) | Publish(_)) => {
                return Err(Rejection::CapsuleArchived { archived_at: *archived_at });
            }
            (Draft { title: now } | Open { title: now }, Rename(RenameCapsule { title, .. })) => {
                if *now == title {
                    return Ok(vec![]);
                }
                CapsuleEvent::CapsuleRenamed(CapsuleRenamed { title, occurred_at: at })
            }
            (Open { .. }, Publish(_)) => return Ok(vec![]), // said twice: nothing more happened
            (Draft { .. }, Publish(_)) => CapsuleEvent::CapsulePublished(CapsulePublished { occurred_at: at }),
            (Draft { .. } | Open { .. }, Archive(_)) => CapsuleEvent::CapsuleArchived(CapsuleArchived { occurred_at: at }),
        };
        Ok(vec![event])
    }

    /// The state after one more of its events.
    #[must_use]
    pub fn evolve(self, event: &CapsuleEvent) -> Self {
        match (self, event) {
            (_, CapsuleEvent::CapsuleCreated(created)) => Self::Draft { title: created.title.clone() },
            (Self::Draft { .. }, CapsuleEvent::CapsuleRenamed(renamed)) => Self::Draft { title: renamed.title.clone() },
            (Self::Open { .. }, CapsuleEvent::CapsuleRenamed(renamed)) => Self::Open { title: renamed.title.clone() },
            (Self::Draft { title }, CapsuleEvent::CapsulePublished(_)) => Self::Open { title },
            (Self::Draft { title }, CapsuleEvent::CapsuleArchived(archived)) => {
                Self::Closed { title, published: Published::Never, archived_at: archived.occurred_at }
            }
            (Self::Open { title }, CapsuleEvent::CapsuleArchived(archived)) => {
                Self::Closed { title, published: Published::Once, archived_at: archived.occurred_at }
            }
            (state, _) => state,
        }
    }

    /// Whether an interaction that occurs at `at` belongs here.
    pub fn takes_interaction_at(&self, at: DateTime<Utc>) -> Result<(), Rejection> {
        match self {
            Self::Unknown => Err(Rejection::CapsuleUnknown),
            Self::Draft { .. } | Self::Closed { published: Published::Never, .. } => Err(Rejection::CapsuleNotPublished),
            Self::Closed { archived_at, .. } if *archived_at <= at => {
                Err(Rejection::CapsuleArchived { archived_at: *archived_at })
            }
            Self::Open { .. } | Self::Closed { .. } => Ok(()),
        }
    }
}
