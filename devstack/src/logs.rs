//! The servers' logs: `DATA_DIR/log/NAME.log`, one older file kept beside it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, While};

/// A log that has grown past this when its server starts is moved aside.
const BYTES_MAX: u64 = 10 * 1024 * 1024;
const TAIL_BYTES: u64 = 16 * 1024;
const TAIL_LINES: usize = 15;

#[derive(Debug, Clone)]
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    pub(crate) fn new(data_dir: &Path, name: &str) -> Result<Self, Error> {
        let dir = data_dir.join("log");
        std::fs::create_dir_all(&dir).while_doing("make", &dir)?;
        Ok(Self { path: dir.join(name).with_extension("log") })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the place where the next start's lines begin.
    pub(crate) fn begin(&self) -> Result<u64, Error> {
        if self.len() > BYTES_MAX {
            let older = self.path.with_extension("log.1");
            std::fs::rename(&self.path, &older).while_doing("move aside", &self.path)?;
        }
        Ok(self.len())
    }

    pub(crate) fn open(&self) -> Result<File, Error> {
        OpenOptions::new().create(true).append(true).open(&self.path).while_doing("write", &self.path)
    }

    pub(crate) fn len(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// The last lines written from byte `from` on.
    pub(crate) fn tail(&self, from: u64) -> String {
        let start = from.max(self.len().saturating_sub(TAIL_BYTES));
        let mut bytes = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(start))?;
            file.take(TAIL_BYTES).read_to_end(&mut bytes)
        });
        match read {
            Ok(_) => last_lines(&String::from_utf8_lossy(&bytes)),
            Err(error) => format!("(it cannot be read: {error})"),
        }
    }
}

pub(crate) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
