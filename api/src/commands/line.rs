//! One line of `POST /v1/commands`.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::Metadata;
use event_store::IdempotencyKey;
use event_store::keys::KeyInfo;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{admit, aggregate_id, aggregate_type, checked_key, command_for, metadata, request_hash};
use crate::around::CorrelationId;
use crate::bulk::{Item, Ready, id_of};
use crate::problem::{INVALID_FIELD, Problem};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    collection: String,
    id: String,
    command: String,
    #[serde(default)]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    idempotency_key: Option<String>,
}

/// Reads the lines of one request. Lines of the same command share their metadata.
pub(super) struct Reader<'a> {
    key: &'a KeyInfo,
    correlation: Option<&'a CorrelationId>,
    received_at: DateTime<Utc>,
    metadata: HashMap<String, Arc<Metadata>>,
    /// A line asked for what the key's role may not.
    pub(super) is_forbidden: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(key: &'a KeyInfo, correlation: Option<&'a CorrelationId>, received_at: DateTime<Utc>) -> Self {
        Self { key, correlation, received_at, metadata: HashMap::new(), is_forbidden: false }
    }

    pub(super) fn read(&mut self, json: &[u8]) -> Item {
        match domain::input::from_json::<Line>(json) {
            Ok(line) => {
                let command = self.ready(&line);
                Item { id: Some(line.id), command }
            }
            Err(error) => Item { id: id_of(json), command: Err(error.into()) },
        }
    }

    fn ready(&mut self, line: &Line) -> Result<Ready, Problem> {
        let aggregate_type = aggregate_type(&line.collection).map_err(|problem| problem.at("/collection"))?;
        if let Err(problem) = admit(self.key, aggregate_type) {
            self.is_forbidden = true;
            return Err(problem.at("/collection"));
        }
        aggregate_id(&line.id)?;
        let data = line.data.as_deref().map_or("{}", RawValue::get).as_bytes();
        let command = command_for(aggregate_type, &line.id, &line.command, data).map_err(|problem| {
            if problem.kind.code == "unknown_command" { problem.at("/command") } else { problem.within("/data") }
        })?;
        let idempotency = line.idempotency_key.as_ref().map(|key| {
            let key = checked_key(key.as_bytes()).ok_or_else(|| {
                Problem::new(&INVALID_FIELD, "is not 1 to 255 visible ASCII characters").at("/idempotency_key")
            })?;
            let request_hash = request_hash(&line.collection, &line.id, &line.command, data);
            Ok::<_, Problem>(IdempotencyKey { key, request_hash })
        });
        Ok(Ready { command, metadata: self.metadata(line), idempotency: idempotency.transpose()? })
    }

    fn metadata(&mut self, line: &Line) -> Arc<Metadata> {
        let command = format!("{}/{}", line.collection, line.command);
        let made = self
            .metadata
            .entry(command)
            .or_insert_with_key(|command| Arc::new(metadata(self.key, command, self.correlation, self.received_at)));
        Arc::clone(made)
    }
}
