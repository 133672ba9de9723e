//! One partition, as the reading thread sees it: the rule, applied to messages.

use domain::{Partition, Position};
use metrics::{Counter, counter};
use rdkafka::message::{BorrowedMessage, Message};

use crate::consumer::message::{event_of, position_of};
use crate::consumer::rule::{Place, Verdict};
use crate::consumer::{Consumed, Fault, Start};
use crate::tail::Ends;
use crate::topic::words;

pub(super) struct Lane {
    partition: Partition,
    place: Place,
    /// The record before the hint is read only to see that the hint is right.
    looking_back: bool,
    /// The offset of the last record seen.
    seen: Option<i64>,
    skipped: Counter,
}

/// What follows from a message.
pub(super) enum Step {
    Nothing,
    Event(Box<Consumed>),
    Rescan,
    Fault(Fault),
}

impl Lane {
    pub(super) fn new(start: &Start) -> Self {
        let place = match start.offset_hint {
            Some(_) => Place::at_a_hint(start.next_position),
            None => Place::at_the_start(start.next_position),
        };
        let skipped = counter!("consumer_skipped_total", "partition" => start.partition.to_string());
        Self { partition: start.partition, place, looking_back: start.offset_hint.is_some(), seen: None, skipped }
    }

    /// Where another client would go on from here.
    pub(super) fn start(&self) -> Start {
        let offset_hint = self.seen.map(|seen| seen + 1);
        Start { partition: self.partition, next_position: self.place.next(), offset_hint }
    }

    /// Whether every record there is was seen.
    pub(super) fn knows(&self, ends: &Ends) -> bool {
        self.seen.map_or(ends.low, |seen| seen + 1) == ends.high
    }

    /// `end` tells where the partition ends now.
    pub(super) fn step(&mut self, message: &BorrowedMessage<'_>, end: impl FnOnce() -> i64) -> Step {
        self.seen = Some(message.offset());
        let looking_back = std::mem::take(&mut self.looking_back);
        let position = match position_of(message) {
            Ok(position) => position,
            Err(error) => return self.stop(message.offset(), &error.into()),
        };
        match self.judge(message.offset(), position, end) {
            Verdict::Accept => self.accept(message),
            Verdict::Skip => {
                self.skipped.increment(u64::from(!looking_back));
                Step::Nothing
            }
            Verdict::Rescan => {
                tracing::warn!(partition = %self.partition, position = %self.place.next(), offset = message.offset(),
                    "a position is not where it was expected; looking for it from the start of the partition");
                Step::Rescan
            }
            Verdict::Gap => self.fault(format!("position {} is nowhere in the partition", self.place.next())),
            Verdict::Ignore | Verdict::LookAhead => Step::Nothing,
        }
    }

    fn judge(&mut self, offset: i64, position: Position, end: impl FnOnce() -> i64) -> Verdict {
        match self.place.judge(offset, position) {
            Verdict::LookAhead => {
                self.place.look_until(end());
                self.place.judge(offset, position)
            }
            verdict => verdict,
        }
    }

    fn accept(&mut self, message: &BorrowedMessage<'_>) -> Step {
        match event_of(message) {
            Ok(event) if event.partition == self.partition => {
                self.place.accepted();
                Step::Event(Box::new(Consumed { event, offset: message.offset() }))
            }
            Ok(event) => self.stop(message.offset(), &format!("it is of partition {}", event.partition).into()),
            Err(error) => self.stop(message.offset(), &error.into()),
        }
    }

    fn stop(&mut self, offset: i64, error: &crate::BoxError) -> Step {
        if !self.place.stop() {
            return Step::Nothing;
        }
        self.fault(format!("the record at offset {offset} is not an event: {}", words(error)))
    }

    fn fault(&self, reason: String) -> Step {
        let (partition, position) = (self.partition, self.place.next());
        tracing::error!(%partition, %position, reason, "a partition stopped");
        counter!("consumer_faults_total", "partition" => partition.to_string()).increment(1);
        Step::Fault(Fault { partition, position, reason })
    }
}
