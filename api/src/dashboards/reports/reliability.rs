//! The service levels over 30 days, and how much of each error budget is left.

use std::ops::ControlFlow;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{NaiveDate, Utc};
use domain::kpis::{Kpi, Unit};
use domain::{Grain, TenantId};
use projections::kpis::series::{Segments, SeriesQuery, series};
use projections::kpis::shown::Shown;
use projections::reports::service_levels::{ServiceLevelStanding, service_levels};
use projections::reports::{Asked, Report};
use rust_decimal::prelude::ToPrimitive;

use super::{Basis, Chart, Told, Writing, kpi, link, newest, no_data, part};
use crate::dashboards::card::{StatusWord, rests_on};
use crate::dashboards::chart::{Point, meter};
use crate::dashboards::format::{Locale, Together};
use crate::dashboards::making::{Making, Readings};
use crate::dashboards::past::OF_A_PAST_DAY;
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{View, ViewParameters};
use crate::dashboards::words::{period, tick};
use crate::dashboards::{Frame, frame};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::progression::Freshness;
use crate::state::{Api, Shared};

#[derive(Debug, Template)]
#[template(path = "reliability.html")]
struct ReliabilityPage {
    frame: Frame,
    levels: Vec<Level>,
    series: Vec<Course>,
    basis: Basis,
}

#[derive(Debug)]
struct Level {
    id: &'static str,
    name: &'static str,
    href: String,
    /// What is good.
    good: String,
    value: Told,
    objective: Option<String>,
    status: StatusWord,
    budget: Option<ErrorBudget>,
    p95: Option<String>,
    /// What is wished for beyond the limit, and the share within it.
    within_wished: Option<(String, String)>,
    /// What it rests on.
    measured: String,
}

/// How much of what may go wrong is left.
#[derive(Debug)]
struct ErrorBudget {
    left: String,
    is_overdrawn: bool,
    bar: String,
}

/// A service level day by day.
#[derive(Debug)]
struct Course {
    id: &'static str,
    name: &'static str,
    href: String,
    chart: Chart,
    has_p95: bool,
    days: Vec<Day>,
}

#[derive(Debug)]
struct Day {
    day: String,
    is_partial: bool,
    value: Told,
    objective: String,
    p95: String,
    n: String,
}

const COURSES: [&str; 2] = ["slo_uptime", "slo_response"];
const DAYS: u32 = 30;

/// Every service level, and the days of some.
type Levels = (Report<Vec<ServiceLevelStanding>>, Vec<(&'static Kpi, Vec<Shown>)>);
/// As of past days.
pub(in crate::dashboards) type Reliability = Readings<(TenantId, NaiveDate), (Levels, Freshness)>;

async fn levels(api: &Api, tenant: &TenantId, days: &SeriesQuery) -> Result<Levels, Problem> {
    let report = service_levels(&api.read_pool, Asked { tenant, as_of: days.as_of, now: days.now }).await?;
    let mut courses = Vec::new();
    for id in COURSES {
        let found = series(&api.read_pool, tenant, kpi(id), days).await?;
        courses.push((kpi(id), found.map(|found| found.figures).unwrap_or_default()));
    }
    Ok((report, courses))
}

pub(super) async fn show(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Problem> {
    let view = View::parse("/dashboards/reliability".to_owned(), &parameters, Utc::now())?;
    let query = newest(&view, Grain::Day, DAYS - 1, Segments::Total);
    let ask = {
        let (api, tenant) = (Arc::clone(&api), caller.tenant().clone());
        Box::pin(async move { levels(&api, &tenant, &query).await })
    };
    let title = "Reliability";
    let question = view.as_of.map(|day| (caller.tenant().clone(), day));
    let making = Making { view: &view, title, about: String::new(), what: OF_A_PAST_DAY, progress: None };
    let answer = match api.made.reliability.or_page((&api, &caller), question, ask, making).await? {
        ControlFlow::Continue(answer) => answer,
        ControlFlow::Break(page) => return Ok(page),
    };
    let ((report, courses), freshness) = &*answer;
    let writing = Writing { locale: Locale::of(&headers), currency: &report.currency };
    page(&ReliabilityPage {
        levels: report.data.iter().map(|level| Level::of(level, &view, writing)).collect(),
        series: courses.iter().map(|(kpi, figures)| Course::of(kpi, figures, &view, writing)).collect(),
        basis: Basis::of(report),
        frame: frame(&view, &caller, freshness.clone(), title).without_rhythms(),
    })
}

fn milliseconds(writing: Writing<'_>, count: rust_decimal::Decimal) -> String {
    format!("{}\u{202f}ms", writing.locale.number(count, 0))
}

impl Level {
    fn of(
        ServiceLevelStanding { kpi, level, shown, objective }: &ServiceLevelStanding,
        view: &View,
        writing: Writing<'_>,
    ) -> Self {
        let figure = shown.as_ref().map(|shown| &shown.figure);
        let part = |name: &str| figure.and_then(|figure| part(&figure.parts, name));
        let limit = level.as_ref().and_then(|level| level.limit_ms).map(|limit| milliseconds(writing, limit.into()));
        let wished = level.as_ref().and_then(|level| level.wished_ms).map(|wished| milliseconds(writing, wished.into()));
        Self {
            id: kpi.id,
            name: kpi.name,
            href: link(view, kpi.id),
            good: limit.map_or("Good is the time that probes find it up".to_owned(), |limit| {
                format!("Good is what takes at most {limit}")
            }),
            value: Told::or_no_data(figure.and_then(|figure| figure.value).map(|value| writing.value(Unit::Ratio, value))),
            objective: objective.map(|objective| writing.value(Unit::Ratio, objective)),
            status: shown.as_ref().map_or_else(no_data, |shown| shown.status.into()),
            budget: part("error_budget_left").map(|left| ErrorBudget {
                left: writing.value(Unit::Ratio, left.round_dp(3)),
                is_overdrawn: left.is_sign_negative() && !left.is_zero(),
                bar: meter(left.to_f64().unwrap_or_default(), ""),
            }),
            p95: part("p95_ms").map(|p95| milliseconds(writing, p95)),
            within_wished: part("within_wished")
                .zip(wished)
                .map(|(share, wished)| (wished, writing.value(Unit::Ratio, share.round_dp(4)))),
            measured: figure.map_or("–".to_owned(), |figure| rests_on(kpi, figure, writing.locale)),
        }
    }
}

impl Course {
    fn of(kpi: &'static Kpi, figures: &[Shown], view: &View, writing: Writing<'_>) -> Self {
        let last = view.last_day();
        let days: Vec<(NaiveDate, Option<&Shown>)> = Grain::Day
            .between(Grain::Day.before(last, DAYS - 1), last)
            .map(|day| (day, figures.iter().find(|shown| shown.figure.period == day)))
            .collect();
        let all = figures.iter().flat_map(|shown| [shown.figure.value, shown.target]).flatten();
        let written = writing.locale.figures(kpi, writing.currency, all);
        let points: Vec<Point> = days.iter().map(|(day, shown)| point(*day, *shown, written)).collect();
        let title = format!("{}: the 30 days up to each of the last {DAYS} days", kpi.name);
        Self {
            id: kpi.id,
            name: kpi.name,
            href: link(view, kpi.id),
            has_p95: figures.iter().any(|shown| part(&shown.figure.parts, "p95_ms").is_some()),
            chart: Chart::shares(&title, &points, writing.axis(Unit::Ratio)),
            days: days.iter().rev().map(|(day, shown)| Day::of(*day, *shown, (writing, written))).collect(),
        }
    }
}

fn point(day: NaiveDate, shown: Option<&Shown>, written: Together<'_>) -> Point {
    let value = shown.and_then(|shown| shown.figure.value);
    let told = value.map_or("no data".to_owned(), |value| written.value(value));
    Point {
        tick: tick(Grain::Day, day),
        told: format!("{}: {told}", period(Grain::Day, day)),
        value: value.and_then(|value| value.to_f64()),
        target: shown.and_then(|shown| shown.target?.to_f64()),
        is_partial: shown.is_some_and(|shown| shown.is_partial),
        ..Point::default()
    }
}

impl Day {
    fn of(day: NaiveDate, shown: Option<&Shown>, (writing, written): (Writing<'_>, Together<'_>)) -> Self {
        let dash = || "–".to_owned();
        let p95 = shown.and_then(|shown| part(&shown.figure.parts, "p95_ms"));
        Self {
            day: period(Grain::Day, day),
            is_partial: shown.is_some_and(|shown| shown.is_partial),
            value: Told::or_no_data(shown.and_then(|shown| shown.figure.value).map(|value| written.value(value))),
            objective: shown.and_then(|shown| shown.target).map_or_else(dash, |objective| written.value(objective)),
            p95: p95.map_or_else(dash, |p95| milliseconds(writing, p95)),
            n: shown.map_or_else(dash, |shown| writing.locale.count(shown.figure.n)),
        }
    }
}
