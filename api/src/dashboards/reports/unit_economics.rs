//! What a customer costs, brings and pays back, stage by stage, beside what the plan says of each.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use domain::Grain;
use projections::reports::Report;
use projections::reports::unit_economics::{StageEconomics, StageFigure, unit_economics};
use rust_decimal::prelude::ToPrimitive;

use super::{Basis, TO_COME, Told, Writing, asked, link, no_data};
use crate::dashboards::card::{StatusWord, rests_on};
use crate::dashboards::chart::bullet;
use crate::dashboards::format::Locale;
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{View, ViewParameters};
use crate::dashboards::words::period;
use crate::dashboards::{Frame, frame};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Template)]
#[template(path = "unit-economics.html")]
struct UnitEconomicsPage {
    frame: Frame,
    stages: Vec<Stage>,
    basis: Basis,
}

#[derive(Debug)]
struct Stage {
    number: u16,
    name: String,
    months: String,
    /// The month that its figures are of.
    period: String,
    is_present: bool,
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    name: &'static str,
    href: String,
    value: Told,
    /// Why there is no value, where the formula says so.
    reason: Option<String>,
    plan: Option<String>,
    variance: Option<String>,
    bar: String,
    n: Option<String>,
    status: StatusWord,
}

pub(super) async fn show(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Problem> {
    let view = View::parse("/dashboards/unit-economics".to_owned(), &parameters, Utc::now())?;
    let ask = async { Ok(unit_economics(&api.read_pool, asked(&view, caller.tenant())).await?) };
    let (report, freshness) = read(&api, None, ask).await?;
    let locale = Locale::of(&headers);
    page(&UnitEconomicsPage {
        stages: report.data.iter().map(|stage| Stage::of(stage, &report, &view, locale)).collect(),
        // Each stands at its stage.
        basis: Basis { notes: Vec::new(), ..Basis::of(&report) },
        frame: frame(&view, &caller, freshness, "Unit economics").without_rhythms(),
    })
}

impl Stage {
    fn of(stage: &StageEconomics, report: &Report<Vec<StageEconomics>>, view: &View, locale: Locale) -> Self {
        let writing = Writing { locale, currency: &report.currency };
        let is_present = stage.month == Some(Grain::Month.start(view.last_day()));
        Self {
            number: stage.number,
            name: stage.name.clone(),
            months: format!("months {} to {}", stage.months.0, stage.months.1),
            period: match stage.month {
                None => "to come".to_owned(),
                Some(month) if is_present => format!("{}, so far", period(Grain::Month, month)),
                Some(month) => format!("{}, its last month", period(Grain::Month, month)),
            },
            is_present,
            rows: stage.figures.iter().map(|figure| Row::of(figure, stage.month.is_some(), view, writing)).collect(),
            notes: report.notes.iter().filter(|note| note.stage == stage.number).map(|note| note.detail.clone()).collect(),
        }
    }
}

impl Row {
    fn of(StageFigure { kpi, plan, shown }: &StageFigure, has_begun: bool, view: &View, writing: Writing<'_>) -> Self {
        let figure = shown.as_ref().map(|shown| &shown.figure);
        let value = figure.and_then(|figure| figure.value);
        let (drawn, mark) = (value.and_then(|value| value.to_f64()), plan.and_then(|plan| plan.to_f64()));
        let most = 1.15 * drawn.unwrap_or_default().max(mark.unwrap_or_default());
        Self {
            name: kpi.name,
            href: link(view, kpi.id),
            value: match has_begun {
                true => Told::or_no_data(value.map(|value| writing.value(kpi.unit, value))),
                false => Told::to_come(),
            },
            reason: figure.and_then(|figure| figure.parts["reason"].as_str()).map(str::to_owned),
            plan: plan.map(|plan| writing.value(kpi.unit, plan)),
            variance: value
                .zip(*plan)
                .map(|(value, plan)| writing.locale.against(kpi, writing.currency, value, plan).difference(value - plan)),
            bar: bullet(drawn, mark, most, ""),
            n: figure.filter(|_| value.is_some()).map(|figure| rests_on(kpi, figure, writing.locale)),
            status: match (shown, has_begun) {
                (_, false) => TO_COME,
                (None, true) => no_data(),
                (Some(shown), true) => shown.status.into(),
            },
        }
    }
}
