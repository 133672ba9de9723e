//! `devstack.json`: what a start must know of the one before it. Readable by the owner only, for it holds a password.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::{Error, While};
use crate::process;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Record {
    #[serde(default)]
    pub(crate) postgres: PostgresRecord,
    #[serde(default)]
    pub(crate) kafka: KafkaRecord,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PostgresRecord {
    /// Only where it is not `postgres` in the data directory, because the server's user cannot enter that.
    pub(crate) dir: Option<PathBuf>,
    /// The database was made: from now on an empty directory is a loss, not a first start.
    #[serde(default)]
    pub(crate) made: bool,
    pub(crate) port: Option<u16>,
    pub(crate) password: Option<String>,
    pub(crate) process: Option<ProcessRecord>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct KafkaRecord {
    #[serde(default)]
    pub(crate) made: bool,
    pub(crate) port: Option<u16>,
    pub(crate) controller_port: Option<u16>,
    pub(crate) process: Option<ProcessRecord>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) pid: u32,
    /// Clock ticks since boot, as in `/proc/PID/stat`.
    pub(crate) started: u64,
}

impl ProcessRecord {
    pub(crate) fn of(pid: u32) -> Option<Self> {
        process::start_time(pid).map(|started| Self { pid, started })
    }
}

/// The record in memory and on disk, always the same.
#[derive(Debug)]
pub(crate) struct RecordFile {
    path: PathBuf,
    record: Mutex<Record>,
}

impl RecordFile {
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let path = dir.join("devstack.json");
        let record = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|source| Error::Damaged { path: path.clone(), source })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Record::default(),
            Err(source) => return Err(source).while_doing("read", &path),
        };
        Ok(Self { path, record: Mutex::new(record) })
    }

    pub(crate) fn read(&self) -> Record {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut Record)) -> Result<(), Error> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut record);
        serde_json::to_vec_pretty(&*record)
            .map_err(std::io::Error::from) // a path that is not UTF-8
            .and_then(|text| write_private(&self.path, &text))
            .while_doing("write", &self.path)
    }
}

/// Whole or not at all, whatever happens meanwhile.
fn write_private(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let unfinished = path.with_extension("json.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)
}
