//! *Accept the next position, skip lower ones, stop at a gap*, for one partition. Pure.

use domain::Position;

/// Where the reading of one partition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    next: Position,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Reading on from somewhere that may have been the wrong place.
    Following,
    /// Everything before was looked at since the start of the partition.
    Thorough,
    /// There is a gap here. A hole that the relay has filled is filled further on: looking up to this offset.
    Looking { until: i64 },
    /// A gap was reported. Its position may still come, if the relay finds the hole and fills it.
    Missing,
    /// A record that is no event was reported. Nothing more is taken from here.
    Stopped,
}

/// What to do with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Accept,
    /// It was taken before.
    Skip,
    /// It comes too early. Perhaps this is the wrong place: look again from the start of the partition.
    Rescan,
    /// It comes too early, and what is missing is nowhere before it. Say how far to look ahead: [`Place::look_until`].
    LookAhead,
    /// What is missing is nowhere in the partition: report it.
    Gap,
    /// The partition has a fault that was reported; leave it.
    Ignore,
}

impl Place {
    pub(super) fn at_the_start(next: Position) -> Self {
        Self { next, phase: Phase::Thorough }
    }

    pub(super) fn at_a_hint(next: Position) -> Self {
        Self { next, phase: Phase::Following }
    }

    pub(super) fn next(&self) -> Position {
        self.next
    }

    pub(super) fn judge(&mut self, offset: i64, position: Position) -> Verdict {
        match self.phase {
            Phase::Stopped => Verdict::Ignore,
            _ if position == self.next => Verdict::Accept,
            Phase::Looking { until } if offset + 1 >= until => {
                self.phase = Phase::Missing;
                Verdict::Gap
            }
            _ if position < self.next => Verdict::Skip,
            Phase::Missing | Phase::Looking { .. } => Verdict::Ignore,
            Phase::Following => {
                self.phase = Phase::Thorough;
                Verdict::Rescan
            }
            Phase::Thorough => Verdict::LookAhead,
        }
    }

    /// The partition ends before this offset, as far as is known.
    pub(super) fn look_until(&mut self, end: i64) {
        self.phase = Phase::Looking { until: end };
    }

    pub(super) fn accepted(&mut self) {
        self.next = self.next.next();
        self.phase = Phase::Following;
    }

    /// A record is no event. Whether that is news, or the partition has a fault already.
    pub(super) fn stop(&mut self) -> bool {
        let news = !matches!(self.phase, Phase::Missing | Phase::Stopped);
        self.phase = Phase::Stopped;
        news
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Verdict::{Accept, Gap, Ignore, LookAhead, Rescan, Skip};
    use super::*;

    /// Reads a log as the consumer does, from an index; what was accepted, and whether a gap was reported.
    fn read(log: &[u64], next: u64, from: Option<usize>) -> (Vec<u64>, bool) {
        let mut place = if from.is_some() { Place::at_a_hint(Position(next)) } else { Place::at_the_start(Position(next)) };
        let (mut accepted, mut gap, mut index) = (vec![], false, from.unwrap_or(0));
        while let Some(position) = log.get(index) {
            index += 1;
            let offset = i64::try_from(index).unwrap() - 1;
            let mut verdict = place.judge(offset, Position(*position));
            if verdict == LookAhead {
                place.look_until(i64::try_from(log.len()).unwrap());
                verdict = place.judge(offset, Position(*position));
            }
            match verdict {
                Accept => {
                    accepted.push(*position);
                    place.accepted();
                }
                Rescan => index = 0,
                Gap => gap = true,
                Skip | Ignore | LookAhead => {}
            }
        }
        (accepted, gap)
    }

    #[test]
    fn a_wrong_place_is_left_and_a_gap_is_reported() {
        assert_eq!(read(&[0, 1, 2, 3], 1, Some(3)), (vec![1, 2, 3], false), "the place was too high");
        assert_eq!(read(&[0, 1, 2, 3], 2, Some(0)), (vec![2, 3], false), "the place was too low");
        assert_eq!(read(&[0, 1, 3, 4], 0, None), (vec![0, 1], true));
    }

    #[test]
    fn a_hole_that_was_filled_further_on_is_no_gap() {
        let filled = [0, 1, 5, 6, 2, 3, 4, 5, 6, 7];
        assert_eq!(read(&filled, 0, None), ((0..8).collect(), false));
        assert_eq!(read(&filled, 2, Some(1)), ((2..8).collect(), false));
    }

    #[test]
    fn a_hole_that_is_filled_later_is_read_on_from() {
        let mut place = Place::at_the_start(Position(1));
        assert_eq!(place.judge(1, Position(3)), LookAhead);
        place.look_until(2);
        assert_eq!(place.judge(1, Position(3)), Gap);
        assert_eq!(place.judge(2, Position(4)), Ignore);
        assert_eq!(place.judge(3, Position(1)), Accept);
    }

    #[test]
    fn a_partition_that_stopped_takes_nothing_more() {
        let mut place = Place::at_the_start(Position(0));
        assert!(place.stop());
        assert!(!place.stop());
        assert_eq!(place.judge(0, Position(0)), Ignore);
    }

    proptest! {
        /// Writers that each write consecutive positions and start no higher than the log's end, as relays do.
        #[test]
        fn repeats_change_nothing(
            runs in prop::collection::vec((0_u64..20, 1_u64..20), 1..10), next in 0_u64..10, hint in prop::option::of(0_usize..100),
        ) {
            let mut log: Vec<u64> = vec![];
            let mut head = 0;
            for (back, length) in runs {
                let start = head - back.min(head);
                log.extend(start..start + length);
                head = head.max(start + length);
            }
            let from = hint.filter(|hint| *hint < log.len());
            let (accepted, gap) = read(&log, next, from);
            prop_assert!(!gap);
            if from.is_none() {
                prop_assert_eq!(accepted, (next..head).collect::<Vec<_>>());
            } else {
                prop_assert!(accepted.iter().zip(next..).all(|(position, expected)| *position == expected));
            }
        }
    }
}
