//! The adapter to cqrs-es, and the capsule's rules as given / when / then.

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};

use super::{Capsule, CapsuleCommand, CapsuleEvent};
use crate::collections::Context;
use crate::rejection::Rejection;

impl Aggregate for Capsule {
    const TYPE: &'static str = "capsule";
    type Command = CapsuleCommand;
    type Event = CapsuleEvent;
    type Error = Rejection;
    type Services = Context;

    async fn handle(&mut self, command: CapsuleCommand, context: &Context, sink: &EventSink<Self>) -> Result<(), Rejection> {
        let at = context.occurred_at(command.occurred_at())?;
        for event in self.decide(command, at, context)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: CapsuleEvent) {
        *self = std::mem::take(self).evolve(&event);
    }
}

impl DomainEvent for CapsuleEvent {
    fn event_type(&self) -> String {
        self.name().to_owned()
    }

    fn event_version(&self) -> String {
        self.version().to_owned()
    }
}

impl CapsuleEvent {
    pub fn name(&self) -> &'static str {
        match self {
            Self::CapsuleCreated(_) => "CapsuleCreated",
            Self::CapsuleRenamed(_) => "CapsuleRenamed",
            Self::CapsulePublished(_) => "CapsulePublished",
            Self::CapsuleArchived(_) => "CapsuleArchived",
        }
    }

    /// The version of its payload's form. A change of form is a new version and an entry in [`crate::upcast`].
    pub fn version(&self) -> &'static str {
        "1.0"
    }

    pub fn occurred_at(&self) -> chrono::DateTime<chrono::Utc> {
        match self {
            Self::CapsuleCreated(event) => event.occurred_at,
            Self::CapsuleRenamed(event) => event.occurred_at,
            Self::CapsulePublished(event) => event.occurred_at,
            Self::CapsuleArchived(event) => event.occurred_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};
    use cqrs_es::test::TestFramework;

    use super::super::*;
    use super::*;
    use crate::ids::Title;

    fn noon() -> DateTime<Utc> {
        "2026-10-31T12:00:00Z".parse().expect("a time")
    }
    fn title(text: &str) -> Title {
        Title::parse(text).expect("a title")
    }
    fn given(events: Vec<CapsuleEvent>) -> cqrs_es::test::AggregateTestExecutor<Capsule> {
        TestFramework::<Capsule>::with(Context::at(noon())).given(events)
    }
    fn created() -> CapsuleEvent {
        CapsuleEvent::CapsuleCreated(CapsuleCreated { title: title("One"), occurred_at: noon() })
    }
    fn published() -> CapsuleEvent {
        CapsuleEvent::CapsulePublished(CapsulePublished { occurred_at: noon() })
    }
    fn archived() -> CapsuleEvent {
        CapsuleEvent::CapsuleArchived(CapsuleArchived { occurred_at: noon() })
    }
    fn renamed(text: &str) -> CapsuleEvent {
        CapsuleEvent::CapsuleRenamed(CapsuleRenamed { title: title(text), occurred_at: noon() })
    }
    fn create(text: &str) -> CapsuleCommand {
        CapsuleCommand::Create(CreateCapsule { title: title(text), occurred_at: None })
    }
    fn rename(text: &str) -> CapsuleCommand {
        CapsuleCommand::Rename(RenameCapsule { title: title(text), occurred_at: None })
    }
    fn publish() -> CapsuleCommand {
        CapsuleCommand::Publish(PublishCapsule::default())
    }
    fn archive() -> CapsuleCommand {
        CapsuleCommand::Archive(ArchiveCapsule::default())
    }

    #[test]
    fn a_capsule_is_created_once() {
        given(vec![]).when(create("One")).then_expect_events(vec![created()]);
        given(vec![created()]).when(create("One")).then_expect_events(vec![]);
        given(vec![created()]).when(create("Two")).then_expect_error(Rejection::CapsuleExists);
    }

    #[test]
    fn nothing_happens_to_a_capsule_that_does_not_exist() {
        for command in [rename("One"), publish(), archive()] {
            given(vec![]).when(command).then_expect_error(Rejection::CapsuleUnknown);
        }
    }

    #[test]
    fn a_capsule_is_renamed_before_and_after_it_is_published() {
        given(vec![created()]).when(rename("Two")).then_expect_events(vec![renamed("Two")]);
        given(vec![created(), published()]).when(rename("Two")).then_expect_events(vec![renamed("Two")]);
        given(vec![created(), published()]).when(rename("One")).then_expect_events(vec![]);
    }

    #[test]
    fn publishing_twice_is_publishing_once() {
        given(vec![created()]).when(publish()).then_expect_events(vec![published()]);
        given(vec![created(), published()]).when(publish()).then_expect_events(vec![]);
    }

    #[test]
    fn an_archived_capsule_stays_as_it_is() {
        given(vec![created(), published()]).when(archive()).then_expect_events(vec![archived()]);
        given(vec![created()]).when(archive()).then_expect_events(vec![archived()]);
        given(vec![created(), archived()]).when(archive()).then_expect_events(vec![]);
        for command in [rename("Two"), publish()] {
            given(vec![created(), archived()])
                .when(command)
                .then_expect_error(Rejection::CapsuleArchived { archived_at: noon() });
        }
    }

    #[test]
    fn nothing_happens_more_than_an_hour_from_now() {
        let ahead = |by| CapsuleCommand::Publish(PublishCapsule { occurred_at: Some(noon() + by) });
        given(vec![created()]).when(ahead(TimeDelta::minutes(61))).then_expect_error(Rejection::TimeAhead);
        given(vec![created()]).when(ahead(TimeDelta::minutes(60))).then_expect_events(vec![CapsuleEvent::CapsulePublished(
            CapsulePublished { occurred_at: noon() + TimeDelta::minutes(60) },
        )]);
    }
}
