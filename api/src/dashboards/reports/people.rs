//! The cards of people; headcount against the hiring plan, by function; who leads; and how ripe the processes are.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{Months, NaiveDate, Utc};
use domain::Grain;
use domain::kpis::{KpiFunction, Unit};
use domain::plan::{Plan, Stage};
use projections::kpis::series::{Segments, series_by};
use projections::kpis::shown::Shown;
use projections::reports::headcount::{Headcount, headcount};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Basis, Chart, Reference, TO_COME, Told, Writing, asked, kpi, newest, no_data, part, segment_link};
use crate::dashboards::card::{Card, StatusWord};
use crate::dashboards::chart::{Point, SMALL, bars_in, bullet, meter, steps};
use crate::dashboards::format::Locale;
use crate::dashboards::overview::{board_of, cards_of, prepare};
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{View, ViewParameters};
use crate::dashboards::words::{label, period, segment_label, tick};
use crate::dashboards::{Frame, frame};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    cards: Vec<Card>,
    now: String,
    stage_end: Option<String>,
    functions: Vec<FunctionRow>,
    chart: Chart,
    charts: Vec<(String, String)>,
    head: Vec<String>,
    months: Vec<MonthRow>,
    levels: Vec<LevelRow>,
    pipeline: Option<Pipeline>,
    asked_level: Option<String>,
    areas: Vec<AreaRow>,
    basis: Basis,
}

/// A function now, and where the plan wants it at the stage's end.
#[derive(Debug)]
struct FunctionRow {
    name: String,
    href: Option<String>,
    is_total: bool,
    fte: Told,
    plan: Option<String>,
    variance: Option<String>,
    bar: String,
    status: StatusWord,
    at_end: Option<String>,
    to_hire: Option<String>,
}

/// Every function in one month: employed, and planned.
#[derive(Debug)]
struct MonthRow {
    month: String,
    is_partial: bool,
    cells: Vec<(Told, String)>,
}

#[derive(Debug)]
struct LevelRow {
    name: String,
    href: String,
    people: String,
    share: String,
    bar: String,
}

/// What stands beside the pipeline.
#[derive(Debug)]
struct Pipeline {
    promotions: String,
    covered: String,
    key_roles: String,
}

#[derive(Debug)]
struct AreaRow {
    name: String,
    /// What the stage asks for in it, by name.
    process: Option<String>,
    level: Told,
    steps: String,
    asked: Option<String>,
    status: StatusWord,
    evidence: Option<Reference>,
}

const LEVELS: [&str; 6] = ["individual_contributor", "team_lead", "manager", "director", "vp", "executive"];
/// Ad hoc, repeatable, defined.
const RIPEST: u32 = 3;
const FTE_PLACES: u32 = 1;

pub(super) async fn show(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Problem> {
    let view = View::parse("/dashboards/people".to_owned(), &parameters, Utc::now())?;
    let locale = Locale::of(&headers);
    if let Some(making) = prepare(&api, &caller, &view, KpiFunction::People).await? {
        return Ok(making);
    }
    let ask = async {
        let board = board_of(&api, caller.tenant(), &view, KpiFunction::People).await?;
        let report = headcount(&api.read_pool, asked(&view, caller.tenant()), (None, None)).await?;
        let mut split = Vec::new();
        for id in ["leadership_pipeline", "process_maturity"] {
            let query = newest(&view, Grain::Month, 0, Segments::All);
            let found = series_by(&api.read_pool, caller.tenant(), &board.0, kpi(id), &query).await?;
            split.push(found.map(|found| found.figures).unwrap_or_default());
        }
        Ok((board, report, split))
    };
    let ((board, report, split), freshness) = read(&api, None, ask).await?;
    let writing = Writing { locale, currency: &report.currency };
    let in_force = board.0.in_force(view.now);
    let stage = in_force.plan.stage_in_month(in_force.month);
    let present = Grain::Month.start(view.last_day());
    let end = stage.zip(in_force.first_month).map(|(stage, first)| first + Months::new(stage.months.1.saturating_sub(1)));
    let segments = segments(&report.data);
    let points = |segment: &str| points(&report.data, segment, writing);
    page(&PeoplePage {
        cards: cards_of(&board, &view, locale),
        now: period(Grain::Month, present),
        stage_end: end.zip(stage).map(|(end, stage)| format!("{}, the end of {}", period(Grain::Month, end), stage.name)),
        functions: segments
            .iter()
            .map(|segment| FunctionRow::of(&report.data, segment, (present, end), (&view, writing)))
            .collect(),
        chart: Chart::bars(
            "Full-time equivalents by month, against the hiring plan",
            &points("all"),
            writing.axis(Unit::Count),
        ),
        charts: segments
            .iter()
            .filter(|segment| **segment != "all")
            .map(|segment| {
                let name = name_of(segment);
                let title = format!("{name}: full-time equivalents by month, against the hiring plan");
                (name, bars_in(SMALL, &title, &points(segment), writing.axis(Unit::Count)))
            })
            .collect(),
        head: segments.iter().map(|segment| name_of(segment)).collect(),
        months: months(&report.data, &segments, present, writing),
        levels: levels(&split[0], &view, writing),
        pipeline: Pipeline::of(&split[0], writing),
        asked_level: stage.map(|stage| writing.value(Unit::Level, stage.process_level.into())),
        areas: areas(&split[1], in_force.plan, stage, writing),
        basis: Basis::of(&report),
        frame: frame(&view, &caller, freshness, "People"),
    })
}

fn name_of(segment: &str) -> String {
    if segment == "all" { "All".to_owned() } else { segment_label(segment) }
}

/// Functions by name, all of them last.
fn segments(rows: &[Headcount]) -> Vec<&str> {
    let named: BTreeSet<&str> = rows.iter().map(|row| row.segment.as_str()).filter(|segment| *segment != "all").collect();
    named.into_iter().chain(rows.iter().any(|row| row.segment == "all").then_some("all")).collect()
}

fn employed(row: &Headcount) -> Option<Decimal> {
    row.shown.as_ref().and_then(|shown| shown.figure.value)
}

fn fte(value: Decimal, writing: Writing<'_>) -> String {
    writing.locale.number(value, FTE_PLACES)
}

impl FunctionRow {
    fn of(
        rows: &[Headcount],
        segment: &str,
        (present, end): (NaiveDate, Option<NaiveDate>),
        (view, writing): (&View, Writing<'_>),
    ) -> Self {
        let of = |month: NaiveDate| rows.iter().find(|row| row.month == month && row.segment == segment);
        let now = of(present);
        let (employed, plan) = (now.and_then(employed), now.and_then(|row| row.plan));
        let at_end = end.and_then(of).and_then(|row| row.plan);
        let (drawn, mark) = (employed.and_then(|fte| fte.to_f64()), plan.and_then(|plan| plan.to_f64()));
        let most = [drawn, mark, at_end.and_then(|plan| plan.to_f64())].into_iter().flatten().fold(0.0, f64::max);
        let is_total = segment == "all";
        Self {
            name: name_of(segment),
            href: (!is_total).then(|| segment_link(view, "headcount_vs_plan", segment)),
            is_total,
            fte: Told::or_no_data(employed.map(|employed| fte(employed, writing))),
            plan: plan.map(|plan| fte(plan, writing)),
            variance: employed.zip(plan).map(|(employed, plan)| writing.locale.difference(employed - plan, FTE_PLACES)),
            bar: bullet(drawn, mark, most, ""),
            status: now.and_then(|row| row.shown.as_ref()).map_or_else(no_data, |shown| shown.status.into()),
            at_end: at_end.map(|plan| fte(plan, writing)),
            to_hire: at_end.zip(employed).map(|(plan, employed)| fte((plan - employed).max(Decimal::ZERO), writing)),
        }
    }
}

/// Every month of the plan; those to come have their plan and no bar.
fn points(rows: &[Headcount], segment: &str, writing: Writing<'_>) -> Vec<Point> {
    let point = |row: &Headcount| {
        let planned = row.plan.map_or("none planned".to_owned(), |plan| format!("{} planned", fte(plan, writing)));
        let told = match (employed(row), &row.shown) {
            (Some(employed), _) => format!("{} employed", fte(employed, writing)),
            (None, Some(_)) => "no data".to_owned(),
            (None, None) => "to come".to_owned(),
        };
        Point {
            tick: tick(Grain::Month, row.month),
            told: format!("{}: {told}, {planned}", period(Grain::Month, row.month)),
            value: employed(row).and_then(|fte| fte.to_f64()),
            target: row.plan.and_then(|plan| plan.to_f64()),
            is_partial: row.shown.as_ref().is_some_and(|shown| shown.is_partial),
            ..Point::default()
        }
    };
    rows.iter().filter(|row| row.segment == segment).map(point).collect()
}

/// From the first to the plan's last.
fn months(rows: &[Headcount], segments: &[&str], present: NaiveDate, writing: Writing<'_>) -> Vec<MonthRow> {
    let months: BTreeSet<NaiveDate> = rows.iter().map(|row| row.month).collect();
    let cell = |month: NaiveDate, segment: &str| {
        let row = rows.iter().find(|row| row.month == month && row.segment == segment);
        let told = match row.and_then(employed) {
            Some(employed) => Told::value(fte(employed, writing)),
            None if month > present => Told::to_come(),
            None => Told::no_data(),
        };
        (told, row.and_then(|row| row.plan).map_or("–".to_owned(), |plan| fte(plan, writing)))
    };
    let row = |month: NaiveDate| MonthRow {
        month: period(Grain::Month, month),
        is_partial: month == present,
        cells: segments.iter().map(|segment| cell(month, segment)).collect(),
    };
    months.into_iter().map(row).collect()
}

fn levels(figures: &[Shown], view: &View, writing: Writing<'_>) -> Vec<LevelRow> {
    let found: Vec<(&str, &Shown)> = LEVELS
        .iter()
        .filter_map(|level| {
            let shown = figures.iter().find(|shown| shown.figure.segment == format!("level:{level}"))?;
            Some((*level, shown))
        })
        .collect();
    // The top of the pipeline at the top.
    found
        .into_iter()
        .rev()
        .map(|(level, shown)| LevelRow {
            name: label(level),
            href: segment_link(view, "leadership_pipeline", &shown.figure.segment),
            people: writing.locale.count(shown.figure.n),
            share: shown.figure.value.map_or("–".to_owned(), |share| writing.value(Unit::Ratio, share)),
            bar: meter(shown.figure.value.and_then(|share| share.to_f64()).unwrap_or_default(), ""),
        })
        .collect()
}

impl Pipeline {
    fn of(figures: &[Shown], writing: Writing<'_>) -> Option<Self> {
        let all = figures.iter().find(|shown| shown.figure.segment == "all")?;
        let count =
            |name: &str| part(&all.figure.parts, name).map_or("–".to_owned(), |count| writing.locale.number(count, 0));
        Some(Self { promotions: count("promotions"), covered: count("key_roles_covered"), key_roles: count("key_roles") })
    }
}

/// Those that the plan names, and whatever else was assessed.
fn areas(figures: &[Shown], plan: &Plan, stage: Option<&Stage>, writing: Writing<'_>) -> Vec<AreaRow> {
    let word = |area: domain::people::ProcessArea| -> String {
        serde_json::to_value(area).ok().and_then(|area| area.as_str().map(str::to_owned)).unwrap_or_default()
    };
    let mut areas: Vec<String> = plan.processes.iter().map(|process| word(process.area)).collect();
    areas.extend(figures.iter().filter_map(|shown| shown.figure.segment.strip_prefix("area:")).map(str::to_owned));
    let mut seen = BTreeSet::new();
    areas.retain(|area| seen.insert(area.clone()));
    areas
        .into_iter()
        .map(|area| {
            let shown = figures.iter().find(|shown| shown.figure.segment == format!("area:{area}"));
            let level = shown.and_then(|shown| shown.figure.value);
            let process = plan
                .processes
                .iter()
                .find(|process| Some(process.stage) == stage.map(|stage| stage.number) && word(process.area) == area);
            AreaRow {
                name: label(&area),
                process: process.map(|process| process.name.clone()),
                level: Told::or_no_data(level.map(|level| writing.value(Unit::Level, level))),
                steps: steps(level.and_then(|level| level.to_u32()).unwrap_or_default(), RIPEST),
                asked: shown
                    .and_then(|shown| shown.target)
                    .or_else(|| stage.map(|stage| stage.process_level.into()))
                    .map(|level| writing.value(Unit::Level, level)),
                status: match (shown, stage) {
                    (Some(shown), _) => shown.status.into(),
                    (None, Some(_)) => no_data(),
                    (None, None) => TO_COME,
                },
                evidence: shown.and_then(|shown| shown.figure.parts["evidence"].as_str()).map(Reference::of),
            }
        })
        .collect()
}
