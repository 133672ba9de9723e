//! That somebody was erased, signed: what they were known by is nobody's any more. It does not say who it was.

use domain::RecordedEvent;
use serde::{Deserialize, Serialize};
use tlog_tiles::Hash;

use crate::checkpoint::SigningKey;
use crate::entry::{base64_hash, time};
use crate::leaf::leaf;
use crate::statement::statement;

/// What an erasure was answered with. Its members stand in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErasureCertificate {
    /// When the ledger took it.
    pub erased_at: String,
    /// `PARTITION-POSITION` of the event that says so.
    pub event: String,
    /// How many events remain that name the subject; null: they were not counted.
    pub events: Option<u64>,
    /// The event's leaf, which stands in its partition's tree at its position.
    #[serde(with = "base64_hash")]
    pub leaf: Hash,
    /// The ledger's origin.
    pub ledger: String,
    /// `request` or `retention`.
    pub reason: String,
    /// The pseudonym.
    pub subject: String,
    pub tenant: String,
}

statement!(ErasureCertificate, "the certificate of an erasure", "capsule-ledger erasure/1");

impl ErasureCertificate {
    /// Of the event that says so.
    pub fn new(event: &RecordedEvent, reason: &str, events: Option<u64>, key: &SigningKey) -> Self {
        Self {
            erased_at: time(event.recorded_at),
            event: event.id(),
            events,
            leaf: leaf(event),
            ledger: key.name().to_owned(),
            reason: reason.to_owned(),
            subject: event.aggregate_id.clone(),
            tenant: event.tenant.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;
    use crate::leaf::tests::event;
    use crate::receipt::Receipt;

    #[test]
    fn a_certificate_says_what_was_erased_by_which_event() {
        let key = SigningKey::generate("capsule-ledger/1");
        for events in [Some(41), None] {
            let certificate = ErasureCertificate::new(&event(), "request", events, &key);
            let note = certificate.sign(&key);
            let value: serde_json::Value = serde_json::from_str(note.lines().nth(1).expect("a line")).expect("JSON");
            assert_eq!(serde_json_canonicalizer::to_string(&value).expect("canonical"), canonical::write(&certificate));
            assert_eq!(ErasureCertificate::open(&note, &[key.verifier_key()]).expect("signed"), certificate);
            assert_eq!((certificate.event.as_str(), certificate.leaf), ("3-41", leaf(&event())));
            assert!(ErasureCertificate::is_one(&note) && !Receipt::is_one(&note));
            assert!(Receipt::open(&note, &[key.verifier_key()]).is_err(), "it is of another kind");
            assert!(ErasureCertificate::open(&note.replacen("3-41", "3-42", 1), &[key.verifier_key()]).is_err());
        }
    }
}
