//! Interactions by day of occurrence and day of recording, and by month of occurrence.

use chrono::NaiveDate;
use domain::Partition;
use domain::interaction::{Actor, Kind};
use rustc_hash::FxHashMap;

use crate::delta::{Counting, TenantIndex};
use domain::Grain;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell {
    pub(crate) tenant: TenantIndex,
    pub(crate) partition: Partition,
    pub(crate) kind: Kind,
    pub(crate) actor: Actor,
}

/// What is added to each cell; a void takes one out, on the day it was recorded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) by_day: FxHashMap<(NaiveDate, NaiveDate, Cell), i64>,
}

impl Counts {
    pub(crate) fn count(&mut self, counting: &Counting<'_>) {
        let cell = Cell { tenant: counting.tenant, partition: counting.partition, kind: counting.kind, actor: counting.actor };
        *self.by_day.entry((counting.occurred_day, counting.recorded_day, cell)).or_default() += i64::from(counting.by);
    }

    /// Added up to the periods of a grain in which they occurred: once a batch, not for every event.
    pub(crate) fn totals(&self, grain: Grain) -> FxHashMap<(NaiveDate, Cell), i64> {
        let mut totals = FxHashMap::default();
        for ((occurred_day, _, cell), count) in &self.by_day {
            *totals.entry((grain.start(*occurred_day), *cell)).or_default() += count;
        }
        totals.retain(|_, count| *count != 0);
        totals
    }
}

#[cfg(test)]
mod tests {
    use domain::{CapsuleId, Position};

    use super::*;
    use crate::delta::Tenants;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_void_takes_out_of_the_month_but_not_of_what_was_known_before() {
        let tenant = Tenants::of(&["demo"]).index(&domain::TenantId::parse("demo").unwrap());
        let capsule_id = CapsuleId::parse("c1").unwrap();
        let recorded = Counting {
            tenant,
            partition: Partition(3),
            position: Position(0),
            capsule_id: &capsule_id,
            user_id: None,
            session_id: None,
            kind: Kind::Conversion,
            actor: Actor::Human,
            occurred_day: day("2026-09-30"),
            recorded_day: day("2026-10-01"),
            by: 1,
        };
        let voided = Counting { recorded_day: day("2026-10-04"), by: -1, ..recorded };
        let mut counts = Counts::default();
        counts.count(&recorded);
        counts.count(&voided);

        let cell = Cell { tenant, partition: Partition(3), kind: Kind::Conversion, actor: Actor::Human };
        assert_eq!(counts.by_day[&(day("2026-09-30"), day("2026-10-01"), cell)], 1);
        assert_eq!(counts.by_day[&(day("2026-09-30"), day("2026-10-04"), cell)], -1);
        assert!(counts.totals(Grain::Month).is_empty());
        assert!(counts.totals(Grain::Day).is_empty());
    }
}
