//! `analysts`: logins to PostgreSQL for those who query the read models with SQL.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use domain::TenantId;
use event_store::PgPool;
use reqwest::Url;
use serde_json::json;

use crate::config::DatabaseArguments;
use crate::keys::database_url;

#[derive(Debug, Args)]
pub(crate) struct AnalystsArguments {
    #[command(subcommand)]
    command: AnalystsCommand,
    #[command(flatten)]
    database: DatabaseArguments,
    /// Whose rows they see
    #[arg(long, global = true, default_value = "demo")]
    tenant: String,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum AnalystsCommand {
    /// Make a login that reads schemas read and kpi, its tenant's rows alone; again: give it a new password
    Create {
        /// The PostgreSQL role; default: `analyst_` and the tenant
        #[arg(long)]
        role: Option<String>,
    },
}

pub(crate) async fn run(arguments: AnalystsArguments) -> anyhow::Result<()> {
    let tenant = TenantId::parse(arguments.tenant).context("--tenant")?;
    let url = database_url(&arguments.database)?;
    let pool = event_store::connect(&url, 2).await.context("cannot reach PostgreSQL")?;
    let AnalystsCommand::Create { role } = arguments.command;
    let address = create(&pool, &url, &tenant, role.as_deref()).await?;
    if arguments.json {
        println!("{}", json!({ "tenant": tenant.as_str(), "database_url": address }));
    } else {
        println!("{address}");
        eprintln!("This is the only time its password is shown. Try: psql '{address}' -c 'TABLE kpi.win_rate'");
    }
    Ok(())
}

/// The address that the analyst connects to.
pub(crate) async fn create(pool: &PgPool, url: &str, tenant: &TenantId, role: Option<&str>) -> anyhow::Result<String> {
    let role = role.map_or_else(|| format!("analyst_{tenant}"), str::to_owned);
    let login = projections::analysts::create(pool, tenant, &role)
        .await
        .context("the login could not be made: the database's user must be allowed to make roles")?;
    let mut address: Url = url.parse().context("the database's address is not a URL")?;
    address.set_username(&login.role).ok().context("the database's address takes no user")?;
    address.set_password(Some(&login.password)).ok().context("the database's address takes no password")?;
    Ok(address.into())
}
