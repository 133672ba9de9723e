//! One entry of the audit log: a stream of its own with one event, so that entries never wait for each other.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::kinds::{CutOverReason, DenialReason, ExportFormat, Exported, KeyRole, PersonalDataPurpose};
use crate::collections::Context;
use crate::facts::facts;
use crate::ids::{KeyId, Label, Pseudonym, Reason, Region, Route, SigningKeyId};
use crate::recorded::EventRef;
use crate::rejection::Rejection;

facts! {
    AuditEntry "audit_entry"
    AuditCommand {
        /// Notes what the program saw happen.
        Note(NoteEntry) {
            entry: Box<AuditEvent>,
        }
    }
    AuditEvent {
        KeyCreated "1.0" {
            /// The public part of the API key.
            key_id: KeyId,
            role: KeyRole,
            /// From when on it is refused; left out: never.
            #[serde(skip_serializing_if = "Option::is_none")]
            expires_at: Option<DateTime<Utc>>,
        }
        KeyRevoked "1.0" {
            /// The public part of the API key.
            key_id: KeyId,
            role: KeyRole,
        }
        /// The first use of a key on a day, UTC.
        KeyUsed "1.0" {
            /// The public part of the API key.
            key_id: KeyId,
            role: KeyRole,
        }
        /// The first time in an hour, UTC, that a known key was turned away for this reason.
        AccessDenied "1.0" {
            /// The public part of the API key.
            key_id: KeyId,
            role: KeyRole,
            reason: DenialReason,
            /// The route that was asked for, as it is declared, without the ids in the path.
            route: Route,
        }
        PersonalDataRead "1.0" {
            /// Whose; what the ledger knows the person by.
            subject: Pseudonym,
            purpose: PersonalDataPurpose,
        }
        /// Data in bulk, about to be given out.
        DataExported "1.0" {
            what: Exported,
            /// Which one of them, such as a KPI's id.
            #[serde(skip_serializing_if = "Option::is_none")]
            name: Option<Label>,
            format: ExportFormat,
            /// How many; left out where it was not known before they were given out.
            #[serde(skip_serializing_if = "Option::is_none")]
            rows: Option<u64>,
            /// The first moment that was asked for; left out: from the beginning.
            #[serde(skip_serializing_if = "Option::is_none")]
            from: Option<DateTime<Utc>>,
            /// The moment before which was asked for; left out: up to the present.
            #[serde(skip_serializing_if = "Option::is_none")]
            to: Option<DateTime<Utc>>,
        }
        /// Read models that were made anew took over from those before.
        GenerationCutOver "1.0" {
            /// The generation that was live before; left out: there was none.
            #[serde(skip_serializing_if = "Option::is_none")]
            from_generation: Option<u32>,
            to_generation: u32,
            /// How many events of the ledger were folded into it, all tenants' together.
            events: u64,
            /// In how many rows it was other than the one before; left out: they were not compared.
            #[serde(skip_serializing_if = "Option::is_none")]
            differences: Option<u64>,
            reason: CutOverReason,
        }
        /// From now on the event is left out of the read models, in every fold of the log.
        EventSkipped "1.0" {
            event: EventRef,
            /// Which read models stood still at it.
            projection: Label,
            reason: Reason,
        }
        SigningKeyRotated "1.0" {
            old_key: SigningKeyId,
            new_key: SigningKeyId,
        }
        TenantRegionSet "1.0" {
            /// Where the tenant's data are to reside.
            region: Region,
        }
    }
}

impl AuditEvent {
    /// What there is at most one entry of in a tenant's log, however often it is noted; none: each counts.
    pub fn once(&self) -> Option<String> {
        let name = self.name();
        Some(match self {
            Self::KeyCreated(KeyCreated { key_id, .. }) | Self::KeyRevoked(KeyRevoked { key_id, .. }) => {
                format!("{name} {key_id}")
            }
            Self::KeyUsed(KeyUsed { key_id, occurred_at, .. }) => format!("{name} {key_id} {}", occurred_at.format("%Y-%m-%d")),
            Self::AccessDenied(AccessDenied { key_id, reason, occurred_at, .. }) => {
                format!("{name} {key_id} {} {}", reason.as_str(), occurred_at.format("%Y-%m-%dT%H"))
            }
            Self::GenerationCutOver(GenerationCutOver { to_generation, events, .. }) => {
                format!("{name} {to_generation} {events}")
            }
            Self::EventSkipped(EventSkipped { event, .. }) => format!("{name} {event}"),
            Self::SigningKeyRotated(SigningKeyRotated { new_key, .. }) => format!("{name} {new_key}"),
            Self::PersonalDataRead(_) | Self::DataExported(_) | Self::TenantRegionSet(_) => return None,
        })
    }
}

/// What was noted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry(Option<AuditEvent>);

impl AuditEntry {
    pub fn decide(&self, command: AuditCommand, _: DateTime<Utc>, _: &Context) -> Result<Vec<AuditEvent>, Rejection> {
        let AuditCommand::Note(NoteEntry { entry, .. }) = command;
        match &self.0 {
            None => Ok(vec![*entry]),
            Some(known) if *known == *entry => Ok(vec![]),
            Some(_) => Err(Rejection::Exists { what: "audit_entry" }),
        }
    }

    #[must_use]
    pub fn evolve(self, event: &AuditEvent) -> Self {
        Self(Some(event.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, given, noon};
    use crate::{AggregateType, Command};

    fn used(key: &str, occurred_at: DateTime<Utc>) -> AuditEvent {
        let key_id = KeyId::parse(key).expect("a key's id");
        KeyUsed { key_id, role: KeyRole::Analyst, occurred_at }.into()
    }
    fn denied(reason: DenialReason, route: &str, occurred_at: DateTime<Utc>) -> AuditEvent {
        let (key_id, route) = (KeyId::parse("k1").expect("a key's id"), Route::parse(route).expect("a route"));
        AccessDenied { key_id, role: KeyRole::Analyst, reason, route, occurred_at }.into()
    }
    fn note(entry: AuditEvent) -> AuditCommand {
        AuditCommand::Note(NoteEntry { entry: Box::new(entry), occurred_at: None })
    }

    #[test]
    fn an_entry_is_noted_as_it_was_seen_and_never_becomes_another() {
        let seen = used("k1", noon());
        given::<AuditEntry>(vec![]).when(note(seen.clone())).then_expect_events(vec![seen.clone()]);
        given::<AuditEntry>(vec![seen.clone()]).when(note(seen.clone())).then_expect_events(vec![]);
        given::<AuditEntry>(vec![seen])
            .when(note(used("k2", noon())))
            .then_expect_error(Rejection::Exists { what: "audit_entry" });
    }

    #[test]
    fn no_client_can_send_an_entry() {
        assert!(AggregateType::AuditEntry.commands().is_empty());
        for name in ["note", "record", ""] {
            let error = Command::parse(AggregateType::AuditEntry, name, b"{}").expect_err("no such command");
            assert_eq!(error.code, "unknown_command");
        }
    }

    #[test]
    fn a_key_is_used_once_a_day_and_turned_away_once_an_hour_for_each_reason() {
        let (morning, evening) = (at("2026-10-31T06:00:00Z"), at("2026-10-31T18:00:00Z"));
        assert_eq!(used("k1", morning).once(), used("k1", evening).once());
        assert_ne!(used("k1", morning).once(), used("k1", at("2026-11-01T00:00:00Z")).once());
        assert_ne!(used("k1", morning).once(), used("k2", morning).once());

        let (role, later) = (denied(DenialReason::Role, "/v1/events", noon()), at("2026-10-31T12:59:59Z"));
        assert_eq!(role.once(), denied(DenialReason::Role, "/v1/capsules/{id}", later).once());
        assert_ne!(role.once(), denied(DenialReason::Revoked, "/v1/events", noon()).once());
        assert_ne!(role.once(), denied(DenialReason::Role, "/v1/events", at("2026-10-31T13:00:00Z")).once());
    }

    #[test]
    fn every_read_of_a_persons_data_and_every_export_counts() {
        let subject = Pseudonym(uuid::Uuid::from_u128(7));
        let read = PersonalDataRead { subject, purpose: PersonalDataPurpose::Lookup, occurred_at: noon() };
        assert_eq!(AuditEvent::from(read).once(), None);
        let (what, format) = (Exported::Events, ExportFormat::Ndjson);
        let exported = DataExported { what, name: None, format, rows: None, from: None, to: None, occurred_at: noon() };
        assert_eq!(AuditEvent::from(exported).once(), None);
    }
}
