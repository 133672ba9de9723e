//! The closed lists that entries of the audit log choose from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! kinds {
    ($($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident $text:literal,)* })*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$variant_meta])* $variant),* }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// As events write it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),* }
            }
        }
    )*};
}

kinds! {
    /// What an API key may do.
    KeyRole {
        Admin "admin",
        Writer "writer",
        Analyst "analyst",
        Auditor "auditor",
    }

    /// Why a key that is known was turned away.
    DenialReason {
        /// Its role may not do this.
        Role "role",
        Expired "expired",
        Revoked "revoked",
    }

    /// What personal data were read for.
    PersonalDataPurpose {
        /// The person asked what is held of them.
        AccessRequest "access_request",
        /// A person's events were searched for by the id that clients send.
        Lookup "lookup",
    }

    /// What was taken out.
    Exported {
        /// Events of the log.
        Events "events",
        /// A KPI's series.
        Kpi "kpi",
        Report "report",
        AuditLog "audit_log",
    }

    /// The form that it was taken out in.
    ExportFormat {
        Json "json",
        Ndjson "ndjson",
        Csv "csv",
        Parquet "parquet",
    }

    /// Why other read models took over.
    CutOverReason {
        /// A build of the program whose tables or folds are other ones.
        Build "build",
        /// An operator had them made anew.
        Replay "replay",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_called_the_same_in_events_and_in_words() {
        fn same<T: Serialize + Copy>(all: &[T], as_str: fn(T) -> &'static str) {
            for kind in all {
                assert_eq!(serde_json::to_value(kind).expect("JSON"), as_str(*kind));
            }
        }
        same(KeyRole::ALL, KeyRole::as_str);
        same(DenialReason::ALL, DenialReason::as_str);
        same(PersonalDataPurpose::ALL, PersonalDataPurpose::as_str);
        same(Exported::ALL, Exported::as_str);
        same(ExportFormat::ALL, ExportFormat::as_str);
        same(CutOverReason::ALL, CutOverReason::as_str);
    }
}
