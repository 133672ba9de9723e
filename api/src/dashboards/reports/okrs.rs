//! The objectives of the quarter that is looked at, and how far each has come by its key results.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use domain::Grain;
use domain::kpis::Unit;
use projections::kpis::series::{Segments, series_by};
use projections::kpis::shown::Shown;
use projections::reports::key_results::{KeyResult, key_results};
use rust_decimal::prelude::ToPrimitive;

use super::{Told, Writing, asked, kpi, link, newest, part, segment_link};
use crate::dashboards::chart::{bullet, meter};
use crate::dashboards::format::Locale;
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{View, ViewParameters};
use crate::dashboards::words::{day_of, label, period, segment_label};
use crate::dashboards::{Frame, frame, past};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Template)]
#[template(path = "okrs.html")]
struct OkrsPage {
    frame: Frame,
    quarter: String,
    passed: Passed,
    href: String,
    all: Option<Progress>,
    objectives: Vec<Progress>,
    functions: Vec<Progress>,
    key_results: Vec<OfObjective>,
    is_stale: bool,
}

/// An objective with its key results.
#[derive(Debug)]
struct OfObjective {
    title: String,
    function: String,
    rows: Vec<KeyResultRow>,
}

#[derive(Debug)]
struct KeyResultRow {
    title: String,
    bar: String,
    progress: String,
    /// None: nobody has measured it yet.
    value: Option<String>,
    start: String,
    target: String,
    weight: String,
    /// When it was measured last, and the event that says so.
    measured: Option<(String, String)>,
}

/// How much of the quarter is over.
#[derive(Debug)]
struct Passed {
    days: String,
    of: String,
    share: f64,
}

/// How far an objective has come, or those of a function in the mean.
#[derive(Debug)]
struct Progress {
    name: String,
    href: String,
    value: Told,
    bar: String,
    objectives: String,
    key_results: String,
    /// Key results that nobody has measured yet: they count as not begun.
    unmeasured: Option<String>,
}

pub(super) async fn show(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Problem> {
    let view = View::parse("/dashboards/okrs".to_owned(), &parameters, Utc::now())?;
    let ask = async {
        let query = newest(&view, Grain::Quarter, 0, Segments::All);
        let terms = past::terms(&api, caller.tenant(), view.as_of).await?;
        let found = series_by(&api.read_pool, caller.tenant(), &terms, kpi("okr_progress"), &query).await?;
        Ok((terms, found, key_results(&api.read_pool, asked(&view, caller.tenant())).await?))
    };
    let ((terms, found, key_results), freshness) = read(&api, None, ask).await?;
    let locale = Locale::of(&headers);
    let is_stale = found.as_ref().is_some_and(|found| found.is_stale(view.now));
    let figures = found.map(|found| found.figures).unwrap_or_default();
    let currency = terms.in_force(view.now).plan.currency;
    let passed = Passed::of(&view, locale);
    let of = |dimension: &str| -> Vec<Progress> {
        let mut found: Vec<&Shown> = figures
            .iter()
            .filter(|shown| shown.figure.segment.split_once(':').map_or("all", |(of, _)| of) == dimension)
            .collect();
        found.sort_by_key(|shown| std::cmp::Reverse(shown.figure.value));
        found.into_iter().map(|shown| Progress::of(shown, &passed, &view, locale)).collect()
    };
    page(&OkrsPage {
        quarter: period(Grain::Quarter, Grain::Quarter.start(view.last_day())),
        href: link(&view, "okr_progress"),
        all: of("all").pop(),
        objectives: of("objective"),
        functions: of("function"),
        key_results: key_results
            .chunk_by(|one, other| one.objective_id == other.objective_id)
            .map(|of_one| OfObjective::of(of_one, Writing { locale, currency: currency.as_str() }))
            .collect(),
        passed,
        is_stale,
        frame: frame(&view, &caller, freshness, "OKRs").without_rhythms(),
    })
}

impl Passed {
    fn of(view: &View, locale: Locale) -> Self {
        let start = Grain::Quarter.start(view.last_day());
        let (days, of) = ((view.last_day() - start).num_days() + 1, (Grain::Quarter.next(start) - start).num_days());
        Self { days: locale.count(days), of: locale.count(of), share: days as f64 / of as f64 }
    }
}

impl OfObjective {
    fn of(key_results: &[KeyResult], Writing { locale, currency }: Writing<'_>) -> Self {
        let row = |of: &KeyResult| {
            let measured = of.measured.as_ref().map(|measured| measured.value);
            let written = locale.together(of.unit, currency, [of.start, of.target].into_iter().chain(measured));
            KeyResultRow {
                title: of.title.clone(),
                bar: of.progress.to_f64().map_or(String::new(), |share| meter(share, "")),
                progress: locale.value(Unit::Ratio, "", of.progress.round_dp(4)),
                value: measured.map(|value| written.value(value)),
                start: written.value(of.start),
                target: written.value(of.target),
                weight: locale.value(Unit::Count, "", of.weight),
                measured: of.measured.as_ref().map(|last| (day_of(last.at), last.event.clone())),
            }
        };
        let first = key_results.first();
        Self {
            title: first.map_or(String::new(), |first| first.objective.clone()),
            function: first.map_or(String::new(), |first| label(&first.function)),
            rows: key_results.iter().map(row).collect(),
        }
    }
}

impl Progress {
    fn of(Shown { figure, .. }: &Shown, passed: &Passed, view: &View, locale: Locale) -> Self {
        let writing = Writing { locale, currency: "" };
        let title = figure.parts["title"].as_str();
        let share = figure.value.and_then(|value| value.to_f64());
        Self {
            name: title.map_or_else(|| segment_label(&figure.segment), str::to_owned),
            href: segment_link(view, "okr_progress", &figure.segment),
            value: Told::or_no_data(figure.value.map(|value| writing.value(Unit::Ratio, value))),
            bar: if figure.segment == "all" {
                share.map_or(String::new(), |share| bullet(Some(share), Some(passed.share), 1.0, ""))
            } else {
                share.map_or(String::new(), |share| meter(share, ""))
            },
            objectives: locale.number(figure.denominator.unwrap_or_default(), 0),
            key_results: locale.count(figure.n),
            unmeasured: part(&figure.parts, "unmeasured").filter(|count| !count.is_zero()).map(|count| locale.number(count, 0)),
        }
    }
}
