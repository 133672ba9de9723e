//! How far a replay goes: positions, or the moment before which events were recorded.

use anyhow::{Context as _, ensure};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::period::midnight;
use domain::{Partition, Position};
use event_store::Store;

/// The smallest step of time that a ledger keeps.
const TICK: TimeDelta = TimeDelta::microseconds(1);

#[derive(Debug)]
pub(super) struct Until {
    /// By partition.
    pub(super) positions: Vec<Position>,
    /// Nothing of it was recorded at this moment or later.
    pub(super) before: DateTime<Utc>,
    /// All that was recorded before that is in it: it is a moment of every partition.
    pub(super) is_time: bool,
}

impl Until {
    pub(super) async fn parse(text: &str, store: &Store) -> anyhow::Result<Self> {
        let day = text.parse::<NaiveDate>().map(midnight);
        let time = day.or_else(|_| DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()));
        match time {
            Ok(before) => {
                ensure!(before <= Utc::now(), "--until: {text} has not come yet");
                Ok(Self { positions: recorded_before(store, before).await?, before, is_time: true })
            }
            Err(_) => {
                let named = api::positions_of_token(text, store.partitions()).context(
                    "--until is neither a token of this ledger nor a time such as 2026-10-01 or 2026-10-01T12:00:00Z",
                )?;
                Self::of_token(named, store).await
            }
        }
    }

    /// A write's token names the partitions that it wrote to: the others are as they were at that moment.
    async fn of_token(named: Vec<(Partition, Position)>, store: &Store) -> anyhow::Result<Self> {
        let mut last = DateTime::UNIX_EPOCH;
        for (partition, next) in &named {
            let Some(position) = next.0.checked_sub(1) else { continue };
            let read = store.read(*partition, Position(position), 1).await?;
            let event = read.first().with_context(|| format!("--until: the ledger has no event {partition}-{position}"))?;
            last = last.max(event.recorded_at);
        }
        let before = last + TICK;
        let mut positions = recorded_before(store, before).await?;
        for (partition, next) in named {
            positions[usize::from(partition.0)] = next;
        }
        Ok(Self { positions, before, is_time: false })
    }
}

/// Index = partition.
async fn recorded_before(store: &Store, moment: DateTime<Utc>) -> anyhow::Result<Vec<Position>> {
    Ok(store.first_since(moment).await?.into_iter().map(|(_, position)| position).collect())
}
