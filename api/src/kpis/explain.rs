//! `GET /v1/kpis/{id}/explain`: the parts that add up to a figure, the events that each rests on, and what the figure leaves out.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Datelike as _, NaiveDate, Utc, Weekday};
use domain::kpis::{Kpi, Unit};
use domain::money::Currency;
use domain::{Grain, TenantId};
use projections::kpis::explain::{ExplainQuery, Explanation, LeftOut, LeftOutPart, Part, Totals, explain};
use projections::kpis::query::Known;
use projections::kpis::series::Segments;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::attest::attestation;
use super::parameters::{grain, segments};
use super::{FigureAnswer, KpiAnswer, exact, known, terms, unknown_definition};
use crate::auth::{Caller, Read};
use crate::parameters::{Parameters, cursor, day, limit, parsed, place};
use crate::problem::{Problem, ProblemDocument};
use crate::progression::Freshness;
use crate::reading::read;
use crate::state::{Api, Shared};

pub(super) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

const PAGE_DEFAULT: u32 = 100;
const PAGE_MAX: u32 = 1_000;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainParameters {
    /// `2026-10-31`, `2026-W44`, `2026-10` or `2026-Q4`, of one of the KPI's grains; default: the present period of its first
    pub(crate) period: Option<String>,
    /// `day`, `week`, `month` or `quarter`; default: as the period is written
    pub(crate) grain: Option<String>,
    /// One segment such as `team:smb`; default: `all`
    pub(crate) segment: Option<String>,
    /// As it was known at the end of this day, UTC; default: now
    pub(crate) as_of: Option<String>,
    /// Version of the KPI's definition; default: the one in force
    pub(crate) definition: Option<String>,
    /// `next` of the page before
    pub(crate) cursor: Option<String>,
    /// Parts a page, at most 1000; default 100
    pub(crate) limit: Option<String>,
    /// A write's token: waits until it is to be seen
    pub(crate) after: Option<String>,
}

/// What a figure comes from
#[derive(Debug, Serialize, ToSchema)]
struct ExplanationAnswer {
    /// The parts, in order of their names
    data: Vec<PartAnswer>,
    /// `cursor` of the next page; none: this is the last
    next: Option<String>,
    /// Of all parts, whatever the page
    totals: TotalsAnswer,
    /// What does not count, reason by reason
    left_out: Vec<LeftOutReasonAnswer>,
    /// The figure that the parts add up to, of the same moment; null: there are no data, and no parts
    figure: Option<FigureAnswer>,
    kpi: KpiAnswer,
    #[schema(value_type = String)]
    grain: Grain,
    period: String,
    segment: String,
    /// The version of the definition that it is made by
    definition: u16,
    /// The parameters of that version
    #[schema(value_type = Object)]
    parameters: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<NaiveDate>,
    /// The currency of the plan in force, of a figure in money
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    currency: Option<Currency>,
    /// Signed: the figure, its definition, and the trees of exactly the events that it follows from (docs/proof-format.md); null: this
    /// server signs nothing, its trees are far behind for the moment, or it is not the first page
    attestation: Option<String>,
    freshness: Freshness,
}

/// A deal, deployment, user, … of a figure
#[derive(Debug, Serialize, ToSchema)]
struct PartAnswer {
    /// What it is, such as `deal:d-1`; once in a figure
    part: String,
    /// What it adds to the figure's `numerator`, its `denominator`, or to what stands beside it in `parts` by that name
    #[schema(value_type = BTreeMap<String, f64>)]
    amounts: BTreeMap<String, Box<RawValue>>,
    /// Its own measure, where the figure is the median of them
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>)]
    value: Option<Box<RawValue>>,
    /// Why it counts as it does
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    /// Ids of the events that it rests on, at most 1000; none: it is of the plan
    events: Vec<String>,
    /// How many they are
    event_count: u64,
}

/// What all parts add up to
#[derive(Debug, Serialize, ToSchema)]
struct TotalsAnswer {
    parts: i64,
    /// Each counted once, in however many parts it is
    events: i64,
    /// The sums of the parts' amounts: the figure's own
    #[schema(value_type = BTreeMap<String, f64>)]
    amounts: BTreeMap<String, Box<RawValue>>,
}

/// Facts that a figure does not count, for one reason
#[derive(Debug, Serialize, ToSchema)]
struct LeftOutReasonAnswer {
    reason: String,
    count: u64,
    /// The first 20 by name
    examples: Vec<LeftOutPartAnswer>,
}

/// A fact that a figure does not count
#[derive(Debug, Serialize, ToSchema)]
struct LeftOutPartAnswer {
    part: String,
    events: Vec<String>,
}

impl From<Part> for PartAnswer {
    fn from(Part { part, amounts, value, note, events, event_count }: Part) -> Self {
        Self { part, amounts: numbers(amounts), value: exact(value), note, events, event_count }
    }
}

impl From<Totals> for TotalsAnswer {
    fn from(Totals { parts, events, amounts }: Totals) -> Self {
        Self { parts, events, amounts: numbers(amounts) }
    }
}

impl From<LeftOut> for LeftOutReasonAnswer {
    fn from(LeftOut { reason, count, examples }: LeftOut) -> Self {
        let examples = examples.into_iter().map(|LeftOutPart { part, events }| LeftOutPartAnswer { part, events });
        Self { reason, count, examples: examples.collect() }
    }
}

pub(super) fn numbers(amounts: BTreeMap<String, Decimal>) -> BTreeMap<String, Box<RawValue>> {
    amounts.into_iter().filter_map(|(name, amount)| Some((name, exact(Some(amount))?))).collect()
}

/// What is asked, in types.
pub(crate) fn asked(kpi: &Kpi, parameters: &ExplainParameters, now: DateTime<Utc>) -> Result<ExplainQuery, Problem> {
    let as_of = day("as_of", parameters.as_of.as_deref())?;
    let today = now.date_naive();
    if as_of.is_some_and(|day| day > today) {
        return Err(Problem::parameter("as_of", "is a day that has not come yet"));
    }
    let (grain, period) = period(kpi, parameters, as_of.unwrap_or(today))?;
    let segment = match segments(kpi, parameters.segment.as_deref())? {
        Segments::One(segment) => segment,
        Segments::Total | Segments::All if kpi.has_total => "all".to_owned(),
        _ => {
            let example = kpi.dimensions.first().map_or_else(String::new, |dimension| format!(", such as {dimension}:NAME"));
            return Err(Problem::parameter("segment", format!("is not one alone; one is explained at a time{example}")));
        }
    };
    let definition = parsed::<u16>("definition", parameters.definition.as_deref())?;
    let after = place::<NaiveDate>(parameters.cursor.as_deref())?.map(|(_, part)| part);
    let limit = limit(parameters.limit.as_deref(), PAGE_DEFAULT, PAGE_MAX)?;
    Ok(ExplainQuery { grain, period, segment, as_of, definition, after, limit, now })
}

/// The grain and the first day; by the way a period is written its grain is told.
fn period(kpi: &Kpi, parameters: &ExplainParameters, last: NaiveDate) -> Result<(Grain, NaiveDate), Problem> {
    let given = parameters.grain.as_deref().map(|text| grain(kpi, Some(text))).transpose()?;
    let Some(text) = parameters.period.as_deref() else {
        let grain = given.unwrap_or(kpi.grains[0]);
        return Ok((grain, grain.start(last)));
    };
    let grains: Vec<Grain> = given.map_or_else(|| kpi.grains.to_vec(), |grain| vec![grain]);
    let found = grains.iter().find_map(|grain| Some((*grain, first_day(*grain, text)?)));
    let (grain, start) = found.ok_or_else(|| {
        let known: Vec<String> =
            grains.iter().map(|grain| format!("a {} such as {}", grain.as_str(), grain.name(grain.start(last)))).collect();
        Problem::parameter("period", format!("is {text:?}, not {}", known.join(" or ")))
    })?;
    if start > last {
        return Err(Problem::parameter("period", format!("is {text:?}, which begins after {last}")));
    }
    Ok((grain, start))
}

/// Of a period as [`Grain::name`] writes it.
fn first_day(grain: Grain, text: &str) -> Option<NaiveDate> {
    let (year, rest) = text.split_once('-')?;
    let year: i32 = year.parse().ok()?;
    let start = match grain {
        Grain::Day => text.parse().ok()?,
        Grain::Week => NaiveDate::from_isoywd_opt(year, rest.strip_prefix('W')?.parse().ok()?, Weekday::Mon)?,
        Grain::Month => NaiveDate::from_ymd_opt(year, rest.parse().ok()?, 1)?,
        Grain::Quarter => NaiveDate::from_ymd_opt(
            year,
            3 * rest.strip_prefix('Q')?.parse::<u32>().ok().filter(|quarter| (1..=4).contains(quarter))? - 2,
            1,
        )?,
    };
    ((1970..=9000).contains(&start.year()) && grain.name(start) == text).then_some(start)
}

/// A figure and its parts, of one moment.
pub(crate) async fn explanation(
    api: &Api,
    tenant: &TenantId,
    kpi: &'static Kpi,
    query: &ExplainQuery,
) -> Result<Explanation, Problem> {
    explain(&api.read_pool, tenant, kpi, query).await?.ok_or_else(|| unknown_definition(query.definition))
}

/// What a figure comes from
///
/// The parts that add up to it exactly, each with the events that it rests on, and the facts that it leaves out, with the
/// reason. The figure is made for this question, from the same moment as its parts. An event is read at `/v1/events/{id}`.
/// A segment or period without data has `figure` null and no parts.
#[utoipa::path(
    get, path = "/v1/kpis/{id}/explain", tag = "Figures", params(("id" = String, Path), ExplainParameters),
    responses(
        (status = 200, description = "The parts, page by page", body = ExplanationAnswer),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Path(id): Path<String>,
    Parameters(parameters): Parameters<ExplainParameters>,
) -> Result<Json<ExplanationAnswer>, Problem> {
    let kpi = known(&id)?;
    let query = asked(kpi, &parameters, Utc::now())?;
    let ask = async {
        let explanation = explanation(&api, caller.tenant(), kpi, &query).await?;
        let attestation = attestation(&api, caller.tenant(), kpi, &query, &explanation).await?;
        Ok((explanation, attestation, terms(&api, &caller, Known::of(query.as_of)).await?))
    };
    let ((explanation, attestation, terms), freshness) = read(&api, parameters.after.as_deref(), ask).await?;
    let Explanation { figure, definition, parameters, currency, parts, has_more, totals, left_out, marks: _ } = explanation;
    let last = parts.last().filter(|_| has_more);
    Ok(Json(ExplanationAnswer {
        next: last.map(|part| cursor(query.period, &part.part)),
        data: parts.into_iter().map(PartAnswer::from).collect(),
        totals: totals.into(),
        left_out: left_out.into_iter().map(LeftOutReasonAnswer::from).collect(),
        figure: figure.map(|shown| FigureAnswer::of(query.grain, shown)),
        kpi: KpiAnswer::of(kpi, &terms),
        grain: query.grain,
        period: query.grain.name(query.period),
        segment: query.segment,
        definition,
        parameters,
        as_of: query.as_of,
        currency: (kpi.unit == Unit::Money).then_some(currency),
        attestation,
        freshness,
    }))
}

#[cfg(test)]
mod tests {
    use domain::kpis::find;

    use super::*;

    fn of(id: &str, query: &str) -> Result<ExplainQuery, Problem> {
        let uri = format!("/v1/kpis/{id}/explain?{query}").parse().expect("an address");
        let axum::extract::Query(parameters) = axum::extract::Query::try_from_uri(&uri).expect("known parameters");
        asked(find(id).expect("a KPI"), &parameters, "2026-10-15T12:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn a_period_tells_its_grain_and_without_one_it_is_the_present_one() {
        let grain_and_start = |id: &str, query: &str| {
            let query = of(id, query).expect("a question");
            (query.grain, query.period.to_string())
        };
        assert_eq!(grain_and_start("win_rate", ""), (Grain::Month, "2026-10-01".to_owned()));
        assert_eq!(grain_and_start("win_rate", "as_of=2026-03-31"), (Grain::Month, "2026-03-01".to_owned()));
        assert_eq!(grain_and_start("win_rate", "period=2026-03"), (Grain::Month, "2026-03-01".to_owned()));
        assert_eq!(grain_and_start("win_rate", "period=2026-W10"), (Grain::Week, "2026-03-02".to_owned()));
        assert_eq!(grain_and_start("win_rate", "period=2026-Q3&grain=quarter"), (Grain::Quarter, "2026-07-01".to_owned()));
        assert_eq!(grain_and_start("mttr", "grain=week"), (Grain::Week, "2026-10-12".to_owned()));
    }

    #[test]
    fn one_segment_is_explained_at_a_time() {
        assert_eq!(of("win_rate", "segment=team:smb").expect("a segment").segment, "team:smb");
        assert_eq!(of("win_rate", "segment=all").expect("all").segment, "all");
        for (id, query) in [("win_rate", "segment=team"), ("brand_awareness", "")] {
            let problem = of(id, query).expect_err(query);
            assert_eq!(problem.field.as_deref(), Some("/segment"), "{id} {query}");
        }
    }

    #[test]
    fn a_page_goes_on_after_the_part_that_ended_the_one_before() {
        let next = cursor("2026-10-01", "deal:a.b");
        let query = of("win_rate", &format!("cursor={next}&limit=5")).expect("a page");
        assert_eq!((query.after.as_deref(), query.limit), (Some("deal:a.b"), 5));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, field) in [
            ("period=2026-13", "/period"),
            ("period=2026-3", "/period"),
            ("period=2026-Q5", "/period"),
            ("period=2026-Q0", "/period"),
            ("period=2026-W54", "/period"),
            ("period=2026-03-31", "/period"),
            ("period=2026-03&grain=week", "/period"),
            ("period=2026-11", "/period"),
            ("period=2026-10&as_of=2026-09-30", "/period"),
            ("grain=day", "/grain"),
            ("segment=plan:x", "/segment"),
            ("definition=x", "/definition"),
            ("as_of=2026-10-16", "/as_of"),
            ("cursor=x", "/cursor"),
            ("limit=1001", "/limit"),
        ] {
            let problem = of("win_rate", query).expect_err(query);
            assert_eq!((problem.kind.code, problem.field.as_deref()), ("invalid_parameter", Some(field)), "{query}");
        }
    }
}
