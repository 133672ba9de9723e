//! Receipts: a write that asks for one with `Ledger-Receipt: true` is answered with a signed promise of where its events are.

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use chrono::Utc;
use domain::{Partition, Position, RecordedEvent, Stream, TenantId};
use event_store::Outcome;
use proof::receipt::Receipt;

use crate::problem::{INVALID_HEADER, Problem};
use crate::reading::in_time;
use crate::settings::EVENTS_MAX;
use crate::state::Api;

const HEADER: &str = "ledger-receipt";
/// A signed note has a million bytes at most, and a promise takes 88 of them where its numbers are longest. That is more than all
/// commands of a request, and one rarely has more than one event.
const PROMISED_MAX: usize = 11_000;
const _: () = assert!(PROMISED_MAX > EVENTS_MAX);

/// Whether a write asks for a receipt; checked before anything is recorded.
pub(crate) fn is_wanted(api: &Api, headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(HEADER).map(|value| value.as_bytes()) {
        None | Some(b"false") => Ok(false),
        Some(b"true") if api.signing.is_some() => Ok(true),
        Some(b"true") => Err(Problem::new(&INVALID_HEADER, "Ledger-Receipt: this server signs nothing")),
        Some(_) => Err(Problem::new(&INVALID_HEADER, "Ledger-Receipt is neither true nor false")),
    }
}

/// What a receipt is to promise.
#[derive(Debug, Default)]
pub(crate) struct Told {
    appended: Vec<(Partition, Position)>,
    /// Of commands after which nothing more happened: the event that said the same before is among these, up to the version.
    repeated: Vec<(Stream, u64)>,
}

impl<'a> FromIterator<(Stream, &'a Outcome)> for Told {
    fn from_iter<T: IntoIterator<Item = (Stream, &'a Outcome)>>(outcomes: T) -> Self {
        let mut told = Self::default();
        for (stream, outcome) in outcomes {
            match outcome.appended.is_empty() {
                true => told.repeated.push((stream, outcome.version)),
                false => told.appended.extend(&outcome.appended),
            }
        }
        told
    }
}

impl Told {
    /// None: they are too many, or not all there.
    async fn events(self, api: &Api, tenant: &TenantId) -> Result<Option<Vec<RecordedEvent>>, Problem> {
        let mut places = BTreeSet::from_iter(self.appended);
        if !self.repeated.is_empty() {
            places.extend(api.store.places_of(&self.repeated, PROMISED_MAX + 1).await?);
        }
        if places.len() > PROMISED_MAX {
            return Ok(None);
        }
        let places = Vec::from_iter(places);
        let events = api.store.events_at(tenant, &places).await?;
        Ok(Some(events).filter(|events| events.len() == places.len()))
    }
}

/// The receipt of what was told; none: there are no events, or it cannot be given now. What is recorded stays so: the write is not
/// answered with a problem for want of a receipt.
pub(crate) async fn receipt(api: &Api, tenant: &TenantId, told: Told) -> Option<String> {
    let keys = api.signing.as_ref().and_then(|ask| ask());
    match (keys, in_time(api, told.events(api, tenant)).await) {
        (_, Ok(Some(events))) if events.is_empty() => None,
        (Some(keys), Ok(Some(events))) => {
            let key = keys.current();
            Some(Receipt::new(tenant.to_string(), &events, key, Utc::now()).sign(key))
        }
        (keys, read) => {
            let reason = read.err().map_or("the events are too many, or not all there", |problem| problem.kind.code);
            tracing::warn!(reason, has_key = keys.is_some(), "no receipt could be given");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::AggregateType;
    use proof::checkpoint::SigningKey;

    use super::*;

    #[test]
    fn a_receipt_of_as_many_events_as_are_promised_is_signed_and_opened() {
        let tenant = TenantId::parse("t".repeat(32)).expect("a tenant");
        let event = |number: u64| RecordedEvent {
            partition: Partition(1_023),
            position: Position((1 << 53) - 1 - number),
            tenant: tenant.clone(),
            aggregate_type: AggregateType::Interaction,
            aggregate_id: "i".to_owned(),
            sequence: 1,
            event_type: "InteractionRecorded".to_owned(),
            event_version: "1.0".to_owned(),
            partition_key: "c".to_owned(),
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
            payload: "{}".to_owned(),
            metadata: "{}".into(),
        };
        let events: Vec<RecordedEvent> = (0..PROMISED_MAX as u64).map(event).collect();
        let key = SigningKey::generate("capsule-ledger/00000000-0000-0000-0000-000000000000");
        let receipt = Receipt::new(tenant.to_string(), &events, &key, Utc::now());
        assert_eq!(Receipt::open(&receipt.sign(&key), &[key.verifier_key()]).as_ref(), Ok(&receipt));
    }
}
