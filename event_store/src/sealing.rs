//! Sealing what is personal: AES-256-SIV (RFC 5297) under the person's own key.
//!
//! The same content of the same aggregate is sealed to the same bytes, so that a command said twice is recognised; content
//! that was moved to another aggregate does not open. Without the key, what was sealed says nothing but about how long it is.

use std::fmt;

use aes_siv::KeyInit as _;
use aes_siv::siv::Aes256Siv;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{Sealed, Stream};
use hmac::{Hmac, Mac};
use rand::RngCore as _;
use sha2::Sha256;

const KEY_BYTES: usize = 64;
/// How what follows is sealed.
const FORM: u8 = 1;
/// Blanks fill the text up to a multiple of this, so its length does not give away a name's.
const BLOCK_BYTES: usize = 64;

/// A person's key.
#[derive(Clone)]
pub(crate) struct SealingKey([u8; KEY_BYTES]);

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealingKey(..)")
    }
}

impl SealingKey {
    pub(crate) fn generate() -> Self {
        let mut key = [0; KEY_BYTES];
        rand::rng().fill_bytes(&mut key);
        Self(key)
    }

    /// As the vault holds it.
    pub(crate) fn stored(key: &[u8]) -> Option<Self> {
        key.try_into().ok().map(Self)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn seal(&self, stream: &Stream, text: &str) -> Sealed {
        let mut padded = text.as_bytes().to_vec();
        padded.resize(padded.len().next_multiple_of(BLOCK_BYTES), b' ');
        let mut bytes = vec![FORM];
        let sealed = self.cipher().encrypt(place(stream), &padded).expect("a text is far shorter than the cipher's limit");
        bytes.extend(sealed);
        Sealed(STANDARD.encode(bytes))
    }

    /// None: it was not sealed with this key, of this aggregate; or it was changed.
    pub(crate) fn open(&self, stream: &Stream, sealed: &Sealed) -> Option<String> {
        let bytes = STANDARD.decode(&sealed.0).ok()?;
        let (form, bytes) = bytes.split_first()?;
        if *form != FORM {
            return None;
        }
        let text = self.cipher().decrypt(place(stream), bytes).ok()?;
        let text = String::from_utf8(text).ok()?;
        Some(text.trim_end_matches(' ').to_owned())
    }

    /// What stands for a request's hash where others could guess the request: whoever lacks the key cannot try guesses.
    pub(crate) fn keyed(&self, request_hash: &[u8; 32]) -> [u8; 32] {
        let mut hmac = <Hmac<Sha256> as Mac>::new_from_slice(&self.0).expect("an HMAC takes a key of any length");
        hmac.update(b"request");
        hmac.update(request_hash);
        hmac.finalize().into_bytes().into()
    }

    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new(&self.0.into())
    }
}

/// What it is sealed to: each part is told apart from the next.
fn place(stream: &Stream) -> [&[u8]; 3] {
    [stream.tenant.as_str().as_bytes(), stream.aggregate_type.as_str().as_bytes(), stream.id.as_bytes()]
}

#[cfg(test)]
mod tests {
    use domain::{AggregateType, TenantId};
    use proptest::prelude::*;

    use super::*;

    fn stream(tenant: &str, aggregate_type: AggregateType, id: &str) -> Stream {
        Stream { tenant: TenantId::parse(tenant).expect("a tenant"), aggregate_type, id: id.to_owned() }
    }

    fn here() -> Stream {
        stream("acme", AggregateType::Interaction, "i1")
    }

    #[test]
    fn the_form_is_the_one_that_was_published() {
        let key = SealingKey::stored(&(0..64).collect::<Vec<u8>>()).expect("64 bytes");
        let sealed = key.seal(&here(), r#"{"name":"Jane"}"#);
        assert_eq!(sealed.0, GOLDEN, "what is sealed already would not open any more");
        assert_eq!(key.open(&here(), &Sealed(GOLDEN.to_owned())).as_deref(), Some(r#"{"name":"Jane"}"#));
    }
    /// Made by another implementation of RFC 5297.
    const GOLDEN: &str =
        "AXe3ejU8Tyg5xrAUcc6QV0jI9TAe9IvYuvsFAWc/Ey2rA5ybnwrV1334TVDU2DB0/MJ1zMfnxPyshHDJEDzjXiYbNnu8c3FQqeFLT9K87OSb";

    #[test]
    fn it_opens_nowhere_else() {
        let key = SealingKey::generate();
        let sealed = key.seal(&here(), r#"{"name":"Jane"}"#);
        for other in [
            stream("acm", AggregateType::Interaction, "i1"),
            stream("acme", AggregateType::SignUp, "i1"),
            stream("acme", AggregateType::Interaction, "i2"),
        ] {
            assert_eq!(key.open(&other, &sealed), None, "{other}");
        }
        assert_eq!(SealingKey::generate().open(&here(), &sealed), None, "another's key");
        for wrong in ["", "AA==", "not base64", "Ag==", &sealed.0[..sealed.0.len() - 4]] {
            assert_eq!(key.open(&here(), &Sealed(wrong.to_owned())), None, "{wrong}");
        }
    }

    #[test]
    fn texts_of_about_the_same_length_are_sealed_to_the_same_length() {
        let key = SealingKey::generate();
        let length = |name: &str| key.seal(&here(), &format!(r#"{{"name":"{name}"}}"#)).0.len();
        assert_eq!(length("Jo"), length("Bartholomew Featherstonehaugh"));
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_and_is_the_same_again(text in r#"\{"[^"\\ ]{0,200}":[0-9]{1,9}\}"#, id in "[a-z0-9]{1,40}") {
            let (key, place) = (SealingKey::generate(), stream("acme", AggregateType::SignUp, &id));
            let sealed = key.seal(&place, &text);
            prop_assert_eq!(key.open(&place, &sealed), Some(text.clone()));
            prop_assert_eq!(key.seal(&place, &text), sealed.clone());
            prop_assert_ne!(SealingKey::generate().seal(&place, &text), sealed);
        }

        #[test]
        fn other_content_is_sealed_to_other_bytes(one in ".{0,100}", other in ".{0,100}") {
            let key = SealingKey::generate();
            let same = one.trim_end_matches(' ') == other.trim_end_matches(' ')
                && one.len().next_multiple_of(64) == other.len().next_multiple_of(64);
            prop_assert_eq!(key.seal(&here(), &one) == key.seal(&here(), &other), same);
        }

        #[test]
        fn a_flipped_bit_opens_nothing(bit in 0_usize..(8 * 81)) {
            let key = SealingKey::generate();
            let sealed = key.seal(&here(), r#"{"name":"Jane"}"#);
            let mut bytes = STANDARD.decode(&sealed.0).expect("base64");
            prop_assert_eq!(bytes.len(), 81);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(key.open(&here(), &Sealed(STANDARD.encode(bytes))), None);
        }
    }
}
