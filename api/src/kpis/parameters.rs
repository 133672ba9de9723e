//! What is asked of a KPI.

use chrono::{DateTime, NaiveDate, Utc};
use domain::Grain;
use domain::kpis::Kpi;
use projections::kpis::series::{Place, Segments, SeriesQuery};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::parameters::{day, limit, parsed, period, place};
use crate::problem::Problem;
use crate::table::{Form, ROWS_MAX};

const PERIODS_DEFAULT: u32 = 24;
const PERIODS_MAX: i64 = 1_500;
const PAGE_DEFAULT: u32 = 1_000;
const PAGE_MAX: u32 = 10_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct KpisParameters {
    /// A write's token: waits until it is to be seen
    pub(super) after: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct KpiParameters {
    /// One of the KPI's grains, `day`, `week`, `month` or `quarter`; default: its first
    pub(super) grain: Option<String>,
    /// First period, by a month or a day in it; default: 24 periods with the last one
    pub(super) from: Option<String>,
    /// Last period; default: the present one
    pub(super) to: Option<String>,
    /// `all` (default), a dimension such as `team` for each of its segments, or one segment such as `team:smb`
    pub(super) segment: Option<String>,
    /// As it was known at the end of this day, UTC; default: now
    pub(super) as_of: Option<String>,
    /// With `as_of`, `false`: without what each figure is now, which takes long to find out of many
    pub(super) since: Option<String>,
    /// Version of the KPI's definition; default: the one in force
    pub(super) definition: Option<String>,
    /// `json`, `csv` or `parquet`, for links, which cannot name an `Accept`
    pub(super) format: Option<String>,
    /// `next` of the page before
    pub(super) cursor: Option<String>,
    /// Figures a page, at most 10000; default 1000. Of CSV and Parquet at most and by default 100000
    pub(super) limit: Option<String>,
    /// A write's token: waits until its figures are in
    pub(super) after: Option<String>,
}

/// A question in types.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) query: SeriesQuery,
    /// With what each figure is now.
    pub(super) since: bool,
}

impl Asked {
    pub(super) fn parse(kpi: &Kpi, parameters: &KpiParameters, form: Form, now: DateTime<Utc>) -> Result<Self, Problem> {
        let grain = grain(kpi, parameters.grain.as_deref())?;
        let as_of = day("as_of", parameters.as_of.as_deref())?;
        let today = now.date_naive();
        if as_of.is_some_and(|day| day > today) {
            return Err(Problem::parameter("as_of", "is a day that has not come yet"));
        }
        let from = period("from", parameters.from.as_deref())?.map(|period| period.first_day());
        let to = period("to", parameters.to.as_deref())?.map(|period| period.last_day());
        let last = to.unwrap_or_else(|| as_of.unwrap_or(today));
        let first = from.unwrap_or_else(|| grain.before(grain.start(last), PERIODS_DEFAULT - 1));
        if first > last {
            return Err(Problem::parameter("from", format!("is after {}", if to.is_some() { "to" } else { "the present" })));
        }
        check_length(grain, first, last)?;
        let segments = segments(kpi, parameters.segment.as_deref())?;
        let definition = parsed::<u16>("definition", parameters.definition.as_deref())?;
        let after = place(parameters.cursor.as_deref())?.map(|(period, segment)| Place { period, segment });
        let (default, max) = if form == Form::Json { (PAGE_DEFAULT, PAGE_MAX) } else { (ROWS_MAX, ROWS_MAX) };
        let limit = Some(limit(parameters.limit.as_deref(), default, max)?);
        let since = parsed("since", parameters.since.as_deref())?.unwrap_or(true);
        Ok(Self { since, query: SeriesQuery { grain, from: first, to: last, segments, as_of, definition, after, limit, now } })
    }
}

pub(super) fn grain(kpi: &Kpi, given: Option<&str>) -> Result<Grain, Problem> {
    let Some(text) = given else { return Ok(kpi.grains[0]) };
    Grain::parse(text).filter(|grain| kpi.grains.contains(grain)).ok_or_else(|| {
        let known: Vec<_> = kpi.grains.iter().map(|grain| grain.as_str()).collect();
        Problem::parameter("grain", format!("is {text:?}; {} has {}", kpi.id, known.join(", ")))
    })
}

pub(super) fn segments(kpi: &Kpi, given: Option<&str>) -> Result<Segments, Problem> {
    let dimension = |text: &str| kpi.dimensions.contains(&text);
    match given {
        None | Some("all") => Ok(Segments::Total),
        Some(text) if dimension(text) => Ok(Segments::Of(text.to_owned())),
        Some(text) if text.split_once(':').is_some_and(|(of, _)| dimension(of)) => Ok(Segments::One(text.to_owned())),
        Some(text) => {
            let known = if kpi.dimensions.is_empty() {
                "all alone".to_owned()
            } else {
                format!("all or {}", kpi.dimensions.join(", "))
            };
            Err(Problem::parameter("segment", format!("is {text:?}; {} has {known}", kpi.id)))
        }
    }
}

fn check_length(grain: Grain, first: NaiveDate, last: NaiveDate) -> Result<(), Problem> {
    let days = match grain {
        Grain::Day => 1,
        Grain::Week => 7,
        Grain::Month => 28,
        Grain::Quarter => 89,
    };
    if (last - first).num_days() / days <= PERIODS_MAX {
        Ok(())
    } else {
        Err(Problem::parameter("from", format!("is more than {PERIODS_MAX} {}s before to", grain.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(id: &str, query: &str) -> Result<Asked, Problem> {
        let uri = format!("/v1/kpis/{id}?{query}").parse().expect("an address");
        let axum::extract::Query(parameters) = axum::extract::Query::try_from_uri(&uri).expect("known parameters");
        let now = "2026-10-15T12:00:00Z".parse().expect("a time");
        Asked::parse(domain::kpis::find(id).expect("a KPI"), &parameters, Form::Json, now)
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn without_parameters_it_is_the_last_24_periods_of_its_own_grain() {
        let query = asked("win_rate", "").expect("defaults").query;
        assert_eq!((query.grain, query.from, query.to), (Grain::Month, date("2024-11-01"), date("2026-10-15")));
        assert_eq!((query.segments, query.as_of, query.definition), (Segments::Total, None, None));
    }

    #[test]
    fn a_segment_is_one_or_all_of_a_dimension() {
        let segments = |text: &str| asked("win_rate", &format!("segment={text}")).expect("a segment").query.segments;
        assert_eq!(segments("team"), Segments::Of("team".to_owned()));
        assert_eq!(segments("team:smb"), Segments::One("team:smb".to_owned()));
        assert_eq!(segments("all"), Segments::Total);
    }

    #[test]
    fn a_page_goes_on_after_the_figure_that_ended_the_one_before() {
        let query = asked("win_rate", "limit=5").expect("a page").query;
        assert_eq!((query.after, query.limit), (None, Some(5)));
        let next = crate::parameters::cursor(date("2026-10-01"), "team:a.b");
        let query = asked("win_rate", &format!("cursor={next}")).expect("a page").query;
        let place = Place { period: date("2026-10-01"), segment: "team:a.b".to_owned() };
        assert_eq!((query.after, query.limit), (Some(place), Some(1_000)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (query, field) in [
            ("grain=day", "/grain"),
            ("grain=year", "/grain"),
            ("segment=plan", "/segment"),
            ("segment=plan:x", "/segment"),
            ("from=2026-13", "/from"),
            ("from=2026-05&to=2026-01", "/from"),
            ("from=1970-01&grain=week", "/from"),
            ("definition=x", "/definition"),
            ("as_of=2026-10-16", "/as_of"),
            ("cursor=2026-10-01", "/cursor"),
            ("limit=0", "/limit"),
            ("limit=10001", "/limit"),
        ] {
            let problem = asked("win_rate", query).expect_err(query);
            assert_eq!((problem.kind.code, problem.field.as_deref()), ("invalid_parameter", Some(field)), "{query}");
        }
    }
}
