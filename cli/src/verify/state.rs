//! Where a verification came to, in a file of whoever verifies, so that the next one goes on from there.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use proof::checkpoint::Checkpoint;
use proof::tree::Tree;
use serde::{Deserialize, Serialize};

const VERSION: u32 = 1;

/// What was found sound.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    version: u32,
    /// The newest checkpoint that all of it was held against: the ledger must still begin with what it covers.
    pub(super) checkpoint: String,
    /// When all events were last read from the first one on; none: that has not come to its end yet.
    pub(super) whole_at: Option<DateTime<Utc>>,
    pub(super) partitions: Vec<PartitionState>,
}

/// One partition: its trees at the last signed heads that were reached.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartitionState {
    pub(super) postgres: Tree,
    pub(super) kafka: Tree,
    /// Where Kafka's copy goes on; a hint.
    pub(super) kafka_offset: Option<i64>,
}

impl State {
    pub(super) fn new(checkpoint: String, whole_at: Option<DateTime<Utc>>, partitions: Vec<PartitionState>) -> Self {
        Self { version: VERSION, checkpoint, whole_at, partitions }
    }

    /// None: there is no such file yet.
    pub(super) fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let what = || format!("{} is not where a verification came to; remove it to begin anew", path.display());
        let state: Self = serde_json::from_str(&text).with_context(what)?;
        anyhow::ensure!(state.version == VERSION, "{}: version {} is not known", what(), state.version);
        Ok(Some(state))
    }

    /// Whole or not at all, and durable.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let write = || {
            let mut new = path.as_os_str().to_owned();
            new.push(".new");
            let mut file = std::fs::File::create(&new)?;
            file.write_all(&serde_json::to_vec(self)?)?;
            file.sync_all()?;
            std::fs::rename(&new, path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// # Errors
    /// Unless it is of the ledger of this origin, with as many partitions.
    pub(super) fn expect(&self, origin: &str, partitions: u16) -> anyhow::Result<()> {
        let own = Checkpoint::unverified(&self.checkpoint)?.origin;
        anyhow::ensure!(own == origin, "where the last verification came to is of {own}, and this ledger is {origin}");
        let count = self.partitions.len();
        anyhow::ensure!(count == usize::from(partitions), "it has {count} partitions, and this ledger {partitions}");
        Ok(())
    }

    /// The same checkpoint, and nothing found sound.
    pub(super) fn begun_anew(self) -> Self {
        let partitions = self.partitions.iter().map(|_| PartitionState::default()).collect();
        Self { whole_at: None, partitions, ..self }
    }

    /// Events that were found sound in both copies.
    pub(super) fn events(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.postgres.size().min(partition.kafka.size())).sum()
    }
}
