//! The capsules that the interactions are with, created and published first.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Named;
use super::records::{self, RawBytes, Records};
use crate::client::{BatchResult, Client, Encoding};

/// Commands in one request.
const COMMANDS_MAX: usize = 5_000;
const SHOWN_MAX: usize = 5;

#[derive(Deserialize)]
struct Capsule {
    id: String,
    title: String,
    #[serde(default)]
    occurred_at: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Outcome {
    pub(crate) capsules: u64,
    /// Capsules created by this run; the others were there.
    pub(crate) created: u64,
    pub(crate) rejected: u64,
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {} of them new, {} rejected", self.capsules, self.created, self.rejected)
    }
}

pub(super) async fn create_and_publish(client: &Client, path: &Path) -> Result<Outcome> {
    let capsules = read(path).with_context(|| format!("cannot read the capsules in {}", path.display()))?;
    let mut outcome = Outcome { capsules: capsules.len() as u64, ..Outcome::default() };
    for chunk in capsules.chunks(COMMANDS_MAX) {
        for command in ["create", "publish"] {
            let body: String = chunk.iter().map(|capsule| line(capsule, command)).collect();
            let answer =
                client.post_commands_ndjson(body.into(), Encoding::Plain).await.context("the capsules could not be sent")?;
            let refused: Vec<_> = answer.refused().filter(|result| !was_open_once(result)).collect();
            for result in refused.iter().take(SHOWN_MAX) {
                let detail = result.detail.as_deref().unwrap_or_default();
                let code = result.code.as_deref().unwrap_or("rejected");
                eprintln!("capsule {}: {code}: {detail}", chunk.get(result.index).map_or("?", |capsule| &capsule.id));
            }
            outcome.rejected += refused.len() as u64;
            if command == "create" {
                outcome.created += answer.accepted;
            }
        }
    }
    Ok(outcome)
}

/// A capsule archived since takes the interactions from before all the same.
fn was_open_once(result: &BatchResult) -> bool {
    result.code.as_deref() == Some("capsule_archived")
}

fn line(capsule: &Capsule, command: &str) -> String {
    let mut data = match command {
        "create" => json!({ "title": capsule.title }),
        _ => json!({}),
    };
    if let Some(time) = &capsule.occurred_at {
        data["occurred_at"] = json!(time);
    }
    format!("{}\n", json!({ "collection": "capsules", "id": capsule.id, "command": command, "data": data }))
}

fn read(path: &Path) -> Result<Vec<Capsule>> {
    let mut records = Records::of(records::open(path, RawBytes::default())?, &Named::default())?;
    if matches!(records, Records::Rows(_)) {
        bail!("one JSON object a line is needed, with id and title");
    }
    let (mut capsules, mut json) = (Vec::new(), Vec::new());
    while let Some(record) = records.next(&mut json)? {
        let capsule = serde_json::from_slice(&json).with_context(|| format!("line {} is no capsule", record.line))?;
        capsules.push(capsule);
        json.clear();
    }
    Ok(capsules)
}
