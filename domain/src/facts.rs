//! What the aggregates of plain facts have alike: commands and events with a business time, and the adapter to cqrs-es.
//!
//! [`facts!`] writes the types; an aggregate adds its state, `decide` and `evolve`. [`once!`] writes all of it, for what
//! happens once and never changes.

/// Commands and events of one aggregate, each with `occurred_at`; versions as published.
///
/// The module beside it has `State::decide(&self, command, at, context)` and `State::evolve(self, &event)`.
macro_rules! facts {
    (
        $state:ident $type:literal
        $command_enum:ident {$(
            $(#[$command_meta:meta])*
            $command:ident($command_data:ident) { $( $(#[$command_field_meta:meta])* $command_field:ident: $command_type:ty, )* }
        )*}
        $event_enum:ident {$(
            $(#[$event_meta:meta])*
            $event:ident $version:literal { $( $(#[$event_field_meta:meta])* $event_field:ident: $event_type:ty, )* }
        )*}
    ) => {
        $(
            $(#[$command_meta])*
            #[derive(Debug, Clone, PartialEq, serde::Deserialize, schemars::JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $command_data {
                $( $(#[$command_field_meta])* pub $command_field: $command_type, )*
                /// When it happened; default: when the request arrived.
                #[serde(default, deserialize_with = "crate::input::time")]
                pub occurred_at: Option<chrono::DateTime<chrono::Utc>>,
            }
        )*

        #[derive(Debug, Clone, PartialEq)]
        pub enum $command_enum { $($command($command_data)),* }

        impl $command_enum {
            pub fn occurred_at(&self) -> Option<chrono::DateTime<chrono::Utc>> {
                match self { $(Self::$command(command) => command.occurred_at),* }
            }
        }

        $(
            $(#[$event_meta])*
            #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
            pub struct $event {
                $( $(#[$event_field_meta])* pub $event_field: $event_type, )*
                pub occurred_at: chrono::DateTime<chrono::Utc>,
            }
        )*

        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(tag = "type")]
        pub enum $event_enum { $($event($event)),* }

        impl $event_enum {
            pub fn name(&self) -> &'static str {
                match self { $(Self::$event(_) => stringify!($event)),* }
            }

            /// The version of its payload's form. A change of form is a new version and an entry in [`crate::upcast`].
            pub fn version(&self) -> &'static str {
                match self { $(Self::$event(_) => $version),* }
            }

            pub fn occurred_at(&self) -> chrono::DateTime<chrono::Utc> {
                match self { $(Self::$event(event) => event.occurred_at),* }
            }
        }

        $(
            impl From<$event> for $event_enum {
                fn from(event: $event) -> Self {
                    Self::$event(event)
                }
            }
        )*

        impl cqrs_es::DomainEvent for $event_enum {
            fn event_type(&self) -> String {
                self.name().to_owned()
            }

            fn event_version(&self) -> String {
                self.version().to_owned()
            }
        }

        impl cqrs_es::Aggregate for $state {
            const TYPE: &'static str = $type;
            type Command = $command_enum;
            type Event = $event_enum;
            type Error = crate::rejection::Rejection;
            type Services = crate::collections::Context;

            async fn handle(
                &mut self,
                command: $command_enum,
                context: &crate::collections::Context,
                sink: &cqrs_es::event_sink::EventSink<Self>,
            ) -> Result<(), crate::rejection::Rejection> {
                let at = context.occurred_at(command.occurred_at())?;
                for event in self.decide(command, at, context)? {
                    sink.write(event, self).await;
                }
                Ok(())
            }

            fn apply(&mut self, event: $event_enum) {
                *self = std::mem::take(self).evolve(&event);
            }
        }
    };
}

/// A fact that happens once: said again with the same content, nothing more happens; with other content, it is refused.
/// `check` names a function that says what is wrong with a new fact's fields. What was recorded before there was a rule is
/// still no news when it is said again.
macro_rules! once {
    (
        $(#[$meta:meta])*
        $state:ident $type:literal $command_enum:ident $command:ident($command_data:ident)
        $event_enum:ident $event:ident $version:literal
        { $( $(#[$field_meta:meta])* $field:ident: $field_type:ty, )* }
        $(check $check:path)?
    ) => {
        crate::facts::facts! {
            $state $type
            $command_enum {
                $(#[$meta])*
                $command($command_data) { $( $(#[$field_meta])* $field: $field_type, )* }
            }
            $event_enum {
                $event $version { $( $(#[$field_meta])* $field: $field_type, )* }
            }
        }

        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $state(Option<$event>);

        impl $state {
            pub fn decide(
                &self,
                command: $command_enum,
                at: chrono::DateTime<chrono::Utc>,
                _: &crate::collections::Context,
            ) -> Result<Vec<$event_enum>, crate::rejection::Rejection> {
                let $command_enum::$command(command) = command;
                // A time left out says nothing, so it contradicts nothing.
                let known = self.0.as_ref();
                let occurred_at = command.occurred_at.or(known.map(|known| known.occurred_at)).unwrap_or(at);
                let event = $event { $($field: command.$field,)* occurred_at };
                match known {
                    None => {
                        $($check(&event)?;)?
                        Ok(vec![event.into()])
                    }
                    Some(known) if *known == event => Ok(vec![]),
                    Some(_) => Err(crate::rejection::Rejection::Exists { what: $type }),
                }
            }

            #[must_use]
            pub fn evolve(self, event: &$event_enum) -> Self {
                let $event_enum::$event(event) = event;
                Self(Some(event.clone()))
            }
        }
    };
}

pub(crate) use {facts, once};
