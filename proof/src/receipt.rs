//! A promise, signed: these events are at these positions. Whoever holds it can show later that one was left out or changed.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use domain::recorded::parse_event_id;
use domain::{Partition, Position, RecordedEvent};
use serde::{Deserialize, Serialize};
use tlog_tiles::Hash;

use crate::checkpoint::SigningKey;
use crate::entry::{base64_hash, time};
use crate::error::Error;
use crate::leaf::leaf;
use crate::position::Stands;
use crate::statement::{self, statement};

/// Within this time a checkpoint covers what was promised: usually within seconds, but only what Kafka holds is signed, and Kafka
/// may be away for a while.
const COVERED_WITHIN: TimeDelta = TimeDelta::days(1);

/// What a write was answered with. Its members stand in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Heads that were taken after this time hold its events.
    pub covered_by: String,
    pub events: Vec<Promised>,
    /// The ledger's origin.
    pub ledger: String,
    pub tenant: String,
}

/// An event's leaf, which stands in its partition's tree at its position, or the promise is broken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promised {
    /// `PARTITION-POSITION`.
    pub event: String,
    #[serde(with = "base64_hash")]
    pub leaf: Hash,
}

/// What was signed elsewhere of what was promised.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    Kept,
    /// Another leaf stands at its position.
    Replaced {
        leaf: Hash,
    },
    /// The tree ended before it when it was to be there.
    Missing {
        size: u64,
        taken_at: String,
    },
    /// What was shown says nothing of it, or was signed too early.
    Nothing,
}

impl fmt::Display for Shown {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept => formatter.write_str("kept"),
            Self::Replaced { leaf } => write!(formatter, "BROKEN: the ledger signed another leaf there, {leaf}"),
            Self::Missing { size, taken_at } => {
                write!(formatter, "BROKEN: the ledger signed at {taken_at} that there are {size} events, none there")
            }
            Self::Nothing => formatter.write_str("not shown"),
        }
    }
}

impl Shown {
    pub fn is_broken(&self) -> bool {
        matches!(self, Self::Replaced { .. } | Self::Missing { .. })
    }
}

statement!(Receipt, "the receipt", "capsule-ledger receipt/1");

impl Receipt {
    /// For these events of one tenant.
    pub fn new(tenant: String, events: &[RecordedEvent], key: &SigningKey, now: DateTime<Utc>) -> Self {
        let promised = |event: &RecordedEvent| Promised { event: event.id(), leaf: leaf(event) };
        let events = events.iter().map(promised).collect();
        Self { covered_by: time(now + COVERED_WITHIN), events, ledger: key.name().to_owned(), tenant }
    }

    /// What it says, whoever signed it.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn unverified(note: &str) -> Result<Self, Error> {
        statement::unverified(note)
    }

    /// What was signed of each event that it promises: that one was broken wherever one proof shows it, whatever others show.
    ///
    /// # Errors
    /// [`Error::OtherLedger`] where a proof is of another ledger; [`Error::Malformed`].
    pub fn held_against(&self, proofs: &[Stands]) -> Result<Vec<Shown>, Error> {
        let other = proofs.iter().find(|proof| proof.signed.checkpoint.origin != self.ledger);
        if let Some(Stands { signed, .. }) = other {
            let (found, expected) = (signed.checkpoint.origin.clone(), self.ledger.clone());
            return Err(Error::OtherLedger { what: "the proof", found, expected });
        }
        let covered_by = moment(&self.covered_by)?;
        self.events.iter().map(|promised| promised.shown_by(proofs, covered_by)).collect()
    }
}

impl Promised {
    /// # Errors
    /// [`Error::Malformed`].
    pub fn place(&self) -> Result<(Partition, Position), Error> {
        parse_event_id(&self.event).ok_or_else(|| Error::malformed("the receipt", "an event is not PARTITION-POSITION"))
    }

    fn shown_by(&self, proofs: &[Stands], covered_by: DateTime<Utc>) -> Result<Shown, Error> {
        let (Partition(partition), Position(position)) = self.place()?;
        let mut shown = Shown::Nothing;
        for proof in proofs {
            let size = proof.signed.heads.get(usize::from(partition)).map_or(0, |head| head.size);
            let is_of_it = (proof.partition, proof.position) == (partition, position);
            shown = match proof.leaf.filter(|_| is_of_it) {
                Some(leaf) if leaf == self.leaf => Shown::Kept,
                Some(leaf) => return Ok(Shown::Replaced { leaf }),
                None if size <= position && moment(&proof.signed.taken_at)? > covered_by => {
                    return Ok(Shown::Missing { size, taken_at: proof.signed.taken_at.clone() });
                }
                None => continue,
            };
        }
        Ok(shown)
    }
}

fn moment(text: &str) -> Result<DateTime<Utc>, Error> {
    text.parse().map_err(|error| Error::malformed("a time", error))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::attestation::Attestation;
    use crate::checkpoint::{Checkpoint, origin};
    use crate::entry::{self, Entry};
    use crate::heads::log_proof;
    use crate::leaf::tests::event;
    use crate::position::PositionProof;
    use crate::tree::{Head, Tiles, Tree, inclusion};

    pub(crate) fn noon() -> DateTime<Utc> {
        "2026-10-31T12:00:00Z".parse().expect("a time")
    }

    fn numbered(position: u64) -> RecordedEvent {
        RecordedEvent { position: Position(position), ..event() }
    }

    /// A ledger whose partition 3 has these leaves, as signed at a time.
    pub(crate) struct Copy {
        pub(crate) leaves: Vec<Hash>,
        tiles: Tiles,
        entry: String,
        log_proof: String,
    }

    impl Copy {
        pub(crate) fn of(count: u64, key: &SigningKey, taken_at: DateTime<Utc>) -> Self {
            Self::signed((0..count).map(|position| leaf(&numbered(position))).collect(), key, taken_at)
        }

        fn signed(leaves: Vec<Hash>, key: &SigningKey, taken_at: DateTime<Utc>) -> Self {
            let mut tree = Tree::default();
            let tiles = tree.extend(leaves.iter().copied()).into_iter().collect();
            let entry = Entry::heads(&[Head::EMPTY, Head::EMPTY, Head::EMPTY, tree.head()], taken_at).canonical();
            let mut log = Tree::default();
            let log_tiles = log.extend([entry::leaf("ledger"), entry::leaf(&entry)]).into_iter().collect();
            let note = Checkpoint { origin: origin("1"), head: log.head() }.sign(&[key]);
            let log_proof = log_proof(1, &inclusion(2, 1, &log_tiles).expect("a path"), &note);
            Self { leaves, tiles, entry, log_proof }
        }

        pub(crate) fn position(&self, position: u64) -> PositionProof {
            let path = self
                .leaves
                .get(position as usize)
                .map(|leaf| (*leaf, inclusion(self.leaves.len() as u64, position, &self.tiles).expect("a path")));
            let found = path.as_ref().map(|(leaf, path)| (*leaf, path));
            PositionProof::new((3, position), found, self.entry.clone(), self.log_proof.clone())
        }
    }

    #[test]
    fn a_receipt_promises_a_leaf_at_a_position() {
        let key = SigningKey::generate("capsule-ledger/1");
        let receipt = Receipt::new("demo".to_owned(), &[event()], &key, noon());
        let note = receipt.sign(&key);
        assert_eq!(Receipt::open(&note, &[key.verifier_key()]).expect("signed"), receipt);
        assert_eq!((receipt.events[0].event.as_str(), receipt.events[0].leaf), ("3-41", leaf(&event())));
        assert_eq!(receipt.covered_by, "2026-11-01T12:00:00.000000Z");
        assert!(Receipt::is_one(&note) && !Attestation::is_one(&note));
        assert!(Attestation::open(&note, &[key.verifier_key()]).is_err(), "it is of another kind");
        assert!(Receipt::open(&note.replacen("3-41", "3-42", 1), &[key.verifier_key()]).is_err());
    }

    #[test]
    fn a_promise_is_kept_or_its_breach_is_signed() {
        let key = SigningKey::generate("capsule-ledger/1");
        let receipt = Receipt::new("demo".to_owned(), &[numbered(41), numbered(50)], &key, noon());
        let stands = |proof: PositionProof| proof.check(&[key.verifier_key()]).expect("it holds");
        let against = |proofs: &[Stands]| receipt.held_against(proofs).expect("of this ledger");
        let (soon, late) = (noon() + COVERED_WITHIN, noon() + COVERED_WITHIN + TimeDelta::microseconds(1));

        let kept = Copy::of(60, &key, late);
        assert_eq!(against(&[stands(kept.position(41))]), [Shown::Kept, Shown::Nothing]);
        assert_eq!(against(&[stands(kept.position(50)), stands(kept.position(41))]), [Shown::Kept, Shown::Kept]);
        assert_eq!(against(&[stands(kept.position(7))]), [Shown::Nothing, Shown::Nothing], "the tree goes beyond both");
        // Left out, and all that follows moved up; however early it was signed.
        let mut leaves = kept.leaves.clone();
        leaves.remove(41);
        let moved = Copy::signed(leaves, &key, noon());
        let replaced = Shown::Replaced { leaf: moved.leaves[41] };
        assert_eq!(against(&[stands(moved.position(41))]), [replaced.clone(), Shown::Nothing]);
        let both = [stands(kept.position(41)), stands(moved.position(41)), stands(kept.position(41))];
        assert_eq!(against(&both)[0], replaced, "who signed both broke it");
        // Cut. Before it was to be there that says nothing.
        let missing = Shown::Missing { size: 45, taken_at: "2026-11-01T12:00:00.000001Z".to_owned() };
        let (cut, early) = (Copy::of(45, &key, late), Copy::of(45, &key, soon));
        for position in [44, 45, 50] {
            assert_eq!(against(&[stands(cut.position(position))]), [Shown::Nothing, missing.clone()]);
            assert_eq!(against(&[stands(early.position(position))]), [Shown::Nothing, Shown::Nothing]);
        }
        let stranger = SigningKey::generate("capsule-ledger/2");
        let theirs = Receipt::new("demo".to_owned(), &[numbered(41)], &stranger, noon());
        let untrusted =
            Receipt::open(&theirs.sign(&stranger), &[key.verifier_key()]).expect_err("by another's key").to_string();
        assert!(untrusted.starts_with("the receipt is signed by none of the trusted keys"), "{untrusted}");
        assert!(matches!(theirs.held_against(&[stands(kept.position(41))]), Err(Error::OtherLedger { .. })));
    }
}
