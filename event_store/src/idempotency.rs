//! Idempotency keys: what is being carried out in this process, and what was answered before.

use std::sync::{Arc, Mutex, PoisonError};

use domain::{AggregateType, Partition, Position, TenantId};
use rustc_hash::{FxHashMap, FxHashSet};
use sqlx::{PgPool, Row};

use crate::error::Error;
use crate::request::{IdempotencyKey, Outcome};

/// The keys of requests that this process is carrying out.
#[derive(Default)]
pub(crate) struct InFlight {
    keys: Arc<Mutex<FxHashSet<(TenantId, String)>>>,
}

/// Holds a key until the request is answered.
pub(crate) struct Claim {
    keys: Arc<Mutex<FxHashSet<(TenantId, String)>>>,
    key: (TenantId, String),
}

impl InFlight {
    pub(crate) fn claim(&self, tenant: &TenantId, key: &str) -> Option<Claim> {
        let key = (tenant.clone(), key.to_owned());
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key.clone()).then(|| Claim { keys: Arc::clone(&self.keys), key })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// What a key was used for.
pub(crate) struct Answered {
    pub(crate) request_hash: Vec<u8>,
    pub(crate) outcome: Outcome,
}

/// Which of these keys have an answer, by index.
pub(crate) async fn answered(pool: &PgPool, keys: &[(&TenantId, &str)]) -> Result<FxHashMap<usize, Answered>, Error> {
    let tenants: Vec<&str> = keys.iter().map(|(tenant, _)| tenant.as_str()).collect();
    let texts: Vec<&str> = keys.iter().map(|(_, key)| *key).collect();
    let rows = sqlx::query(include_str!("sql/idempotency_answers.sql")).bind(tenants).bind(texts).fetch_all(pool).await?;
    let mut answers = FxHashMap::default();
    for row in rows {
        let index = row.try_get::<i64, _>("ordinal")? as usize - 1;
        let partition = u16::try_from(row.try_get::<i32, _>("partition")?).map(Partition);
        let partition = partition.map_err(|_| Error::Broken("idempotency_keys.partition".to_owned()))?;
        let next_position = row.try_get::<i64, _>("next_position")? as u64;
        let events: Vec<String> = row.try_get("event_types")?;
        let outcome = Outcome {
            version: row.try_get::<i64, _>("version")? as u64,
            appended: (next_position - events.len() as u64..next_position)
                .map(|position| (partition, Position(position)))
                .collect(),
            partition,
            next_position: Position(next_position),
            events: events.iter().map(|name| event_name(name)).collect::<Result<_, _>>()?,
            replayed: true,
        };
        answers.insert(index, Answered { request_hash: row.try_get("request_hash")?, outcome });
    }
    Ok(answers)
}

/// Keeps the answer of a request that appended nothing. `false`: the key has an answer already.
pub(crate) async fn keep(pool: &PgPool, tenant: &TenantId, key: &IdempotencyKey, outcome: &Outcome) -> Result<bool, Error> {
    let done = sqlx::query(include_str!("sql/idempotency_keep.sql"))
        .bind(tenant.as_str())
        .bind(&key.key)
        .bind(key.request_hash.as_slice())
        .bind(outcome.version as i64)
        .bind(i32::from(outcome.partition.0))
        .bind(outcome.next_position.0 as i64)
        .execute(pool)
        .await?;
    Ok(done.rows_affected() == 1)
}

fn event_name(stored: &str) -> Result<&'static str, Error> {
    let mut events = AggregateType::ALL.iter().flat_map(|aggregate_type| aggregate_type.events());
    let known = events.find(|event| event.name == stored).map(|event| event.name);
    known.ok_or_else(|| Error::Broken(format!("an idempotency key answers with the unknown event {stored}")))
}
