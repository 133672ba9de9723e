//! The vault: what the ledger knows a user by, and the keys to what is personal.
//!
//! A user's id becomes a random pseudonym. The id itself is stored nowhere: the vault finds it again by an HMAC under the
//! tenant's own key. A pseudonym is durable before any event that uses it.
//!
//! What is remembered here may be of somebody who was erased meanwhile, by whatever process. So everything is known as of an
//! epoch of its tenant, which rises with each erasure, and which the append checks (`migrations/ledger/0006_vault.sql`): what
//! was decided on an epoch that has passed is decided again.

use std::fmt;
use std::sync::Arc;

use domain::{Pseudonym, TenantId, UserId};
use hmac::{Hmac, Mac};
use rustc_hash::FxHashMap;
use sha2::Sha256;
use sqlx::{PgPool, Row};
use uuid::Uuid;

use crate::cache::Cache;
use crate::error::Error;
use crate::keys::ensure_tenant;
use crate::sealing::SealingKey;

const ATTEMPTS_MAX: usize = 5;

/// HMAC-SHA-256 of a user's id under their tenant's key.
pub(crate) type Subject = [u8; 32];

pub struct Vault {
    pool: PgPool,
    /// By subject: no two tenants share one, for each has its own key.
    people: Cache<Subject, Known>,
    tenants: Cache<TenantId, Arc<Tenant>>,
}

/// How a tenant's people are found.
pub(crate) struct Tenant {
    key: Hmac<Sha256>,
    epoch: i64,
}

/// Somebody as the vault knew them at an epoch.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) pseudonym: Pseudonym,
    pub(crate) epoch: i64,
    /// Only where it was asked for.
    pub(crate) key: Option<Arc<SealingKey>>,
}

/// Who is asked about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) subject: Subject,
    pub(crate) needs_key: bool,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Tenant {
    pub(crate) fn epoch(&self) -> i64 {
        self.epoch
    }

    pub(crate) fn subject(&self, user: &UserId) -> Subject {
        let mut hmac = self.key.clone();
        hmac.update(user.as_str().as_bytes());
        hmac.finalize().into_bytes().into()
    }
}

impl Vault {
    pub(crate) fn new(pool: PgPool, pseudonyms_max: usize) -> Self {
        Self { pool, people: Cache::new(pseudonyms_max), tenants: Cache::new(10_000) }
    }

    /// What users are known by, which is durable when this returns; who is new is entered.
    pub async fn pseudonyms(&self, tenant: &TenantId, users: &[UserId]) -> Result<Vec<Pseudonym>, Error> {
        let finder = self.tenant(tenant).await?;
        let asked: Vec<_> = users.iter().map(|user| Asked { subject: finder.subject(user), needs_key: false }).collect();
        Ok(self.people(tenant, &finder, &asked).await?.into_iter().map(|known| known.pseudonym).collect())
    }

    /// What a user is known by; none: nothing was ever recorded of them, or they were erased. Asked of the database.
    pub async fn find(&self, tenant: &TenantId, user: &UserId) -> Result<Option<Pseudonym>, Error> {
        Ok(self.find_with_key(tenant, user).await?.map(|known| known.pseudonym))
    }

    pub(crate) async fn find_with_key(&self, tenant: &TenantId, user: &UserId) -> Result<Option<Known>, Error> {
        let finder = self.tenant(tenant).await?;
        let subject = finder.subject(user);
        Ok(self.known(tenant, finder.epoch, &[&subject], true).await?.remove(&subject))
    }

    /// Each of them, in the order asked; who is new is entered. At most three round trips, none where all are remembered.
    pub(crate) async fn people(&self, tenant: &TenantId, finder: &Tenant, asked: &[Asked]) -> Result<Vec<Known>, Error> {
        let mut found: Vec<Option<Known>> = Vec::with_capacity(asked.len());
        let mut unknown: Vec<Subject> = Vec::new();
        let mut needs_key = false;
        for Asked { subject, needs_key: wanted } in asked {
            let known = self.people.get(subject);
            let known = known.filter(|known| known.epoch == finder.epoch && (known.key.is_some() || !wanted));
            if known.is_none() {
                unknown.push(*subject);
                needs_key |= wanted;
            }
            found.push(known);
        }
        let entered = if unknown.is_empty() {
            FxHashMap::default()
        } else {
            // In one order everywhere, so that two processes that see the same users first do not lock each other out.
            unknown.sort_unstable();
            unknown.dedup();
            self.enter(tenant, finder.epoch, &unknown, needs_key).await?
        };
        let all = found.into_iter().zip(asked).map(|(found, Asked { subject, .. })| match found {
            Some(known) => Ok(known),
            None => entered.get(subject).cloned().ok_or_else(|| Error::Broken("vault.pseudonyms".to_owned())),
        });
        let all = all.collect::<Result<Vec<_>, _>>()?;
        for (subject, known) in entered {
            self.people.put(subject, known);
        }
        Ok(all)
    }

    async fn enter(
        &self,
        tenant: &TenantId,
        epoch: i64,
        subjects: &[Subject],
        needs_key: bool,
    ) -> Result<FxHashMap<Subject, Known>, Error> {
        let mut attempt = 1;
        loop {
            match self.enter_once(tenant, epoch, subjects, needs_key).await {
                Err(error) if error.is_lost_race() && attempt < ATTEMPTS_MAX => attempt += 1,
                // Somebody was erased between two looks.
                Ok(known) if known.len() < subjects.len() && attempt < ATTEMPTS_MAX => attempt += 1,
                result => return result,
            }
        }
    }

    async fn enter_once(
        &self,
        tenant: &TenantId,
        epoch: i64,
        subjects: &[Subject],
        needs_key: bool,
    ) -> Result<FxHashMap<Subject, Known>, Error> {
        let subjects: Vec<&[u8]> = subjects.iter().map(<[u8; 32]>::as_slice).collect();
        let mut known = self.known(tenant, epoch, &subjects, needs_key).await?;
        if known.len() < subjects.len() {
            let new: Vec<&[u8]> = subjects.iter().copied().filter(|subject| !known.contains_key(*subject)).collect();
            let pseudonyms: Vec<Uuid> = new.iter().map(|_| Uuid::new_v4()).collect();
            let keys: Vec<SealingKey> = new.iter().map(|_| SealingKey::generate()).collect();
            sqlx::query(include_str!("sql/vault_enter.sql"))
                .bind(tenant.as_str())
                .bind(&new)
                .bind(pseudonyms)
                .bind(keys.iter().map(SealingKey::as_bytes).collect::<Vec<_>>())
                .execute(&self.pool)
                .await?;
            // A second statement sees what another process has entered meanwhile.
            known.extend(self.known(tenant, epoch, &new, needs_key).await?);
        }
        Ok(known)
    }

    async fn known(
        &self,
        tenant: &TenantId,
        epoch: i64,
        subjects: &[&[u8]],
        needs_key: bool,
    ) -> Result<FxHashMap<Subject, Known>, Error> {
        let rows = sqlx::query(include_str!("sql/vault_known.sql"))
            .bind(tenant.as_str())
            .bind(subjects)
            .bind(needs_key)
            .fetch_all(&self.pool)
            .await?;
        let broken = |column: &str| Error::Broken(format!("vault.pseudonyms.{column}"));
        rows.iter()
            .map(|row| {
                let subject = row.try_get::<&[u8], _>("subject")?.try_into().map_err(|_| broken("subject"))?;
                let key = row.try_get::<Option<&[u8]>, _>("key")?;
                let key = key.map(|key| SealingKey::stored(key).ok_or_else(|| broken("key"))).transpose()?;
                Ok((subject, Known { pseudonym: Pseudonym(row.try_get("pseudonym")?), epoch, key: key.map(Arc::new) }))
            })
            .collect()
    }

    /// How the tenant's people are found, as remembered. The epoch is read before anybody is found by it: so what is found is
    /// as of this epoch or a later one, and never of an earlier one.
    pub(crate) async fn tenant(&self, tenant: &TenantId) -> Result<Arc<Tenant>, Error> {
        if let Some(found) = self.tenants.get(tenant) {
            return Ok(found);
        }
        let ask = || {
            sqlx::query_as::<_, (Vec<u8>, i64)>("SELECT key, epoch FROM vault.tenants WHERE tenant = $1").bind(tenant.as_str())
        };
        let (key, epoch) = match ask().fetch_optional(&self.pool).await? {
            Some(found) => found,
            None => {
                ensure_tenant(&self.pool, tenant).await?;
                ask().fetch_one(&self.pool).await?
            }
        };
        let key = Hmac::new_from_slice(&key).expect("an HMAC takes a key of any length");
        let found = Arc::new(Tenant { key, epoch });
        self.tenants.put(tenant.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// Trusts nothing that is remembered of the tenant's people: the next look finds the epoch of then.
    pub(crate) fn forget(&self, tenant: &TenantId) {
        self.tenants.remove(tenant);
    }

    /// The tenants' epochs as they are now.
    pub(crate) async fn epochs(&self, tenants: &[&TenantId]) -> Result<FxHashMap<String, i64>, Error> {
        if tenants.is_empty() {
            return Ok(FxHashMap::default());
        }
        let names: Vec<&str> = tenants.iter().map(|tenant| tenant.as_str()).collect();
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT tenant, epoch FROM vault.tenants WHERE tenant = ANY ($1)")
            .bind(names)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().collect())
    }
}
