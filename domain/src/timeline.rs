//! What held when, in business time: what is said late takes its place among what was said before.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Values and the times they hold from. Of two that hold from the same time, the one said later counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeline<T>(Vec<(DateTime<Utc>, T)>);

impl<T> Default for Timeline<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Timeline<T> {
    /// One value from one time on.
    pub fn from(time: DateTime<Utc>, value: T) -> Self {
        Self(vec![(time, value)])
    }

    /// What holds at this time.
    pub fn at(&self, time: DateTime<Utc>) -> Option<&T> {
        self.0.iter().rfind(|(from, _)| *from <= time).map(|(_, value)| value)
    }

    /// How many values were said.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether saying this adds anything.
    ///
    /// `said_at` is the time in the command, `at` the time it stands for. What was said with its time is no news once the
    /// same was said of the same time; otherwise what else is said later, or arrives later, could change what it means. What
    /// is said without a time is no news where it holds already.
    pub fn is_news(&self, said_at: Option<DateTime<Utc>>, at: DateTime<Utc>, value: &T) -> bool {
        match said_at {
            Some(time) => !self.0.iter().any(|(from, known)| *from == time && known == value),
            None => self.at(at) != Some(value),
        }
    }

    #[must_use]
    pub fn with(mut self, time: DateTime<Utc>, value: T) -> Self {
        let place = self.0.partition_point(|(from, _)| *from <= time);
        self.0.insert(place, (time, value));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn day(number: u32) -> DateTime<Utc> {
        at(&format!("2026-10-{number:02}T00:00:00Z"))
    }

    #[test]
    fn what_arrives_late_holds_from_its_own_time() {
        let timeline = Timeline::from(day(1), 'a').with(day(20), 'c').with(day(10), 'b');
        let held = [1, 9, 10, 19, 20, 31].map(|number| *timeline.at(day(number)).unwrap());
        assert_eq!(held, ['a', 'a', 'b', 'b', 'c', 'c']);
        assert_eq!(Timeline::from(day(2), 'a').at(day(1)), None);
        assert_eq!(Timeline::from(day(2), 'a').with(day(2), 'b').at(day(2)), Some(&'b'));
    }

    #[test]
    fn the_same_of_the_same_time_is_no_news_and_of_another_time_it_is() {
        let timeline = Timeline::from(day(1), 'a').with(day(20), 'b');
        assert!(!timeline.is_news(Some(day(20)), day(20), &'b'));
        assert!(timeline.is_news(Some(day(20)), day(20), &'a'));
        assert!(timeline.is_news(Some(day(10)), day(10), &'b'));
        // It holds already, but something else may yet be said of a time between.
        assert!(timeline.is_news(Some(day(10)), day(10), &'a'));
    }

    #[test]
    fn without_a_time_what_holds_already_is_no_news() {
        let timeline = Timeline::from(day(1), 'a').with(day(20), 'b');
        assert!(!timeline.is_news(None, day(21), &'b'));
        assert!(timeline.is_news(None, day(21), &'a'));
    }
}
