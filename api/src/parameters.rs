//! Query parameters, read into types; what is wrong is said by name.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Months, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use serde::de::DeserializeOwned;

use crate::problem::{INVALID_PARAMETER, Problem};

/// A query string as `T`, whose fields are all optional texts and which denies others.
#[derive(Debug)]
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::try_from_uri(&parts.uri) {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => {
                let text = std::error::Error::source(&rejection).map_or_else(|| rejection.to_string(), ToString::to_string);
                Err(Problem::new(&INVALID_PARAMETER, text))
            }
        }
    }
}

/// A parameter of any type that reads from text.
pub(crate) fn parsed<T: FromStr<Err: Display>>(name: &str, given: Option<&str>) -> Result<Option<T>, Problem> {
    given.map(|text| text.parse().map_err(|error| Problem::parameter(name, format!("is {text:?}: {error}")))).transpose()
}

/// How many items a page may hold: `default` where nothing is asked, never more than `max`.
pub(crate) fn limit<N>(given: Option<&str>, default: N, max: N) -> Result<N, Problem>
where
    N: FromStr + PartialOrd + Display + From<u8>,
{
    match given {
        None => Ok(default),
        Some(text) => match text.parse() {
            Ok(limit) if limit >= N::from(1) && limit <= max => Ok(limit),
            _ => Err(Problem::parameter("limit", format!("is {text:?}, not a number from 1 to {max}"))),
        },
    }
}

/// A place between two items of a list, opaque to clients: what they are ordered by, and an id.
pub(crate) fn cursor(order: impl Display, id: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{order}.{id}"))
}

/// What [`cursor`] wrote.
pub(crate) fn place<T: FromStr>(given: Option<&str>) -> Result<Option<(T, String)>, Problem> {
    let Some(given) = given else { return Ok(None) };
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(given).ok()?).ok()?;
        let (order, id) = text.split_once('.')?;
        Some((order.parse().ok()?, id.to_owned()))
    };
    read().ok_or_else(|| Problem::parameter("cursor", "is not the next of a page")).map(Some)
}

/// A month or day, and which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Period {
    Month(NaiveDate),
    Day(NaiveDate),
}

impl Period {
    pub(crate) fn first_day(self) -> NaiveDate {
        match self {
            Self::Month(day) | Self::Day(day) => day,
        }
    }

    pub(crate) fn last_day(self) -> NaiveDate {
        match self {
            Self::Month(first) => (first + Months::new(1)).pred_opt().expect("far from the first day there is"),
            Self::Day(day) => day,
        }
    }
}

/// Years that calendars and PostgreSQL agree on, with room on both sides.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=9000;

/// `2026-10` or `2026-10-31`.
pub(crate) fn period(name: &str, given: Option<&str>) -> Result<Option<Period>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let of_day = |text: &str| day_of(text);
    let period = match text.len() {
        7 => of_day(&format!("{text}-01")).map(Period::Month),
        _ => of_day(text).map(Period::Day),
    };
    let wrong = || Problem::parameter(name, format!("is {text:?}, not a month such as 2026-10 or a day such as 2026-10-31"));
    period.ok_or_else(wrong).map(Some)
}

/// `2026-10-31`.
pub(crate) fn day(name: &str, given: Option<&str>) -> Result<Option<NaiveDate>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let wrong = || Problem::parameter(name, format!("is {text:?}, not a day such as 2026-10-31"));
    day_of(text).ok_or_else(wrong).map(Some)
}

/// `2026-10-31`, or `2026-10-31T12:00` with seconds or without, UTC.
pub(crate) fn moment(name: &str, given: Option<&str>) -> Result<Option<DateTime<Utc>>, Problem> {
    let Some(text) = given else { return Ok(None) };
    let bare = text.strip_suffix('Z').unwrap_or(text);
    let of_day = || Some(bare.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN));
    let of_time = |form: &str| NaiveDateTime::parse_from_str(bare, form).ok();
    let found = of_day().or_else(|| of_time("%Y-%m-%dT%H:%M")).or_else(|| of_time("%Y-%m-%dT%H:%M:%S%.f"));
    let wrong = || Problem::parameter(name, format!("is {text:?}, not a time such as 2026-10-31T12:00, UTC"));
    let within = found.filter(|moment| ("1970-01-01".."9000-01-01").contains(&moment.date().to_string().as_str()));
    within.map(|moment| Some(moment.and_utc())).ok_or_else(wrong)
}

fn day_of(text: &str) -> Option<NaiveDate> {
    use chrono::Datelike as _;
    let day: NaiveDate = text.parse().ok()?;
    (text.len() == 10 && YEARS.contains(&day.year())).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_period_is_a_month_or_a_day() {
        let month = period("from", Some("2024-02")).expect("a month").expect("given");
        assert_eq!((month.first_day(), month.last_day()), (date("2024-02-01"), date("2024-02-29")));
        assert_eq!(period("to", Some("2026-10-31")).expect("a day"), Some(Period::Day(date("2026-10-31"))));
        assert_eq!(period("to", None).expect("nothing"), None);
        for wrong in ["2026-13", "2026", "2026-1", "2026-02-30", "now", "", "0001-01", "2026-10-31T00"] {
            let problem = period("from", Some(wrong)).expect_err(wrong);
            assert_eq!((problem.kind.code, problem.field.as_deref()), ("invalid_parameter", Some("/from")));
        }
    }

    #[test]
    fn a_time_is_a_day_or_a_minute_or_a_second_utc() {
        let of = |text: &str| moment("from", Some(text)).map(|moment| moment.expect("given").to_rfc3339());
        assert_eq!(of("2026-10-31").expect("a day"), "2026-10-31T00:00:00+00:00");
        assert_eq!(of("2026-10-31T12:30").expect("a minute"), "2026-10-31T12:30:00+00:00");
        assert_eq!(of("2026-10-31T12:30:15Z").expect("a second"), "2026-10-31T12:30:15+00:00");
        for wrong in ["yesterday", "2026-13-01", "0001-01-01", "9999-01-01"] {
            assert_eq!(of(wrong).expect_err(wrong).field.as_deref(), Some("/from"));
        }
    }

    #[test]
    fn a_cursor_is_read_back_whatever_the_id_holds() {
        let written = cursor(-3, "a.b ü");
        assert_eq!(place::<i64>(Some(&written)).expect("a place"), Some((-3, "a.b ü".to_owned())));
        assert_eq!(place::<i64>(None).expect("nothing"), None);
        for wrong in ["", "x", "!", "YWI"] {
            assert!(place::<i64>(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_limit_has_a_limit() {
        assert_eq!(limit(None, 100_u16, 1_000).expect("default"), 100);
        assert_eq!(limit(Some("1000"), 100_u16, 1_000).expect("the most"), 1_000);
        for wrong in ["0", "1001", "-1", "many"] {
            assert!(limit(Some(wrong), 100_u16, 1_000).is_err(), "{wrong}");
        }
    }
}
