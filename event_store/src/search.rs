//! Searching the ledger, the newest first.
//!
//! There is no index over what is searched for: each would slow every append. A capsule's partition is known by its key and a
//! stream by its id; anything else is looked for backwards through the log, so many events a page, and the page says how far
//! back it looked.

use chrono::{DateTime, TimeDelta, Utc};
use domain::{AggregateType, Partition, Position, RecordedEvent, TenantId};
use sqlx::PgPool;

use crate::error::Error;
use crate::read::recorded;

/// What is searched for; what is left out matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// A capsule's id: for its own events, and those of all that happened in it.
    pub capsule: Option<String>,
    /// Stands somewhere in the payload, such as a user's pseudonym.
    pub mentions: Option<String>,
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
    /// Where the page before ended.
    pub before: Option<Before>,
    pub limit: usize,
}

/// A place in the order of the search: by `recorded_at`, then partition, then position, all of them backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    pub recorded_at: DateTime<Utc>,
    /// None: before all of that moment.
    pub place: Option<(Partition, Position)>,
}

/// The newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage {
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins; none: all was looked at.
    pub next: Option<Before>,
    /// How many events of these partitions were looked at.
    pub looked_at: u64,
    /// The page ends here because enough was looked at, not because it is full.
    pub looked_back_to: Option<DateTime<Utc>>,
}

/// The smallest step of time that PostgreSQL keeps.
const TICK: TimeDelta = TimeDelta::microseconds(1);

pub(crate) async fn search(
    pool: &PgPool,
    tenant: &TenantId,
    query: &SearchQuery,
    (partitions, looks_max): (u16, u64),
) -> Result<SearchPage, Error> {
    match &query.aggregate_id {
        Some(id) => of_stream(pool, tenant, query, id).await,
        None => of_log(pool, tenant, query, (partitions, looks_max)).await,
    }
}

async fn of_stream(pool: &PgPool, tenant: &TenantId, query: &SearchQuery, id: &str) -> Result<SearchPage, Error> {
    let types: Vec<&str> = match query.aggregate_type {
        Some(aggregate_type) => vec![aggregate_type.as_str()],
        None => AggregateType::ALL.iter().map(|aggregate_type| aggregate_type.as_str()).collect(),
    };
    let place = query.before.map(|before| before.place.unwrap_or((Partition(0), Position(0))));
    let rows = sqlx::query(include_str!("sql/search_stream.sql"))
        .bind(tenant.as_str())
        .bind(types)
        .bind(format!("{tenant}/{id}"))
        .bind(&query.capsule)
        .bind(&query.mentions)
        .bind(&query.event_type)
        .bind(query.from)
        .bind(query.to)
        .bind(query.before.map(|before| before.recorded_at))
        .bind(place.map(|(partition, _)| i32::from(partition.0)))
        .bind(place.map(|(_, position)| stored(position)))
        .bind(query.limit as i64 + 1)
        .bind(&query.key)
        .fetch_all(pool)
        .await?;
    let mut events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
    let looked_at = events.len() as u64;
    let next = cut(&mut events, query.limit);
    Ok(SearchPage { events, next, looked_at, looked_back_to: None })
}

/// Most pages are full after few events, so few are looked at first.
const LOOKS_FIRST: [u64; 3] = [64, 8, 1];

async fn of_log(
    pool: &PgPool,
    tenant: &TenantId,
    query: &SearchQuery,
    (partitions, looks_max): (u16, u64),
) -> Result<SearchPage, Error> {
    let partitions: Vec<Partition> = match &query.capsule {
        Some(capsule) => vec![Partition::of(tenant, capsule, partitions)],
        None => (0..partitions).map(Partition).collect(),
    };
    let ranges = ranges(pool, query, &partitions).await?;
    let mut page = look(pool, tenant, query, &ranges, looks_max / LOOKS_FIRST[0]).await?;
    for part in &LOOKS_FIRST[1..] {
        if page.looked_back_to.is_none() {
            return Ok(page);
        }
        page = look(pool, tenant, query, &ranges, looks_max / part).await?;
    }
    if page.looked_back_to.is_some() && page.next == query.before {
        return Err(Error::Broken(format!("more than {looks_max} events of one moment in one partition")));
    }
    Ok(page)
}

/// Looks at so many events of each partition.
async fn look(
    pool: &PgPool,
    tenant: &TenantId,
    query: &SearchQuery,
    ranges: &[(Partition, i64, i64)],
    looks: u64,
) -> Result<SearchPage, Error> {
    let looked: Vec<(Partition, i64, i64)> =
        ranges.iter().map(|(partition, least, most)| (*partition, (*least).max(most - looks.max(1) as i64), *most)).collect();
    // As far back as all of them were looked at; what is older in one of them may have something newer before it in another.
    let floors = ranges.iter().zip(&looked).filter(|((_, least, _), (_, from, _))| from > least);
    let floors: Vec<(i32, i64)> = floors.map(|(_, (partition, from, _))| (i32::from(partition.0), *from)).collect();
    let rows = sqlx::query(include_str!("sql/search.sql"))
        .bind(tenant.as_str())
        .bind(looked.iter().map(|(partition, ..)| i32::from(partition.0)).collect::<Vec<_>>())
        .bind(looked.iter().map(|(_, from, _)| *from).collect::<Vec<_>>())
        .bind(looked.iter().map(|(.., most)| *most).collect::<Vec<_>>())
        .bind(&query.capsule)
        .bind(&query.mentions)
        .bind(query.aggregate_type.map(AggregateType::as_str))
        .bind(&query.event_type)
        .bind(query.limit as i64 + 1)
        .bind(&query.key)
        .fetch_all(pool)
        .await?;
    let mut events = rows.iter().map(recorded).collect::<Result<Vec<_>, _>>()?;
    let looked_at = looked.iter().map(|(_, from, most)| (most - from).max(0) as u64).sum();
    let horizon: Option<DateTime<Utc>> = sqlx::query_scalar(
        "SELECT max(recorded_at) FROM unnest($1::integer[], $2::bigint[]) AS floor (partition, position)
         JOIN ledger.events USING (partition, position)",
    )
    .bind(floors.iter().map(|(partition, _)| *partition).collect::<Vec<_>>())
    .bind(floors.iter().map(|(_, position)| *position).collect::<Vec<_>>())
    .fetch_one(pool)
    .await?;
    let Some(horizon) = horizon else {
        let next = cut(&mut events, query.limit);
        return Ok(SearchPage { events, next, looked_at, looked_back_to: None });
    };
    events.retain(|event| event.recorded_at > horizon);
    match cut(&mut events, query.limit) {
        Some(next) => Ok(SearchPage { events, next: Some(next), looked_at, looked_back_to: None }),
        None => {
            let next = Before { recorded_at: horizon + TICK, place: None };
            Ok(SearchPage { events, next: Some(next), looked_at, looked_back_to: Some(horizon) })
        }
    }
}

/// Of each partition the first position that is asked for, and the one after the last.
async fn ranges(pool: &PgPool, query: &SearchQuery, partitions: &[Partition]) -> Result<Vec<(Partition, i64, i64)>, Error> {
    let to = |partition: Partition| {
        let before = query.before.map(|before| match before.place {
            // Of one moment, what lies in a partition before this one comes after it.
            Some((of, _)) if partition < of => before.recorded_at + TICK,
            _ => before.recorded_at,
        });
        [before, query.to].into_iter().flatten().min().unwrap_or(DateTime::<Utc>::MAX_UTC)
    };
    let far = |moment: DateTime<Utc>| moment.min("9000-01-01T00:00:00Z".parse().expect("a time"));
    let moments = partitions.iter().map(|partition| query.from.unwrap_or(DateTime::UNIX_EPOCH).min(to(*partition)));
    let moments = moments.chain(partitions.iter().map(|partition| far(to(*partition))));
    let asked: Vec<_> = partitions.iter().chain(partitions).copied().zip(moments).collect();
    let found = first_at(pool, &asked).await?;
    let (least, most) = found.split_at(partitions.len());
    let ends = partitions.iter().zip(most).map(|(partition, most)| match query.before.and_then(|before| before.place) {
        Some((of, position)) if of == *partition => stored(position),
        _ => *most,
    });
    Ok(partitions.iter().zip(least).zip(ends).map(|((partition, least), most)| (*partition, *least, most)).collect())
}

/// In each partition the first position recorded at a moment or later.
pub(crate) async fn first_at(pool: &PgPool, asked: &[(Partition, DateTime<Utc>)]) -> Result<Vec<i64>, Error> {
    let found: Vec<i64> = sqlx::query_scalar(include_str!("sql/search_bounds.sql"))
        .bind(asked.iter().map(|(partition, _)| i32::from(partition.0)).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, moment)| *moment).collect::<Vec<_>>())
        .fetch_all(pool)
        .await?;
    if found.len() != asked.len() {
        return Err(Error::Broken(format!("{} places in {} partitions", found.len(), asked.len())));
    }
    Ok(found)
}

/// Takes away what is more than a page, and says where the next one begins.
fn cut(events: &mut Vec<RecordedEvent>, limit: usize) -> Option<Before> {
    let has_more = events.len() > limit;
    events.truncate(limit);
    let last = events.last().filter(|_| has_more)?;
    Some(Before { recorded_at: last.recorded_at, place: Some((last.partition, last.position)) })
}

fn stored(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}
