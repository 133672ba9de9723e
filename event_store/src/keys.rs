//! API keys: `cl_ID_SECRET`. Only the SHA-256 of the secret is stored.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use domain::TenantId;
use rand::RngCore;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use crate::cache::Cache;
use crate::error::Error;

/// How long a revocation may take to be seen by another process.
const CACHED_FOR: Duration = Duration::from_secs(5);
const CACHED_KEYS_MAX: usize = 10_000;

/// What a key may do; each crate that offers something says which role it needs.
pub use domain::audit::KeyRole as Role;

/// Everything about a key but its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    pub id: String,
    pub tenant: TenantId,
    pub role: Role,
    pub name: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    Valid(Arc<KeyInfo>),
    /// No such key, or a wrong secret.
    Unknown,
    Expired(Arc<KeyInfo>),
    Revoked(Arc<KeyInfo>),
}

/// The keys of all tenants.
#[derive(Clone)]
pub struct Keys {
    pool: PgPool,
    cache: Arc<Cache<String, (Instant, Arc<Stored>)>>,
}

struct Stored {
    info: Arc<KeyInfo>,
    secret_sha256: Vec<u8>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// Makes the tenant known, if it is not yet.
pub async fn ensure_tenant(pool: &PgPool, tenant: &TenantId) -> Result<(), Error> {
    let mut vault_key = [0_u8; 32];
    rand::rng().fill_bytes(&mut vault_key);
    // Where the vault was lost, the tenant is there and its key is not.
    sqlx::query(include_str!("sql/tenant_ensure.sql")).bind(tenant.as_str()).bind(vault_key.as_slice()).execute(pool).await?;
    Ok(())
}

impl Keys {
    pub fn new(pool: PgPool) -> Self {
        Self { pool, cache: Arc::new(Cache::new(CACHED_KEYS_MAX)) }
    }

    /// Makes the tenant known, if it is not yet.
    pub async fn ensure_tenant(&self, tenant: &TenantId) -> Result<(), Error> {
        ensure_tenant(&self.pool, tenant).await
    }

    /// A new key. The text is what its user presents; it is shown this once.
    pub async fn create(
        &self,
        tenant: &TenantId,
        role: Role,
        name: &str,
        expires_at: Option<DateTime<Utc>>,
    ) -> Result<(KeyInfo, String), Error> {
        self.ensure_tenant(tenant).await?;
        let (id, secret) = (random_hex::<6>(), random_hex::<32>());
        let row = sqlx::query(include_str!("sql/key_create.sql"))
            .bind(&id)
            .bind(tenant.as_str())
            .bind(role.as_str())
            .bind(name)
            .bind(Sha256::digest(&secret).as_slice())
            .bind(expires_at)
            .fetch_one(&self.pool)
            .await?;
        Ok((info(&row)?, format!("cl_{id}_{secret}")))
    }

    /// Whose key this is. Answered from memory for up to 5 s.
    pub async fn authenticate(&self, presented: &str) -> Result<Authentication, Error> {
        let Some((id, secret)) = presented.strip_prefix("cl_").and_then(|rest| rest.split_once('_')) else {
            return Ok(Authentication::Unknown);
        };
        let Some(stored) = self.stored(id).await? else { return Ok(Authentication::Unknown) };
        // Comparing digests leaks no secret by its timing: nobody can choose a digest.
        if Sha256::digest(secret).as_slice() != stored.secret_sha256 {
            return Ok(Authentication::Unknown);
        }
        let info = &stored.info;
        Ok(if info.revoked_at.is_some() {
            Authentication::Revoked(Arc::clone(info))
        } else if info.expires_at.is_some_and(|expires_at| expires_at <= Utc::now()) {
            Authentication::Expired(Arc::clone(info))
        } else {
            Authentication::Valid(Arc::clone(info))
        })
    }

    async fn stored(&self, id: &str) -> Result<Option<Arc<Stored>>, Error> {
        let id = id.to_owned();
        if let Some((since, stored)) = self.cache.get(&id)
            && since.elapsed() < CACHED_FOR
        {
            return Ok(Some(stored));
        }
        let asked = Instant::now();
        let row = sqlx::query(include_str!("sql/key_read.sql")).bind(&id).fetch_optional(&self.pool).await?;
        let Some(row) = row else { return Ok(None) };
        let stored = Arc::new(Stored { info: Arc::new(info(&row)?), secret_sha256: row.try_get("secret_sha256")? });
        self.cache.put(id, (asked, Arc::clone(&stored)));
        Ok(Some(stored))
    }

    /// The tenant's keys, the oldest first.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<KeyInfo>, Error> {
        let rows = sqlx::query(include_str!("sql/key_list.sql")).bind(tenant.as_str()).fetch_all(&self.pool).await?;
        rows.iter().map(info).collect()
    }

    /// Ends a key for good. `None`: the tenant has no such key. Revoked twice, the first time stays.
    pub async fn revoke(&self, tenant: &TenantId, id: &str) -> Result<Option<KeyInfo>, Error> {
        let row =
            sqlx::query(include_str!("sql/key_revoke.sql")).bind(tenant.as_str()).bind(id).fetch_optional(&self.pool).await?;
        self.cache.remove(&id.to_owned());
        row.as_ref().map(info).transpose()
    }
}

pub(crate) fn info(row: &PgRow) -> Result<KeyInfo, Error> {
    let broken = |column: &str| Error::Broken(format!("api_keys.{column}"));
    Ok(KeyInfo {
        id: row.try_get("id")?,
        tenant: TenantId::parse(row.try_get::<String, _>("tenant")?).map_err(|_| broken("tenant"))?,
        role: role(row.try_get("role")?).ok_or_else(|| broken("role"))?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

fn role(text: &str) -> Option<Role> {
    Role::ALL.iter().copied().find(|role| role.as_str() == text)
}

fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0_u8; BYTES];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
