//! Publishes the log where whoever writes to the database does not: to files, and to Kafka. Each goes on from what it holds.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use event_log::checkpoints::{LogRecord, Writer, next_index};
use event_store::trees::Trees;
use proof::notary::Sealed;

use crate::config::LedgerArguments;

/// Entries that are read at once where some are to be published again.
const READ_MAX: usize = 1_000;

/// The newest checkpoint, and all of them one after another.
const LATEST: &str = "latest";
const HISTORY: &str = "history";

pub(super) struct Publisher {
    brokers: String,
    topic: String,
    trees: Trees,
    folder: Option<PathBuf>,
    /// How many entries are stored.
    size: u64,
    /// The newest that are not published yet; what is before them is read.
    fresh: Vec<LogRecord>,
    kafka: Option<(Writer, u64)>,
}

impl Publisher {
    pub(super) async fn open(
        ledger: &LedgerArguments,
        trees: Trees,
        folder: Option<PathBuf>,
        size: u64,
    ) -> anyhow::Result<Self> {
        let (brokers, topic) = (ledger.kafka_brokers.clone(), ledger.shape.topic.clone());
        event_log::checkpoints::ensure(&brokers, &topic).await.context("cannot prepare the checkpoints' topic in Kafka")?;
        if let Some(folder) = &folder {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            // A killed one may have stored a checkpoint and not written it.
            if let Some((_, note)) = trees.checkpoints(None, 1).await?.first() {
                write(folder, note)?;
            }
        }
        Ok(Self { brokers, topic, trees, folder, size, fresh: Vec::new(), kafka: None })
    }

    /// What was stored just now.
    pub(super) fn took(&mut self, sealed: Sealed) {
        let last = sealed.entries.len() - 1;
        let records = (sealed.log_from..).zip(sealed.entries).enumerate().map(|(at, (index, entry))| LogRecord {
            index,
            entry,
            checkpoint: (at == last).then(|| sealed.checkpoint.clone()),
        });
        self.fresh.extend(records);
        self.size = sealed.log_head.size;
    }

    /// What is not published yet.
    pub(super) async fn publish(&mut self) -> anyhow::Result<()> {
        if let (Some(folder), Some(note)) =
            (&self.folder, self.fresh.iter().rev().find_map(|record| record.checkpoint.as_ref()))
        {
            write(folder, note)?;
        }
        let (writer, mut next) = match self.kafka.take() {
            Some(kafka) => kafka,
            None => {
                let next = next_index(&self.brokers, &self.topic).await?;
                let (size, topic) = (self.size, event_log::checkpoints::topic_of(&self.topic));
                ensure!(
                    next <= size,
                    "{topic} holds {next} entries and the log {size}: it is another ledger's, or the log was cut"
                );
                (Writer::new(&self.brokers, &self.topic)?, next)
            }
        };
        while next < self.size {
            let records = match self.fresh.first() {
                Some(first) if first.index <= next => {
                    self.fresh.iter().filter(|record| record.index >= next).cloned().collect()
                }
                _ => self.stored(next).await?,
            };
            writer.write(&records).await?;
            next += records.len() as u64;
        }
        self.fresh.clear();
        self.kafka = Some((writer, next));
        Ok(())
    }

    async fn stored(&self, from: u64) -> anyhow::Result<Vec<LogRecord>> {
        let mut records = Vec::new();
        for (index, entry) in (from..).zip(self.trees.entries(from, READ_MAX).await?) {
            records.push(LogRecord { index, entry, checkpoint: self.trees.checkpoint(index + 1).await? });
        }
        ensure!(!records.is_empty(), "the log lacks its entry {from}");
        Ok(records)
    }
}

/// The newest whole or not at all; the history grows by it, unless it ends with it.
fn write(folder: &Path, note: &str) -> anyhow::Result<()> {
    let (latest, history) = (folder.join(LATEST), folder.join(HISTORY));
    let known = fs::read_to_string(&latest).unwrap_or_default();
    if known == note {
        return Ok(());
    }
    let written = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&history)?;
        file.write_all(format!("{note}\n").as_bytes())?;
        file.sync_all()?;
        let beside = folder.join("latest.new");
        fs::write(&beside, note)?;
        fs::File::open(&beside)?.sync_all()?;
        fs::rename(&beside, &latest)
    };
    written().with_context(|| format!("cannot publish a checkpoint to {}", folder.display()))
}
