//! `GET /v1/audit`: who did what with the ledger itself, and when, for reviews. Read from the ledger, so it is never behind.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use domain::audit::{ExportFormat, Exported};
use domain::{Event, Metadata, RecordedEvent};
use event_store::audit::{AuditPlace, AuditQuery, entry_types, region};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{self, Export};
use crate::auth::{Audit, Caller};
use crate::parameters::{Parameters, limit, moment};
use crate::problem::{INTERNAL, Problem, ProblemDocument};
use crate::reading::in_time;
use crate::state::{Api, Shared};
use crate::table::csv_file;

const PAGE_DEFAULT: u16 = 100;
const PAGE_MAX: u16 = 1_000;
/// Lines of an export, a page.
const LINES_MAX: u16 = 10_000;
const NDJSON: &str = "application/x-ndjson";

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page))
}

/// One entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntryAnswer {
    /// Of its event, `PARTITION-POSITION`: what `/v1/events/{id}/proof` proves
    pub(crate) event: String,
    /// What was done: an event's type, such as `KeyCreated`
    pub(crate) action: String,
    /// The id of the API key that did it; `operator`: a tool of the command line; `program`: the program by itself
    pub(crate) who: String,
    pub(crate) occurred_at: DateTime<Utc>,
    pub(crate) recorded_at: DateTime<Utc>,
    tenant: String,
    /// Where the tenant's data are to reside, as was said last
    region: Option<String>,
    pub(crate) correlation_id: String,
    /// All else that the entry says
    #[schema(value_type = Object)]
    pub(crate) details: Map<String, Value>,
    /// The same as a type, for pages.
    #[serde(skip)]
    pub(crate) what: Option<Event>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditAnswer {
    /// The newest first
    data: Vec<AuditEntryAnswer>,
    tenant: String,
    /// Where the tenant's data are to reside, as was said last
    region: Option<String>,
    /// `cursor` of the next page; none: this is the last
    next: Option<String>,
}

#[derive(Debug, Default, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditParameters {
    /// Noted at this moment or later: a day, or a time such as `2026-10-31T12:00`, UTC
    pub(crate) from: Option<String>,
    /// Noted before this moment
    pub(crate) to: Option<String>,
    /// Only entries of this type, such as `AccessDenied`
    pub(crate) action: Option<String>,
    /// Only what this API key did, or what was done to it; or `operator` or `program`
    pub(crate) key: Option<String>,
    /// `json` (default), or as a file: `ndjson` or `csv`
    pub(crate) format: Option<String>,
    /// `next` of the page before
    pub(crate) cursor: Option<String>,
    /// 1 to 1000, default 100; of a file at most 10000, its default
    pub(crate) limit: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Ndjson,
    Csv,
}

/// The audit log
///
/// Keys made, revoked and used, access denied, personal data read, people erased, exports, read models exchanged, events skipped,
/// signing keys rotated, regions set. Commands are not here: `/v1/events?key=` has those that a key sent. A file's next page has
/// its `cursor` in header `Ledger-Next`; that it was exported is noted before it is given out.
#[utoipa::path(
    get, path = "/v1/audit", tag = "Audit", params(AuditParameters),
    responses(
        (status = 200, description = "A page", content(
            (AuditAnswer = "application/json"), (AuditEntryAnswer = "application/x-ndjson"), (String = "text/csv"),
        )),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn page(
    State(api): State<Shared>,
    caller: Caller<Audit>,
    Parameters(parameters): Parameters<AuditParameters>,
) -> Result<Response, Problem> {
    let form = Form::named(parameters.format.as_deref())?;
    let query = parameters.query(form)?;
    if let Some(format) = form.exported() {
        let (what, name) = (Exported::AuditLog, parameters.action.clone());
        let narrowed_to = [query.key.clone(), None];
        let export = Export { what, name, format, rows: None, from: query.from, to: query.to, narrowed_to };
        access::export(&api, &caller, export).await?;
    }
    let (data, region, next) = entries(&api, &caller, &query).await?;
    let mut response = match form {
        Form::Json => {
            return Ok(Json(AuditAnswer { data, tenant: caller.tenant().to_string(), region, next }).into_response());
        }
        Form::Ndjson => ([(header::CONTENT_TYPE, NDJSON)], ndjson(&data)).into_response(),
        Form::Csv => csv_file("audit", &COLUMNS, data.iter().map(AuditEntryAnswer::row))?,
    };
    if let Some(next) = next {
        let next = HeaderValue::from_str(&next).expect("an entry's id is a header's value");
        response.headers_mut().insert("ledger-next", next);
    }
    Ok(response)
}

/// A page, the tenant's region, and where the next page begins.
pub(crate) async fn entries<P>(
    api: &Api,
    caller: &Caller<P>,
    query: &AuditQuery,
) -> Result<(Vec<AuditEntryAnswer>, Option<String>, Option<String>), Problem> {
    let ask = async { Ok((api.store.audit(caller.tenant(), query).await?, region(api.store.pool(), caller.tenant()).await?)) };
    let (page, region) = in_time(api, ask).await?;
    let data = page.entries.iter().map(|event| AuditEntryAnswer::of(event, region.as_deref()));
    Ok((data.collect::<Result<Vec<_>, _>>()?, region, page.next.map(|next| next.to_string())))
}

fn ndjson(data: &[AuditEntryAnswer]) -> Vec<u8> {
    let mut lines = Vec::new();
    for entry in data {
        serde_json::to_writer(&mut lines, entry).expect("an entry is JSON");
        lines.push(b'\n');
    }
    lines
}

const COLUMNS: [&str; 9] =
    ["event", "recorded_at", "occurred_at", "who", "action", "details", "tenant", "region", "correlation_id"];

impl AuditEntryAnswer {
    fn of(event: &RecordedEvent, region: Option<&str>) -> Result<Self, Problem> {
        let broken = || Problem::new(&INTERNAL, format!("the event {} is no entry of the audit log", event.id()));
        let metadata: Metadata = serde_json::from_str(&event.metadata).map_err(|_| broken())?;
        let what = event.decode().map_err(|_| broken())?;
        let mut details = what.fields();
        details.remove("occurred_at");
        if let Event::Subject(_) = what {
            // Whose erasure it is says its stream.
            details.insert("subject".to_owned(), event.aggregate_id.clone().into());
        }
        Ok(Self {
            event: event.id(),
            action: event.event_type.clone(),
            who: metadata.key,
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
            tenant: event.tenant.to_string(),
            region: region.map(str::to_owned),
            correlation_id: metadata.correlation_id,
            details,
            what: Some(what),
        })
    }

    fn row(&self) -> [String; 9] {
        let time = |moment: DateTime<Utc>| moment.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        [
            self.event.clone(),
            time(self.recorded_at),
            time(self.occurred_at),
            self.who.clone(),
            self.action.clone(),
            serde_json::to_string(&self.details).expect("details are JSON"),
            self.tenant.clone(),
            self.region.clone().unwrap_or_default(),
            self.correlation_id.clone(),
        ]
    }
}

impl Form {
    fn named(name: Option<&str>) -> Result<Self, Problem> {
        match name {
            None | Some("json") => Ok(Self::Json),
            Some("ndjson") => Ok(Self::Ndjson),
            Some("csv") => Ok(Self::Csv),
            Some(other) => Err(Problem::parameter("format", format!("is {other:?}, not json, ndjson or csv"))),
        }
    }

    /// As the audit log names it; none: it is read, not exported.
    fn exported(self) -> Option<ExportFormat> {
        match self {
            Self::Json => None,
            Self::Ndjson => Some(ExportFormat::Ndjson),
            Self::Csv => Some(ExportFormat::Csv),
        }
    }
}

impl AuditParameters {
    fn query(&self, form: Form) -> Result<AuditQuery, Problem> {
        let (default, max) = if form == Form::Json { (PAGE_DEFAULT, PAGE_MAX) } else { (LINES_MAX, LINES_MAX) };
        self.query_of(usize::from(limit(self.limit.as_deref(), default, max)?))
    }

    pub(crate) fn query_of(&self, limit: usize) -> Result<AuditQuery, Problem> {
        if let Some(action) = self.action.as_deref().filter(|action| !entry_types().contains(action)) {
            let known = entry_types().join(", ");
            return Err(Problem::parameter("action", format!("is {action:?}; there are {known}")));
        }
        let before = self.cursor.as_deref().map(str::parse::<AuditPlace>).transpose();
        Ok(AuditQuery {
            from: moment("from", self.from.as_deref())?,
            to: moment("to", self.to.as_deref())?,
            event_types: self.action.clone().map(|action| vec![action]),
            key: self.key.clone(),
            before: before.map_err(|_| Problem::parameter("cursor", "is not the next of a page"))?,
            limit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str, form: Form) -> Result<AuditQuery, Problem> {
        let uri = format!("/v1/audit?{text}").parse().expect("an address");
        let axum::extract::Query(parameters) = axum::extract::Query::<AuditParameters>::try_from_uri(&uri).expect("known");
        parameters.query(form)
    }

    #[test]
    fn filters_are_read_into_a_query() {
        let asked =
            query("from=2026-10-01&to=2026-10-31T12:00&action=AccessDenied&key=k1&limit=5", Form::Json).expect("a query");
        assert_eq!(asked.from, Some("2026-10-01T00:00:00Z".parse().expect("a time")));
        assert_eq!(asked.to, Some("2026-10-31T12:00:00Z".parse().expect("a time")));
        assert_eq!((asked.event_types, asked.key.as_deref(), asked.limit), (Some(vec!["AccessDenied".into()]), Some("k1"), 5));
        assert_eq!(query("", Form::Csv).expect("a query").limit, 10_000);
        for wrong in ["action=Slept", "from=yesterday", "limit=1001", "cursor=../x", "cursor=20261031T120000.000000Z"] {
            assert_eq!(query(wrong, Form::Json).expect_err(wrong).kind.code, "invalid_parameter");
        }
        assert!(Form::named(Some("parquet")).is_err());
    }
}
