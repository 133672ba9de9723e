//! Retention rules: people of whom nothing was recorded for so many days are erased, the same way as on request.
//!
//! There is no index over whom events are about: the log since the rule's day is read through, once an hour at most.

use std::time::Duration;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use domain::{AggregateType, Metadata, Partition, Position, Pseudonym, State, Stream, TenantId};
use rustc_hash::FxHashSet;
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::erase::EraseError;
use crate::error::Error;
use crate::store::Store;
use crate::streams;

/// Erased in one go; the rest waits for the next.
const ERASED_MAX: i64 = 10_000;
/// Each erasure makes writes about the tenant's people that are on their way be decided again: they get through between two.
const PAUSE: Duration = Duration::from_millis(100);

impl Store {
    /// Applies the rules of every tenant who has some, unless a process did so within `every`. How many people were erased.
    ///
    /// # Errors
    /// The first; it kept no other tenant's rules from being applied, and those that it did are due again.
    pub async fn apply_retention(&self, every: Duration) -> Result<u64, EraseError> {
        let (mut tried, mut erased, mut failed) = (Vec::new(), 0, None);
        while let Some((tenant, last)) = self.claim_retention(every, &tried).await? {
            match self.apply_retention_of(&tenant).await {
                Ok(people) => erased += people,
                Err(error) => {
                    self.give_retention_back(&tenant, last).await?;
                    failed.get_or_insert(error);
                }
            }
            tried.push(tenant);
        }
        failed.map_or(Ok(erased), Err)
    }

    /// The next tenant whose turn it is, and when it had its last.
    async fn claim_retention(
        &self,
        every: Duration,
        tried: &[String],
    ) -> Result<Option<(String, Option<DateTime<Utc>>)>, Error> {
        let claimed = sqlx::query_as(include_str!("sql/retention_claim.sql")).bind(every.as_secs_f64()).bind(tried);
        Ok(claimed.fetch_optional(&self.inner.pool).await?)
    }

    async fn give_retention_back(&self, tenant: &str, last: Option<DateTime<Utc>>) -> Result<(), Error> {
        let given = sqlx::query("UPDATE vault.tenants SET retention_applied_at = $2 WHERE tenant = $1").bind(tenant).bind(last);
        given.execute(&self.inner.pool).await?;
        Ok(())
    }

    async fn apply_retention_of(&self, tenant: &str) -> Result<u64, EraseError> {
        let tenant = TenantId::parse(tenant).map_err(|_| Error::Broken("vault.tenants.tenant".to_owned()))?;
        let Some(days) = self.retention_days(&tenant).await? else { return Ok(0) };
        self.erase_idle_since(&tenant, Utc::now() - TimeDelta::days(i64::from(days))).await
    }

    /// The shortest of the tenant's rules that are in force.
    async fn retention_days(&self, tenant: &TenantId) -> Result<Option<u32>, Error> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT aggregate_id FROM ledger.events
             WHERE aggregate_type = 'retention_rule' AND aggregate_id >= $1 || '/' AND aggregate_id < $1 || '0'",
        )
        .bind(tenant.as_str())
        .fetch_all(&self.inner.pool)
        .await?;
        let stream = |id: &String| Stream {
            tenant: tenant.clone(),
            aggregate_type: AggregateType::RetentionRule,
            id: id[tenant.as_str().len() + 1..].to_owned(),
        };
        let rules: Vec<Stream> = ids.iter().map(stream).collect();
        let loaded = streams::load(&self.inner.pool, &rules).await?;
        let days = loaded.into_values().filter_map(|rule| match rule.state {
            State::RetentionRule(rule) => rule.after_days(),
            _ => None,
        });
        Ok(days.min())
    }

    async fn erase_idle_since(&self, tenant: &TenantId, moment: DateTime<Utc>) -> Result<u64, EraseError> {
        let mut heads = self.heads().await?;
        let idle = self.idle_since(tenant, moment, &heads).await?;
        let metadata = Metadata {
            key: "program".to_owned(),
            command: "subjects/erase".to_owned(),
            correlation_id: Uuid::now_v7().to_string(),
            received_at: Utc::now().trunc_subsecs(6),
        };
        let (mut erased, mut back) = (0, FxHashSet::default());
        for pseudonym in idle {
            // What was recorded meanwhile is read before the heads are locked: little is left to be read under their locks.
            let seen_to = std::mem::replace(&mut heads, self.heads().await?);
            back.extend(seen_between(&self.inner.pool, tenant, &seen_to, Some(&heads)).await?);
            if back.contains(&pseudonym) {
                continue;
            }
            erased += u64::from(self.erase_idle(tenant, pseudonym, &heads, &metadata).await?);
            tokio::time::sleep(PAUSE).await;
        }
        Ok(erased)
    }

    /// Who was met before this moment, and had no event recorded since, up to these heads.
    async fn idle_since(&self, tenant: &TenantId, moment: DateTime<Utc>, heads: &[Position]) -> Result<Vec<Pseudonym>, Error> {
        let (partitions, from): (Vec<Partition>, Vec<Position>) = self.first_since(moment).await?.into_iter().unzip();
        let idle: Vec<Uuid> = sqlx::query_scalar(include_str!("sql/retention_idle.sql"))
            .bind(tenant.as_str())
            .bind(moment)
            .bind(partitions.iter().map(|partition| i32::from(partition.0)).collect::<Vec<_>>())
            .bind(stored(&from))
            .bind(stored(heads))
            .bind(ERASED_MAX)
            .fetch_all(&self.inner.pool)
            .await?;
        Ok(idle.into_iter().map(Pseudonym).collect())
    }
}

/// Of whom something was recorded from these positions on, and before those; none: until now.
pub(crate) async fn seen_between(
    executor: impl PgExecutor<'_>,
    tenant: &TenantId,
    from: &[Position],
    to: Option<&[Position]>,
) -> Result<FxHashSet<Pseudonym>, Error> {
    let seen: Vec<String> = sqlx::query_scalar(include_str!("sql/retention_seen.sql"))
        .bind(tenant.as_str())
        .bind((0..from.len() as i32).collect::<Vec<_>>())
        .bind(stored(from))
        .bind(to.map_or_else(|| vec![i64::MAX; from.len()], stored))
        .fetch_all(executor)
        .await?;
    Ok(seen.iter().filter_map(|person| Uuid::parse_str(person).ok()).map(Pseudonym).collect())
}

fn stored(positions: &[Position]) -> Vec<i64> {
    positions.iter().map(|position| i64::try_from(position.0).unwrap_or(i64::MAX)).collect()
}
