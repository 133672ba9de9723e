//! The file with the signing keys: made with the ledger, readable by its owner only, and kept out of the database.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use anyhow::{Context as _, bail};
use proof::checkpoint::{VerifierKey, origin};
use proof::notary::SigningKeys;

/// The keys as they were read last.
#[derive(Debug)]
pub(crate) struct KeyFile {
    path: PathBuf,
    ledger_id: String,
    read_at: Option<SystemTime>,
    keys: SigningKeys,
}

impl KeyFile {
    /// Makes the first key where there is none; but not where the log is signed by one already.
    pub(crate) fn open(path: PathBuf, ledger_id: &str, signed_by: Option<&VerifierKey>) -> anyhow::Result<Self> {
        if !path.exists() {
            if let Some(key) = signed_by {
                bail!("{} is missing, and this ledger's checkpoints are signed by {key}: put the file back", path.display());
            }
            create(&path, &SigningKeys::generate(ledger_id))?;
        }
        let (keys, read_at) = read(&path, ledger_id)?;
        Ok(Self { path, ledger_id: ledger_id.to_owned(), read_at, keys })
    }

    /// Reads them again where the file has changed.
    pub(crate) fn current(&mut self) -> anyhow::Result<&SigningKeys> {
        if self.read_at.is_none() || changed_at(&self.path) != self.read_at {
            (self.keys, self.read_at) = read(&self.path, &self.ledger_id)?;
        }
        Ok(&self.keys)
    }

    /// As the API asks for them, each time that it signs.
    pub(crate) fn asked(self) -> api::AskKeys {
        let keys = Mutex::new(self);
        Arc::new(move || keys.lock().ok()?.current().ok().cloned())
    }

    /// Puts a new key before the others; the notary hands over to it.
    pub(crate) fn rotate(&mut self) -> anyhow::Result<&SigningKeys> {
        let rotated = self.current()?.rotated();
        let beside = self.path.with_extension("new");
        // What a killed one left.
        let _ = fs::remove_file(&beside);
        create(&beside, &rotated)?;
        fs::rename(&beside, &self.path).with_context(|| format!("cannot replace {}", self.path.display()))?;
        self.current()
    }
}

fn read(path: &Path, ledger_id: &str) -> anyhow::Result<(SigningKeys, Option<SystemTime>)> {
    let changed_at = changed_at(path);
    let text = fs::read_to_string(path).with_context(|| format!("cannot read the signing key {}", path.display()))?;
    let keys = SigningKeys::from_file(&text).with_context(|| format!("{} holds no signing key", path.display()))?;
    if keys.current().name() != origin(ledger_id) {
        bail!("{} holds the key of {}, this is {}", path.display(), keys.current().name(), origin(ledger_id));
    }
    Ok((keys, changed_at))
}

fn changed_at(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

/// On disk whole, or not at all: of two that make one at once the first wins.
fn create(path: &Path, keys: &SigningKeys) -> anyhow::Result<()> {
    let beside = path.with_extension(format!("made-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(keys.to_file().as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&beside, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    };
    let written = write();
    let _ = fs::remove_file(&beside);
    written.with_context(|| format!("cannot write the signing key {}", path.display()))
}
