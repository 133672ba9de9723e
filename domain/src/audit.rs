//! The audit log: who did what with the ledger itself. Commands are not here: their events name the key that sent them; nor are
//! erasures, whose own event the log shows.
//!
//! No client can send one, for no command of it is in the list of [`crate::collections`]: the program notes what it sees.

mod entry;
mod kinds;

pub use entry::{
    AccessDenied, AuditCommand, AuditEntry, AuditEvent, DataExported, EventSkipped, GenerationCutOver, KeyCreated, KeyRevoked,
    KeyUsed, NoteEntry, PersonalDataRead, SigningKeyRotated, TenantRegionSet,
};
pub use kinds::{CutOverReason, DenialReason, ExportFormat, Exported, KeyRole, PersonalDataPurpose};
