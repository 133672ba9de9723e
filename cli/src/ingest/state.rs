//! `FILE.ingest`: how far an interrupted run came. It saves work, not correctness: what is sent twice counts once.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::records::Place;
use super::{Named, Options, beside, is_stdin};

const HASHED_BYTES: u64 = 64 * 1024;

/// What was answered up to a place, counted from the start of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) place: Place,
    pub(super) accepted: u64,
    pub(super) duplicates: u64,
    pub(super) rejected: u64,
    /// Length of the file of rejected lines.
    pub(super) rejected_bytes: u64,
    pub(super) token: Option<String>,
    pub(super) complete: bool,
}

impl Answered {
    pub(super) fn events(&self) -> u64 {
        self.accepted + self.duplicates + self.rejected
    }
}

/// Which file was sent where. If any of it changed, the state is another file's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    api: String,
    size_bytes: u64,
    modified_ms: u64,
    /// Of the first 64 KiB.
    sha256: String,
    /// As what its rows were sent.
    #[serde(flatten)]
    named: Named,
}

#[derive(Debug, Serialize, Deserialize)]
struct Content {
    #[serde(flatten)]
    identity: Identity,
    #[serde(flatten)]
    answered: Answered,
}

#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    /// None where a run cannot be continued: standard input, a pipe.
    identity: Option<Identity>,
    answered: Answered,
}

impl StateFile {
    /// The state of `source` as an interrupted run left it; afresh if there is none, or a new start is asked for.
    pub(super) fn open(source: &Path, options: &Options, api: &Url) -> Result<Self> {
        let path = beside(source, options.state_dir.as_deref(), ".ingest");
        let identity = identity(source, &options.named, api).with_context(|| format!("cannot read {}", source.display()))?;
        let answered = match &identity {
            Some(identity) if !options.restart => left(&path, identity)?,
            _ => Answered::default(),
        };
        Ok(Self { path, identity, answered })
    }

    pub(super) fn answered(&self) -> &Answered {
        &self.answered
    }

    /// One more batch was answered: its counts come on top.
    pub(super) fn advance(&mut self, batch: Answered) {
        assert!(batch.place >= self.answered.place, "answers are taken in the file's order");
        self.answered = Answered {
            accepted: self.answered.accepted + batch.accepted,
            duplicates: self.answered.duplicates + batch.duplicates,
            rejected: self.answered.rejected + batch.rejected,
            token: batch.token.or(self.answered.token.take()),
            ..batch
        };
    }

    pub(super) fn complete(&mut self) -> Result<()> {
        self.answered.complete = true;
        self.save()
    }

    pub(super) fn save(&self) -> Result<()> {
        let Some(identity) = &self.identity else { return Ok(()) };
        let content = Content { identity: identity.clone(), answered: self.answered.clone() };
        let json = serde_json::to_vec(&content).expect("string keys and whole numbers");
        let unfinished = self.path.with_added_extension("new");
        fs::write(&unfinished, json)
            .and_then(|()| fs::rename(&unfinished, &self.path))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    pub(super) fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

fn left(path: &Path, identity: &Identity) -> Result<Answered> {
    let json = match fs::read(path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Answered::default()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    // A state that cannot be read, or is of another file, only costs sending again what is there.
    match serde_json::from_slice::<Content>(&json) {
        Ok(content) if content.identity == *identity => Ok(content.answered),
        _ => Ok(Answered::default()),
    }
}

fn identity(source: &Path, named: &Named, api: &Url) -> io::Result<Option<Identity>> {
    if is_stdin(source) {
        return Ok(None);
    }
    let metadata = fs::metadata(source)?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let mut start = Vec::new();
    File::open(source)?.take(HASHED_BYTES).read_to_end(&mut start)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Some(Identity {
        api: api.to_string(),
        size_bytes: metadata.len(),
        modified_ms: u64::try_from(modified.as_millis()).unwrap_or(u64::MAX),
        sha256: Sha256::digest(&start).iter().map(|byte| format!("{byte:02x}")).collect(),
        named: named.clone(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::tests::{Folder, options};

    fn api() -> Url {
        "http://127.0.0.1:8080".parse().expect("an address")
    }

    fn some_way_in() -> Answered {
        let place = Place { bytes: 5, line: 2 };
        Answered { place, accepted: 2, token: Some("t".into()), ..Answered::default() }
    }

    #[test]
    fn an_interrupted_run_is_continued_and_a_changed_file_is_not() {
        let folder = Folder::new();
        let file = folder.write("a.ndjson", "{}\n{}\n{}\n");
        let open = |restart| StateFile::open(&file, &Options { restart, ..options([]) }, &api()).expect("opened");
        let mut state = open(false);
        assert_eq!(state.answered(), &Answered::default());
        state.advance(some_way_in());
        state.save().expect("saved");
        assert_eq!(open(false).answered(), &some_way_in());
        assert_eq!(open(true).answered(), &Answered::default());
        let elsewhere = "http://127.0.0.1:9".parse().expect("an address");
        assert_eq!(StateFile::open(&file, &options([]), &elsewhere).expect("opened").answered(), &Answered::default());
        let mut as_commands = options([]);
        as_commands.named.command = Some("win".to_owned());
        assert_eq!(StateFile::open(&file, &as_commands, &api()).expect("opened").answered(), &Answered::default());

        folder.write("a.ndjson", "{}\n{}\n{}\n{}\n");
        assert_eq!(open(false).answered(), &Answered::default());
        state.remove().expect("removed");
        state.remove().expect("nothing to remove");
    }

    #[test]
    fn a_state_cut_off_in_writing_only_costs_time() {
        let folder = Folder::new();
        let file = folder.write("a.ndjson", "{}\n");
        folder.write("a.ndjson.ingest", "{\"api\":");
        assert_eq!(StateFile::open(&file, &options([]), &api()).expect("opened").answered(), &Answered::default());
    }

    #[test]
    fn counts_add_up_over_batches_and_the_last_token_stays() {
        let folder = Folder::new();
        let file = folder.write("a.ndjson", "{}\n");
        let mut state = StateFile::open(&file, &options([]), &api()).expect("opened");
        state.advance(some_way_in());
        state.advance(Answered { place: Place { bytes: 9, line: 4 }, duplicates: 1, rejected: 1, ..Answered::default() });
        assert_eq!((state.answered().events(), state.answered().token.as_deref()), (4, Some("t")));
    }
}
