//! What can be set, with its defaults. Everything is a flag; addresses are environment variables too.

use std::path::PathBuf;

use clap::Args;

/// Where the ledger is.
#[derive(Debug, Clone, Args)]
pub(crate) struct LedgerArguments {
    /// The ledger's PostgreSQL, as postgres://USER:PASSWORD@HOST:PORT/DATABASE
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: String,
    /// Kafka's brokers, as HOST:PORT,HOST:PORT
    #[arg(long, env = "KAFKA_BROKERS")]
    pub(crate) kafka_brokers: String,
    #[command(flatten)]
    pub(crate) shape: ShapeArguments,
}

/// What a ledger is created with.
#[derive(Debug, Clone, Args)]
pub(crate) struct ShapeArguments {
    /// The Kafka topic that the ledger is published to
    #[arg(long, env = "LEDGER_TOPIC", default_value = "capsule-ledger.events")]
    pub(crate) topic: String,
    /// How many partitions the ledger has; fixed when it is created
    #[arg(long, env = "LEDGER_PARTITIONS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) partitions: u16,
    /// Connections to PostgreSQL, at most
    #[arg(long, env = "DATABASE_CONNECTIONS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(4..=500))]
    pub(crate) database_connections: u32,
}

/// The database alone, for what does not need Kafka.
#[derive(Debug, Clone, Args)]
pub(crate) struct DatabaseArguments {
    /// The ledger's PostgreSQL; default: the one of --data-dir
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    pub(crate) database_url: Option<String>,
    #[command(flatten)]
    pub(crate) data_dir: DataDirArguments,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DataDirArguments {
    /// Where `up` keeps its servers' data and writes connection.json
    #[arg(long, global = true, env = "LEDGER_DATA_DIR", default_value = ".capsule-ledger")]
    pub(crate) data_dir: PathBuf,
}
