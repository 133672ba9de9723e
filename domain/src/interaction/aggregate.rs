//! The adapter to cqrs-es, and the interaction's rules as given / when / then.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};

use super::{Interaction, InteractionCommand, InteractionEvent};
use crate::collections::Context;
use crate::rejection::Rejection;

impl Aggregate for Interaction {
    const TYPE: &'static str = "interaction";
    type Command = InteractionCommand;
    type Event = InteractionEvent;
    type Error = Rejection;
    type Services = Context;

    async fn handle(
        &mut self,
        command: InteractionCommand,
        context: &Context,
        sink: &EventSink<Self>,
    ) -> Result<(), Rejection> {
        let at = context.occurred_at(command.occurred_at())?;
        for event in self.decide(command, at, context)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: InteractionEvent) {
        *self = std::mem::take(self).evolve(&event);
    }
}

impl DomainEvent for InteractionEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        self.version().to_owned()
    }
}

impl InteractionEvent {
    pub fn name(&self) -> &'static str {
        match self {
            Self::InteractionRecorded(_) => "InteractionRecorded",
            Self::InteractionVoided(_) => "InteractionVoided",
        }
    }

    /// The version of its payload's form. A change of form is a new version and an entry in [`crate::upcast`].
    pub fn version(&self) -> &'static str {
        match self {
            Self::InteractionRecorded(_) => "1.1",
            Self::InteractionVoided(_) => "1.0",
        }
    }

    pub fn occurred_at(&self) -> chrono::DateTime<chrono::Utc> {
        match self {
            Self::InteractionRecorded(event) => event.occurred_at,
            Self::InteractionVoided(event) => event.occurred_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::{DateTime, TimeDelta, Utc};
    use cqrs_es::test::{AggregateTestExecutor, TestFramework};

    use super::super::*;
    use super::*;
    use crate::capsule::Capsule;
    use crate::capsule::Published;
    use crate::ids::Title;

    fn noon() -> DateTime<Utc> {
        "2026-10-31T12:00:00Z".parse().expect("a time")
    }
    fn title() -> Title {
        Title::parse("One").expect("a title")
    }
    fn open() -> Capsule {
        Capsule::Open { title: title() }
    }
    fn given(capsule: Capsule, events: Vec<InteractionEvent>) -> AggregateTestExecutor<Interaction> {
        TestFramework::<Interaction>::with(Context { now: noon(), capsule: Arc::new(capsule) }).given(events)
    }
    fn content() -> RecordInteraction {
        serde_json::from_str(r#"{"capsule_id":"c1","session_id":"s1","kind":"interaction","attributes":{"clicks":4}}"#)
            .expect("an interaction")
    }
    fn at(time: DateTime<Utc>) -> RecordInteraction {
        RecordInteraction { occurred_at: Some(time), ..content() }
    }
    fn record(content: RecordInteraction) -> InteractionCommand {
        InteractionCommand::Record(Box::new(content))
    }
    fn recorded_at(time: DateTime<Utc>) -> InteractionEvent {
        InteractionEvent::InteractionRecorded(Box::new(super::super::recorded(content(), time).expect("nothing personal")))
    }
    fn void() -> InteractionCommand {
        InteractionCommand::Void(VoidInteraction { reason: VoidReason::Fraud, occurred_at: None })
    }
    fn voided() -> InteractionEvent {
        InteractionEvent::InteractionVoided(InteractionVoided {
            reason: VoidReason::Fraud,
            occurred_at: noon(),
            voided: super::super::recorded(content(), noon()).expect("nothing personal").counted(),
        })
    }

    #[test]
    fn an_open_capsule_takes_an_interaction_however_late() {
        let long_ago = noon() - TimeDelta::days(4000);
        given(open(), vec![]).when(record(content())).then_expect_events(vec![recorded_at(noon())]);
        given(open(), vec![]).when(record(at(long_ago))).then_expect_events(vec![recorded_at(long_ago)]);
    }

    #[test]
    fn a_capsule_that_is_unknown_or_was_never_published_takes_none() {
        let never = Capsule::Closed { title: title(), published: Published::Never, archived_at: noon() };
        let draft = Capsule::Draft { title: title() };
        given(Capsule::Unknown, vec![]).when(record(content())).then_expect_error(Rejection::CapsuleUnknown);
        given(draft, vec![]).when(record(content())).then_expect_error(Rejection::CapsuleNotPublished);
        given(never, vec![]).when(record(content())).then_expect_error(Rejection::CapsuleNotPublished);
    }

    #[test]
    fn an_archived_capsule_takes_only_what_occurred_before() {
        let closed = || Capsule::Closed { title: title(), published: Published::Once, archived_at: noon() };
        let before = noon() - TimeDelta::microseconds(1);
        given(closed(), vec![]).when(record(at(before))).then_expect_events(vec![recorded_at(before)]);
        given(closed(), vec![]).when(record(at(noon()))).then_expect_error(Rejection::CapsuleArchived { archived_at: noon() });
    }

    #[test]
    fn the_same_content_again_is_no_news_and_other_content_is_a_conflict() {
        given(open(), vec![recorded_at(noon())]).when(record(at(noon()))).then_expect_events(vec![]);
        given(open(), vec![recorded_at(noon())]).when(record(content())).then_expect_events(vec![]);
        given(open(), vec![recorded_at(noon())])
            .when(record(at(noon() - TimeDelta::seconds(1))))
            .then_expect_error(Rejection::InteractionConflict);
        given(open(), vec![recorded_at(noon())])
            .when(record(RecordInteraction { kind: Kind::View, ..content() }))
            .then_expect_error(Rejection::InteractionConflict);
    }

    #[test]
    fn a_repetition_is_recognised_after_its_capsule_was_archived() {
        let closed = Capsule::Closed { title: title(), published: Published::Once, archived_at: noon() };
        given(closed, vec![recorded_at(noon())]).when(record(at(noon()))).then_expect_events(vec![]);
    }

    #[test]
    fn a_void_takes_out_what_was_recorded_once() {
        given(open(), vec![]).when(void()).then_expect_error(Rejection::InteractionUnknown);
        given(open(), vec![recorded_at(noon())]).when(void()).then_expect_events(vec![voided()]);
        given(open(), vec![recorded_at(noon()), voided()]).when(void()).then_expect_events(vec![]);
        given(open(), vec![recorded_at(noon()), voided()]).when(record(at(noon()))).then_expect_events(vec![]);
    }

    #[test]
    fn nothing_happens_more_than_an_hour_from_now() {
        let soon = noon() + TimeDelta::minutes(60);
        given(open(), vec![]).when(record(at(soon))).then_expect_events(vec![recorded_at(soon)]);
        given(open(), vec![]).when(record(at(soon + TimeDelta::microseconds(1)))).then_expect_error(Rejection::TimeAhead);
    }
}
