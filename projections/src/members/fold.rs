//! The users, capsules and sessions of each day and month, with how many interactions each had.

use chrono::NaiveDate;
use domain::north_star::DEFINITION_1;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::delta::{Counting, TenantIndex, Tenants};
use domain::Grain;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum MemberKind {
    Capsule,
    Session,
    User,
}

impl MemberKind {
    /// As stored in the column `kind`.
    fn code(self) -> i8 {
        match self {
            Self::Capsule => i8::from_be_bytes(*b"c"),
            Self::Session => i8::from_be_bytes(*b"s"),
            Self::User => i8::from_be_bytes(*b"u"),
        }
    }
}

/// As stored in the column `grain`.
fn grain_code(grain: Grain) -> i8 {
    match grain {
        Grain::Day => i8::from_be_bytes(*b"d"),
        Grain::Month => i8::from_be_bytes(*b"m"),
        Grain::Week | Grain::Quarter => unreachable!("members are kept by day and month"),
    }
}

/// In the order of the table's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) period: NaiveDate,
    pub(crate) grain: Grain,
    pub(crate) kind: MemberKind,
    pub(crate) tenant: TenantIndex,
    pub(crate) member: Uuid,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) total: i32,
    pub(crate) active: i32,
}

#[derive(Debug, Default)]
pub(crate) struct Members {
    days: FxHashMap<Key, Count>,
    /// Digests are dear next to looking one up: a capsule comes again and again.
    capsules: FxHashMap<String, Uuid>,
}

impl Members {
    pub(crate) fn count(&mut self, counting: &Counting<'_>) {
        let capsule = self.capsule(counting.capsule_id.as_str());
        self.add(counting, MemberKind::Capsule, capsule);
        if let Some(session) = counting.session_id {
            // No capsule id holds a slash, so the pair reads in one way only.
            self.add(counting, MemberKind::Session, digest(&[counting.capsule_id.as_str(), "/", session.as_str()]));
        }
        if let Some(user) = counting.user_id {
            self.add(counting, MemberKind::User, user.0);
        }
    }

    fn add(&mut self, counting: &Counting<'_>, kind: MemberKind, member: Uuid) {
        let active = if DEFINITION_1.is_active(counting.kind, counting.actor) { counting.by } else { 0 };
        let day = Key { period: counting.occurred_day, grain: Grain::Day, kind, tenant: counting.tenant, member };
        let count = self.days.entry(day).or_default();
        count.total += counting.by;
        count.active += active;
    }

    fn capsule(&mut self, id: &str) -> Uuid {
        if let Some(member) = self.capsules.get(id) {
            return *member;
        }
        let member = digest(&[id]);
        self.capsules.insert(id.to_owned(), member);
        member
    }

    /// In the order of the table's key, so that neighbours in the index are written one after another; and every process
    /// locks users in one order, so that none waits for another in a circle.
    pub(crate) fn sorted(self, tenants: &Tenants) -> Sorted {
        // Months from days, once a batch: cheaper than both for every event.
        let mut months: FxHashMap<Key, Count> = FxHashMap::default();
        for (day, added) in &self.days {
            let count = months.entry(Key { period: Grain::Month.start(day.period), grain: Grain::Month, ..*day }).or_default();
            count.total += added.total;
            count.active += added.active;
        }
        let all = self.days.into_iter().chain(months);
        let mut rows: Vec<(Key, Count)> = all.filter(|(_, count)| *count != Count::default()).collect();
        rows.sort_unstable_by(|(left, _), (right, _)| {
            let fixed = |key: &Key| (key.period, key.grain, key.kind);
            fixed(left)
                .cmp(&fixed(right))
                .then_with(|| tenants.name(left.tenant).cmp(tenants.name(right.tenant)))
                .then_with(|| left.member.cmp(&right.member))
        });
        let mut sorted = Sorted::default();
        for (key, count) in rows {
            let columns = if key.kind == MemberKind::User { &mut sorted.shared } else { &mut sorted.own };
            columns.tenants.push(tenants.name(key.tenant).to_owned());
            columns.grains.push(grain_code(key.grain));
            columns.periods.push(key.period);
            columns.kinds.push(key.kind.code());
            columns.members.push(key.member);
            columns.totals.push(count.total);
            columns.actives.push(count.active);
        }
        sorted
    }
}

/// What is added to `members`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sorted {
    /// Capsules and sessions: of the partitions of this delta alone.
    pub(crate) own: Columns,
    /// Users, who may be in any partition.
    pub(crate) shared: Columns,
}

/// Members column by column.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) tenants: Vec<String>,
    pub(crate) grains: Vec<i8>,
    pub(crate) periods: Vec<NaiveDate>,
    pub(crate) kinds: Vec<i8>,
    pub(crate) members: Vec<Uuid>,
    pub(crate) totals: Vec<i32>,
    pub(crate) actives: Vec<i32>,
}

/// The first 16 bytes of the SHA-256 of the parts together.
fn digest(parts: &[&str]) -> Uuid {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part);
    }
    Uuid::from_slice(&digest.finalize()[..16]).expect("16 bytes")
}

#[cfg(test)]
mod tests {
    use domain::interaction::{Actor, Kind};
    use domain::{CapsuleId, Partition, Position, Pseudonym, SessionId, TenantId};

    use super::*;

    fn sorted(counts: &[(Kind, i32)]) -> Sorted {
        let mut tenants = Tenants::default();
        let tenant = tenants.index(&TenantId::parse("demo").unwrap());
        let (capsule_id, session_id) = (CapsuleId::parse("c1").unwrap(), SessionId::parse("s1").unwrap());
        let mut members = Members::default();
        for (kind, by) in counts {
            members.count(&Counting {
                tenant,
                partition: Partition(0),
                position: Position(0),
                capsule_id: &capsule_id,
                user_id: Some(Pseudonym(Uuid::from_u128(7))),
                session_id: Some(&session_id),
                kind: *kind,
                actor: Actor::Human,
                occurred_day: "2026-10-31".parse().unwrap(),
                recorded_day: "2026-11-01".parse().unwrap(),
                by: *by,
            });
        }
        members.sorted(&tenants)
    }

    #[test]
    fn an_interaction_makes_its_user_capsule_and_session_members_of_its_day_and_month() {
        let Sorted { own, shared } = sorted(&[(Kind::Interaction, 1), (Kind::View, 1)]);
        for (columns, kinds) in [(own, "cs"), (shared, "u")] {
            let keys: Vec<_> = columns
                .periods
                .iter()
                .map(ToString::to_string)
                .zip(columns.kinds.iter().map(|kind| char::from(kind.unsigned_abs())))
                .collect();
            let expected: Vec<(String, char)> = ["2026-10-01", "2026-10-31"]
                .iter()
                .flat_map(|period| kinds.chars().map(move |kind| ((*period).to_owned(), kind)))
                .collect();
            assert_eq!(keys, expected, "in the order of the table's key");
            let count = keys.len();
            assert_eq!((columns.totals, columns.actives), (vec![2; count], vec![1; count]), "a view makes nobody active");
        }
    }

    #[test]
    fn what_is_recorded_and_voided_in_one_batch_touches_no_row() {
        assert_eq!(sorted(&[(Kind::Interaction, 1), (Kind::Interaction, -1)]), Sorted::default());
    }

    #[test]
    fn a_session_of_another_capsule_is_another_session() {
        assert_ne!(digest(&["c1", "/", "s1"]), digest(&["c", "/", "1s1"]));
        assert_eq!(digest(&["abc"]).simple().to_string(), "ba7816bf8f01cfea414140de5dae2223");
    }
}
