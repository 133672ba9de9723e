//! Reads alone, without a group, from given places up to given heads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Partition, Position};

use super::mailbox::Mailbox;
use super::{Batch, Settings, Start, worker};
use crate::Error;

/// Reads each partition up to its head and no further. Stops reading when dropped.
#[derive(Debug)]
pub struct Reader {
    mailbox: Arc<Mailbox>,
    /// Partitions that are not at their end yet: what comes next, and where it ends.
    open: BTreeMap<Partition, (Position, Position)>,
}

impl Reader {
    /// Reads everything below `heads`: the next position of each partition, by its number, as the store gives it.
    pub fn start(settings: &Settings, heads: &[Position]) -> Result<Self, Error> {
        let partitions = (0..).map(Partition);
        let start = |partition| Start { partition, next_position: Position(0), offset_hint: None };
        let parts: Vec<_> = partitions.map(start).zip(heads.iter().copied()).collect();
        Self::between(settings, &parts)
    }

    /// Reads from each start up to its head.
    pub fn between(settings: &Settings, parts: &[(Start, Position)]) -> Result<Self, Error> {
        let parts: Vec<_> = parts.iter().filter(|(start, head)| start.next_position < *head).collect();
        let starts: Vec<Start> = parts.iter().map(|(start, _)| *start).collect();
        let open = parts.iter().map(|(start, head)| (start.partition, (start.next_position, *head))).collect();
        let mailbox = Arc::new(Mailbox::new(settings.buffer_bytes_max));
        if !starts.is_empty() {
            // Ends by itself when the mailbox is closed; there is no group to leave, so nobody need wait for it.
            drop(worker::alone(settings, starts, mailbox.clone())?);
        }
        Ok(Self { mailbox, open })
    }

    /// What is still to be read: the next position and the head of each partition that is not at its end. Where this stays
    /// the same while batches come empty, Kafka lacks events.
    pub fn remaining(&self) -> impl Iterator<Item = (Partition, Position, Position)> + '_ {
        self.open.iter().map(|(partition, (next, head))| (*partition, *next, *head))
    }

    /// As [`Consumer::next_batch`](super::Consumer::next_batch); none once every partition has reached its head.
    pub async fn next_batch(&mut self, events_max: usize, wait_max: Duration) -> Result<Option<Batch>, Error> {
        while !self.open.is_empty() {
            let mut batch = self.mailbox.take(events_max, wait_max).await?;
            let over = batch.is_empty();
            batch.partitions.retain_mut(|read| {
                let Some((next, head)) = self.open.get_mut(&read.partition) else {
                    return false;
                };
                read.events.retain(|consumed| consumed.event.position < *head);
                *next = read.next();
                if next == head {
                    self.open.remove(&read.partition);
                }
                true
            });
            batch.faults.retain(|fault| self.open.contains_key(&fault.partition));
            if over || !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
        self.mailbox.close();
        Ok(None)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.mailbox.close();
    }
}
