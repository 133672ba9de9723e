//! What the reading thread has read and nobody has taken yet. Bounded: the thread waits for room.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Partition;
use tokio::sync::Notify;

use super::{Batch, Consumed, Fault, PartitionBatch};
use crate::Error;

#[derive(Debug)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    bytes_max: usize,
    room: Condvar,
    ready: Notify,
}

#[derive(Debug, Default)]
struct State {
    contents: VecDeque<Content>,
    bytes: usize,
    /// Nobody takes any more.
    closed: bool,
    /// Nobody reads any more, and why.
    ended: Option<Error>,
}

#[derive(Debug)]
pub(super) enum Content {
    /// A run of consecutive events of one partition.
    Events(Partition, Vec<Consumed>),
    Fault(Fault),
}

impl Content {
    fn partition(&self) -> Partition {
        match self {
            Self::Events(partition, _) => *partition,
            Self::Fault(fault) => fault.partition,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Events(_, events) => events.iter().map(bytes).sum(),
            Self::Fault(_) => 0,
        }
    }
}

/// About what an event takes in memory.
fn bytes(consumed: &Consumed) -> usize {
    size_of::<Consumed>() + consumed.event.payload.len() + consumed.event.metadata.len() + 128
}

impl Mailbox {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), bytes_max, room: Condvar::new(), ready: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, content: Content) {
        let mut state = self.lock();
        state.bytes += content.bytes();
        state.contents.push_back(content);
        drop(state);
        self.ready.notify_one();
    }

    /// Waits until there is room, at most so long. Whether there is.
    pub(super) fn wait_for_room(&self, limit: Duration) -> bool {
        let state = self.lock();
        let full = |state: &mut State| state.bytes >= self.bytes_max && !state.closed;
        let waited = self.room.wait_timeout_while(state, limit, full);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.bytes < self.bytes_max || state.closed
    }

    /// Forgets what nobody has taken of partitions that are no longer ours: it would come out of order beside what is read
    /// after they have come back.
    pub(super) fn forget(&self, partitions: &[Partition]) {
        let mut state = self.lock();
        state.contents.retain(|content| !partitions.contains(&content.partition()));
        state.bytes = state.contents.iter().map(Content::bytes).sum();
        self.room.notify_one();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.room.notify_one();
    }

    pub(super) fn closed(&self) -> bool {
        self.lock().closed
    }

    pub(super) fn end(&self, error: Error) {
        self.lock().ended = Some(error);
        self.ready.notify_one();
    }

    /// Waits for something, then takes what is there, up to so many events. An empty batch when the time is over.
    pub(super) async fn take(&self, events_max: usize, wait_max: Duration) -> Result<Batch, Error> {
        let deadline = tokio::time::Instant::now() + wait_max;
        loop {
            let batch = self.take_now(events_max)?;
            if !batch.is_empty() {
                return Ok(batch);
            }
            if tokio::time::timeout_at(deadline, self.ready.notified()).await.is_err() {
                return self.take_now(events_max);
            }
        }
    }

    fn take_now(&self, events_max: usize) -> Result<Batch, Error> {
        let mut state = self.lock();
        let mut batch = Batch::default();
        let mut room = events_max.max(1);
        while room > 0 {
            match state.contents.pop_front() {
                None => break,
                Some(Content::Fault(fault)) => batch.faults.push(fault),
                Some(Content::Events(partition, mut events)) => {
                    if events.len() > room {
                        let rest = events.split_off(room);
                        state.contents.push_front(Content::Events(partition, rest));
                    }
                    room -= events.len();
                    state.bytes -= events.iter().map(bytes).sum::<usize>();
                    add(&mut batch.partitions, partition, events);
                }
            }
        }
        if batch.is_empty() && state.contents.is_empty() {
            // Said once; whoever asks again is told that it is over.
            if let Some(error) = state.ended.replace(Error::Ended) {
                return Err(error);
            }
            state.ended = None;
        }
        drop(state);
        self.room.notify_one();
        Ok(batch)
    }
}

fn add(partitions: &mut Vec<PartitionBatch>, partition: Partition, mut events: Vec<Consumed>) {
    match partitions.iter_mut().find(|batch| batch.partition == partition) {
        Some(batch) => {
            let (last, first) = (batch.events.last(), events.first());
            let follows = last.zip(first).is_none_or(|(last, first)| last.event.position.next() == first.event.position);
            assert!(follows, "the reading thread puts consecutive positions into the mailbox");
            batch.events.append(&mut events);
        }
        None => partitions.push(PartitionBatch { partition, events }),
    }
}
