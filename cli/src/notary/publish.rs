//! Publishes the log where whoever writes to the database does not: to Kafka, then to files, so that whatever the files hold can be
//! brought back from Kafka. Each goes on from what it holds.

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use event_log::checkpoints::{LogRecord, Writer, next_index};
use event_store::trees::Trees;
use proof::notary::Sealed;

use super::folder::Folder;
use crate::config::LedgerArguments;

/// Entries that are read at once where some are to be published again.
const READ_MAX: usize = 1_000;

pub(super) struct Publisher {
    brokers: String,
    topic: String,
    trees: Trees,
    folder: Option<Folder>,
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
        let folder = match folder {
            Some(path) => Some(Folder::open(path, &trees).await?),
            None => None,
        };
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
        match &mut self.folder {
            Some(folder) => folder.publish(&self.trees).await,
            None => Ok(()),
        }
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
