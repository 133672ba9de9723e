//! The cards of finance, and where the money goes: budget against actuals, burn, and what a thousand interactions cost to carry.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{NaiveDate, Utc};
use domain::Grain;
use domain::kpis::{KpiFunction, Unit};
use domain::north_star::DEFINITION_1;
use projections::kpis::shown::Shown;
use projections::north_star;
use projections::reports::budget::budget;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::{Basis, Chart, Told, Writing, asked, name_of_segment, segment_link};
use crate::dashboards::card::{Card, StatusWord};
use crate::dashboards::chart::{Point, bullet};
use crate::dashboards::format::Locale;
use crate::dashboards::overview::{board_of, cards_of, prepare};
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{View, ViewParameters};
use crate::dashboards::words::{period, segment_label, tick};
use crate::dashboards::{Frame, PERIODS, frame};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Template)]
#[template(path = "finance.html")]
struct FinancePage {
    frame: Frame,
    cards: Vec<Card>,
    budgets: Vec<Budget>,
    burn_chart: Chart,
    burn: Vec<Spent>,
    cost_chart: Chart,
    costs: Vec<Cost>,
    basis: Basis,
}

/// Actuals against the budget over some months.
#[derive(Debug)]
struct Budget {
    id: &'static str,
    title: String,
    about: &'static str,
    rows: Vec<Spent>,
}

impl Budget {
    fn is_over(&self) -> bool {
        self.rows.iter().any(|row| row.is_over)
    }
}

#[derive(Debug)]
struct Spent {
    /// The category or the month.
    name: String,
    href: Option<String>,
    is_total: bool,
    /// More was spent than the budget has.
    is_over: bool,
    is_partial: bool,
    actual: Told,
    budget: Option<String>,
    variance: Option<String>,
    share: Option<String>,
    bar: String,
    n: String,
    status: Option<StatusWord>,
    restated: Option<String>,
}

/// What the infrastructure of a month cost for each thousand of its active interactions.
#[derive(Debug)]
struct Cost {
    month: String,
    is_partial: bool,
    spent: Told,
    interactions: Told,
    cost: Told,
}

const CATEGORIES: [&str; 4] = ["personnel", "infrastructure", "marketing", "operations"];

pub(super) async fn show(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Problem> {
    let view = View::parse("/dashboards/finance".to_owned(), &parameters, Utc::now())?;
    let locale = Locale::of(&headers);
    let months = (Grain::Month.before(Grain::Month.start(view.last_day()), PERIODS - 1), view.last_day());
    if let Some(making) = prepare(&api, &caller, &view, KpiFunction::Finance).await? {
        return Ok(making);
    }
    let ask = async {
        let board = board_of(&api, caller.tenant(), &view, KpiFunction::Finance).await?;
        let report = budget(&api.read_pool, asked(&view, caller.tenant()), months).await?;
        let counted = north_star::SeriesQuery {
            grain: Grain::Month,
            from: Some(months.0),
            to: Some(months.1),
            as_of: view.as_of,
            definition: &DEFINITION_1,
            today: view.today(),
        };
        Ok((board, report, north_star::series(&api.read_pool, caller.tenant(), &counted).await?))
    };
    let ((board, report, counted), freshness) = read(&api, None, ask).await?;
    let writing = Writing { locale, currency: &report.currency };
    let all: Vec<&Shown> = report.data.iter().filter(|shown| shown.figure.segment == "all").collect();
    let costs = costs(&report.data, &counted, months, writing);
    page(&FinancePage {
        cards: cards_of(&board, &view, locale),
        budgets: budgets(&report.data, &view, writing),
        burn_chart: Chart::bars(
            "Money spent by month, against the budget",
            &burn(&all, months, writing),
            writing.axis(Unit::Money),
        ),
        burn: all.iter().rev().map(|shown| Spent::in_month(shown, writing)).collect(),
        cost_chart: Chart::bars(
            "Infrastructure spend for a thousand active interactions, by month",
            &costs.iter().map(|(point, _)| point.clone()).collect::<Vec<_>>(),
            writing.axis(Unit::Money),
        ),
        costs: costs.into_iter().rev().map(|(_, cost)| cost).collect(),
        basis: Basis::of(&report),
        frame: frame(&view, &caller, freshness, "Finance"),
    })
}

/// Of the newest month that is over, and of the twelve up to it.
fn budgets(figures: &[Shown], view: &View, writing: Writing<'_>) -> Vec<Budget> {
    let Some(month) = figures.iter().filter(|shown| !shown.is_partial).map(|shown| shown.figure.period).max() else {
        return Vec::new();
    };
    let first = Grain::Month.before(month, 11);
    let in_month = by_category(figures, |shown| shown.figure.period == month);
    let in_year = by_category(figures, |shown| (first..=month).contains(&shown.figure.period));
    let rows = |found: Vec<(&str, Vec<&Shown>)>| -> Vec<Spent> {
        // What is furthest over its budget ends the scale of all.
        let shares = found.iter().filter_map(|(_, shown)| share_of_budget(shown)?.to_f64());
        let most = shares.fold(1.25, f64::max);
        found.into_iter().map(|(segment, shown)| Spent::on(segment, &shown, most, (view, writing))).collect()
    };
    vec![
        Budget {
            id: "month",
            title: period(Grain::Month, month),
            about: "The newest month that is over",
            rows: rows(in_month),
        },
        Budget {
            id: "year",
            title: format!("The twelve months to {}", period(Grain::Month, month)),
            about: "Budgets and actuals of these months, summed",
            rows: rows(in_year),
        },
    ]
}

/// In the order of the plan, whatever else is spent on after it, and all of it last.
fn by_category(figures: &[Shown], is_wanted: impl Fn(&Shown) -> bool) -> Vec<(&str, Vec<&Shown>)> {
    let place = |segment: &str| match CATEGORIES.iter().position(|known| *known == name_of_segment(segment)) {
        Some(place) => place,
        None if segment == "all" => usize::MAX,
        None => CATEGORIES.len(),
    };
    let mut segments: Vec<&str> =
        figures.iter().filter(|shown| is_wanted(shown)).map(|shown| shown.figure.segment.as_str()).collect();
    segments.sort_by_key(|segment| (place(segment), *segment));
    segments.dedup();
    segments
        .into_iter()
        .map(|segment| (segment, figures.iter().filter(|shown| shown.figure.segment == segment && is_wanted(shown)).collect()))
        .collect()
}

fn sum(figures: &[&Shown], of: impl Fn(&Shown) -> Option<Decimal>) -> Option<Decimal> {
    figures.iter().filter_map(|shown| of(shown)).reduce(|one, other| one + other)
}

fn share_of_budget(figures: &[&Shown]) -> Option<Decimal> {
    sum(figures, |shown| shown.figure.numerator)?.checked_div(sum(figures, |shown| shown.figure.denominator)?)
}

impl Spent {
    fn of(figures: &[&Shown], writing: Writing<'_>) -> Self {
        let actual = sum(figures, |shown| shown.figure.numerator);
        let budget = sum(figures, |shown| shown.figure.denominator);
        let share = share_of_budget(figures);
        Self {
            name: String::new(),
            href: None,
            is_total: false,
            is_over: false,
            is_partial: false,
            actual: Told::or_no_data(actual.map(|actual| writing.value(Unit::Money, actual))),
            budget: budget.map(|budget| writing.value(Unit::Money, budget)),
            variance: writing.difference(Unit::Money, actual, budget),
            share: share.map(|share| writing.value(Unit::Ratio, share)),
            bar: String::new(),
            n: writing.locale.count(figures.iter().map(|shown| shown.figure.n).sum()),
            status: None,
            restated: None,
        }
    }

    fn on(segment: &str, figures: &[&Shown], most: f64, (view, writing): (&View, Writing<'_>)) -> Self {
        let is_total = segment == "all";
        let drawn = share_of_budget(figures).and_then(|share| share.to_f64());
        let is_over = drawn.is_some_and(|share| share > 1.0);
        Self {
            name: if is_total { "All".to_owned() } else { segment_label(segment) },
            href: (!is_total).then(|| segment_link(view, "budget_variance", segment)),
            is_total,
            is_over,
            // The mark is the budget.
            bar: bullet(drawn, drawn.map(|_| 1.0), most, if is_over { "over" } else { "" }),
            // Of months together there is no figure that has one.
            status: if let [shown] = figures { Some(shown.status.into()) } else { None },
            ..Self::of(figures, writing)
        }
    }

    fn in_month(shown: &Shown, writing: Writing<'_>) -> Self {
        let now = shown.figure.numerator.zip(shown.figure.value).map(|(actual, value)| actual - value);
        let before = shown.restated_from.zip(now).map(|(variance, budget)| budget + variance);
        Self {
            name: period(Grain::Month, shown.figure.period),
            is_partial: shown.is_partial,
            status: Some(shown.status.into()),
            restated: before.map(|before| writing.value(Unit::Money, before)),
            ..Self::of(&[shown], writing)
        }
    }
}

fn burn(all: &[&Shown], (from, to): (NaiveDate, NaiveDate), writing: Writing<'_>) -> Vec<Point> {
    let month = |start: NaiveDate| {
        let shown = all.iter().find(|shown| shown.figure.period == start);
        let actual = shown.and_then(|shown| shown.figure.numerator);
        let budget = shown.and_then(|shown| shown.figure.denominator);
        let told = |value: Option<Decimal>| value.map_or("no data".to_owned(), |value| writing.value(Unit::Money, value));
        Point {
            tick: tick(Grain::Month, start),
            told: format!("{}: {} of a budget of {}", period(Grain::Month, start), told(actual), told(budget)),
            value: actual.and_then(|actual| actual.to_f64()),
            target: budget.and_then(|budget| budget.to_f64()),
            is_partial: shown.is_some_and(|shown| shown.is_partial),
            ..Point::default()
        }
    };
    Grain::Month.between(from, to).map(month).collect()
}

fn costs(
    figures: &[Shown],
    counted: &[north_star::Period],
    (from, to): (NaiveDate, NaiveDate),
    writing: Writing<'_>,
) -> Vec<(Point, Cost)> {
    let month = |start: NaiveDate| {
        let spent = figures.iter().find(|shown| {
            // A month for which nothing is recorded yet has cost something all the same.
            shown.figure.period == start && shown.figure.segment == "category:infrastructure" && shown.figure.n > 0
        });
        let spent = spent.and_then(|shown| shown.figure.numerator);
        let counted = counted.iter().find(|period| period.start == start);
        let cost = spent.zip(counted).and_then(|(spent, counted)| cost_of_a_thousand(spent, counted.active));
        let is_partial = counted.is_some_and(|counted| counted.partial);
        let told = Told::or_no_data(cost.map(|cost| writing.value(Unit::Money, cost)));
        let point = Point {
            tick: tick(Grain::Month, start),
            told: format!("{}: {}", period(Grain::Month, start), told.text),
            value: cost.and_then(|cost| cost.to_f64()),
            is_partial,
            ..Point::default()
        };
        let cost = Cost {
            month: period(Grain::Month, start),
            is_partial,
            spent: Told::or_no_data(spent.map(|spent| writing.value(Unit::Money, spent))),
            interactions: Told::or_no_data(counted.map(|counted| writing.locale.number(counted.active.into(), 0))),
            cost: told,
        };
        (point, cost)
    };
    Grain::Month.between(from, to).map(month).collect()
}

/// None: nothing was carried.
fn cost_of_a_thousand(spent: Decimal, active: u64) -> Option<Decimal> {
    (spent * Decimal::ONE_THOUSAND).checked_div(Decimal::from(active))
}

#[cfg(test)]
mod tests {
    use projections::kpis::query::Figure;
    use projections::kpis::shown::Status;

    use super::*;

    fn shown(month: &str, segment: &str, actual: i64, budget: i64, is_partial: bool) -> Shown {
        Shown {
            figure: Figure {
                period: month.parse().expect("a day"),
                segment: segment.to_owned(),
                numerator: Some(actual.into()),
                denominator: Some(budget.into()),
                n: 1,
                value: Some((actual - budget).into()),
                parts: serde_json::json!({}),
            },
            definition: 1,
            target: Some(Decimal::ZERO),
            status: if actual > budget { Status::Missed } else { Status::Reached },
            plan_version: 1,
            is_partial,
            restated_from: None,
        }
    }

    fn view() -> View {
        View::parse(
            "/dashboards/finance".to_owned(),
            &ViewParameters::default(),
            "2026-10-15T12:00:00Z".parse().expect("a time"),
        )
        .expect("no parameters")
    }

    #[test]
    fn months_are_summed_by_category_and_the_present_one_is_left_out() {
        let figures = [
            shown("2026-08-01", "all", 110, 100, false),
            shown("2026-08-01", "category:marketing", 110, 100, false),
            shown("2026-09-01", "all", 150, 200, false),
            shown("2026-09-01", "category:marketing", 50, 100, false),
            shown("2026-09-01", "category:personnel", 100, 100, false),
            shown("2026-10-01", "all", 999, 1, true),
        ];
        let writing = Writing { locale: Locale::of(&HeaderMap::new()), currency: "USD" };
        let found = budgets(&figures, &view(), writing);
        let told = |budget: &Budget| -> Vec<(String, String)> {
            budget.rows.iter().map(|row| (row.name.clone(), row.actual.text.clone())).collect()
        };
        let pair = |name: &str, actual: &str| (name.to_owned(), actual.to_owned());
        assert_eq!(found[0].title, "September\u{a0}2026");
        assert_eq!(told(&found[0]), [pair("Personnel", "$100"), pair("Marketing", "$50"), pair("All", "$150")]);
        assert_eq!(told(&found[1]), [pair("Personnel", "$100"), pair("Marketing", "$160"), pair("All", "$260")]);
        assert_eq!(found[1].rows[1].variance.as_deref(), Some("−$40"));
        assert!(found[1].rows.iter().find(|row| row.is_total).expect("a total").status.is_none());
    }

    #[test]
    fn what_carried_nothing_has_no_cost_a_thousand() {
        assert_eq!(cost_of_a_thousand(300.into(), 100_000), Some(3.into()));
        assert_eq!(cost_of_a_thousand(300.into(), 0), None);
    }
}
