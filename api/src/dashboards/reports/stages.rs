//! What each stage can carry and when that is used up; what must be so before the next one, and on what evidence.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{NaiveDate, Utc};
use domain::Grain;
use domain::kpis::{Unit, find};
use projections::kpis::series::{Segments, series};
use projections::kpis::shown::{Shown, Status};
use projections::reports::gates::{Gate as Judged, GateItem, gates};
use projections::stages::{MONTHS_OF_GROWTH, StageStanding, Standing};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Basis, Reference, Told, Writing, asked, kpi, link, newest, segment_link};
use crate::dashboards::card::StatusWord;
use crate::dashboards::chart::{bullet, meter};
use crate::dashboards::format::Locale;
use crate::dashboards::overview::StageMeter;
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{View, ViewParameters};
use crate::dashboards::words::{label, period};
use crate::dashboards::{Frame, frame, past};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Template)]
#[template(path = "stages.html")]
struct StagesPage {
    frame: Frame,
    lead: String,
    stages: Vec<StageMeter>,
    growth: Vec<(&'static str, String)>,
    /// Whose resources they are, and when: `What Optimization has: November 2026`.
    resources_title: String,
    is_so_far: bool,
    resources: Vec<Resource>,
    gates: Vec<Gate>,
    basis: Basis,
}

#[derive(Debug)]
struct Gate {
    id: String,
    name: String,
    is_next: bool,
    met: String,
    of: String,
    bar: String,
    status: StatusWord,
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    title: String,
    state: StatusWord,
    ground: Ground,
    /// The event that said so, and the one that it rests on, with their addresses.
    event: Option<(String, String)>,
    relied_on: Option<(String, String)>,
}

/// What an item is met by, or waits for.
#[derive(Debug)]
enum Ground {
    Figure { name: String, href: String, value: Told, at_least: String, bar: String },
    Evidence(Reference),
    Nothing,
}

/// Something that a stage has so much of.
#[derive(Debug)]
struct Resource {
    name: &'static str,
    href: String,
    used: String,
    capacity: String,
    share: String,
    bar: String,
    until: String,
}

const MET: StatusWord = StatusWord { class: "reached", icon: "✓", word: "Met" };
const NOT_MET: StatusWord = StatusWord { class: "open", icon: "○", word: "Not yet" };

pub(super) async fn show(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Problem> {
    let view = View::parse("/dashboards/stages".to_owned(), &parameters, Utc::now())?;
    let ask = async {
        let standing = past::standing(&api, caller.tenant(), &view).await?;
        let gates = gates(&api.read_pool, asked(&view, caller.tenant())).await?;
        let query = newest(&view, Grain::Month, MONTHS_OF_GROWTH + 1, Segments::Of("resource".to_owned()));
        let used = series(&api.read_pool, caller.tenant(), kpi("stage_capacity"), &query).await?;
        Ok((standing, gates, used.map(|used| used.figures).unwrap_or_default()))
    };
    let ((standing, report, used), freshness) = read(&api, None, ask).await?;
    let locale = Locale::of(&headers);
    let writing = Writing { locale, currency: &report.currency };
    let newest_month = used.iter().map(|shown| shown.figure.period).max();
    page(&StagesPage {
        lead: [lead(&standing, &view), behind(&standing, &report.data)].into_iter().flatten().collect::<Vec<_>>().join(" "),
        resources_title: resources_title(&standing, newest_month, &view),
        is_so_far: used.iter().any(|shown| shown.is_partial),
        stages: standing.stages.iter().map(|stage| StageMeter::of(stage, &standing, locale)).collect(),
        growth: growth(&standing, locale),
        resources: ["users", "interactions", "storage", "cost"]
            .into_iter()
            .filter_map(|name| Resource::of(name, (newest_month?, &used), &view, writing))
            .collect(),
        gates: report.data.iter().map(|gate| Gate::of(gate, &view, writing)).collect(),
        basis: Basis::of(&report),
        frame: frame(&view, &caller, freshness, "Stages and gates").without_rhythms(),
    })
}

impl Resource {
    fn of(name: &str, (month, figures): (NaiveDate, &[Shown]), view: &View, writing: Writing<'_>) -> Option<Self> {
        let segment = format!("resource:{name}");
        let of_it: Vec<&Shown> = figures.iter().filter(|shown| shown.figure.segment == segment).collect();
        let newest = of_it.last().filter(|shown| shown.figure.period == month)?;
        let (used, capacity) = (newest.figure.numerator?, newest.figure.denominator?);
        let used_in = |month| {
            let whole = of_it.iter().find(|shown| shown.figure.period == month && !shown.is_partial)?;
            whole.figure.numerator?.to_f64()
        };
        let last_whole = of_it.iter().rev().find(|shown| !shown.is_partial).map(|shown| shown.figure.period);
        let then = last_whole.and_then(used_in);
        let before = last_whole.and_then(|month| used_in(Grain::Month.before(month, MONTHS_OF_GROWTH)));
        let told = |amount: Decimal| match name {
            "storage" => bytes(amount, writing),
            "cost" => writing.value(Unit::Money, amount),
            _ => writing.value(Unit::Count, amount),
        };
        let share = newest.figure.value?.to_f64()?;
        Some(Self {
            name: match name {
                "users" => "Users a month",
                "interactions" => "Interactions a month",
                "storage" => "Storage",
                _ => "Infrastructure cost a month",
            },
            href: segment_link(view, "stage_capacity", &segment),
            used: told(used),
            capacity: told(capacity),
            share: writing.locale.share(newest.figure.value?),
            bar: meter(share, if share > 1.0 { "over" } else { "" }),
            until: until_full(used.to_f64()?, capacity.to_f64()?, then, before),
        })
    }
}

/// When what is used reaches what there is, if it grows as it did up to the last whole month, `then`, from the one that many
/// months `before` it.
fn until_full(used: f64, capacity: f64, then: Option<f64>, before: Option<f64>) -> String {
    if used >= capacity {
        return "used up".to_owned();
    }
    // A month that is not over has used less than it will.
    let used = used.max(then.unwrap_or_default());
    if used >= capacity {
        return "within a month".to_owned();
    }
    let grown = then.zip(before).filter(|(_, before)| *before > 0.0);
    let Some((then, before)) = grown else { return "too short a history to tell".to_owned() };
    let growth = (then / before).powf(1.0 / f64::from(MONTHS_OF_GROWTH));
    if growth <= 1.0 {
        return "never, as it does not grow".to_owned();
    }
    match ((capacity / used).ln() / growth.ln()).ceil() {
        1.0 => "within a month".to_owned(),
        months if months > 120.0 => "in more than ten years".to_owned(),
        months => format!("in some {months} months"),
    }
}

fn bytes(amount: Decimal, writing: Writing<'_>) -> String {
    let (unit, size) = match amount {
        amount if amount >= Decimal::from(1_000_000_000_000_i64) => ("TB", 1_000_000_000_000_i64),
        _ => ("GB", 1_000_000_000),
    };
    format!("{}\u{202f}{unit}", writing.locale.number(amount / Decimal::from(size), 1))
}

/// Where the company is by the plan, and where it would have to be.
fn lead(standing: &Standing, view: &View) -> Option<String> {
    if standing.first_month.is_none() {
        return Some("The company’s first month has not begun.".to_owned());
    }
    let present = Grain::Month.start(view.last_day());
    let month = standing.month_number + 1;
    let planned = in_month(standing, month);
    let needed = standing.stages.iter().find(|stage| Some(stage.number) == standing.needed_stage);
    Some(format!(
        "{} is the company’s month {month}: {}. The users and interactions of {} are {}.",
        period(Grain::Month, present),
        planned.map_or("beyond the plan".to_owned(), |stage| format!("by the plan, {}", stage.name)),
        period(Grain::Month, Grain::Month.before(present, 1)),
        needed.map_or("more than any stage is for".to_owned(), |stage| format!("within the limits of {}", stage.name)),
    ))
}

/// The stage that the plan puts the company's month in.
fn in_month(standing: &Standing, month: u32) -> Option<&StageStanding> {
    standing.stages.iter().find(|stage| (stage.months.0..=stage.months.1).contains(&month))
}

/// Where the calendar has gone through a gate that the company has not.
fn behind(standing: &Standing, gates: &[Judged]) -> Option<String> {
    let next = gates.iter().find(|gate| gate.is_next && gate.shown.status != Status::Reached)?;
    let (from, to) = next.transition.split_once("_to_")?;
    let entered = standing.stages.iter().position(|stage| stage.name.eq_ignore_ascii_case(&label(to)))?;
    let present = in_month(standing, standing.month_number + 1);
    let present = present.map_or(standing.stages.len(), |stage| usize::from(stage.number).saturating_sub(1));
    (present >= entered).then(|| {
        format!("The calendar is ahead of the gates: the one from {} to {} is not passed yet.", label(from), label(to))
    })
}

/// Of the stage that the plan puts the newest month in, which is where the cards' figures are held against it too.
fn resources_title(standing: &Standing, newest_month: Option<NaiveDate>, view: &View) -> String {
    let present = Grain::Month.start(view.last_day());
    let month = newest_month.unwrap_or(present);
    let number = standing.month_number + u32::from(month == present);
    let stage = in_month(standing, number).map_or("the stage", |stage| stage.name.as_str());
    format!("What {stage} has: {}", period(Grain::Month, month))
}

fn growth(standing: &Standing, locale: Locale) -> Vec<(&'static str, String)> {
    [("users", standing.users_growth), ("interactions", standing.interactions_growth)]
        .into_iter()
        .filter_map(|(name, factor)| Some((name, locale.growth(factor?))))
        .collect()
}

impl Gate {
    fn of(gate: &Judged, view: &View, writing: Writing<'_>) -> Self {
        let figure = &gate.shown.figure;
        let count = |count: Option<Decimal>| writing.locale.number(count.unwrap_or_default(), 0);
        Self {
            id: gate.transition.clone(),
            name: transition(&gate.transition),
            is_next: gate.is_next,
            met: count(figure.numerator),
            of: count(figure.denominator),
            bar: meter(figure.value.and_then(|share| share.to_f64()).unwrap_or_default(), ""),
            status: match gate.shown.status {
                Status::Reached => StatusWord { word: "Ready", ..Status::Reached.into() },
                Status::Missed => StatusWord { word: "Not ready", ..Status::Missed.into() },
                other => other.into(),
            },
            items: gate.items.iter().map(|item| Item::of(item, view, writing)).collect(),
        }
    }
}

/// `foundation_to_systematization` as people say it.
fn transition(name: &str) -> String {
    match name.split_once("_to_") {
        Some((from, to)) => format!("From {} to {}", label(from), label(to)),
        None => label(name),
    }
}

impl Item {
    fn of(item: &GateItem, view: &View, writing: Writing<'_>) -> Self {
        let address = |id: &String| (id.clone(), format!("/dashboards/ledger/events/{id}"));
        Self {
            title: item.title.clone(),
            state: if item.is_met { MET } else { NOT_MET },
            ground: Ground::of(item, view, writing),
            event: item.event.as_ref().map(address),
            relied_on: item.relied_on.as_ref().map(address),
        }
    }
}

impl Ground {
    fn of(item: &GateItem, view: &View, writing: Writing<'_>) -> Self {
        let decimal =
            |number: &Option<serde_json::Number>| number.as_ref().and_then(|number| number.to_string().parse::<Decimal>().ok());
        let (value, at_least) = (decimal(&item.value), decimal(&item.at_least));
        match (&item.kpi, at_least, &item.evidence) {
            (Some(id), Some(at_least), _) => {
                let known = find(id);
                let unit = known.map_or(Unit::Count, |kpi| kpi.unit);
                let (drawn, mark) = (value.and_then(|value| value.to_f64()), at_least.to_f64());
                Self::Figure {
                    name: known.map_or_else(|| id.clone(), |kpi| kpi.name.to_owned()),
                    href: link(view, id),
                    value: Told::or_no_data(value.map(|value| writing.value(unit, value))),
                    at_least: writing.value(unit, at_least),
                    bar: bullet(drawn, mark, mark.unwrap_or_default().max(drawn.unwrap_or_default()), ""),
                }
            }
            (.., Some(evidence)) => Self::Evidence(Reference::of(evidence)),
            (.., None) => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_runs_out_when_its_growth_says_so() {
        assert_eq!(until_full(100.0, 1_000.0, Some(100.0), Some(12.5)), "in some 4 months");
        assert_eq!(until_full(200.0, 1_000.0, Some(100.0), Some(12.5)), "in some 3 months");
        assert_eq!(until_full(900.0, 1_000.0, Some(900.0), Some(100.0)), "within a month");
        assert_eq!(until_full(300.0, 1_000.0, Some(1_200.0), None), "within a month");
        assert_eq!(until_full(1_000.0, 1_000.0, None, None), "used up");
        assert_eq!(until_full(10.0, 1_000.0, Some(10.0), Some(10.0)), "never, as it does not grow");
        assert_eq!(until_full(10.0, 1_000.0, Some(10.0), None), "too short a history to tell");
    }

    #[test]
    fn a_gate_is_named_by_what_it_stands_between() {
        assert_eq!(transition("foundation_to_systematization"), "From Foundation to Systematization");
        assert_eq!(transition("other_gate"), "Other gate");
    }
}
