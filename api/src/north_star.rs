//! `GET /v1/north-star`: active capsule interactions by month or day, as known now or on any day.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use chrono::{NaiveDate, Utc};
use domain::Grain;
use domain::TenantId;
use domain::north_star::{DEFINITION_1, DEFINITIONS, Definition};
use projections::kpis::shown::Status;
use projections::north_star::{SeriesQuery, add_since, series};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::auth::{Caller, Read};
use crate::parameters::{Parameters, day, parsed, period};
use crate::problem::{Problem, ProblemDocument};
use crate::progression::Freshness;
use crate::reading::read;
use crate::state::{Api, Shared};

const PERIODS_DEFAULT: u32 = 24;
const MONTHS_MAX: i64 = 1_200;
const WEEKS_MAX: i64 = 1_200;
const DAYS_MAX: i64 = 3_700;

pub(crate) fn router() -> OpenApiRouter<Shared> {
    OpenApiRouter::new().routes(routes!(show))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct NorthStarParameters {
    /// `day`, `week` (ISO), `month` (default) or `quarter`; calendar periods, UTC
    grain: Option<String>,
    /// First period, as `2026-01` or `2026-01-15`; default: 24 periods with the last one, from the first interaction on
    from: Option<String>,
    /// Last period; default: the present one
    to: Option<String>,
    /// As it was known at the end of this day, UTC; default: now
    as_of: Option<String>,
    /// Version of the definition of "active"; default: 1
    definition: Option<String>,
    /// A write's token: waits until its figures are in
    after: Option<String>,
}

/// The series.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct NorthStarAnswer {
    data: Vec<PeriodAnswer>,
    /// `day`, `week`, `month` or `quarter`
    grain: &'static str,
    definition: u16,
    definition_in_words: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_of: Option<NaiveDate>,
    freshness: Freshness,
}

/// One month or day.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PeriodAnswer {
    /// `2026-10-31`, `2026-W44`, `2026-10` or `2026-Q4`
    period: String,
    /// Active interactions, the north star
    active: u64,
    /// Recorded, not voided interactions of every kind by anybody
    total: u64,
    /// The total by kind
    #[schema(value_type = BTreeMap<String, u64>)]
    kinds: BTreeMap<&'static str, u64>,
    active_users: u64,
    active_capsules: u64,
    /// Distinct capsule and session
    active_sessions: u64,
    /// Distinct users of interactions of every kind, by anybody
    users: u64,
    /// The period is not over
    partial: bool,
    /// What the plan's stage has in mind for this month
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<u64>,
    /// `reached`, `missed` or `in_progress`
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    status: Option<Status>,
    /// With `as_of`: `active` of this period as it is known now
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<u64>,
    /// With `as_of`: `now` less `active`
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<i64>,
    /// With `as_of`: how many events recorded after that day changed `active`; `/v1/kpis/active_capsule_interactions/late` lists them
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<u64>,
}

impl From<projections::north_star::Period> for PeriodAnswer {
    fn from(period: projections::north_star::Period) -> Self {
        Self {
            period: period.period,
            active: period.active,
            total: period.total,
            kinds: period.kinds,
            active_users: period.active_users,
            active_capsules: period.active_capsules,
            active_sessions: period.active_sessions,
            users: period.users,
            partial: period.partial,
            target: period.target,
            status: period.status,
            now: period.since.map(|since| since.active),
            difference: period.since.map(|since| since.active.cast_signed() - period.active.cast_signed()),
            late: period.since.map(|since| since.late),
        }
    }
}

/// The north star
///
/// Active capsule interactions by calendar day, week, month or quarter of their occurrence, with what goes with them. Late and voided
/// interactions restate closed periods; `as_of` shows any period as it was known then, beside what is known of it now, and how many
/// events recorded since made the difference.
#[utoipa::path(
    get, path = "/v1/north-star", tag = "Figures", params(NorthStarParameters),
    responses(
        (status = 200, description = "The series, oldest first", body = NorthStarAnswer),
        (status = "default", description = "A problem", body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
async fn show(
    State(api): State<Shared>,
    caller: Caller<Read>,
    Parameters(parameters): Parameters<NorthStarParameters>,
) -> Result<Json<NorthStarAnswer>, Problem> {
    let asked = Asked::parse(&parameters, Utc::now().date_naive())?;
    let (data, freshness) = read(&api, parameters.after.as_deref(), asked.answer(&api, caller.tenant())).await?;
    Ok(Json(asked.with(data, freshness)))
}

/// The series as the dashboard shows it: the last 24 months.
pub(crate) async fn newest(api: &Api, tenant: &TenantId) -> Result<NorthStarAnswer, Problem> {
    let asked = Asked::parse(&NorthStarParameters::default(), Utc::now().date_naive())?;
    let freshness = api.progression.seen().freshness();
    let data = asked.answer(api, tenant).await?;
    Ok(asked.with(data, freshness))
}

#[derive(Debug)]
struct Asked {
    query: SeriesQuery,
    /// Nobody said where to begin, so it begins where something happened.
    from_first_interaction: bool,
}

impl Asked {
    fn parse(parameters: &NorthStarParameters, today: NaiveDate) -> Result<Self, Problem> {
        let grain = match parameters.grain.as_deref() {
            None => Grain::Month,
            Some(text) => Grain::parse(text)
                .ok_or_else(|| Problem::parameter("grain", format!("is {text:?}; it is day, week, month or quarter")))?,
        };
        let from = period("from", parameters.from.as_deref())?.map(|period| period.first_day());
        let to = period("to", parameters.to.as_deref())?.map(|period| period.last_day());
        let as_of = day("as_of", parameters.as_of.as_deref())?;
        if as_of.is_some_and(|day| day > today) {
            return Err(Problem::parameter("as_of", "is a day that has not come yet"));
        }
        let definition = definition(parameters.definition.as_deref())?;
        let last = to.unwrap_or_else(|| as_of.unwrap_or(today));
        let first = from.unwrap_or_else(|| periods_back(grain, last));
        if first > last {
            return Err(Problem::parameter("from", format!("is after {}", if to.is_some() { "to" } else { "the present" })));
        }
        check_length(grain, first, last)?;
        let query = SeriesQuery { grain, from: Some(first), to: Some(last), as_of, definition, today };
        Ok(Self { query, from_first_interaction: from.is_none() })
    }

    async fn answer(&self, api: &Api, tenant: &TenantId) -> Result<Vec<PeriodAnswer>, Problem> {
        let mut periods = series(&api.read_pool, tenant, &self.query).await?;
        if self.from_first_interaction {
            let first = periods.iter().position(|period| period.total > 0).unwrap_or(periods.len());
            periods.drain(..first);
        }
        add_since(&api.read_pool, tenant, &self.query, &mut periods).await?;
        Ok(periods.into_iter().map(PeriodAnswer::from).collect())
    }

    fn with(&self, data: Vec<PeriodAnswer>, freshness: Freshness) -> NorthStarAnswer {
        let Definition { version, in_words, .. } = *self.query.definition;
        let grain = self.query.grain.as_str();
        NorthStarAnswer { data, grain, definition: version, definition_in_words: in_words, as_of: self.query.as_of, freshness }
    }
}

fn periods_back(grain: Grain, last: NaiveDate) -> NaiveDate {
    grain.before(grain.start(last), PERIODS_DEFAULT - 1)
}

fn definition(given: Option<&str>) -> Result<&'static Definition, Problem> {
    let Some(version) = parsed::<u16>("definition", given)? else { return Ok(&DEFINITION_1) };
    Definition::version(version).ok_or_else(|| {
        let known: Vec<_> = DEFINITIONS.iter().map(|definition| definition.version.to_string()).collect();
        Problem::parameter("definition", format!("{version} does not exist; there is {}", known.join(", ")))
    })
}

fn check_length(grain: Grain, first: NaiveDate, last: NaiveDate) -> Result<(), Problem> {
    let days = (last - first).num_days();
    let (length, max) = match grain {
        Grain::Day => (days, DAYS_MAX),
        Grain::Week => (days / 7, WEEKS_MAX),
        Grain::Month => (days / 28, MONTHS_MAX),
        Grain::Quarter => (days / 89, MONTHS_MAX / 3),
    };
    if length <= max {
        Ok(())
    } else {
        Err(Problem::parameter("from", format!("is more than {max} {}s before to", grain.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<Asked, Problem> {
        let uri = format!("/v1/north-star?{query}").parse().expect("an address");
        let axum::extract::Query(parameters) = axum::extract::Query::try_from_uri(&uri).expect("known parameters");
        Asked::parse(&parameters, date("2026-10-15"))
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn without_parameters_it_is_the_last_24_months() {
        let asked = asked("").expect("defaults");
        assert_eq!((asked.query.from, asked.query.to), (Some(date("2024-11-01")), Some(date("2026-10-15"))));
        assert_eq!((asked.query.grain, asked.query.as_of, asked.query.definition.version), (Grain::Month, None, 1));
        assert!(asked.from_first_interaction);
    }

    #[test]
    fn periods_are_whole_and_may_lie_ahead() {
        let asked = asked("from=2000-01&to=2030-12").expect("31 years");
        assert_eq!((asked.query.from, asked.query.to), (Some(date("2000-01-01")), Some(date("2030-12-31"))));
        assert!(!asked.from_first_interaction);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, field) in [
            ("grain=hour", "/grain"),
            ("from=2026-13", "/from"),
            ("from=2026-05&to=2026-01", "/from"),
            ("from=2026-12", "/from"),
            ("to=yesterday", "/to"),
            ("definition=9", "/definition"),
            ("definition=x", "/definition"),
            ("as_of=2026-10-16", "/as_of"),
            ("as_of=2026-10", "/as_of"),
            ("grain=day&from=2000-01-01", "/from"),
        ] {
            let problem = asked(query).expect_err(query);
            assert_eq!((problem.kind.code, problem.field.as_deref()), ("invalid_parameter", Some(field)), "{query}");
        }
    }

    #[test]
    fn days_as_they_were_known() {
        let asked = asked("grain=day&as_of=2026-09-30").expect("a question");
        assert_eq!((asked.query.from, asked.query.to), (Some(date("2026-09-07")), Some(date("2026-09-30"))));
    }
}
