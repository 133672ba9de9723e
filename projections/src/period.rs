//! Calendar months and days, UTC.

use chrono::{Datelike, Days, Months, NaiveDate};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    Day,
    Month,
}

impl Grain {
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// The first day of the period that holds `day`.
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Month => day.with_day(1).expect("every month has a first day"),
        }
    }

    /// The first day of the next period.
    pub fn next(self, start: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => start + Days::new(1),
            Self::Month => start + Months::new(1),
        }
    }

    /// As people write it: `2026-10` or `2026-10-31`.
    pub fn name(self, start: NaiveDate) -> String {
        match self {
            Self::Day => start.format("%Y-%m-%d").to_string(),
            Self::Month => start.format("%Y-%m").to_string(),
        }
    }

    /// Every period from the one that holds `from` to the one that holds `to`.
    pub fn between(self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let last = self.start(to);
        std::iter::successors(Some(self.start(from)), move |start| Some(self.next(*start)))
            .take_while(move |start| *start <= last)
    }

    /// As stored in the column `grain` of `members` and `distincts`.
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Day => i8::from_be_bytes(*b"d"),
            Self::Month => i8::from_be_bytes(*b"m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn periods_follow_each_other_over_the_end_of_a_year() {
        let months: Vec<_> =
            Grain::Month.between(day("2025-11-30"), day("2026-02-01")).map(|start| Grain::Month.name(start)).collect();
        assert_eq!(months, ["2025-11", "2025-12", "2026-01", "2026-02"]);
        let days: Vec<_> =
            Grain::Day.between(day("2024-02-28"), day("2024-03-01")).map(|start| Grain::Day.name(start)).collect();
        assert_eq!(days, ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(Grain::Day.between(day("2024-03-02"), day("2024-03-01")).count(), 0);
    }
}
