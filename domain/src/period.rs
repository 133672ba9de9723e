//! Calendar days, ISO weeks, months and quarters, UTC.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Serialize};

/// How long the periods of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    Day,
    /// From Monday to Sunday.
    Week,
    Month,
    Quarter,
}

impl Grain {
    pub const ALL: [Self; 4] = [Self::Day, Self::Week, Self::Month, Self::Quarter];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grain| grain.as_str() == text)
    }

    /// The first day of the period that holds `day`.
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        let first = |day: NaiveDate| day.with_day(1).expect("every month has a first day");
        match self {
            Self::Day => day,
            Self::Week => day - Days::new(u64::from(day.weekday().num_days_from_monday())),
            Self::Month => first(day),
            Self::Quarter => first(day) - Months::new(day.month0() % 3),
        }
    }

    /// The first day of the next period.
    pub fn next(self, start: NaiveDate) -> NaiveDate {
        self.after(start, 1)
    }

    /// The first day of the period that comes `count` later.
    pub fn after(self, start: NaiveDate, count: u32) -> NaiveDate {
        match self {
            Self::Day => start + Days::new(count.into()),
            Self::Week => start + Days::new(7 * u64::from(count)),
            Self::Month => start + Months::new(count),
            Self::Quarter => start + Months::new(3 * count),
        }
    }

    /// The first day of the period that came `count` before.
    pub fn before(self, start: NaiveDate, count: u32) -> NaiveDate {
        match self {
            Self::Day => start - Days::new(count.into()),
            Self::Week => start - Days::new(7 * u64::from(count)),
            Self::Month => start - Months::new(count),
            Self::Quarter => start - Months::new(3 * count),
        }
    }

    /// As people write it: `2026-10-31`, `2026-W44`, `2026-10` or `2026-Q4`.
    pub fn name(self, start: NaiveDate) -> String {
        match self {
            Self::Day => start.format("%Y-%m-%d").to_string(),
            Self::Week => start.format("%G-W%V").to_string(),
            Self::Month => start.format("%Y-%m").to_string(),
            Self::Quarter => format!("{}-Q{}", start.year(), start.month0() / 3 + 1),
        }
    }

    /// Every period from the one that holds `from` to the one that holds `to`.
    pub fn between(self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let last = self.start(to);
        std::iter::successors(Some(self.start(from)), move |start| Some(self.next(*start)))
            .take_while(move |start| *start <= last)
    }
}

/// The first moment of a day, UTC.
pub fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn names(grain: Grain, from: &str, to: &str) -> Vec<String> {
        grain.between(day(from), day(to)).map(|start| grain.name(start)).collect()
    }

    #[test]
    fn periods_follow_each_other_over_the_end_of_a_year() {
        assert_eq!(names(Grain::Month, "2025-11-30", "2026-02-01"), ["2025-11", "2025-12", "2026-01", "2026-02"]);
        assert_eq!(names(Grain::Day, "2024-02-28", "2024-03-01"), ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(names(Grain::Quarter, "2025-12-31", "2026-04-01"), ["2025-Q4", "2026-Q1", "2026-Q2"]);
        assert_eq!(Grain::Day.between(day("2024-03-02"), day("2024-03-01")).count(), 0);
    }

    #[test]
    fn a_week_belongs_to_the_year_of_its_thursday() {
        assert_eq!(names(Grain::Week, "2026-12-27", "2027-01-04"), ["2026-W52", "2026-W53", "2027-W01"]);
        assert_eq!(Grain::Week.start(day("2027-01-03")), day("2026-12-28"));
    }

    #[test]
    fn so_many_periods_before_is_undone_by_as_many_after() {
        for grain in Grain::ALL {
            let start = grain.start(day("2024-02-29"));
            assert_eq!(grain.after(grain.before(start, 25), 25), start, "{grain:?}");
        }
    }
}
