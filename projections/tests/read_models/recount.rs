//! Figures counted anew from the events, the plain way, to hold the read models against.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use domain::Grain;
use domain::interaction::{InteractionEvent, InteractionRecorded};
use domain::north_star::DEFINITION_1;
use domain::{Event, Partition, RecordedEvent, TenantId};

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) active: u64,
    pub(crate) total: u64,
    pub(crate) kinds: BTreeMap<&'static str, u64>,
    pub(crate) active_users: u64,
    pub(crate) active_capsules: u64,
    pub(crate) active_sessions: u64,
    pub(crate) users: u64,
}

/// What each period had of what was recorded before `known_before` and not voided by then.
pub(crate) fn recount(
    events: &BTreeMap<Partition, Vec<RecordedEvent>>,
    tenant: &TenantId,
    grain: Grain,
    known_before: Option<DateTime<Utc>>,
) -> BTreeMap<NaiveDate, Figures> {
    let mut standing: BTreeMap<&str, Box<InteractionRecorded>> = BTreeMap::new();
    for event in events.values().flatten() {
        if event.tenant != *tenant || known_before.is_some_and(|known_before| event.recorded_at >= known_before) {
            continue;
        }
        match event.decode().unwrap() {
            Event::Interaction(InteractionEvent::InteractionRecorded(facts)) => {
                standing.insert(&event.aggregate_id, facts);
            }
            Event::Interaction(InteractionEvent::InteractionVoided(_)) => {
                standing.remove(event.aggregate_id.as_str());
            }
            _ => {}
        }
    }
    let mut periods: BTreeMap<NaiveDate, Vec<Box<InteractionRecorded>>> = BTreeMap::new();
    for facts in standing.into_values() {
        periods.entry(grain.start(facts.occurred_at.date_naive())).or_default().push(facts);
    }
    periods.into_iter().map(|(start, facts)| (start, figures(&facts))).collect()
}

fn figures(facts: &[Box<InteractionRecorded>]) -> Figures {
    let active: Vec<_> = facts.iter().filter(|facts| DEFINITION_1.is_active(facts.kind, facts.actor)).collect();
    let mut kinds: BTreeMap<&'static str, u64> = domain::interaction::Kind::ALL.iter().map(|kind| (kind.as_str(), 0)).collect();
    for facts in facts {
        *kinds.get_mut(facts.kind.as_str()).unwrap() += 1;
    }
    Figures {
        active: active.len() as u64,
        total: facts.len() as u64,
        kinds,
        active_users: active.iter().filter_map(|facts| facts.user_id).collect::<BTreeSet<_>>().len() as u64,
        active_capsules: active.iter().map(|facts| &facts.capsule_id).collect::<BTreeSet<_>>().len() as u64,
        active_sessions: active
            .iter()
            .filter_map(|facts| facts.session_id.as_ref().map(|session| (facts.capsule_id.as_str(), session.as_str())))
            .collect::<BTreeSet<_>>()
            .len() as u64,
        users: facts.iter().filter_map(|facts| facts.user_id).collect::<BTreeSet<_>>().len() as u64,
    }
}
