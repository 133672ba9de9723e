//! Why something is not proved.

use std::fmt;

/// What a proof, a checkpoint or a tree fails by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not in the form that `docs/proof-format.md` defines: it was never made by a ledger, or was cut or edited since.
    #[error("{what} is not well formed: {reason}")]
    Malformed { what: &'static str, reason: String },
    /// The signature is not by any key that is trusted: what is signed so, and how.
    #[error("{0}")]
    Untrusted(String),
    /// Of another ledger.
    #[error("{what} is of {found:?}, not of {expected:?}")]
    OtherLedger { what: &'static str, found: String, expected: String },
    /// The hashes lead to another root.
    #[error("{0} does not lead to the signed root")]
    NotProved(&'static str),
    /// What is to be proved is not in the tree yet.
    #[error("{0} is not covered by a checkpoint yet")]
    NotCovered(String),
    /// The store of tiles lacks some, or holds others than the tree needs.
    #[error("the tree's tiles are broken: {0}")]
    Tiles(String),
}

impl Error {
    pub(crate) fn untrusted(what: &'static str, reason: impl fmt::Display) -> Self {
        Self::Untrusted(format!("{what} is signed by none of the trusted keys: {reason}"))
    }

    pub(crate) fn malformed(what: &'static str, reason: impl ToString) -> Self {
        Self::Malformed { what, reason: reason.to_string() }
    }
}
