//! Which API a command talks to: the one it is told, or the one that `up` runs on the data directory.

use anyhow::{Context, Result};

use super::Client;
use crate::config::DataDirArguments;
use crate::connection::Connection;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ApiArguments {
    /// The API's address, such as http://127.0.0.1:8080; default: the one of --data-dir
    #[arg(long, env = "LEDGER_API", value_name = "URL", requires = "key")]
    pub(crate) api: Option<String>,
    /// A key for it; default: the one of --data-dir
    #[arg(long, env = "LEDGER_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) data_dir: DataDirArguments,
}

impl ApiArguments {
    /// A client, with the data directory's key of this role where none is given.
    pub(crate) fn client(&self, role: &str) -> Result<Client> {
        let (address, key) = match (&self.api, &self.key) {
            (Some(address), Some(key)) => (address.clone(), key.clone()),
            (_, key) => {
                let directory = &self.data_dir.data_dir;
                let not_there = || format!("nothing runs in {}: start `up`, or give --api and --key", directory.display());
                let connection = Connection::read(directory)?.filter(|connection| !connection.api.is_empty());
                let connection = connection.with_context(not_there)?;
                let known = key.as_ref().or(connection.api_keys.get(role));
                let key = known.with_context(|| format!("{} holds no {role} key", Connection::path(directory).display()))?;
                (connection.api.clone(), key.clone())
            }
        };
        Ok(Client::new(&address, &key)?)
    }
}
