//! What a client is told when something is wrong: problem documents (RFC 9457) with a stable `code`.
//!
//! [`KINDS`] is the one table from every error to its status and code; `/problems` shows it.

mod from_errors;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// One kind of problem. Its code never changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Kind {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) title: &'static str,
    /// What the caller can do.
    pub(crate) remedy: &'static str,
}

macro_rules! kinds {
    ($($name:ident $status:literal $code:literal $title:literal, $remedy:literal;)*) => {
        $(pub(crate) static $name: Kind = Kind { code: $code, status: $status, title: $title, remedy: $remedy };)*
        pub(crate) static KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    INVALID_JSON 400 "invalid_json" "Not JSON", "Send one JSON value, or one a line as application/x-ndjson.";
    INVALID_ENCODING 400 "invalid_encoding" "Not the encoding it says it is", "Compress the body with gzip, or leave out Content-Encoding.";
    INVALID_BODY 400 "invalid_body" "The body ended early", "Send the whole body.";
    INVALID_PARAMETER 400 "invalid_parameter" "A query parameter is wrong", "Correct the parameter that the detail names.";
    INVALID_HEADER 400 "invalid_header" "A header is wrong", "Correct the header that the detail names.";
    INVALID_TOKEN 400 "invalid_token" "Not a token", "Pass the token of a write's answer, unchanged.";
    IDEMPOTENCY_KEY_NOT_SUPPORTED 400 "idempotency_key_not_supported" "No Idempotency-Key here",
        "Leave it out: an interaction's id is its key for ever; a line of /v1/commands has its own idempotency_key.";
    KEY_MISSING 401 "key_missing" "No API key", "Send Authorization: Bearer KEY.";
    KEY_UNKNOWN 401 "key_unknown" "Unknown API key", "Check the key, or ask for one.";
    KEY_EXPIRED 401 "key_expired" "The API key has expired", "Ask for a new key.";
    KEY_REVOKED 401 "key_revoked" "The API key was revoked", "Ask for a new key.";
    ROLE_FORBIDDEN 403 "role_forbidden" "The key's role may not do this", "Use a key of a role that the detail names.";
    NOT_FOUND 404 "not_found" "Not found", "Check the address.";
    UNKNOWN_COLLECTION 404 "unknown_collection" "No such collection", "Use one that the detail names.";
    UNKNOWN_COMMAND 404 "unknown_command" "No such command", "Use one that the detail names.";
    CAPSULE_UNKNOWN 404 "capsule_unknown" "No such capsule", "Create the capsule first.";
    INTERACTION_UNKNOWN 404 "interaction_unknown" "No such interaction", "Check the interaction's id.";
    ID_UNKNOWN 404 "id_unknown" "Nothing of this id", "Check the id, or record its first fact.";
    SUBJECT_UNKNOWN 404 "subject_unknown" "Nothing is known of this person", "Check the user id. Whom it has erased, the ledger knows no more.";
    METHOD_NOT_ALLOWED 405 "method_not_allowed" "Not with this method", "Use a method that Allow names.";
    NOT_ACCEPTABLE 406 "not_acceptable" "Not in this form", "Ask for a form that the detail names.";
    CAPSULE_EXISTS 409 "capsule_exists" "The capsule exists", "Choose another id, or rename the capsule.";
    INTERACTION_CONFLICT 409 "interaction_conflict" "Recorded with other content",
        "Send other interactions under other ids; to correct one, void it and record another.";
    ID_TAKEN 409 "id_taken" "Recorded with other content", "Choose another id; what is recorded stays.";
    IDEMPOTENCY_KEY_IN_USE 409 "idempotency_key_in_use" "The first request of this key still runs", "Send the same again a little later.";
    VERSION_MISMATCH 412 "version_mismatch" "It has changed since", "Read it again, and decide on what you see.";
    BODY_TOO_LARGE 413 "body_too_large" "The body is too large", "Send smaller batches.";
    TOO_MANY_EVENTS 413 "too_many_events" "Too many events in one request", "Send smaller batches.";
    EVENT_TOO_LARGE 413 "event_too_large" "The event is too large", "Keep an event within 32 KiB.";
    UNSUPPORTED_MEDIA_TYPE 415 "unsupported_media_type" "Unknown content type", "Use a content type that the detail names.";
    UNSUPPORTED_ENCODING 415 "unsupported_encoding" "Unknown content encoding", "Use gzip or none.";
    MISSING_FIELD 422 "missing_field" "A field is missing", "Add the field.";
    UNKNOWN_FIELD 422 "unknown_field" "There is no such field", "Remove or correct the field.";
    INVALID_FIELD 422 "invalid_field" "A field is wrong", "Correct the field as the detail says.";
    TIME_WITHOUT_ZONE 422 "time_without_zone" "A time without its zone", "Write times as 2026-10-31T12:00:00Z.";
    TIME_AHEAD 422 "time_ahead" "The time has not come yet", "Send what has happened; check the clock.";
    CAPSULE_NOT_PUBLISHED 422 "capsule_not_published" "The capsule was never published", "Publish the capsule first.";
    CAPSULE_ARCHIVED 422 "capsule_archived" "The capsule is archived", "Nothing occurs with a capsule after it was archived.";
    NOT_ALLOWED_NOW 422 "not_allowed_now" "Not as it stands now", "The detail says what stands against it.";
    IDEMPOTENCY_KEY_REUSED 422 "idempotency_key_reused" "The key was used for something else", "Use a new key for each new request.";
    INTERNAL 500 "internal" "Something is wrong on our side", "Report it with the request's id.";
    UNAVAILABLE 503 "unavailable" "Not now", "Send the same again after Retry-After: nothing counts twice.";
    TOO_BUSY 503 "too_busy" "Too busy", "Send the same again after Retry-After: nothing counts twice.";
    TIMED_OUT 503 "timed_out" "It took too long", "Send the same again after Retry-After: nothing counts twice.";
    NOT_YET_SIGNED 503 "not_yet_signed" "No checkpoint covers it yet", "Ask again after Retry-After.";
    NOT_YET_VISIBLE 503 "not_yet_visible" "The write is not to be seen yet", "Ask again after Retry-After.";
}

impl Kind {
    /// `/problems/{code}`.
    pub(crate) fn address(&self) -> String {
        format!("/problems/{}", self.code)
    }

    /// The kind of a code that the domain gave.
    fn of(code: &str) -> &'static Self {
        KINDS.iter().copied().find(|kind| kind.code == code).unwrap_or(&INTERNAL)
    }
}

/// One problem, as it happened.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: &'static Kind,
    pub(crate) detail: String,
    /// JSON pointer of the field at fault.
    pub(crate) field: Option<String>,
    retry_after_s: Option<u32>,
}

/// A problem document as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// `/problems/{code}`, where its kind is described.
    #[serde(rename = "type")]
    address: String,
    title: &'static str,
    status: u16,
    detail: String,
    /// Stable; what a program decides by.
    code: &'static str,
    /// JSON pointer of the field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Problem {
    pub(crate) const CONTENT_TYPE: &'static str = "application/problem+json";

    pub(crate) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        let retry_after_s = (kind.status == 503).then_some(1);
        Self { kind, detail: detail.into(), field: None, retry_after_s }
    }

    pub(crate) fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()).filter(|field| !field.is_empty()), ..self }
    }

    /// The same, where the thing at fault is a part of something larger: `/kind` within `/data` is `/data/kind`.
    pub(crate) fn within(self, parent: &str) -> Self {
        let field = format!("{parent}{}", self.field.as_deref().unwrap_or_default());
        self.at(field)
    }

    pub(crate) fn parameter(name: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(&INVALID_PARAMETER, format!("{name} {detail}")).at(format!("/{name}"))
    }

    /// The same request may be answered otherwise a little later.
    pub(crate) fn is_passing(&self) -> bool {
        self.kind.status == 503
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, field, retry_after_s } = self;
        let document =
            ProblemDocument { address: kind.address(), title: kind.title, status: kind.status, detail, code: kind.code, field };
        let status = StatusCode::from_u16(kind.status).expect("a test reads every status of the table");
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Self::CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if kind.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"capsule-ledger\""));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_has_a_status_and_a_code_of_its_own() {
        let codes: BTreeSet<_> = KINDS.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| StatusCode::from_u16(kind.status).is_ok_and(|status| !status.is_success())));
    }

    #[test]
    fn a_problem_says_when_to_come_back_and_how_to_authenticate() {
        let response = Problem::new(&UNAVAILABLE, "PostgreSQL does not answer").into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], Problem::CONTENT_TYPE);
        let response = Problem::new(&KEY_MISSING, "no key").into_response();
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
    }

    #[test]
    fn a_field_within_another_keeps_its_path() {
        let problem = Problem::new(&INVALID_FIELD, "no").at("/kind").within("/data");
        assert_eq!(problem.field.as_deref(), Some("/data/kind"));
        assert_eq!(Problem::new(&INVALID_FIELD, "no").within("/data").field.as_deref(), Some("/data"));
    }
}
