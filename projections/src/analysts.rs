//! Analysts: PostgreSQL roles that read the views of their own tenant, and nothing else.

use domain::TenantId;
use rand::distr::{Alphanumeric, SampleString};
use sqlx::{Connection as _, Executor, PgConnection, PgPool, Row};

use crate::error::Error;
use crate::generations::Generation;

/// What every analyst is a member of: it holds the grants.
const GROUP: &str = "analyst";

/// Roles belong to the whole server: ledgers on one server must not make them at once.
const ROLES_LOCK: i64 = 0x6361_7073_726f_6c65;

/// An analyst's login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    pub role: String,
    pub password: String,
}

/// Makes the login of a tenant's analyst, or gives it a new password.
///
/// Needs the right to make roles; without it this fails and changes nothing.
pub async fn create(pool: &PgPool, tenant: &TenantId, role: &str) -> Result<Login, Error> {
    let password = Alphanumeric.sample_string(&mut rand::rng(), 32);
    let mut connection = pool.acquire().await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(ROLES_LOCK).execute(&mut *transaction).await?;
    ensure_role(&mut transaction, GROUP, "NOLOGIN").await?;
    ensure_role(&mut transaction, role, "LOGIN").await?;
    let name = quoted(role);
    for statement in [
        format!("ALTER ROLE {name} LOGIN PASSWORD '{password}'"),
        format!("GRANT {GROUP} TO {name}"),
        // Reads only, and none for ever.
        format!("ALTER ROLE {name} SET default_transaction_read_only = on"),
        format!("ALTER ROLE {name} SET statement_timeout = '60s'"),
        format!("GRANT USAGE ON SCHEMA read, kpi, projections TO {GROUP}"),
    ] {
        (&mut *transaction).execute(statement.as_str()).await?;
    }
    sqlx::query(
        "INSERT INTO projections.analysts (role_name, tenant) VALUES ($1, $2)
         ON CONFLICT ON CONSTRAINT analysts_pkey DO UPDATE SET tenant = excluded.tenant",
    )
    .bind(role)
    .bind(tenant.as_str())
    .execute(&mut *transaction)
    .await?;
    grant_views(&mut transaction).await?;
    for generation in Generation::all(pool).await? {
        grant(&mut transaction, &generation.schema).await?;
    }
    transaction.commit().await?;
    Ok(Login { role: role.to_owned(), password })
}

async fn ensure_role(connection: &mut PgConnection, role: &str, attributes: &str) -> Result<(), Error> {
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
        .bind(role)
        .fetch_one(&mut *connection)
        .await?;
    if !exists {
        connection.execute(format!("CREATE ROLE {} {attributes}", quoted(role)).as_str()).await?;
    }
    Ok(())
}

/// Each table of a generation shows an analyst the rows of their own tenant; who owns it sees all.
pub(crate) async fn secure(connection: &mut PgConnection, schema: &str) -> Result<(), Error> {
    for table in tables_of_tenants(connection, schema).await? {
        let statements = format!(
            "ALTER TABLE {schema}.{table} ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own_tenant ON {schema}.{table} FOR SELECT USING (tenant = (SELECT projections.own_tenant()))"
        );
        connection.execute(statements.as_str()).await?;
    }
    grant(connection, schema).await
}

/// Lets analysts read the tables beneath the views, where there are analysts.
async fn grant(connection: &mut PgConnection, schema: &str) -> Result<(), Error> {
    if !has_analysts(connection).await? {
        return Ok(());
    }
    connection.execute(format!("GRANT USAGE ON SCHEMA {schema} TO {GROUP}").as_str()).await?;
    for table in tables_of_tenants(connection, schema).await? {
        connection.execute(format!("GRANT SELECT ON {schema}.{table} TO {GROUP}").as_str()).await?;
    }
    Ok(())
}

/// Lets analysts read the views, where there are analysts.
pub(crate) async fn grant_views(connection: &mut PgConnection) -> Result<(), Error> {
    if has_analysts(connection).await? {
        connection.execute(format!("GRANT SELECT ON ALL TABLES IN SCHEMA read, kpi TO {GROUP}").as_str()).await?;
    }
    Ok(())
}

async fn has_analysts(connection: &mut PgConnection) -> Result<bool, Error> {
    Ok(sqlx::query_scalar("SELECT EXISTS (SELECT FROM projections.analysts)").fetch_one(connection).await?)
}

async fn tables_of_tenants(connection: &mut PgConnection, schema: &str) -> Result<Vec<String>, Error> {
    let rows = sqlx::query(
        "SELECT relname::text FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
         WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND attname = 'tenant' ORDER BY relname",
    )
    .bind(schema)
    .fetch_all(connection)
    .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
