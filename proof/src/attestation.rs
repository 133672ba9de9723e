//! What a figure was, and what it rests on, signed: whoever folds the same events by the same definition must find the same.

use serde::{Deserialize, Serialize};

use crate::entry::PartitionHead;
use crate::statement::statement;

/// A figure and all that it follows from. Its members stand in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attestation {
    /// As it was known at the end of this day; null: as known at these positions.
    pub as_of: Option<String>,
    /// The version of the KPI's definition.
    pub definition: u16,
    /// How many events its parts rest on.
    pub events: u64,
    /// Null: there are no data.
    pub figure: Option<Figure>,
    pub grain: String,
    pub kpi: String,
    /// The ledger's origin.
    pub ledger: String,
    /// The trees of exactly the events that were folded, partition by partition.
    pub partitions: Vec<PartitionHead>,
    pub parts: u64,
    pub period: String,
    pub segment: String,
    pub tenant: String,
}

/// Decimals, as texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    pub denominator: Option<String>,
    pub n: String,
    pub numerator: Option<String>,
    pub value: Option<String>,
}

statement!(Attestation, "the attestation", "capsule-ledger attestation/1");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical;
    use crate::checkpoint::SigningKey;
    use crate::error::Error;
    use crate::tree::Head;

    #[test]
    fn an_attestation_says_what_was_signed_and_nothing_else() {
        let key = SigningKey::generate("capsule-ledger/1");
        let attestation = Attestation {
            as_of: None,
            definition: 1,
            events: 41,
            figure: Some(Figure {
                denominator: Some("60".to_owned()),
                n: "60".to_owned(),
                numerator: Some("17".to_owned()),
                value: Some("28.333333".to_owned()),
            }),
            grain: "month".to_owned(),
            kpi: "win_rate".to_owned(),
            ledger: "capsule-ledger/1".to_owned(),
            partitions: vec![Head::EMPTY.into()],
            parts: 60,
            period: "2026-09".to_owned(),
            segment: "all".to_owned(),
            tenant: "demo".to_owned(),
        };
        let note = attestation.sign(&key);
        let value: serde_json::Value = serde_json::from_str(note.lines().nth(1).expect("a line")).expect("JSON");
        assert_eq!(serde_json_canonicalizer::to_string(&value).expect("canonical"), canonical::write(&attestation));
        assert_eq!(Attestation::open(&note, &[key.verifier_key()]).expect("signed"), attestation);
        assert!(Attestation::open(&note.replacen("17", "18", 1), &[key.verifier_key()]).is_err());
        assert!(Attestation::open(&note, &[SigningKey::generate("capsule-ledger/1").verifier_key()]).is_err());
        assert!(crate::checkpoint::Checkpoint::open(&note, &[key.verifier_key()]).is_err(), "it is no checkpoint");
        let of_another = Attestation { ledger: "capsule-ledger/2".to_owned(), ..attestation };
        assert!(matches!(Attestation::open(&of_another.sign(&key), &[key.verifier_key()]), Err(Error::OtherLedger { .. })));
    }
}
