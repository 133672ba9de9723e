//! Checkpoints: the head of the ledger's log, signed. A C2SP tlog-checkpoint, which is a signed note of three lines: origin, size
//! and root; Ed25519.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use signed_note::{Note, NoteError, StandardSigner, StandardVerifier, VerifierList};

use crate::error::Error;
use crate::tree::Head;

/// What a ledger is called in its checkpoints.
pub fn origin(ledger_id: impl fmt::Display) -> String {
    format!("capsule-ledger/{ledger_id}")
}

/// The key that signs a ledger's checkpoints. Kept out of the database: whoever writes there cannot sign.
#[derive(Clone)]
pub struct SigningKey {
    text: String,
    verifier: VerifierKey,
    signer: StandardSigner,
}

/// What checks signatures, in the form of signed notes: `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VerifierKey(String);

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("SigningKey").field(&self.verifier).finish()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl SigningKey {
    /// A new one, from the system's source of randomness.
    pub fn generate(origin: &str) -> Self {
        let (text, verifier) = signed_note::generate_key(&mut rand_core::OsRng, origin);
        let signer = StandardSigner::new(&text).expect("what was generated is read");
        Self { text, verifier: VerifierKey(verifier), signer }
    }

    /// Of its text and its verifier key's, a line each, as [`SigningKey::to_file`] gives them.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless these are the two halves of a key.
    pub fn from_file(text: &str) -> Result<Self, Error> {
        let wrong = |reason: &str| Error::malformed("the signing key", reason);
        let [secret, verifier] = text.lines().collect::<Vec<_>>()[..] else { return Err(wrong("is not two lines")) };
        let signer = StandardSigner::new(secret).map_err(|error| wrong(&error.to_string()))?;
        let key = Self { text: secret.to_owned(), verifier: VerifierKey::parse(verifier)?, signer };
        // The halves belong together: a note signed by the one is accepted by the other.
        let name = key.name().to_owned();
        let note = key.sign_alone(&name, Head::EMPTY);
        Checkpoint::open(&note, std::slice::from_ref(&key.verifier)).map_err(|_| wrong("its two lines are of two keys"))?;
        Ok(key)
    }

    /// The secret, and the verifier key, a line each.
    pub fn to_file(&self) -> String {
        format!("{}\n{}\n", self.text, self.verifier)
    }

    pub fn verifier_key(&self) -> VerifierKey {
        self.verifier.clone()
    }

    /// The origin that it signs for.
    pub fn name(&self) -> &str {
        signed_note::Signer::name(&self.signer)
    }

    pub(crate) fn signer(&self) -> &StandardSigner {
        &self.signer
    }

    fn sign_alone(&self, origin: &str, head: Head) -> String {
        Checkpoint { origin: origin.to_owned(), head }.sign(&[self])
    }
}

impl VerifierKey {
    /// # Errors
    /// [`Error::Malformed`] unless it is an Ed25519 verifier key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        StandardVerifier::new(text.trim()).map_err(|error| Error::malformed("the verifier key", error))?;
        Ok(Self(text.trim().to_owned()))
    }

    /// The origin that it checks.
    pub fn name(&self) -> &str {
        self.0.split('+').next().unwrap_or_default()
    }
}

/// A note that a trusted key signed.
pub(crate) struct Verified {
    what: &'static str,
    pub(crate) note: Note,
    /// The names of the trusted keys that did.
    signers: Vec<String>,
}

/// # Errors
/// [`Error::Malformed`]; [`Error::Untrusted`] where no trusted key signed it, or a signature is wrong.
pub(crate) fn verified(what: &'static str, note: &str, trusted: &[VerifierKey]) -> Result<Verified, Error> {
    let note = Note::from_bytes(note.as_bytes()).map_err(|error| Error::malformed(what, error))?;
    let (signed, _) = note.verify(&verifiers(trusted)).map_err(|error| match error {
        NoteError::MalformedNote => Error::malformed(what, "is not a signed note"),
        error => Error::untrusted(what, error),
    })?;
    let signers = signed.iter().map(|signature| signature.name().to_owned()).collect();
    Ok(Verified { what, note, signers })
}

impl Verified {
    /// # Errors
    /// [`Error::OtherLedger`] unless a key that signed it signs for the ledger that it is of.
    pub(crate) fn is_of(&self, ledger: &str) -> Result<(), Error> {
        if self.signers.iter().any(|name| name == ledger) {
            return Ok(());
        }
        Err(Error::OtherLedger { what: self.what, found: ledger.to_owned(), expected: self.signers.join(", ") })
    }
}

/// Each key once, however often it is named.
fn verifiers(trusted: &[VerifierKey]) -> VerifierList {
    let keys: BTreeSet<&str> = trusted.iter().map(|key| key.0.as_str()).collect();
    let verifiers = keys.into_iter().map(|key| StandardVerifier::new(key).expect("a key that was parsed"));
    VerifierList::new(verifiers.map(|verifier| Box::new(verifier) as Box<dyn signed_note::Verifier>).collect())
}

/// The head of a ledger's log.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    pub origin: String,
    pub head: Head,
}

impl Checkpoint {
    /// As a signed note.
    pub fn sign(&self, keys: &[&SigningKey]) -> String {
        let text = tlog_tiles::Checkpoint::new(&self.origin, self.head.size, self.head.root, "").expect("an origin");
        let mut note = Note::new(&text.to_bytes(), &[]).expect("three lines of text");
        let signers: Vec<&dyn signed_note::Signer> = keys.iter().map(|key| &key.signer as &dyn signed_note::Signer).collect();
        note.add_sigs(&signers).expect("the name of a key that was read");
        String::from_utf8(note.to_bytes()).expect("a note is text")
    }

    /// Reads one that a trusted key signed for the origin of its name.
    ///
    /// # Errors
    /// [`Error::Malformed`]; [`Error::Untrusted`] where no trusted key signed it, or a signature is wrong;
    /// [`Error::OtherLedger`].
    pub fn open(note: &str, trusted: &[VerifierKey]) -> Result<Self, Error> {
        let verified = verified("the checkpoint", note, trusted)?;
        let checkpoint = Self::of(&verified.note)?;
        verified.is_of(&checkpoint.origin)?;
        Ok(checkpoint)
    }

    /// What it says, whoever signed it.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn unverified(note: &str) -> Result<Self, Error> {
        Self::of(&Note::from_bytes(note.as_bytes()).map_err(|error| Error::malformed("the checkpoint", error))?)
    }

    fn of(note: &Note) -> Result<Self, Error> {
        let malformed = |_| Error::malformed("the checkpoint", "is not origin, size and root");
        let read = tlog_tiles::Checkpoint::from_bytes(note.text()).map_err(malformed)?;
        Ok(Self { origin: read.origin().to_owned(), head: Head { size: read.size(), root: *read.hash() } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::leaf;

    #[test]
    fn a_checkpoint_is_read_by_whoever_trusts_a_key_that_signed_it() {
        let (first, second) = (SigningKey::generate("capsule-ledger/1"), SigningKey::generate("capsule-ledger/1"));
        let stranger = SigningKey::generate("capsule-ledger/2");
        let checkpoint = Checkpoint { origin: origin("1"), head: Head { size: 7, root: leaf("x") } };
        let note = checkpoint.sign(&[&first]);
        assert!(note.starts_with("capsule-ledger/1\n7\n"), "{note}");
        assert_eq!(Checkpoint::open(&note, &[first.verifier_key()]).expect("signed"), checkpoint);
        assert_eq!(
            Checkpoint::open(&note, &[second.verifier_key(), first.verifier_key(), second.verifier_key()]).expect("signed"),
            checkpoint
        );
        assert!(matches!(Checkpoint::open(&note, &[second.verifier_key()]), Err(Error::Untrusted(_))));
        let both = checkpoint.sign(&[&first, &second]);
        for key in [&first, &second] {
            assert_eq!(Checkpoint::open(&both, &[key.verifier_key()]).expect("signed"), checkpoint);
        }
        let for_another = checkpoint.sign(&[&stranger]);
        assert!(matches!(Checkpoint::open(&for_another, &[stranger.verifier_key()]), Err(Error::OtherLedger { .. })));
        for (from, to) in [("\n7\n", "\n8\n"), ("capsule-ledger/1\n7", "capsule-ledger/3\n7")] {
            assert!(Checkpoint::open(&note.replacen(from, to, 1), &[first.verifier_key()]).is_err());
        }
        assert!(matches!(Checkpoint::open("x", &[]), Err(Error::Malformed { .. })));
    }

    #[test]
    fn a_key_is_read_back_from_its_file_and_its_halves_belong_together() {
        let (key, other) = (SigningKey::generate("capsule-ledger/1"), SigningKey::generate("capsule-ledger/1"));
        let read = SigningKey::from_file(&key.to_file()).expect("a key");
        assert_eq!(read.verifier_key(), key.verifier_key());
        assert_eq!(key.verifier_key().name(), "capsule-ledger/1");
        assert!(!format!("{key:?}").contains("PRIVATE"), "a key is not written to logs");
        let mixed = format!("{}\n{}\n", key.text, other.verifier);
        for wrong in ["", "x\ny\n", mixed.as_str()] {
            assert!(SigningKey::from_file(wrong).is_err(), "{wrong}");
        }
    }
}
