//! What a run of events changes in all read models together: the one list of them.

use chrono::NaiveDate;
use chrono::{DateTime, Utc};
use domain::interaction::{Actor, InteractionEvent, Kind};
use domain::{AggregateType, CapsuleId, Event, Partition, Position, Pseudonym, RecordedEvent, SessionId, TenantId};
use rustc_hash::FxHashMap;
use sqlx::PgConnection;

use crate::error::Error;
use crate::facts::columns::{aggregate_types, table_name};
use crate::kpis::changes::Changes;
use crate::{capsules, counts, facts, interactions, members};

/// An event and what it says; decoded once, folded into every read model.
#[derive(Debug, Clone)]
pub(crate) struct Decoded {
    pub(crate) recorded: RecordedEvent,
    /// None: an operator had it left out of the read models.
    pub(crate) event: Option<Event>,
    pub(crate) offset: Option<i64>,
}

/// One read model alone, by the name of its view in schema `read`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Only {
    view: String,
    /// None: figures follow from all of them.
    folds: Option<ReadModel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReadModel {
    Facts,
    Capsules,
    Interactions,
    Counts,
    Members,
}

impl Only {
    /// # Errors
    /// [`Error::UnknownReadModel`].
    pub fn of(view: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownReadModel(view.to_owned());
        let folds = match view {
            "capsules" => Some(ReadModel::Capsules),
            "interactions" => Some(ReadModel::Interactions),
            "daily_counts" | "daily_totals" | "monthly_counts" => Some(ReadModel::Counts),
            "members" | "distincts" => Some(ReadModel::Members),
            "figures" => None,
            _ if aggregate_types().any(|kind| table_name(kind) == view) => Some(ReadModel::Facts),
            _ => return Err(unknown()),
        };
        Ok(Self { view: view.to_owned(), folds })
    }

    pub fn view(&self) -> &str {
        &self.view
    }

    /// What replaces the live figures is always whole, and so are figures.
    pub fn needs_all(&self) -> bool {
        self.folds.is_none()
    }
}

/// What is added to each read model's tables.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// The only one that is wanted; none: all.
    only: Option<ReadModel>,
    tenants: Tenants,
    capsules: capsules::fold::Capsules,
    interactions: interactions::fold::Interactions,
    counts: counts::fold::Counts,
    members: members::fold::Members,
    facts: facts::fold::Facts,
    changes: Changes,
    sealed: Sealed,
}

/// What takes some work to bring into the order of the tables: done where the fold is, not while rows are locked.
#[derive(Debug, Default)]
struct Sealed {
    members: members::fold::Sorted,
}

/// An interaction that counts one more (`by` = 1), or one less because it was voided (`by` = -1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting<'a> {
    pub(crate) tenant: TenantIndex,
    pub(crate) partition: Partition,
    pub(crate) position: Position,
    pub(crate) capsule_id: &'a CapsuleId,
    pub(crate) user_id: Option<Pseudonym>,
    pub(crate) session_id: Option<&'a SessionId>,
    pub(crate) kind: Kind,
    pub(crate) actor: Actor,
    pub(crate) occurred_day: NaiveDate,
    pub(crate) recorded_day: NaiveDate,
    pub(crate) by: i32,
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("Postgres refused the rows")]
    Database(#[from] sqlx::Error),
    #[error("more interactions would be voided than were recorded")]
    BelowZero,
}

impl Delta {
    /// What these events change, in any order of partitions, each partition's in order.
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = &'a Decoded>, only: Option<&Only>) -> Self {
        let mut delta = Self { only: only.and_then(|only| only.folds), ..Self::default() };
        for event in events {
            delta.fold(event);
        }
        delta.sealed.members = std::mem::take(&mut delta.members).sorted(&delta.tenants);
        delta
    }

    fn fold(&mut self, Decoded { recorded, event, .. }: &Decoded) {
        let Some(event) = event else { return };
        let tenant = self.tenants.index(&recorded.tenant);
        match event {
            Event::Capsule(event) => {
                if self.wants(ReadModel::Capsules) {
                    self.capsules.fold(tenant, recorded, event);
                }
            }
            Event::Interaction(InteractionEvent::InteractionRecorded(facts)) => {
                if self.wants(ReadModel::Interactions) {
                    self.interactions.record(recorded, facts);
                }
                self.count(Counting {
                    tenant,
                    partition: recorded.partition,
                    position: recorded.position,
                    capsule_id: &facts.capsule_id,
                    user_id: facts.user_id,
                    session_id: facts.session_id.as_ref(),
                    kind: facts.kind,
                    actor: facts.actor,
                    occurred_day: day(facts.occurred_at),
                    recorded_day: day(recorded.recorded_at),
                    by: 1,
                });
            }
            Event::Interaction(InteractionEvent::InteractionVoided(void)) => {
                if self.wants(ReadModel::Interactions) {
                    self.interactions.void(tenant, recorded, void);
                }
                self.count(Counting {
                    tenant,
                    partition: recorded.partition,
                    position: recorded.position,
                    capsule_id: &void.voided.capsule_id,
                    user_id: void.voided.user_id,
                    session_id: void.voided.session_id.as_ref(),
                    kind: void.voided.kind,
                    actor: void.voided.actor,
                    occurred_day: day(void.voided.occurred_at),
                    recorded_day: day(recorded.recorded_at),
                    by: -1,
                });
            }
            // No figure follows from these: they are read where they were recorded.
            Event::AuditEntry(_) | Event::Subject(_) | Event::RetentionRule(_) => {}
            event => {
                if self.wants(ReadModel::Facts) {
                    self.facts.fold(recorded, event);
                }
                self.changes.note(tenant, recorded.aggregate_type.as_str(), day(event.occurred_at()));
            }
        }
    }

    fn count(&mut self, counting: Counting<'_>) {
        self.changes.note(counting.tenant, AggregateType::Interaction.as_str(), counting.occurred_day);
        if self.wants(ReadModel::Capsules) {
            self.capsules.count(&counting);
        }
        if self.wants(ReadModel::Counts) {
            self.counts.count(&counting);
        }
        if self.wants(ReadModel::Members) {
            self.members.count(&counting);
        }
    }

    fn wants(&self, read_model: ReadModel) -> bool {
        self.only.is_none_or(|only| only == read_model)
    }

    /// Adds everything in the caller's transaction. `owner` is a partition whose progress the caller has locked.
    ///
    /// Members come last: users are the only rows that other partitions' transactions may wait for.
    pub(crate) async fn add(&self, connection: &mut PgConnection, owner: Partition) -> Result<(), WriteError> {
        facts::table::add(connection, &self.facts).await?;
        self.changes.add(connection, &self.tenants).await?;
        capsules::table::add(connection, &self.tenants, &self.capsules).await?;
        interactions::table::add(connection, &self.tenants, &self.interactions).await?;
        counts::table::add(connection, &self.tenants, &self.counts).await?;
        members::table::add(connection, owner, &self.sealed.members).await
    }
}

fn day(time: DateTime<Utc>) -> NaiveDate {
    time.date_naive()
}

/// A tenant within one delta: short to hash and to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TenantIndex(u32);

#[derive(Debug, Default)]
pub(crate) struct Tenants {
    names: Vec<TenantId>,
    indexes: FxHashMap<TenantId, TenantIndex>,
}

impl Tenants {
    pub(crate) fn index(&mut self, tenant: &TenantId) -> TenantIndex {
        if let Some(index) = self.indexes.get(tenant) {
            return *index;
        }
        let index = TenantIndex(u32::try_from(self.names.len()).expect("a batch has fewer events than u32 counts"));
        self.names.push(tenant.clone());
        self.indexes.insert(tenant.clone(), index);
        index
    }

    pub(crate) fn name(&self, index: TenantIndex) -> &str {
        self.names[index.0 as usize].as_str()
    }

    #[cfg(test)]
    pub(crate) fn of(names: &[&str]) -> Self {
        let mut tenants = Self::default();
        for name in names {
            tenants.index(&TenantId::parse(*name).expect("a tenant"));
        }
        tenants
    }
}
