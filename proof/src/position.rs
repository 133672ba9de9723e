//! What the ledger signed of a position: the leaf that stands there, or that its tree ends before it. It holds hashes alone, so that
//! it may be given to whoever may not read the event, and about a position that no event of theirs is at.

use serde::{Deserialize, Serialize};
use tlog_tiles::{Hash, RecordProof};

use crate::checkpoint::VerifierKey;
use crate::error::Error;
use crate::event::Proved;
use crate::heads::{self, SignedHeads};
use crate::portable::parse;
use crate::tree::check_inclusion;

pub const FORMAT: &str = "capsule-ledger-position/1";

/// A leaf and its path to the root of its partition's tree, or neither; the entry that holds this root, and the path of that to the
/// signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PositionProof {
    pub format: String,
    pub partition: u16,
    pub position: u64,
    /// Base64; null: the tree ends before the position.
    pub leaf: Option<String>,
    /// Base64, from the leaf upwards; of no leaf empty.
    pub path: Vec<String>,
    /// Canonical, as hashed.
    pub entry: String,
    /// A C2SP tlog-proof of that entry.
    pub log_proof: String,
}

/// What a checked proof says of a position.
#[derive(Debug, Clone, PartialEq)]
pub struct Stands {
    pub partition: u16,
    pub position: u64,
    /// None: the tree ends before it.
    pub leaf: Option<Hash>,
    pub signed: SignedHeads,
}

impl From<Proved> for Stands {
    fn from(Proved { header, signed }: Proved) -> Self {
        Self { partition: header.partition, position: header.position, leaf: Some(header.leaf()), signed }
    }
}

impl PositionProof {
    /// Of a leaf and its path; none: the tree ends before it.
    pub fn new(
        (partition, position): (u16, u64),
        found: Option<(Hash, &RecordProof)>,
        entry: String,
        log_proof: String,
    ) -> Self {
        let leaf = found.map(|(leaf, _)| leaf.to_string());
        let path = found.map_or_else(Vec::new, |(_, path)| path.iter().map(ToString::to_string).collect());
        Self { format: FORMAT.to_owned(), partition, position, leaf, path, entry, log_proof }
    }

    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text, FORMAT, |proof: &Self| &proof.format)
    }

    /// # Errors
    /// [`Error::Malformed`], [`Error::Untrusted`], [`Error::OtherLedger`], or [`Error::NotProved`] with the step that fails.
    pub fn check(&self, trusted: &[VerifierKey]) -> Result<Stands, Error> {
        let signed = SignedHeads::open(&self.entry, &self.log_proof, trusted)?;
        let head = signed.of(self.partition)?;
        let leaf = self.leaf.as_deref().map(heads::hash).transpose()?;
        if leaf.is_some() != (self.position < head.size) {
            return Err(Error::NotProved("the position"));
        }
        let path = heads::path(&self.path)?;
        match leaf {
            Some(leaf) => check_inclusion(&path, head, self.position, leaf)?,
            None if !path.is_empty() => return Err(Error::malformed("the proof", "it has a path from no leaf")),
            None => {}
        }
        Ok(Stands { partition: self.partition, position: self.position, leaf, signed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::SigningKey;
    use crate::receipt::tests::{Copy, noon};

    #[test]
    fn it_is_proved_what_stands_at_a_position_or_that_nothing_does() {
        let key = SigningKey::generate("capsule-ledger/1");
        let trusted = [key.verifier_key()];
        let copy = Copy::of(60, &key, noon());
        let text = serde_json::to_string(&copy.position(41)).expect("JSON");
        let stands = PositionProof::parse(&text).expect("a proof").check(&trusted).expect("it holds");
        assert_eq!((stands.partition, stands.position, stands.leaf), (3, 41, Some(copy.leaves[41])));
        let none = copy.position(60);
        assert_eq!(none.check(&trusted).expect("it holds").leaf, None);

        let leaf = |at: usize| Some(copy.leaves[at].to_string());
        let proof = copy.position(41);
        for wrong in [
            PositionProof { leaf: leaf(42), ..proof.clone() },
            PositionProof { leaf: None, ..proof.clone() },
            PositionProof { leaf: None, path: Vec::new(), ..proof.clone() },
            PositionProof { position: 42, ..proof.clone() },
            PositionProof { position: 60, ..proof.clone() },
            PositionProof { partition: 2, ..proof.clone() },
            PositionProof { partition: 4, ..proof.clone() },
            PositionProof { leaf: leaf(0), ..none.clone() },
            PositionProof { path: proof.path.clone(), ..none.clone() },
            PositionProof { position: 59, ..none.clone() },
        ] {
            assert!(wrong.check(&trusted).is_err(), "{wrong:?}");
        }
        assert!(proof.check(&[SigningKey::generate("capsule-ledger/1").verifier_key()]).is_err());
        assert!(PositionProof::parse(&text.replace("position/1", "position/2")).is_err());
    }
}
