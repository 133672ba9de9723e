//! Made-up events, as a ledger would hold them.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::capsule::{CapsuleCreated, CapsuleEvent, CapsulePublished};
use domain::interaction::{Actor, InteractionEvent, InteractionRecorded, InteractionVoided, Kind, VoidReason};
use domain::{CapsuleId, Event, Label, Metadata, Partition, Position, Pseudonym, RecordedEvent, SessionId, TenantId, Title};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

pub(crate) const PARTITIONS: u16 = 8;

/// How much, and over how long.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) tenants: Vec<&'static str>,
    pub(crate) capsules: usize,
    pub(crate) users: usize,
    pub(crate) interactions: usize,
    /// One interaction in so many is voided later.
    pub(crate) void_one_in: u32,
    pub(crate) days: i64,
    /// How late interactions may be recorded.
    pub(crate) late_days_max: i64,
}

#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) events: BTreeMap<Partition, Vec<RecordedEvent>>,
    metadata: std::sync::Arc<str>,
}

pub(crate) fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).expect("a tenant")
}

impl Ledger {
    pub(crate) fn new() -> Self {
        let metadata = Metadata {
            key: "k1".to_owned(),
            command: "interactions/record".to_owned(),
            correlation_id: Uuid::from_u128(1).to_string(),
            received_at: time("2026-01-01T00:00:00Z"),
        };
        Self { events: BTreeMap::new(), metadata: metadata.json() }
    }

    pub(crate) fn append(
        &mut self,
        tenant: &TenantId,
        id: &str,
        sequence: u64,
        capsule: &str,
        recorded_at: DateTime<Utc>,
        event: &Event,
    ) -> (Partition, Position) {
        let partition = Partition::of(tenant, capsule, PARTITIONS);
        let events = self.events.entry(partition).or_default();
        let position = Position(events.len() as u64);
        events.push(RecordedEvent {
            partition,
            position,
            tenant: tenant.clone(),
            aggregate_type: event.aggregate_type(),
            aggregate_id: id.to_owned(),
            sequence,
            event_type: event.name().to_owned(),
            event_version: event.version().to_owned(),
            partition_key: capsule.to_owned(),
            occurred_at: event.occurred_at(),
            recorded_at,
            payload: event.payload(),
            metadata: self.metadata.clone(),
        });
        (partition, position)
    }

    pub(crate) fn count(&self) -> usize {
        self.events.values().map(Vec::len).sum()
    }

    pub(crate) fn generate(seed: u64, shape: &Shape) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let mut ledger = Self::new();
        let start = time("2026-07-10T00:00:00Z");
        let users: Vec<Uuid> = (0..shape.users).map(|_| Uuid::from_u128(random.random())).collect();
        let tenants: Vec<TenantId> = shape.tenants.iter().map(|name| tenant(name)).collect();
        let mut capsules = Vec::new();
        for number in 0..shape.capsules {
            let tenant = tenants[number % tenants.len()].clone();
            let id = format!("capsule-{number}");
            let created = CapsuleEvent::CapsuleCreated(CapsuleCreated {
                title: Title::parse(format!("Capsule {number}")).unwrap(),
                occurred_at: start,
            });
            let published = CapsuleEvent::CapsulePublished(CapsulePublished { occurred_at: start });
            for (sequence, event) in (1..).zip([created, published]) {
                ledger.append(&tenant, &id, sequence, &id, start, &Event::Capsule(event));
            }
            capsules.push((tenant, id));
        }
        // A session lasts a few interactions of one user with one capsule.
        let mut sessions: Vec<(usize, Uuid, String)> = Vec::new();
        for number in 0..shape.interactions {
            let recorded_at = start
                + TimeDelta::seconds(shape.days * 86_400 * number as i64 / shape.interactions as i64)
                + TimeDelta::microseconds(random.random_range(0..1000));
            if sessions.len() < 200 || random.random_ratio(1, 6) {
                let session = (
                    random.random_range(0..capsules.len()),
                    *users.choose(&mut random).unwrap(),
                    format!("session-{}", Uuid::from_u128(random.random())),
                );
                if sessions.len() < 200 {
                    sessions.push(session);
                } else {
                    let place = random.random_range(0..sessions.len());
                    sessions[place] = session;
                }
            }
            let (capsule, user, session) = sessions.choose(&mut random).unwrap().clone();
            let late = if random.random_ratio(1, 10) && shape.late_days_max > 0 {
                TimeDelta::seconds(random.random_range(0..shape.late_days_max * 86_400))
            } else {
                TimeDelta::milliseconds(random.random_range(0..3000))
            };
            let (tenant, capsule) = capsules[capsule].clone();
            let facts = InteractionRecorded {
                capsule_id: CapsuleId::parse(capsule.clone()).unwrap(),
                user_id: random.random_ratio(19, 20).then_some(Pseudonym(user)),
                session_id: random.random_ratio(19, 20).then(|| SessionId::parse(session).unwrap()),
                kind: *[Kind::View, Kind::Interaction, Kind::Interaction, Kind::ContentAccess, Kind::Conversion]
                    .choose(&mut random)
                    .unwrap(),
                actor: *[Actor::Human, Actor::Human, Actor::Human, Actor::Human, Actor::Bot, Actor::Test]
                    .choose(&mut random)
                    .unwrap(),
                occurred_at: recorded_at - late,
                feature: Some(Label::parse("chat").unwrap()),
                channel: Some(Label::parse("web").unwrap()),
                device: Some(Label::parse("phone").unwrap()),
                region: Some(Label::parse("eu-west").unwrap()),
                duration_ms: Some(random.random_range(0..100_000)),
                response_ms: Some(random.random_range(0..1000)),
                ai_response_ms: None,
                page_load_ms: None,
                attributes: random.random_ratio(1, 3).then(|| serde_json::from_str(r#"{"clicks":4,"theme":"dark"}"#).unwrap()),
                sealed: None,
            };
            let id = Uuid::from_u128(random.random()).to_string();
            let counted = facts.counted();
            let event = Event::Interaction(InteractionEvent::InteractionRecorded(Box::new(facts)));
            ledger.append(&tenant, &id, 1, &capsule, recorded_at, &event);
            if shape.void_one_in > 0 && random.random_ratio(1, shape.void_one_in) {
                let at = recorded_at + TimeDelta::hours(random.random_range(0..72));
                let void = InteractionVoided { reason: VoidReason::Fraud, occurred_at: at, voided: counted };
                ledger.append(&tenant, &id, 2, &capsule, at, &Event::Interaction(InteractionEvent::InteractionVoided(void)));
            }
        }
        ledger
    }
}
