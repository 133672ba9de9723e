//! The audit log for people: who did what with the ledger itself, the newest first; who was turned away stands out.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::Utc;
use domain::Event;
use domain::audit::{AuditEvent, CutOverReason, DenialReason, PersonalDataPurpose};
use domain::privacy::{ErasureReason, SubjectErased, SubjectEvent};
use event_store::audit::entry_types;

use super::ledger::{may_read, not_allowed, told};
use super::session::Viewer;
use super::view::{View, ViewParameters, encoded, for_field, given};
use super::words::{day_of, event_type};
use super::{Frame, frame};
use crate::audit::{AuditEntryAnswer, AuditParameters, entries};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

pub(super) const PATH: &str = "/dashboards/audit";
const PAGE: usize = 50;

#[derive(Debug, Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    region: Option<String>,
    asked: AskedWords,
    /// As the log names them, and as people do.
    actions: Vec<(&'static str, String)>,
    entries: Vec<EntryRow>,
    /// Where the same entries are to be had as files.
    csv: String,
    ndjson: String,
    /// The commands that the key sent, where one is asked for.
    commands: Option<String>,
    first: Option<String>,
    next: Option<String>,
}

#[derive(Debug)]
struct AskedWords {
    action: String,
    key: String,
    from: String,
    to: String,
}

#[derive(Debug)]
struct EntryRow {
    event: String,
    /// As the log names it.
    event_type: String,
    action: String,
    is_denied: bool,
    who: String,
    who_href: String,
    what: String,
    occurred_at: String,
}

pub(super) async fn audit(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Parameters(parameters): Parameters<AuditParameters>,
) -> Result<Response, Problem> {
    let mut view = View::parse(PATH.to_owned(), &ViewParameters::default(), Utc::now())?;
    if !may_read(&caller) {
        return not_allowed(&api, &caller, &view, "Audit log");
    }
    let parameters = AuditParameters {
        from: given(&parameters.from),
        to: given(&parameters.to),
        action: given(&parameters.action),
        key: given(&parameters.key),
        cursor: given(&parameters.cursor),
        ..AuditParameters::default()
    };
    let filters =
        [("action", &parameters.action), ("key", &parameters.key), ("from", &parameters.from), ("to", &parameters.to)];
    for (name, value) in filters {
        view.own.extend(value.clone().map(|value| (name, value)));
    }
    let query = parameters.query_of(PAGE)?;
    let ((found, region, next), freshness) = read(&api, None, entries(&api, &caller, &query)).await?;
    let file = |format: &str| {
        let own = view.own.iter().map(|(name, value)| format!("&amp;{name}={}", encoded(value))).collect::<String>();
        format!("/v1/audit?format={format}{own}")
    };
    page(&AuditPage {
        region,
        actions: entry_types().into_iter().map(|name| (name, event_type(name))).collect(),
        entries: found.into_iter().map(EntryRow::of).collect(),
        csv: file("csv"),
        ndjson: file("ndjson"),
        commands: parameters.key.as_ref().map(|key| format!("{}?key={}", super::ledger::PATH, encoded(key))),
        first: parameters.cursor.is_some().then(|| view.to(PATH)),
        next: next.map(|before| view.here_with(&[("cursor", &before)])),
        asked: AskedWords::of(parameters),
        frame: frame(&view, &caller, freshness, "Audit log").without_rhythms().without_as_of(),
    })
}

impl AskedWords {
    fn of(parameters: AuditParameters) -> Self {
        Self {
            action: parameters.action.unwrap_or_default(),
            key: parameters.key.unwrap_or_default(),
            from: for_field(parameters.from.as_deref()),
            to: for_field(parameters.to.as_deref()),
        }
    }
}

impl EntryRow {
    fn of(entry: AuditEntryAnswer) -> Self {
        Self {
            is_denied: entry.action == "AccessDenied",
            what: in_words(&entry),
            who_href: format!("{PATH}?key={}", encoded(&entry.who)),
            occurred_at: told(entry.occurred_at),
            event: entry.event,
            action: event_type(&entry.action),
            event_type: entry.action,
            who: entry.who,
        }
    }
}

/// Of a verifier key, NAME+HASH+KEY, what tells it from the others of its ledger.
fn hash(verifier_key: &str) -> &str {
    verifier_key.split('+').nth(1).unwrap_or(verifier_key)
}

/// What an entry says, in one line.
fn in_words(entry: &AuditEntryAnswer) -> String {
    match &entry.what {
        Some(Event::AuditEntry(noted)) => noted_in_words(noted),
        Some(Event::Subject(SubjectEvent::SubjectErased(SubjectErased { reason, .. }))) => {
            let why = match reason {
                ErasureReason::Request => "as was asked for",
                ErasureReason::Retention => "as a retention rule says",
            };
            let subject = entry.details["subject"].as_str().unwrap_or_default();
            format!("Who was known as {subject}, {why}")
        }
        _ => String::new(),
    }
}

fn noted_in_words(entry: &AuditEvent) -> String {
    match entry {
        AuditEvent::KeyCreated(made) => {
            let until = made.expires_at.map_or(String::new(), |moment| format!(", until {}", day_of(moment)));
            format!("Key {} of role {}{until}", made.key_id, made.role.as_str())
        }
        AuditEvent::KeyRevoked(revoked) => format!("Key {} of role {}", revoked.key_id, revoked.role.as_str()),
        AuditEvent::KeyUsed(used) => format!("Role {}, for the first time that day", used.role.as_str()),
        AuditEvent::AccessDenied(denied) => {
            let why = match denied.reason {
                DenialReason::Role => format!("role {} may not", denied.role.as_str()),
                DenialReason::Expired => "the key has expired".to_owned(),
                DenialReason::Revoked => "the key was revoked".to_owned(),
            };
            format!("{}: {why}; the first time in that hour", denied.route)
        }
        AuditEvent::PersonalDataRead(read) => {
            let why = match read.purpose {
                PersonalDataPurpose::AccessRequest => "for a request of access",
                PersonalDataPurpose::Lookup => "a search for the person’s events",
            };
            format!("Of {}, {why}", read.subject)
        }
        AuditEvent::DataExported(exported) => {
            let name = exported.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
            let rows = exported.rows.map_or(String::new(), |rows| format!(", {rows} rows"));
            let from = exported.from.map_or(String::new(), |moment| format!(", from {}", told(moment)));
            let to = exported.to.map_or(String::new(), |moment| format!(", before {}", told(moment)));
            let what = exported.what.as_str().replace('_', " ");
            format!("{what}{name} as {}{rows}{from}{to}", exported.format.as_str())
        }
        AuditEvent::GenerationCutOver(exchanged) => {
            let from = exchanged.from_generation.map_or(String::new(), |from| format!(" after {from}"));
            let differences = exchanged.differences.map_or(String::new(), |rows| format!(", {rows} rows differ"));
            let why = match exchanged.reason {
                CutOverReason::Build => "another build of the program",
                CutOverReason::Replay => "an operator’s replay",
            };
            format!("Generation {}{from}, {} events{differences}: {why}", exchanged.to_generation, exchanged.events)
        }
        AuditEvent::EventSkipped(skipped) => {
            format!("Event {} is left out of the read models: {}", skipped.event, skipped.reason)
        }
        AuditEvent::SigningKeyRotated(rotated) => {
            format!("Key {} after {}", hash(rotated.new_key.as_str()), hash(rotated.old_key.as_str()))
        }
        AuditEvent::TenantRegionSet(set) => format!("Data are to reside in {}", set.region),
    }
}
