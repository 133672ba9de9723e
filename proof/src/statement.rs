//! What the ledger's key signs beside checkpoints: a signed note of two lines, the first says of what kind it is, the second is
//! canonical JSON. A note of one kind is never taken for another, nor for a checkpoint.

use serde::Serialize;
use serde::de::DeserializeOwned;
use signed_note::{Note, Signer};

use crate::canonical;
use crate::checkpoint::{SigningKey, VerifierKey, verified};
use crate::error::Error;

/// A kind of statement.
pub(crate) trait Statement: Serialize + DeserializeOwned {
    /// For people.
    const WHAT: &'static str;
    /// The first line.
    const KIND: &'static str;

    /// The origin of the ledger that it is about.
    fn ledger(&self) -> &str;
}

/// Makes a type a kind of statement, with what each of them can do. It has the field `ledger`.
macro_rules! statement {
    ($type:ty, $what:literal, $kind:literal) => {
        impl crate::statement::Statement for $type {
            const WHAT: &'static str = $what;
            const KIND: &'static str = $kind;

            fn ledger(&self) -> &str {
                &self.ledger
            }
        }

        impl $type {
            /// As a signed note of two lines.
            pub fn sign(&self, key: &crate::checkpoint::SigningKey) -> String {
                crate::statement::sign(self, key)
            }

            /// Whether a text begins as one.
            pub fn is_one(text: &str) -> bool {
                crate::statement::is_one::<Self>(text)
            }

            /// # Errors
            /// [`crate::Error::Malformed`]; [`crate::Error::Untrusted`]; [`crate::Error::OtherLedger`] where a key signed what is of
            /// another ledger.
            pub fn open(note: &str, trusted: &[crate::checkpoint::VerifierKey]) -> Result<Self, crate::Error> {
                crate::statement::open(note, trusted)
            }
        }
    };
}

pub(crate) use statement;

pub(crate) fn sign<S: Statement>(statement: &S, key: &SigningKey) -> String {
    let text = format!("{}\n{}\n", S::KIND, canonical::write(statement));
    let mut note = Note::new(text.as_bytes(), &[]).expect("two lines of text");
    note.add_sigs(&[key.signer() as &dyn Signer]).expect("the name of a key that was read");
    String::from_utf8(note.to_bytes()).expect("a note is text")
}

pub(crate) fn is_one<S: Statement>(text: &str) -> bool {
    text.strip_prefix(S::KIND).is_some_and(|rest| rest.starts_with('\n'))
}

pub(crate) fn open<S: Statement>(note: &str, trusted: &[VerifierKey]) -> Result<S, Error> {
    let verified = verified(S::WHAT, note, trusted)?;
    let read: S = said(&verified.note)?;
    verified.is_of(read.ledger())?;
    Ok(read)
}

/// What it says, whoever signed it.
pub(crate) fn unverified<S: Statement>(note: &str) -> Result<S, Error> {
    said(&Note::from_bytes(note.as_bytes()).map_err(|error| Error::malformed(S::WHAT, error))?)
}

fn said<S: Statement>(note: &Note) -> Result<S, Error> {
    let text = std::str::from_utf8(note.text()).map_err(|error| Error::malformed(S::WHAT, error))?;
    let body = text.strip_prefix(S::KIND).and_then(|rest| rest.strip_prefix('\n')).and_then(|rest| rest.strip_suffix('\n'));
    canonical::read(S::WHAT, body.ok_or_else(|| Error::malformed(S::WHAT, "is of another kind"))?)
}
