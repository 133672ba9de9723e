//! Heads of all partitions that are signed: the entry that holds them, and its path to a checkpoint's root, as every proof about
//! events ends.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tlog_tiles::{HASH_SIZE, Hash, RecordProof};

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::entry::{self, Entry};
use crate::error::Error;
use crate::tree::{Head, check_inclusion};

/// The first line of a C2SP tlog-proof.
const LOG_PROOF: &str = "c2sp.org/tlog-proof@v1";

/// How far all partitions were, as a trusted key signed it.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedHeads {
    /// By partition.
    pub heads: Vec<Head>,
    pub taken_at: String,
    pub checkpoint: Checkpoint,
}

impl SignedHeads {
    /// Of an entry's text and its [`log_proof`].
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Untrusted`], [`Error::OtherLedger`], or [`Error::NotProved`].
    pub fn open(entry: &str, log_proof: &str, trusted: &[VerifierKey]) -> Result<Self, Error> {
        let Entry::Heads { partitions, taken_at } = Entry::parse(entry)? else {
            return Err(Error::malformed("the proof", "its entry holds no heads"));
        };
        let (index, path, note) = read_log_proof(log_proof)?;
        let checkpoint = Checkpoint::open(note, trusted)?;
        if index >= checkpoint.head.size {
            return Err(Error::NotProved("the entry's index"));
        }
        check_inclusion(&path, checkpoint.head, index, entry::leaf(entry))?;
        Ok(Self { heads: partitions.iter().map(Head::from).collect(), taken_at, checkpoint })
    }

    /// # Errors
    /// [`Error::Malformed`] where the ledger has no such partition.
    pub(crate) fn of(&self, partition: u16) -> Result<Head, Error> {
        let head = self.heads.get(usize::from(partition)).copied();
        head.ok_or_else(|| Error::malformed("the proof", "its entry lacks the partition"))
    }
}

/// A C2SP tlog-proof: the path of an entry to the head of a checkpoint, and the checkpoint.
pub fn log_proof(index: u64, path: &RecordProof, note: &str) -> String {
    let hashes: String = path.iter().map(|hash| format!("{hash}\n")).collect();
    format!("{LOG_PROOF}\nindex {index}\n{hashes}\n{note}")
}

fn read_log_proof(text: &str) -> Result<(u64, RecordProof, &str), Error> {
    let malformed = |reason: &str| Error::malformed("the log's proof", reason);
    let (proof, note) = text.split_once("\n\n").ok_or_else(|| malformed("has no checkpoint"))?;
    let mut lines = proof.lines();
    if lines.next() != Some(LOG_PROOF) {
        return Err(malformed("does not begin with its format"));
    }
    let mut line = lines.next();
    // Of another application; it means nothing here.
    if line.is_some_and(|line| line.starts_with("extra ")) {
        line = lines.next();
    }
    let index = line.and_then(|line| line.strip_prefix("index ")).ok_or_else(|| malformed("has no index"))?;
    let parsed: u64 = index.parse().map_err(|_| malformed("has an index that is no number"))?;
    if parsed.to_string() != index {
        return Err(malformed("has an index that is not written as one"));
    }
    Ok((parsed, lines.map(hash).collect::<Result<_, _>>()?, note))
}

/// From the leaf upwards, or as RFC 6962 has it of two trees.
pub(crate) fn path(texts: &[String]) -> Result<Vec<Hash>, Error> {
    texts.iter().map(|text| hash(text)).collect()
}

pub(crate) fn hash(text: &str) -> Result<Hash, Error> {
    let bytes = BASE64_STANDARD.decode(text).ok().and_then(|bytes| <[u8; HASH_SIZE]>::try_from(bytes).ok());
    bytes.map(Hash).ok_or_else(|| Error::malformed("the proof", "a hash is not 32 bytes in base64"))
}
