//! That nothing was changed between two checkpoints: the later log begins with the earlier one.

use serde::{Deserialize, Serialize};
use tlog_tiles::TreeProof;

use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::error::Error;
use crate::heads;
use crate::portable::parse;
use crate::tree::check_consistency;

pub const FORMAT: &str = "capsule-ledger-consistency/1";

/// Two checkpoints, and the path from the earlier to the later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyProof {
    pub format: String,
    /// A signed note.
    pub earlier: String,
    /// A signed note.
    pub later: String,
    /// Base64, as in RFC 6962.
    pub path: Vec<String>,
}

impl ConsistencyProof {
    pub fn new(earlier: String, later: String, path: &TreeProof) -> Self {
        Self { format: FORMAT.to_owned(), earlier, later, path: path.iter().map(ToString::to_string).collect() }
    }

    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text, FORMAT, |proof: &Self| &proof.format)
    }

    /// The two checkpoints, if the later one begins with the earlier.
    ///
    /// # Errors
    /// [`Error::Malformed`], [`Error::Untrusted`], [`Error::OtherLedger`], or [`Error::NotProved`].
    pub fn check(&self, trusted: &[VerifierKey]) -> Result<(Checkpoint, Checkpoint), Error> {
        let (earlier, later) = (Checkpoint::open(&self.earlier, trusted)?, Checkpoint::open(&self.later, trusted)?);
        if earlier.origin != later.origin {
            return Err(Error::OtherLedger { what: "the later checkpoint", found: later.origin, expected: earlier.origin });
        }
        if earlier.head.size > later.head.size {
            return Err(Error::malformed("the proof", "its later checkpoint covers less than the earlier one"));
        }
        check_consistency(&heads::path(&self.path)?, earlier.head, later.head)?;
        Ok((earlier, later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{SigningKey, origin};
    use crate::entry::leaf;
    use crate::tree::{Tiles, Tree, consistency};

    #[test]
    fn a_log_that_begins_with_an_earlier_one_is_proved_and_another_is_not() {
        let key = SigningKey::generate("capsule-ledger/1");
        let trusted = [key.verifier_key()];
        let mut tree = Tree::default();
        let mut tiles: Vec<_> = tree.extend((0..300).map(|number| leaf(&number.to_string())));
        let note = |tree: &Tree| Checkpoint { origin: origin("1"), head: tree.head() }.sign(&[&key]);
        let earlier = note(&tree);
        tiles.extend(tree.extend((300..700).map(|number| leaf(&number.to_string()))));
        let tiles: Tiles = tiles.into_iter().collect();
        let path = consistency(300, 700, &tiles).expect("a path");
        let proof = ConsistencyProof::new(earlier.clone(), note(&tree), &path);
        let read = ConsistencyProof::parse(&serde_json::to_string(&proof).expect("JSON")).expect("a proof");
        let (first, second) = read.check(&trusted).expect("it holds");
        assert_eq!((first.head.size, second.head.size), (300, 700));

        let mut other = Tree::default();
        other.extend((0..700).map(|number| leaf(&(number + number / 150).to_string())));
        let forged = ConsistencyProof::new(earlier.clone(), note(&other), &path);
        assert!(matches!(forged.check(&trusted), Err(Error::NotProved(_))));
        let backwards = ConsistencyProof::new(note(&tree), earlier, &path);
        assert!(backwards.check(&trusted).is_err());
        assert!(proof.check(&[SigningKey::generate("capsule-ledger/1").verifier_key()]).is_err());
    }
}
