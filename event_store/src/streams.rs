//! Reading streams: many at once, in one query.

use std::sync::Arc;

use domain::{AggregateType, Capsule, Event, Partition, Position, State, Stream, TenantId};
use rustc_hash::FxHashMap;
use sqlx::{PgPool, Row};

use crate::cache::Cache;
use crate::commit::Guard;
use crate::error::Error;

/// A stream as it was a moment ago.
#[derive(Debug, Clone)]
pub struct LoadedStream {
    pub state: State,
    /// The last event's sequence.
    pub version: u64,
    pub partition: Partition,
    pub partition_key: String,
    /// The position after its last event.
    pub next_position: Position,
}

/// Every stream that has events, by name.
pub(crate) type Loaded = FxHashMap<Stream, LoadedStream>;

pub(crate) async fn load(pool: &PgPool, streams: &[Stream]) -> Result<Loaded, Error> {
    let types: Vec<&str> = streams.iter().map(|stream| stream.aggregate_type.as_str()).collect();
    let ids: Vec<String> = streams.iter().map(Stream::aggregate_id).collect();
    let rows = sqlx::query(include_str!("sql/load_streams.sql")).bind(types).bind(ids).fetch_all(pool).await?;
    let mut loaded = Loaded::default();
    let mut open: Option<(i64, LoadedStream)> = None;
    let mut close = |open: Option<(i64, LoadedStream)>| {
        if let Some((ordinal, stream)) = open {
            loaded.insert(streams[ordinal as usize - 1].clone(), stream);
        }
    };
    for row in rows {
        let ordinal: i64 = row.try_get("ordinal")?;
        let stream = &streams[ordinal as usize - 1];
        let version = row.try_get::<i64, _>("sequence")? as u64;
        let event = Event::decode(row.try_get("event_type")?, row.try_get("event_version")?, row.try_get("payload")?)
            .map_err(|source| Error::Event { id: format!("{stream} {version}"), source: Arc::new(source) })?;
        let next_position = Position(row.try_get::<i64, _>("position")? as u64).next();
        open = match open.take() {
            Some((number, was)) if number == ordinal => {
                if was.version + 1 != version {
                    return Err(Error::Broken(format!("{stream} lacks its event {}", was.version + 1)));
                }
                let state = was.state.evolve(&event);
                Some((ordinal, LoadedStream { state, version, next_position, ..was }))
            }
            other => {
                close(other);
                let partition = u16::try_from(row.try_get::<i32, _>("partition")?)
                    .map_err(|_| Error::Broken(format!("the partition of {stream}")))?;
                Some((
                    ordinal,
                    LoadedStream {
                        state: State::initial(stream.aggregate_type).evolve(&event),
                        version,
                        partition: Partition(partition),
                        partition_key: row.try_get("partition_key")?,
                        next_position,
                    },
                ))
            }
        };
    }
    close(open);
    Ok(loaded)
}

/// A capsule that interactions are decided against. Its version is checked again inside the append.
#[derive(Debug, Clone)]
pub(crate) struct KnownCapsule {
    pub(crate) state: Arc<Capsule>,
    pub(crate) guard: Guard,
}

/// Capsules by `TENANT/ID`.
pub(crate) type Capsules = Cache<String, KnownCapsule>;

impl KnownCapsule {
    pub(crate) fn new(stream: Stream, state: &State, version: u64) -> Self {
        let State::Capsule(capsule) = state else {
            unreachable!("{stream} is a capsule's stream");
        };
        Self { state: Arc::new(capsule.clone()), guard: Guard { stream: Arc::new(stream), version } }
    }

    pub(crate) fn unknown(stream: Stream) -> Self {
        Self::new(stream, &State::initial(AggregateType::Capsule), 0)
    }
}

pub(crate) fn capsule_key(tenant: &TenantId, id: &str) -> String {
    format!("{tenant}/{id}")
}

pub(crate) fn remember(capsules: &Capsules, known: KnownCapsule) {
    // Versions only rise, so whoever read the lower one read earlier.
    let version = known.guard.version;
    capsules.put_unless(known.guard.stream.aggregate_id(), known, |there| there.guard.version > version);
}
