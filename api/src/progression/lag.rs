//! How long the oldest event that is not applied has waited, from when its position was first seen as appended.

use std::collections::VecDeque;
use std::time::Instant;

use domain::{Partition, Position};
use projections::Progress;

use super::Place;

/// Heads remembered by partition. When more are due, later ones count with the last one remembered: the lag is never shown
/// too small.
const HEADS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Lag {
    partitions: Vec<History>,
}

#[derive(Debug, Default)]
struct History {
    /// Heads that the mark has not reached, and when each was first seen.
    heads: VecDeque<(Position, Instant)>,
    mark: Position,
    moved_at: Option<Instant>,
}

impl Lag {
    pub(super) fn places(&mut self, heads: &[Position], marks: &Progress, now: Instant) -> Vec<Place> {
        self.partitions.resize_with(heads.len(), History::default);
        let marks = (0..).map(|partition| marks.get(&Partition(partition)).copied().unwrap_or_default());
        self.partitions
            .iter_mut()
            .zip(heads)
            .zip(marks)
            .map(|((history, head), mark)| history.place(*head, mark, now))
            .collect()
    }
}

impl History {
    fn place(&mut self, head: Position, mark: Position, now: Instant) -> Place {
        let is_full = self.heads.len() >= HEADS_MAX;
        match self.heads.back_mut() {
            Some(last) if last.0 >= head => {}
            Some(last) if is_full => last.0 = head,
            _ => self.heads.push_back((head, now)),
        }
        while self.heads.front().is_some_and(|(head, _)| *head <= mark) {
            self.heads.pop_front();
        }
        if mark != self.mark || head <= mark || self.moved_at.is_none() {
            (self.mark, self.moved_at) = (mark, Some(now));
        }
        Place { head: head.max(mark), mark, behind_since: self.heads.front().map(|(_, since)| *since), moved_at: self.moved_at }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_event_that_waits_sets_the_lag() {
        let mut lag = Lag::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut place = |head, mark, seconds| {
            let marks = Progress::from([(Partition(0), Position(mark))]);
            lag.places(&[Position(head)], &marks, at(seconds)).remove(0)
        };
        assert_eq!(place(0, 0, 0).behind_since, None);
        assert_eq!(place(5, 0, 1).behind_since, Some(at(1)));
        assert_eq!(place(9, 3, 2).behind_since, Some(at(1)));
        assert_eq!(place(9, 5, 3).behind_since, Some(at(2)));
        assert_eq!(place(9, 5, 4).moved_at, Some(at(3)));
        let there = place(9, 9, 5);
        assert_eq!((there.behind_since, there.lag_events(), there.moved_at), (None, 0, Some(at(5))));
        assert_eq!(place(9, 9, 9).moved_at, Some(at(9)), "where nothing is to be done, standing still is no fault");
    }
}
