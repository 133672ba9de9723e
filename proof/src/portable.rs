//! Portable proofs are JSON that names its format.

use serde::de::DeserializeOwned;

use crate::error::Error;

/// The proof in this text, if it is of this format.
///
/// # Errors
/// [`Error::Malformed`].
pub(crate) fn parse<P: DeserializeOwned>(text: &str, format: &str, named: impl Fn(&P) -> &str) -> Result<P, Error> {
    let proof: P = serde_json::from_str(text).map_err(|error| Error::malformed("the proof", error))?;
    if named(&proof) != format {
        return Err(Error::malformed("the proof", format!("its format is {}", named(&proof))));
    }
    Ok(proof)
}
