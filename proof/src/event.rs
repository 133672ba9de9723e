//! A portable proof of one event: checked offline, with nothing but the verifier key.

use domain::RecordedEvent;
use serde::{Deserialize, Serialize};
use tlog_tiles::RecordProof;

use crate::checkpoint::VerifierKey;
use crate::error::Error;
use crate::heads::{self, SignedHeads};
use crate::leaf::{Header, header, sha256};
use crate::portable::parse;
use crate::tree::check_inclusion;

pub const FORMAT: &str = "capsule-ledger-proof/1";

/// The event, its path to the root of its partition's tree, the entry that holds this root, and the path of that to the
/// signed head of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventProof {
    pub format: String,
    /// Canonical, as hashed.
    pub header: String,
    pub payload: String,
    pub metadata: String,
    /// Base64, from the leaf upwards.
    pub path: Vec<String>,
    /// Canonical, as hashed.
    pub entry: String,
    /// A C2SP tlog-proof of that entry.
    pub log_proof: String,
}

/// What a checked proof says.
#[derive(Debug, Clone, PartialEq)]
pub struct Proved {
    pub header: Header,
    /// Of its partition among them.
    pub signed: SignedHeads,
}

impl EventProof {
    pub fn new(event: &RecordedEvent, path: &RecordProof, entry: String, log_proof: String) -> Self {
        Self {
            format: FORMAT.to_owned(),
            header: header(event),
            payload: event.payload.clone(),
            metadata: event.metadata.to_string(),
            path: path.iter().map(ToString::to_string).collect(),
            entry,
            log_proof,
        }
    }

    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse(text, FORMAT, |proof: &Self| &proof.format)
    }

    /// # Errors
    /// [`Error::Malformed`], [`Error::Untrusted`], [`Error::OtherLedger`], or [`Error::NotProved`] with the step that fails.
    pub fn check(&self, trusted: &[VerifierKey]) -> Result<Proved, Error> {
        let header = Header::parse(&self.header)?;
        if sha256(self.payload.as_bytes()) != header.payload_sha256 {
            return Err(Error::NotProved("the payload"));
        }
        if sha256(self.metadata.as_bytes()) != header.metadata_sha256 {
            return Err(Error::NotProved("the metadata"));
        }
        let signed = SignedHeads::open(&self.entry, &self.log_proof, trusted)?;
        let head = signed.of(header.partition)?;
        if header.position >= head.size {
            return Err(Error::NotProved("the event's position"));
        }
        check_inclusion(&heads::path(&self.path)?, head, header.position, header.leaf())?;
        Ok(Proved { header, signed })
    }
}

#[cfg(test)]
mod tests {
    use tlog_tiles::record_hash;

    use super::*;
    use crate::attestation::Attestation;
    use crate::audit::audit_log;
    use crate::checkpoint::{Checkpoint, SigningKey, origin};
    use crate::entry::{self, Entry};
    use crate::erasure::ErasureCertificate;
    use crate::heads::log_proof;
    use crate::position::PositionProof;
    use crate::receipt::{Receipt, Shown};
    use crate::tree::{Head, Tiles, Tree, inclusion};

    fn proof(key: &SigningKey) -> EventProof {
        let event = |position| RecordedEvent { position: domain::Position(position), ..crate::leaf::tests::event() };
        let mut partition = Tree::default();
        let tiles: Tiles = partition.extend((0..600).map(|position| crate::leaf::leaf(&event(position)))).into_iter().collect();
        let path = inclusion(600, 511, &tiles).expect("a path");
        let at = "2026-10-31T12:00:00Z".parse().expect("a time");
        let heads = [Head::EMPTY, Head::EMPTY, Head::EMPTY, partition.head()];
        let entries = [
            Entry::ledger("1", 4, key.verifier_key(), at).canonical(),
            Entry::heads(&[Head::EMPTY; 4], at).canonical(),
            Entry::heads(&heads, at).canonical(),
        ];
        let mut log = Tree::default();
        let tiles: Tiles = log.extend(entries.iter().map(|entry| entry::leaf(entry))).into_iter().collect();
        let note = Checkpoint { origin: origin("1"), head: log.head() }.sign(&[key]);
        let log_proof = log_proof(2, &inclusion(3, 2, &tiles).expect("a path"), &note);
        EventProof::new(&event(511), &path, entries[2].clone(), log_proof)
    }

    #[test]
    fn a_proof_is_checked_with_the_verifier_key_alone() {
        let key = SigningKey::generate("capsule-ledger/1");
        let text = serde_json::to_string_pretty(&proof(&key)).expect("JSON");
        let proved = EventProof::parse(&text).expect("a proof").check(&[key.verifier_key()]).expect("it holds");
        assert_eq!((proved.header.partition, proved.header.position, proved.signed.checkpoint.head.size), (3, 511, 3));
    }

    #[test]
    fn the_published_proofs_hold_for_ever() {
        let key = VerifierKey::parse(include_str!("../../schemas/proofs/verifier-key")).expect("a key");
        let proof = EventProof::parse(include_str!("../../schemas/proofs/event.json")).expect("a proof");
        assert_eq!(proof.check(std::slice::from_ref(&key)).expect("it holds").header.position, 41);
        let proof = include_str!("../../schemas/proofs/consistency.json");
        let proof = crate::consistency::ConsistencyProof::parse(proof).expect("a proof");
        let (earlier, later) = proof.check(&[key]).expect("it holds");
        assert_eq!((earlier.head.size, later.head.size), (13, 15));
    }

    #[test]
    fn the_published_log_and_what_its_newest_key_signed_hold_for_ever() {
        let log: serde_json::Value = serde_json::from_str(include_str!("../../schemas/proofs/log.json")).expect("JSON");
        let texts = |name: &str| serde_json::from_value::<Vec<String>>(log[name].clone()).expect("texts");
        let keys: Vec<VerifierKey> = texts("verifier_keys").iter().map(|key| VerifierKey::parse(key).expect("a key")).collect();
        let sound = audit_log(&texts("entries"), &texts("checkpoints"), &keys[..1]).expect("a sound log");
        assert_eq!((sound.keys.as_slice(), sound.checkpoint.head.size), (&keys[..], 4));
        let newest = &keys[1..];
        let position = PositionProof::parse(include_str!("../../schemas/proofs/position.json")).expect("a proof");
        let receipt = Receipt::open(include_str!("../../schemas/proofs/receipt"), newest).expect("signed");
        assert_eq!(receipt.held_against(&[position.check(newest).expect("it holds")]), Ok(vec![Shown::Kept]));
        let attestation = Attestation::open(include_str!("../../schemas/proofs/attestation"), newest).expect("signed");
        assert_eq!(Some(&attestation.partitions[3].root), sound.marks[3].last().map(|head| &head.root));
        let erasure = ErasureCertificate::open(include_str!("../../schemas/proofs/erasure"), newest).expect("signed");
        assert_eq!((erasure.event.as_str(), erasure.events), ("3-42", Some(7)));
    }

    #[test]
    fn the_published_roots_are_those_of_certificate_transparency() {
        let published: serde_json::Value = serde_json::from_str(include_str!("../../schemas/proofs/roots.json")).expect("JSON");
        let mut tree = Tree::default();
        for (data, root) in
            published["leaves"].as_array().expect("data").iter().zip(published["roots"].as_array().expect("roots"))
        {
            let digits = data.as_str().expect("hexadecimal digits");
            let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits");
            let data: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
            tree.extend([record_hash(&data)]);
            assert_eq!(tree.head().root.to_string(), *root, "of {} leaves", tree.size());
        }
        assert_eq!(tree.size(), 8);
    }

    #[test]
    fn the_published_format_names_every_collection_and_the_golden_header() {
        let page = include_str!("../../docs/proof-format.md");
        for kind in domain::AggregateType::ALL {
            let row = format!("| `{}` | `{}` |", kind.collection(), kind.as_str());
            assert!(page.contains(&row), "{row}");
        }
        let event = crate::leaf::tests::event();
        assert!(page.contains(&format!("    {}\n    {}\n", header(&event), crate::leaf::leaf(&event))));
    }

    #[test]
    fn whatever_is_another_byte_in_a_proof_it_does_not_hold() {
        let key = SigningKey::generate("capsule-ledger/1");
        let text = serde_json::to_string(&proof(&key)).expect("JSON");
        let holds = |text: &str| EventProof::parse(text).and_then(|proof| proof.check(&[key.verifier_key()])).is_ok();
        assert!(holds(&text));
        for place in 0..text.len() {
            for flipped in [1_u8, 2, 32] {
                let mut bytes = text.clone().into_bytes();
                bytes[place] ^= flipped;
                let Ok(other) = String::from_utf8(bytes) else { continue };
                assert!(!holds(&other), "byte {place} of {other}");
            }
        }
        let stranger = SigningKey::generate("capsule-ledger/1");
        let proof = proof(&key);
        assert!(matches!(proof.check(&[stranger.verifier_key()]), Err(Error::Untrusted(_))));
    }
}
