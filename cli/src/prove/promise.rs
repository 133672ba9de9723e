//! A receipt: that it was signed, and whether what it promises was kept, by proofs of what stands where.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use proof::checkpoint::VerifierKey;
use proof::event::{self, EventProof};
use proof::position::{self, PositionProof, Stands};
use proof::receipt::{Promised, Receipt, Shown};
use serde_json::{Value, json};

use super::{Said, read};

/// Without proofs: that it was promised.
pub(super) fn check(text: &str, proofs: &[PathBuf], keys: &[VerifierKey]) -> anyhow::Result<Said> {
    let receipt = Receipt::open(text, keys)?;
    if proofs.is_empty() {
        let events: Vec<_> = receipt.events.iter().map(|promised| (promised, None)).collect();
        return said(&receipt, &events);
    }
    let mut stands = Vec::new();
    for file in proofs {
        let found = signed(&read(file)?, keys).with_context(|| format!("{} proves nothing", file.display()))?;
        stands.extend(found);
    }
    let shown = receipt.held_against(&stands)?;
    if shown.iter().all(|shown| *shown == Shown::Nothing) {
        bail!("the proofs show nothing of what was promised: none is of a promised position, and none was signed late enough");
    }
    let events: Vec<_> = receipt.events.iter().zip(shown.iter().map(Some)).collect();
    said(&receipt, &events)
}

/// What proofs say, of which a file may hold many, one after the other.
fn signed(text: &str, keys: &[VerifierKey]) -> anyhow::Result<Vec<Stands>> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    values.map(|value| stands(&value.context("it is not JSON")?, keys)).collect()
}

fn stands(proof: &Value, keys: &[VerifierKey]) -> anyhow::Result<Stands> {
    let text = proof.to_string();
    match proof["format"].as_str() {
        Some(event::FORMAT) => Ok(EventProof::parse(&text)?.check(keys)?.into()),
        Some(position::FORMAT) => Ok(PositionProof::parse(&text)?.check(keys)?),
        _ => bail!("a receipt is held against proofs of events or positions"),
    }
}

fn said(receipt: &Receipt, events: &[(&Promised, Option<&Shown>)]) -> anyhow::Result<Said> {
    let mut lines = vec![
        ("Ledger", receipt.ledger.clone()),
        ("Tenant", receipt.tenant.clone()),
        ("Covered by", receipt.covered_by.clone()),
    ];
    for (Promised { event, leaf }, shown) in events {
        let shown = shown.map_or_else(String::new, |shown| format!(": {shown}"));
        lines.push(("Event", format!("{event}, leaf {leaf}{shown}")));
    }
    if events.iter().any(|(_, shown)| shown.is_some()) {
        let kept = events.iter().filter(|(_, shown)| *shown == Some(&Shown::Kept)).count();
        lines.push(("Kept", format!("{kept} of {}", events.len())));
    }
    let broken = events.iter().find(|(_, shown)| shown.is_some_and(Shown::is_broken));
    let mut json = serde_json::to_value(receipt)?;
    json["ok"] = json!(broken.is_none());
    for (value, (_, shown)) in json["events"].as_array_mut().into_iter().flatten().zip(events) {
        if let Some(shown) = shown {
            value["shown"] = json!(word(shown));
        }
    }
    let refused = broken.map(|(Promised { event, .. }, _)| {
        format!("broken promise: the ledger signed what it promised of {event}, and signed otherwise")
    });
    Ok(Said { lines, json, refused })
}

fn word(shown: &Shown) -> &'static str {
    match shown {
        Shown::Kept => "kept",
        Shown::Replaced { .. } => "replaced",
        Shown::Missing { .. } => "missing",
        Shown::Nothing => "not_shown",
    }
}
