//! Publishes the log where whoever writes to the database does not: to Kafka, then to files, so that whatever the files hold can be
//! brought back from Kafka. Each goes on from what it holds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use event_log::checkpoints::{LogRecord, Writer, last, topic_of};
use event_store::trees::Trees;
use proof::notary::Sealed;

use super::folder::Folder;
use crate::config::LedgerArguments;

/// Entries that are read at once where some are to be published again.
const READ_MAX: usize = 1_000;

/// After an error it is of no more use: another one goes on.
pub(super) struct Publisher {
    trees: Trees,
    folder: Option<Folder>,
    writer: Writer,
    /// The first entry that Kafka lacks.
    next: u64,
    /// How many entries are stored.
    size: u64,
    /// The newest that are not published yet; what is before them is read.
    fresh: Vec<LogRecord>,
}

impl Publisher {
    /// # Errors
    /// Where something was published that this log does not hold: over it nothing may be signed.
    pub(super) async fn open(
        ledger: &LedgerArguments,
        trees: Trees,
        folder: Option<PathBuf>,
        size: u64,
    ) -> anyhow::Result<Self> {
        let (brokers, topic) = (&ledger.kafka_brokers, &ledger.shape.topic);
        event_log::checkpoints::ensure(brokers, topic).await.context("cannot prepare the checkpoints' topic in Kafka")?;
        let folder = match folder {
            Some(path) => Some(Folder::open(path, &trees, size).await?),
            None => None,
        };
        let next = match last(brokers, topic).await? {
            Some(last) => next_after(last, &topic_of(topic), &trees, size).await?,
            None => 0,
        };
        let writer = Writer::new(brokers, topic)?;
        Ok(Self { trees, folder, writer, next, size, fresh: Vec::new() })
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
        while self.next < self.size {
            let records = match self.fresh.first() {
                Some(first) if first.index <= self.next => {
                    self.fresh.iter().filter(|record| record.index >= self.next).cloned().collect()
                }
                _ => self.stored(self.next).await?,
            };
            self.writer.write(&records).await?;
            self.next += records.len() as u64;
        }
        self.fresh.clear();
        match &mut self.folder {
            Some(folder) => folder.publish(&self.trees).await,
            None => Ok(()),
        }
    }

    async fn stored(&self, from: u64) -> anyhow::Result<Vec<LogRecord>> {
        let entries = self.trees.entries(from, READ_MAX).await?;
        ensure!(!entries.is_empty(), "the log lacks its entry {from}");
        // Of each entry there is one at most, so these are of all that were read.
        let mut notes: BTreeMap<u64, String> = self.trees.checkpoints_above(from, READ_MAX).await?.into_iter().collect();
        let record = |(index, entry)| LogRecord { index, entry, checkpoint: notes.remove(&(index + 1)) };
        Ok((from..).zip(entries).map(record).collect())
    }
}

/// Behind the last record that Kafka holds, which this log must hold too: else it would be signed a second time, otherwise.
async fn next_after(last: LogRecord, topic: &str, trees: &Trees, size: u64) -> anyhow::Result<u64> {
    let LogRecord { index, entry, checkpoint } = last;
    let is_held = index < size
        && trees.entries(index, 1).await?.first() == Some(&entry)
        && (checkpoint.is_none() || trees.checkpoint(index + 1).await? == checkpoint);
    ensure!(
        is_held,
        "{topic} ends with entry {index} of the log, and this ledger, whose log has {size}, does not hold that entry as it was signed: \
         its database is an older copy, was cut, or is another's. Bring back what it lacks (`restore`); another ledger has a topic of \
         its own"
    );
    Ok(index + 1)
}
