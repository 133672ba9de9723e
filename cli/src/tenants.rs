//! `tenants`: whose events there are, and where their data are to reside.

use anyhow::{Context as _, ensure};
use chrono::Utc;
use clap::{Args, Subcommand};
use domain::audit::TenantRegionSet;
use domain::{Region, TenantId};
use event_store::audit::{Who, region, tenants};
use event_store::{PgPool, Store};
use serde_json::json;

use crate::config::DatabaseArguments;
use crate::keys::database_url;

#[derive(Debug, Args)]
pub(crate) struct TenantsArguments {
    #[command(subcommand)]
    command: TenantsCommand,
    #[command(flatten)]
    database: DatabaseArguments,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum TenantsCommand {
    /// All tenants, with the region that their data are to reside in
    List,
    /// Say where a tenant's data are to reside; an entry of its audit log says so
    SetRegion {
        tenant: String,
        /// Such as eu-central-1
        region: String,
    },
}

pub(crate) async fn run(arguments: TenantsArguments) -> anyhow::Result<()> {
    let pool = event_store::connect(&database_url(&arguments.database)?, 2).await.context("cannot reach PostgreSQL")?;
    match arguments.command {
        TenantsCommand::List => list(&pool, arguments.json).await,
        TenantsCommand::SetRegion { tenant, region } => set_region(&pool, tenant, region, arguments.json).await,
    }
}

async fn list(pool: &PgPool, json: bool) -> anyhow::Result<()> {
    let mut shown = Vec::new();
    if !json {
        println!("{:<32} REGION", "TENANT");
    }
    for tenant in tenants(pool).await? {
        let region = region(pool, &tenant).await?;
        if json {
            shown.push(json!({"tenant": tenant.as_str(), "region": region}));
        } else {
            println!("{:<32} {}", tenant.as_str(), region.as_deref().unwrap_or("not said"));
        }
    }
    if json {
        println!("{}", json!(shown));
    }
    Ok(())
}

async fn set_region(pool: &PgPool, tenant: String, region: String, json: bool) -> anyhow::Result<()> {
    let (tenant, region) = (TenantId::parse(tenant).context("TENANT")?, Region::parse(region).context("REGION")?);
    ensure!(tenants(pool).await?.contains(&tenant), "there is no tenant {tenant}");
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let entry = TenantRegionSet { region: region.clone(), occurred_at: Utc::now() };
    let recorded = store.record(&tenant, entry, &Who::operator()).await;
    store.shutdown().await;
    recorded.context("the region could not be noted")?;
    if json {
        println!("{}", json!({"tenant": tenant.as_str(), "region": region.as_str()}));
    } else {
        println!("The data of {tenant} are to reside in {region}.");
    }
    Ok(())
}
