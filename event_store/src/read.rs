//! Reading the ledger: by position, by id, and filtered for auditors.

use std::ops::Range;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{AggregateType, Partition, Position, RecordedEvent, Stream, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::error::Error;
use crate::search::first_at;

const PING_WAIT_MAX: Duration = Duration::from_secs(1);

/// Which events an auditor asks for. Filters left out match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    pub partition: Option<Partition>,
    /// Only what comes after this event; from [`EventPage::next`].
    pub after: Option<(Partition, Position)>,
    pub aggregate_type: Option<AggregateType>,
    /// As clients name it.
    pub aggregate_id: Option<String>,
    pub event_type: Option<String>,
    /// The id of the API key that caused it; or `operator` or `program`.
    pub key: Option<String>,
    /// Recorded at this moment or later.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before this moment.
    pub to: Option<DateTime<Utc>>,
    /// At most [`EventQuery::LIMIT_MAX`].
    pub limit: usize,
}

impl EventQuery {
    pub const LIMIT_MAX: usize = 1_000;
}

/// Events by partition, then position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    pub events: Vec<RecordedEvent>,
    /// The `after` of the next page; `None`: this was the last.
    pub next: Option<(Partition, Position)>,
}

pub(crate) async fn read(
    pool: &PgPool,
    partition: Partition,
    from: Position,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("sql/read_partition.sql"))
        .bind(i32::from(partition.0))
        .bind(i64::try_from(from.0).unwrap_or(i64::MAX))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await?;
    let events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
    // The other half of the assertion in ledger.append: what is read is dense, too.
    for (event, expected) in events.iter().zip(from.0..) {
        if event.position.0 != expected {
            return Err(Error::Broken(format!("partition {partition} lacks its position {expected}")));
        }
    }
    Ok(events)
}

pub(crate) async fn heads(pool: &PgPool, partitions: u16) -> Result<Vec<Position>, Error> {
    let heads: Vec<i64> =
        sqlx::query_scalar("SELECT next_position FROM ledger.partition_heads ORDER BY partition").fetch_all(pool).await?;
    if heads.len() != usize::from(partitions) {
        return Err(Error::Broken(format!("{} heads for {partitions} partitions", heads.len())));
    }
    Ok(heads.into_iter().map(|head| Position(head as u64)).collect())
}

pub(crate) async fn event(
    pool: &PgPool,
    tenant: &TenantId,
    partition: Partition,
    position: Position,
) -> Result<Option<RecordedEvent>, Error> {
    let Ok(position) = i64::try_from(position.0) else { return Ok(None) };
    let row = sqlx::query(include_str!("sql/read_event.sql"))
        .bind(tenant.as_str())
        .bind(i32::from(partition.0))
        .bind(position)
        .fetch_optional(pool)
        .await?;
    row.as_ref().map(recorded).transpose()
}

/// Those of these events that are a tenant's, by partition and position.
pub(crate) async fn events_at(
    pool: &PgPool,
    tenant: &TenantId,
    places: &[(Partition, Position)],
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("sql/read_events_at.sql"))
        .bind(tenant.as_str())
        .bind(places.iter().map(|(partition, _)| i32::from(partition.0)).collect::<Vec<_>>())
        .bind(places.iter().map(|(_, position)| i64::try_from(position.0).unwrap_or(i64::MAX)).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    rows.iter().map(recorded).collect()
}

/// Where the events of these streams are, each up to a version; at most so many.
pub(crate) async fn places_of(
    pool: &PgPool,
    streams: &[(Stream, u64)],
    limit: usize,
) -> Result<Vec<(Partition, Position)>, Error> {
    let rows: Vec<(i32, i64)> = sqlx::query_as(include_str!("sql/read_places_of.sql"))
        .bind(streams.iter().map(|(stream, _)| stream.aggregate_type.as_str()).collect::<Vec<_>>())
        .bind(streams.iter().map(|(stream, _)| stream.aggregate_id()).collect::<Vec<_>>())
        .bind(streams.iter().map(|(_, version)| i64::try_from(*version).unwrap_or(i64::MAX)).collect::<Vec<_>>())
        .bind(limit as i64)
        .fetch_all(pool)
        .await?;
    let place = |(partition, position): (i32, i64)| {
        let partition = u16::try_from(partition).map_err(|_| Error::Broken(format!("partition {partition}")))?;
        Ok((Partition(partition), Position(position as u64)))
    };
    rows.into_iter().map(place).collect()
}

pub(crate) async fn events(pool: &PgPool, tenant: &TenantId, query: &EventQuery, partitions: u16) -> Result<EventPage, Error> {
    let limit = query.limit.clamp(1, EventQuery::LIMIT_MAX);
    let mut events: Vec<RecordedEvent> = Vec::new();
    for stretch in stretches(pool, query, partitions).await? {
        events.extend(events_in(pool, tenant, query, &stretch, limit + 1 - events.len()).await?);
        if events.len() > limit {
            break;
        }
    }
    let more = events.len() > limit;
    events.truncate(limit);
    let next = events.last().filter(|_| more).map(|event| (event.partition, event.position));
    Ok(EventPage { events, next })
}

/// A place in the order of partitions, then positions, as it is stored.
type Place = (i32, i64);

/// What of the log is to be read, in order: by its primary order alone where no time is asked for, else a stretch a partition.
async fn stretches(pool: &PgPool, query: &EventQuery, partitions: u16) -> Result<Vec<Range<Place>>, Error> {
    let first = query.after.map_or((0, 0), |(partition, position)| {
        (i32::from(partition.0), i64::try_from(position.0).unwrap_or(i64::MAX).saturating_add(1))
    });
    let (from, to) = match query.partition {
        Some(partition) => (partition.0, partition.0.saturating_add(1)),
        None => (0, partitions),
    };
    let whole = (i32::from(from), 0)..(i32::from(to), 0);
    let stretches = match (query.from, query.to) {
        (None, None) => vec![whole],
        (since, before) => {
            let from = from.max(query.after.map_or(0, |(partition, _)| partition.0));
            let asked: Vec<Partition> = (from..to.min(partitions)).map(Partition).collect();
            let at = |moment: DateTime<Utc>| asked.iter().map(move |partition| (*partition, moment)).collect::<Vec<_>>();
            let firsts = match since {
                Some(moment) => first_at(pool, &at(moment)).await?,
                None => vec![0; asked.len()],
            };
            let ends = match before {
                Some(moment) => first_at(pool, &at(moment)).await?,
                None => vec![i64::MAX; asked.len()],
            };
            let bounds = firsts.into_iter().zip(ends);
            let stretch = |partition: &Partition, (first, end)| (i32::from(partition.0), first)..(i32::from(partition.0), end);
            asked.iter().zip(bounds).map(|(partition, bounds)| stretch(partition, bounds)).collect()
        }
    };
    let left = stretches.into_iter().map(|stretch| stretch.start.max(first)..stretch.end);
    Ok(left.filter(|stretch| !stretch.is_empty()).collect())
}

async fn events_in(
    pool: &PgPool,
    tenant: &TenantId,
    query: &EventQuery,
    stretch: &Range<Place>,
    limit: usize,
) -> Result<Vec<RecordedEvent>, Error> {
    let rows = sqlx::query(include_str!("sql/read_events.sql"))
        .bind(tenant.as_str())
        .bind(stretch.start.0)
        .bind(stretch.start.1)
        .bind(stretch.end.0)
        .bind(stretch.end.1)
        .bind(query.aggregate_type.map(AggregateType::as_str))
        .bind(query.aggregate_id.as_ref().map(|id| format!("{tenant}/{id}")))
        .bind(&query.event_type)
        .bind(&query.key)
        .bind(limit as i64)
        .fetch_all(pool)
        .await?;
    rows.iter().map(recorded).collect()
}

pub(crate) async fn ping(pool: &PgPool) -> Result<(), Error> {
    let answer = tokio::time::timeout(PING_WAIT_MAX, sqlx::query("SELECT 1").execute(pool)).await;
    answer.map_err(|_| Error::Timeout { limit_ms: PING_WAIT_MAX.as_millis() as u64 })??;
    Ok(())
}

pub(crate) fn recorded(row: &PgRow) -> Result<RecordedEvent, Error> {
    let partition: i32 = row.try_get("partition")?;
    let position: i64 = row.try_get("position")?;
    let broken = |what: &str| Error::Broken(format!("{what} of event {partition}-{position}"));
    let tenant: String = row.try_get("tenant")?;
    let aggregate_id: &str = row.try_get("aggregate_id")?;
    let id = aggregate_id.strip_prefix(&tenant).and_then(|id| id.strip_prefix('/'));
    Ok(RecordedEvent {
        partition: Partition(u16::try_from(partition).map_err(|_| broken("partition"))?),
        position: Position(u64::try_from(position).map_err(|_| broken("position"))?),
        aggregate_type: AggregateType::from_stored(row.try_get("aggregate_type")?).ok_or_else(|| broken("aggregate_type"))?,
        aggregate_id: id.ok_or_else(|| broken("aggregate_id"))?.to_owned(),
        tenant: TenantId::parse(tenant).map_err(|_| broken("tenant"))?,
        sequence: u64::try_from(row.try_get::<i64, _>("sequence")?).map_err(|_| broken("sequence"))?,
        event_type: row.try_get("event_type")?,
        event_version: row.try_get("event_version")?,
        partition_key: row.try_get("partition_key")?,
        occurred_at: row.try_get("occurred_at")?,
        recorded_at: row.try_get("recorded_at")?,
        payload: row.try_get("payload")?,
        metadata: row.try_get::<&str, _>("metadata")?.into(),
    })
}
