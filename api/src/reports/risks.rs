//! `GET /v1/risks`: the register of risks, the gravest first.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::governance::RiskCategory;
use projections::reports::risks::{Place, RegisteredRisk, RisksQuery, risks};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Question, ReportAnswer, in_form};
use crate::auth::{Caller, Read};
use crate::parameters::{Parameters, cursor, limit, place};
use crate::problem::{Problem, ProblemDocument};
use crate::state::Shared;
use crate::table::{Form, Rows, Table};

const PAGE_DEFAULT: u16 = 100;
const PAGE_MAX: u16 = 1_000;
const TABLE_MAX: u16 = 10_000;

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(page))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RisksParameters {
    /// `open` (default), `closed` or `all`
    state: Option<String>,
    /// `organizational`, `operational` or `financial`; default: all
    category: Option<String>,
    /// `next` of the page before
    cursor: Option<String>,
    /// Risks a page, at most 1000; default 100. Of CSV and Parquet at most and by default 10000
    limit: Option<String>,
    /// As it was known at the end of this day, UTC; default: now
    as_of: Option<String>,
    /// A write's token: waits until it is to be seen
    after: Option<String>,
}

/// A risk as it stands.
#[derive(Debug, Serialize, ToSchema)]
struct RiskAnswer {
    id: String,
    category: String,
    /// What might go wrong
    risk: String,
    /// From 1, hardly, to 5, almost certainly
    likelihood: i64,
    /// From 1, hardly felt, to 5, the company's end
    impact: i64,
    /// Likelihood times impact
    exposure: i64,
    /// `open` or `closed`
    state: &'static str,
    raised_at: DateTime<Utc>,
    /// When likelihood and impact were last said
    assessed_at: DateTime<Utc>,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<DateTime<Utc>>,
    /// Whole days that it has been open, or was
    age_days: i64,
    /// What is done against it, in the order it was begun
    mitigations: Vec<MitigationAnswer>,
    /// The last event of it: `PARTITION-POSITION`
    last_event: String,
}

#[derive(Debug, Serialize, ToSchema)]
struct MitigationAnswer {
    mitigation: String,
    occurred_at: DateTime<Utc>,
}

impl From<RegisteredRisk> for RiskAnswer {
    fn from(risk: RegisteredRisk) -> Self {
        Self {
            id: risk.id,
            category: risk.category,
            risk: risk.risk,
            likelihood: risk.likelihood,
            impact: risk.impact,
            exposure: risk.exposure,
            state: if risk.closed_at.is_none() { "open" } else { "closed" },
            raised_at: risk.raised_at,
            assessed_at: risk.assessed_at,
            closed_at: risk.closed_at,
            age_days: risk.age_days,
            mitigations: risk
                .mitigations
                .into_iter()
                .map(|taken| MitigationAnswer { mitigation: taken.mitigation, occurred_at: taken.occurred_at })
                .collect(),
            last_event: risk.last_event,
        }
    }
}

impl RisksParameters {
    fn query(&self, form: Form) -> Result<RisksQuery, Problem> {
        let is_open = match self.state.as_deref() {
            None | Some("open") => Some(true),
            Some("closed") => Some(false),
            Some("all") => None,
            Some(other) => return Err(Problem::parameter("state", format!("is {other:?}, not open, closed or all"))),
        };
        let category = self.category.clone();
        if let Some(name) = &category {
            let known: Result<RiskCategory, _> = serde_json::from_value(name.as_str().into());
            known.map_err(|_| {
                Problem::parameter("category", format!("is {name:?}, not organizational, operational or financial"))
            })?;
        }
        let (default, max) = if form == Form::Json { (PAGE_DEFAULT, PAGE_MAX) } else { (TABLE_MAX, TABLE_MAX) };
        Ok(RisksQuery {
            is_open,
            category,
            after: place(self.cursor.as_deref())?.map(|(exposure, id)| Place { exposure, id }),
            limit: limit(self.limit.as_deref(), default, max)?,
        })
    }
}

/// The risk register
///
/// Each risk as it stands, with what is done against it; the gravest first. JSON, CSV or Parquet by `Accept`.
#[utoipa::path(
    get, path = "/v1/risks", tag = "Reports", params(RisksParameters),
    responses(
        (status = 200, description = "A page", body = ReportAnswer<RiskAnswer>),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn page(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Parameters(parameters): Parameters<RisksParameters>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let form = Form::asked_for(&headers)?;
    let query = parameters.query(form)?;
    let question = Question::parse(caller.tenant(), parameters.as_of.as_deref(), parameters.after.as_deref())?;
    let ask = risks(&api.read_pool, question.asked(), &query);
    // Read from the facts themselves: there is no figure to wait for.
    let ((report, has_more), freshness) = question.answer(&api, |_| false, ask).await?;
    let next = report.data.last().filter(|_| has_more).map(|risk| cursor(risk.exposure, &risk.id));
    let answer = ReportAnswer { next, ..question.report(report, freshness).map(RiskAnswer::from) };
    in_form((&api, &caller), form, ("risks", parameters.limit.is_some()), answer, table).await
}

fn table(rows: &[RiskAnswer]) -> Table {
    let rows = Rows(rows);
    let mitigations =
        |row: &RiskAnswer| row.mitigations.iter().map(|taken| taken.mitigation.as_str()).collect::<Vec<_>>().join("; ");
    Table::new([
        ("id", rows.text(|row| Some(&row.id))),
        ("category", rows.text(|row| Some(&row.category))),
        ("risk", rows.text(|row| Some(&row.risk))),
        ("likelihood", rows.whole(|row| row.likelihood)),
        ("impact", rows.whole(|row| row.impact)),
        ("exposure", rows.whole(|row| row.exposure)),
        ("state", rows.text(|row| Some(row.state))),
        ("raised_at", rows.text(|row| Some(row.raised_at.to_rfc3339()))),
        ("assessed_at", rows.text(|row| Some(row.assessed_at.to_rfc3339()))),
        ("closed_at", rows.text(|row| row.closed_at.map(|moment| moment.to_rfc3339()))),
        ("age_days", rows.whole(|row| row.age_days)),
        ("mitigations", rows.text(|row| Some(mitigations(row)))),
        ("last_event", rows.text(|row| Some(&row.last_event))),
    ])
}
