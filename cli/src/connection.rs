//! `connection.json`: how to reach what `up` runs. Written once everything is ready; readable by its owner only.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Connection {
    /// The API's base URL.
    pub(crate) api: String,
    pub(crate) database_url: String,
    pub(crate) kafka_brokers: String,
    pub(crate) topic: String,
    pub(crate) tenant: String,
    /// What checks the ledger's checkpoints.
    #[serde(default)]
    pub(crate) verifier_key: String,
    /// By role.
    pub(crate) api_keys: BTreeMap<String, String>,
}

impl Connection {
    pub(crate) fn path(data_dir: &Path) -> PathBuf {
        data_dir.join("connection.json")
    }

    /// What an `up` on this directory wrote last; none if there never was one.
    pub(crate) fn read(data_dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = Self::path(data_dir);
        match fs::read(&path) {
            Ok(bytes) => {
                let connection = serde_json::from_slice(&bytes)
                    .with_context(|| format!("{} is damaged; remove it to have it written anew", path.display()))?;
                Ok(Some(connection))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// Whole or not at all: written beside, then renamed.
    pub(crate) fn write(&self, data_dir: &Path) -> anyhow::Result<()> {
        let path = Self::path(data_dir);
        let beside = path.with_extension("json.new");
        let write = || -> std::io::Result<()> {
            let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            file.sync_all()?;
            fs::rename(&beside, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }

    /// The file is there only while the program is ready to be reached, or was killed.
    pub(crate) fn forget_address(data_dir: &Path) -> anyhow::Result<()> {
        if let Some(mut connection) = Self::read(data_dir)? {
            connection.api.clear();
            connection.write(data_dir)?;
        }
        Ok(())
    }
}
