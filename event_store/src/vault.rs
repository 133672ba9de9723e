//! The vault: what the ledger knows a user by.
//!
//! A user's id becomes a random pseudonym. The id itself is stored nowhere: the vault finds it again by an HMAC under the
//! tenant's own key. A pseudonym is durable before any event that uses it.

use std::fmt;
use std::sync::Arc;

use domain::{Pseudonym, TenantId, UserId, UserRef};
use hmac::{Hmac, Mac};
use rustc_hash::FxHashMap;
use sha2::Sha256;
use sqlx::PgPool;
use uuid::Uuid;

use crate::cache::Cache;
use crate::error::Error;
use crate::keys::ensure_tenant;

const ATTEMPTS_MAX: usize = 5;

type Subject = [u8; 32];

pub struct Vault {
    pool: PgPool,
    /// By subject: no two tenants share one, for each has its own key.
    pseudonyms: Cache<Subject, Pseudonym>,
    tenants: Cache<TenantId, Arc<Hmac<Sha256>>>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    pub(crate) fn new(pool: PgPool, pseudonyms_max: usize) -> Self {
        Self { pool, pseudonyms: Cache::new(pseudonyms_max), tenants: Cache::new(10_000) }
    }

    /// Replaces every user by their pseudonym, which is durable when this returns. At most one round trip a tenant.
    pub async fn resolve<'a>(&self, tenant: &TenantId, users: impl IntoIterator<Item = &'a mut UserRef>) -> Result<(), Error> {
        let mut unknown: Vec<(Subject, &mut UserRef)> = Vec::new();
        let mut key: Option<Arc<Hmac<Sha256>>> = None;
        for user in users {
            let UserRef::Named(id) = &*user else { continue };
            let key = match &key {
                Some(key) => key,
                None => key.insert(self.key(tenant).await?),
            };
            let subject = subject(key, id);
            match self.pseudonyms.get(&subject) {
                Some(pseudonym) => *user = UserRef::Known(pseudonym),
                None => unknown.push((subject, user)),
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        // In one order everywhere, so that two processes that see the same users first do not lock each other out.
        let mut subjects: Vec<Subject> = unknown.iter().map(|(subject, _)| *subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let pseudonyms = self.enter(tenant, &subjects).await?;
        for (subject, user) in unknown {
            let pseudonym = *pseudonyms.get(&subject).ok_or_else(|| Error::Broken("pseudonyms".to_owned()))?;
            self.pseudonyms.put(subject, pseudonym);
            *user = UserRef::Known(pseudonym);
        }
        Ok(())
    }

    /// What a user is known by; none: nothing was ever recorded of them.
    pub async fn find(&self, tenant: &TenantId, user: &UserId) -> Result<Option<Pseudonym>, Error> {
        let subject = subject(&*self.key(tenant).await?, user);
        Ok(self.known(tenant, &[&subject]).await?.remove(&subject))
    }

    async fn enter(&self, tenant: &TenantId, subjects: &[Subject]) -> Result<FxHashMap<Subject, Pseudonym>, Error> {
        let mut attempt = 1;
        loop {
            match self.enter_once(tenant, subjects).await {
                Err(error) if error.is_lost_race() && attempt < ATTEMPTS_MAX => attempt += 1,
                result => return result,
            }
        }
    }

    async fn enter_once(&self, tenant: &TenantId, subjects: &[Subject]) -> Result<FxHashMap<Subject, Pseudonym>, Error> {
        let subjects: Vec<&[u8]> = subjects.iter().map(<[u8; 32]>::as_slice).collect();
        let mut known = self.known(tenant, &subjects).await?;
        if known.len() < subjects.len() {
            let new: Vec<&[u8]> = subjects.iter().copied().filter(|subject| !known.contains_key(*subject)).collect();
            let pseudonyms: Vec<Uuid> = new.iter().map(|_| Uuid::new_v4()).collect();
            sqlx::query(include_str!("sql/vault_enter.sql"))
                .bind(tenant.as_str())
                .bind(&new)
                .bind(pseudonyms)
                .execute(&self.pool)
                .await?;
            // A second statement sees what another process has entered meanwhile.
            known.extend(self.known(tenant, &new).await?);
        }
        Ok(known)
    }

    async fn known(&self, tenant: &TenantId, subjects: &[&[u8]]) -> Result<FxHashMap<Subject, Pseudonym>, Error> {
        let rows: Vec<(Vec<u8>, Uuid)> =
            sqlx::query_as("SELECT subject, pseudonym FROM ledger.pseudonyms WHERE tenant = $1 AND subject = ANY ($2)")
                .bind(tenant.as_str())
                .bind(subjects)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter()
            .map(|(subject, pseudonym)| {
                let subject = Subject::try_from(subject).map_err(|_| Error::Broken("pseudonyms.subject".to_owned()))?;
                Ok((subject, Pseudonym(pseudonym)))
            })
            .collect()
    }

    async fn key(&self, tenant: &TenantId) -> Result<Arc<Hmac<Sha256>>, Error> {
        if let Some(key) = self.tenants.get(tenant) {
            return Ok(key);
        }
        ensure_tenant(&self.pool, tenant).await?;
        let key: Vec<u8> = sqlx::query_scalar("SELECT vault_key FROM ledger.tenants WHERE tenant = $1")
            .bind(tenant.as_str())
            .fetch_one(&self.pool)
            .await?;
        let key = Hmac::new_from_slice(&key).expect("an HMAC takes a key of any length");
        let key = Arc::new(key);
        self.tenants.put(tenant.clone(), Arc::clone(&key));
        Ok(key)
    }
}

fn subject(key: &Hmac<Sha256>, user: &UserId) -> Subject {
    let mut hmac = key.clone();
    hmac.update(user.as_str().as_bytes());
    hmac.finalize().into_bytes().into()
}
