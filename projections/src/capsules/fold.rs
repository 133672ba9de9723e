//! What happened to each capsule, and how much it was used.

use chrono::{DateTime, Utc};
use domain::capsule::CapsuleEvent;
use domain::north_star::DEFINITION_1;
use domain::{Partition, Position, RecordedEvent, Title};
use rustc_hash::FxHashMap;

use super::query::CapsuleState;
use crate::delta::{Counting, TenantIndex};

/// What changes in one row; nothing where a field is empty.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) title: Option<Title>,
    pub(crate) state: Option<CapsuleState>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) published_at: Option<DateTime<Utc>>,
    pub(crate) archived_at: Option<DateTime<Utc>>,
    /// The sequence of its last own event in the batch; 0 for none.
    pub(crate) version: u64,
    pub(crate) interactions: i64,
    pub(crate) active: i64,
    pub(crate) partition: Partition,
    pub(crate) last_position: Position,
}

impl Change {
    fn none(partition: Partition, last_position: Position) -> Self {
        Self {
            title: None,
            state: None,
            created_at: None,
            published_at: None,
            archived_at: None,
            version: 0,
            interactions: 0,
            active: 0,
            partition,
            last_position,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Capsules {
    pub(crate) changes: FxHashMap<TenantIndex, FxHashMap<String, Change>>,
}

impl Capsules {
    pub(crate) fn fold(&mut self, tenant: TenantIndex, recorded: &RecordedEvent, event: &CapsuleEvent) {
        let change = self.change(tenant, &recorded.aggregate_id, recorded.partition, recorded.position);
        change.version = recorded.sequence;
        match event {
            CapsuleEvent::CapsuleCreated(created) => {
                change.title = Some(created.title.clone());
                change.state = Some(CapsuleState::Draft);
                change.created_at = Some(created.occurred_at);
            }
            CapsuleEvent::CapsuleRenamed(renamed) => change.title = Some(renamed.title.clone()),
            CapsuleEvent::CapsulePublished(published) => {
                change.state = Some(CapsuleState::Open);
                change.published_at = Some(published.occurred_at);
            }
            CapsuleEvent::CapsuleArchived(archived) => {
                change.state = Some(CapsuleState::Closed);
                change.archived_at = Some(archived.occurred_at);
            }
        }
    }

    pub(crate) fn count(&mut self, counting: &Counting<'_>) {
        let change = self.change(counting.tenant, counting.capsule_id.as_str(), counting.partition, counting.position);
        change.interactions += i64::from(counting.by);
        if DEFINITION_1.is_active(counting.kind, counting.actor) {
            change.active += i64::from(counting.by);
        }
    }

    fn change(&mut self, tenant: TenantIndex, id: &str, partition: Partition, position: Position) -> &mut Change {
        let changes = self.changes.entry(tenant).or_default();
        if !changes.contains_key(id) {
            changes.insert(id.to_owned(), Change::none(partition, position));
        }
        let change = changes.get_mut(id).expect("it was just put there");
        change.last_position = position;
        change
    }
}

#[cfg(test)]
mod tests {
    use domain::capsule::{CapsuleArchived, CapsuleCreated, CapsulePublished};
    use domain::{AggregateType, TenantId};

    use super::*;
    use crate::delta::Tenants;

    fn noon() -> DateTime<Utc> {
        "2026-10-31T12:00:00Z".parse().expect("a time")
    }

    fn recorded(sequence: u64) -> RecordedEvent {
        RecordedEvent {
            partition: Partition(2),
            position: Position(10 + sequence),
            tenant: TenantId::parse("demo").unwrap(),
            aggregate_type: AggregateType::Capsule,
            aggregate_id: "c1".to_owned(),
            sequence,
            event_type: String::new(),
            event_version: String::new(),
            partition_key: "c1".to_owned(),
            occurred_at: noon(),
            recorded_at: noon(),
            payload: String::new(),
            metadata: "{}".into(),
        }
    }

    #[test]
    fn a_capsules_events_become_one_change_of_its_row() {
        let tenant = Tenants::of(&["demo"]).index(&TenantId::parse("demo").unwrap());
        let title = Title::parse("One").unwrap();
        let mut capsules = Capsules::default();
        let events = [
            CapsuleEvent::CapsuleCreated(CapsuleCreated { title: title.clone(), occurred_at: noon() }),
            CapsuleEvent::CapsulePublished(CapsulePublished { occurred_at: noon() }),
            CapsuleEvent::CapsuleArchived(CapsuleArchived { occurred_at: noon() }),
        ];
        for (sequence, event) in (1..).zip(&events) {
            capsules.fold(tenant, &recorded(sequence), event);
        }
        let expected = Change {
            title: Some(title),
            state: Some(CapsuleState::Closed),
            created_at: Some(noon()),
            published_at: Some(noon()),
            archived_at: Some(noon()),
            version: 3,
            interactions: 0,
            active: 0,
            partition: Partition(2),
            last_position: Position(13),
        };
        assert_eq!(capsules.changes[&tenant]["c1"], expected);
    }
}
