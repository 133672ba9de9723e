//! The entries of the ledger's own log: what it is, which keys sign for it, and again and again the heads of all its partitions.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use tlog_tiles::{Hash, record_hash};

use crate::canonical;
use crate::checkpoint::VerifierKey;
use crate::error::Error;
use crate::tree::Head;

/// One entry. Its members stand in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// The first, and only the first.
    Ledger {
        ledger_id: String,
        partitions: u16,
        taken_at: String,
        /// That signs from here on.
        verifier_key: VerifierKey,
        /// Of the format; always 1.
        version: u8,
    },
    /// How far every partition was, and the root of its tree.
    Heads { partitions: Vec<PartitionHead>, taken_at: String },
    /// Another key signs from here on; the checkpoint over this entry is signed by the one before too.
    Key { taken_at: String, verifier_key: VerifierKey },
}

/// A partition's tree, in the order of partitions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PartitionHead {
    #[serde(with = "base64_hash")]
    pub root: Hash,
    pub size: u64,
}

pub(crate) const VERSION: u8 = 1;

impl From<Head> for PartitionHead {
    fn from(Head { size, root }: Head) -> Self {
        Self { root, size }
    }
}

impl From<&PartitionHead> for Head {
    fn from(head: &PartitionHead) -> Self {
        Self { size: head.size, root: head.root }
    }
}

impl Entry {
    pub fn ledger(ledger_id: &str, partitions: u16, key: VerifierKey, at: DateTime<Utc>) -> Self {
        Self::Ledger { ledger_id: ledger_id.to_owned(), partitions, taken_at: time(at), verifier_key: key, version: VERSION }
    }

    pub fn heads(heads: &[Head], at: DateTime<Utc>) -> Self {
        Self::Heads { partitions: heads.iter().copied().map(PartitionHead::from).collect(), taken_at: time(at) }
    }

    pub fn key(key: VerifierKey, at: DateTime<Utc>) -> Self {
        Self::Key { taken_at: time(at), verifier_key: key }
    }

    /// Its canonical JSON, which is the leaf's data.
    pub fn canonical(&self) -> String {
        canonical::write(self)
    }

    /// # Errors
    /// [`Error::Malformed`] unless it is canonical JSON of a known kind and version.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let entry: Self = canonical::read("the log's entry", text)?;
        match entry {
            Self::Ledger { version, .. } if version != VERSION => {
                Err(Error::malformed("the log's entry", format!("version {version} is not known")))
            }
            entry => Ok(entry),
        }
    }
}

/// The leaf of an entry.
pub fn leaf(entry: &str) -> Hash {
    record_hash(entry.as_bytes())
}

pub(crate) fn time(moment: DateTime<Utc>) -> String {
    moment.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(crate) mod base64_hash {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use tlog_tiles::Hash;

    pub(crate) fn serialize<S: Serializer>(hash: &Hash, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(hash)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hash, D::Error> {
        Hash::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::SigningKey;

    #[test]
    fn an_entry_is_canonical_json_and_read_back() {
        let at = "2026-10-31T12:00:00Z".parse().expect("a time");
        let key = SigningKey::generate("capsule-ledger/1").verifier_key();
        let head = Head { size: 41, root: leaf("x") };
        let entries = [Entry::ledger("1", 8, key.clone(), at), Entry::heads(&[head, Head::EMPTY], at), Entry::key(key, at)];
        for entry in entries {
            let text = entry.canonical();
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(serde_json_canonicalizer::to_string(&value).expect("canonical"), text);
            assert_eq!(Entry::parse(&text).expect("an entry"), entry);
        }
        let heads = Entry::heads(&[Head::EMPTY], at).canonical();
        assert_eq!(
            heads,
            r#"{"kind":"heads","partitions":[{"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=","size":0}],"taken_at":"2026-10-31T12:00:00.000000Z"}"#
        );
        for wrong in [heads.replace("heads", "tails"), heads.replace(r#""size":0"#, r#""size":0,"x":1"#), format!("{heads} ")] {
            assert!(Entry::parse(&wrong).is_err(), "{wrong}");
        }
    }
}
