//! What each stage can carry and when that is used up; what must be so before the next one, and on what evidence.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use domain::Grain;
use domain::kpis::{Unit, find};
use projections::kpis::shown::Status;
use projections::reports::gates::{Gate as Judged, GateItem, gates};
use projections::stages::{Standing, standing};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Basis, Told, Writing, asked, capitalized, link};
use crate::dashboards::card::{StatusWord, words};
use crate::dashboards::chart::{bullet, meter};
use crate::dashboards::format::{Locale, period};
use crate::dashboards::overview::StageMeter;
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{View, ViewParameters};
use crate::dashboards::{Frame, frame};
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
    Evidence(String),
    Nothing,
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
        let standing = standing(&api.read_pool, caller.tenant(), view.last_day()).await?;
        Ok((standing, gates(&api.read_pool, asked(&view, caller.tenant())).await?))
    };
    let ((standing, report), freshness) = read(&api, None, ask).await?;
    let locale = Locale::of(&headers);
    let writing = Writing { locale, currency: &report.currency };
    page(&StagesPage {
        lead: lead(&standing, &view),
        stages: standing.stages.iter().map(|stage| StageMeter::of(stage, &standing, locale)).collect(),
        growth: growth(&standing, locale),
        gates: report.data.iter().map(|gate| Gate::of(gate, &view, writing)).collect(),
        basis: Basis::of(&report),
        frame: frame(&view, &caller, freshness, "Stages and gates").without_rhythms(),
    })
}

/// Where the company is by the plan, and where it would have to be.
fn lead(standing: &Standing, view: &View) -> String {
    if standing.first_month.is_none() {
        return "The company’s first month has not begun.".to_owned();
    }
    let present = Grain::Month.start(view.last_day());
    let month = standing.month_number + 1;
    let planned = standing.stages.iter().find(|stage| (stage.months.0..=stage.months.1).contains(&month));
    let needed = standing.stages.iter().find(|stage| Some(stage.number) == standing.needed_stage);
    format!(
        "{} is the company’s month {month}: {}. What {} carried {}.",
        period(Grain::Month, present),
        planned.map_or("beyond the plan".to_owned(), |stage| format!("by the plan, {}", stage.name)),
        period(Grain::Month, Grain::Month.before(present, 1)),
        needed.map_or("is more than any stage can".to_owned(), |stage| format!("asks for {}", stage.name)),
    )
}

fn growth(standing: &Standing, locale: Locale) -> Vec<(&'static str, String)> {
    let told = |factor: f64| {
        let percent = Decimal::try_from((factor - 1.0) * 100.0).unwrap_or_default();
        let sign = if percent.is_sign_negative() { "" } else { "+" };
        format!("{sign}{}\u{202f}% a month", locale.number(percent, 1))
    };
    [("users", standing.users_growth), ("interactions", standing.interactions_growth)]
        .into_iter()
        .filter_map(|(name, factor)| Some((name, told(factor?))))
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
        Some((from, to)) => format!("From {} to {}", capitalized(&words(from)), capitalized(&words(to))),
        None => capitalized(&words(name)),
    }
}

impl Item {
    fn of(item: &GateItem, view: &View, writing: Writing<'_>) -> Self {
        let address = |id: &String| (id.clone(), format!("/v1/events/{id}"));
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
            (.., Some(evidence)) => Self::Evidence(evidence.clone()),
            (.., None) => Self::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_named_by_what_it_stands_between() {
        assert_eq!(transition("foundation_to_systematization"), "From Foundation to Systematization");
        assert_eq!(transition("other_gate"), "Other gate");
    }
}
