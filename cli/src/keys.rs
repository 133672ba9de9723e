//! `keys`: who may do what. A key is shown once, when it is made; the ledger keeps only its hash.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use domain::audit::{KeyCreated, KeyRevoked};
use domain::{KeyId, TenantId};
use event_store::Store;
use event_store::audit::Who;
use event_store::keys::{KeyInfo, Keys, Role};
use serde_json::json;

use crate::config::DatabaseArguments;
use crate::connection::Connection;

#[derive(Debug, Args)]
pub(crate) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
    #[command(flatten)]
    database: DatabaseArguments,
    /// Whose keys
    #[arg(long, global = true, default_value = "demo")]
    tenant: String,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Make a key, and the tenant where it is new
    Create {
        #[arg(long)]
        role: RoleArgument,
        /// What it is for, as it will show in the list
        #[arg(long)]
        name: String,
        /// When it ends, as 2027-01-31T00:00:00Z; default: never
        #[arg(long)]
        expires_at: Option<DateTime<Utc>>,
    },
    /// All keys of the tenant
    List,
    /// End a key; it is refused within 5 seconds
    Revoke { id: String },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleArgument {
    /// Everything
    Admin,
    /// Send commands, read figures
    Writer,
    /// Read figures
    Analyst,
    /// Read figures and the event log
    Auditor,
}

impl From<RoleArgument> for Role {
    fn from(role: RoleArgument) -> Self {
        match role {
            RoleArgument::Admin => Self::Admin,
            RoleArgument::Writer => Self::Writer,
            RoleArgument::Analyst => Self::Analyst,
            RoleArgument::Auditor => Self::Auditor,
        }
    }
}

pub(crate) async fn run(arguments: KeysArguments) -> anyhow::Result<()> {
    let tenant = TenantId::parse(arguments.tenant).context("--tenant")?;
    let url = database_url(&arguments.database)?;
    let pool = event_store::connect(&url, 2).await.context("cannot reach PostgreSQL")?;
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let done = carry_out(arguments.command, arguments.json, &tenant, (&Keys::new(pool), &store)).await;
    store.shutdown().await;
    done
}

async fn carry_out(command: KeysCommand, json: bool, tenant: &TenantId, (keys, store): (&Keys, &Store)) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create { role, name, expires_at } => {
            keys.ensure_tenant(tenant).await?;
            let (key, secret) = keys.create(tenant, role.into(), &name, expires_at).await?;
            let (key_id, role) = (KeyId::parse(key.id.clone())?, key.role);
            let made = KeyCreated { key_id, role, expires_at: key.expires_at, occurred_at: key.created_at };
            // Nobody has it before it is noted: the secret is shown after that.
            store.record(tenant, made, &Who::operator()).await.context("the key was made, but not noted and not shown")?;
            if json {
                let mut shown = shown(&key);
                shown["key"] = json!(secret);
                println!("{shown}");
            } else {
                println!("{secret}");
                eprintln!("This is the only time it is shown. Its id is {}.", key.id);
            }
        }
        KeysCommand::List => {
            let all = keys.list(tenant).await?;
            if json {
                println!("{}", json!(all.iter().map(shown).collect::<Vec<_>>()));
            } else {
                println!("{:<14} {:<8} {:<21} {:<21} NAME", "ID", "ROLE", "MADE", "ENDS");
                for key in &all {
                    let made = key.created_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
                    println!("{:<14} {:<8} {made:<21} {:<21} {}", key.id, key.role.as_str(), ends(key), key.name);
                }
            }
        }
        KeysCommand::Revoke { id } => {
            let revoked = keys.revoke(tenant, &id).await?.with_context(|| format!("{tenant} has no key {id}"))?;
            let (key_id, occurred_at) = (KeyId::parse(id.clone())?, revoked.revoked_at.unwrap_or_else(Utc::now));
            let entry = KeyRevoked { key_id, role: revoked.role, occurred_at };
            store.record(tenant, entry, &Who::operator()).await.context("the key is revoked, but not noted: say it again")?;
            if json {
                println!("{}", json!({"revoked": id}));
            } else {
                println!("Revoked {id}.");
            }
        }
    }
    Ok(())
}

/// The database named, or the one that `up` runs on the data directory.
pub(crate) fn database_url(arguments: &DatabaseArguments) -> anyhow::Result<String> {
    if let Some(url) = &arguments.database_url {
        return Ok(url.clone());
    }
    let directory = &arguments.data_dir.data_dir;
    let connection = Connection::read(directory)?.with_context(|| {
        format!(
            "name a database by --database-url, or a directory in which `up` runs by --data-dir: {} is none",
            directory.display()
        )
    })?;
    Ok(connection.database_url)
}

fn shown(key: &KeyInfo) -> serde_json::Value {
    json!({
        "id": key.id, "tenant": key.tenant.as_str(), "role": key.role.as_str(), "name": key.name,
        "created_at": key.created_at, "expires_at": key.expires_at, "revoked_at": key.revoked_at,
    })
}

fn ends(key: &KeyInfo) -> String {
    match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", at.format("%Y-%m-%d")),
        (None, Some(at)) => at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        (None, None) => "never".to_owned(),
    }
}
