//! The folder that checkpoints are published to: `latest`, and `history` with all of them one after another.
//!
//! What it holds was signed: a ledger that does not hold it too was cut, or is another, and nothing may be signed over it.

use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use event_store::trees::Trees;
use proof::checkpoint::Checkpoint;

const LATEST: &str = "latest";
const HISTORY: &str = "history";

/// Checkpoints that are read at once where some were not written.
const READ_MAX: usize = 100;
/// Those that are written at once are far shorter: where the history does not end with the latest, it is found in so many bytes.
const TAIL_BYTES: u64 = 1 << 16;

pub(super) struct Folder {
    path: PathBuf,
    /// The size of the log that the latest is over; 0 where there is none.
    written: u64,
}

impl Folder {
    /// Of a log of this size.
    pub(super) async fn open(path: PathBuf, trees: &Trees, size: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let latest = path.join(LATEST);
        let Some(note) = read(&latest)? else { return Ok(Self { path, written: 0 }) };
        let written =
            Checkpoint::unverified(&note).with_context(|| format!("{} is no checkpoint", latest.display()))?.head.size;
        let stored = trees.checkpoint(written).await?;
        ensure!(
            written <= size && stored.as_ref() == Some(&note),
            "{} was signed over {written} entries of the log, and this ledger does not hold that checkpoint: its database is an older \
             copy, was cut, or is another's. Bring back what it lacks (`restore`); to begin another ledger, give it a data \
             directory of its own",
            latest.display()
        );
        cut_after(&path.join(HISTORY), &note)?;
        Ok(Self { path, written })
    }

    /// Writes those that are stored and not written yet.
    pub(super) async fn publish(&mut self, trees: &Trees) -> anyhow::Result<()> {
        loop {
            let notes = trees.checkpoints_above(self.written, READ_MAX).await?;
            let Some((size, latest)) = notes.last() else { return Ok(()) };
            self.write(&notes, latest).with_context(|| format!("cannot publish a checkpoint to {}", self.path.display()))?;
            self.written = *size;
        }
    }

    /// The history first, as what it has beyond the latest is cut off; the latest whole or not at all.
    fn write(&self, notes: &[(u64, String)], latest: &str) -> std::io::Result<()> {
        let text: String = notes.iter().flat_map(|(_, note)| [note.as_str(), "\n"]).collect();
        let mut history = fs::OpenOptions::new().create(true).append(true).open(self.path.join(HISTORY))?;
        history.write_all(text.as_bytes())?;
        history.sync_all()?;
        let beside = self.path.join("latest.new");
        let mut file = fs::File::create(&beside)?;
        file.write_all(latest.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, self.path.join(LATEST))
    }
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What was written behind the latest was not published: it is written again, once and whole. A history that was moved away
/// begins anew.
fn cut_after(history: &Path, latest: &str) -> anyhow::Result<()> {
    let cut = || -> std::io::Result<()> {
        let mut file = match fs::OpenOptions::new().read(true).write(true).open(history) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        let start = file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail)?;
        let entry = format!("{latest}\n");
        match tail.windows(entry.len()).rposition(|bytes| bytes == entry.as_bytes()) {
            Some(at) => file.set_len(start + (at + entry.len()) as u64),
            None => Ok(()),
        }
    };
    cut().with_context(|| format!("cannot open {}", history.display()))
}
