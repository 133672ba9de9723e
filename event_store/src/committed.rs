//! Freshly committed events, handed to whoever lives in the same process.

use std::sync::Arc;

use domain::RecordedEvent;
use tokio::sync::broadcast;

/// A hint, not a log: a subscriber that is too slow misses runs, sees a gap in the positions, and reads PostgreSQL.
#[derive(Debug)]
pub struct CommittedEvents {
    receiver: broadcast::Receiver<Arc<[RecordedEvent]>>,
}

impl CommittedEvents {
    pub(crate) fn new(receiver: broadcast::Receiver<Arc<[RecordedEvent]>>) -> Self {
        Self { receiver }
    }

    /// The next run of consecutive events of one partition; `None` when the store is gone. Runs of one partition come in
    /// the order of their positions.
    pub async fn recv(&mut self) -> Option<Arc<[RecordedEvent]>> {
        loop {
            match self.receiver.recv().await {
                Ok(run) => return Some(run),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}
