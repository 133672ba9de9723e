//! What the API answers, as far as this program reads it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// To a batch of interactions or commands. Accepted ones are only counted.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct BatchAnswer {
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    /// Refused ones, conflicts among them.
    pub(crate) rejected: u64,
    #[serde(default)]
    pub(crate) results: Vec<BatchResult>,
    pub(crate) token: Option<String>,
}

impl BatchAnswer {
    /// What was not recorded and never will be as it is.
    pub(crate) fn refused(&self) -> impl Iterator<Item = &BatchResult> {
        self.results.iter().filter(|result| matches!(result.status, Status::Conflict | Status::Rejected))
    }
}

/// What became of one line of a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BatchResult {
    /// Its place in the batch, from 0.
    pub(crate) index: usize,
    #[serde(default)]
    pub(crate) id: Option<String>,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) detail: Option<String>,
    /// JSON pointer of the field at fault.
    #[serde(default)]
    pub(crate) field: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Accepted,
    Duplicate,
    Conflict,
    Rejected,
}

/// A capsule as the read model shows it, alone or within `data`.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum CapsuleAnswer {
    Bare(Titled),
    Within { data: Titled },
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Titled {
    title: String,
}

impl CapsuleAnswer {
    pub(crate) fn title(&self) -> &str {
        match self {
            Self::Bare(capsule) | Self::Within { data: capsule } => &capsule.title,
        }
    }
}

/// Which events to list; all of the tenant's where nothing is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventsQuery {
    pub(crate) partition: Option<u16>,
    pub(crate) collection: Option<String>,
    pub(crate) aggregate_id: Option<String>,
    pub(crate) event_type: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
}

impl EventsQuery {
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("partition", self.partition.map(|partition| partition.to_string())),
            ("collection", self.collection.clone()),
            ("aggregate_id", self.aggregate_id.clone()),
            ("type", self.event_type.clone()),
            ("key", self.key.clone()),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
            ("limit", self.limit.map(|limit| limit.to_string())),
            ("cursor", self.cursor.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Events byte for byte as the API wrote them, and where the next page starts.
#[derive(Debug, Deserialize)]
pub(crate) struct EventsPage {
    pub(crate) data: Vec<Box<RawValue>>,
    #[serde(default)]
    pub(crate) next: Option<String>,
}
