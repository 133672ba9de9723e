//! The overview: the north star, what is off target, restated or behind, and a card for each KPI of each function.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{NaiveDate, Utc};
use domain::kpis::{Kpi, KpiFunction, Unit, find, register};
use domain::north_star::DEFINITION_1;
use domain::{Grain, TenantId};
use projections::kpis::evaluate::Terms;
use projections::kpis::series::{Beside, BoardQuery};
use projections::north_star;
use projections::reports::Asked;
use projections::stages::{Expected, Limit, StageStanding, Standing};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::card::{Card, Setting};
use super::chart::{Point, meter};
use super::exhibits::{Exhibit, exhibits};
use super::format::Locale;
use super::reports::Chart;
use super::session::Viewer;
use super::view::{View, ViewParameters};
use super::words::{period, tick};
use super::{FUNCTIONS, Frame, PERIODS, frame, name_of, past};
use crate::auth::{Caller, Read};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::{Api, Shared};

#[derive(Debug, Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    north_star: Card,
    /// Nobody has recorded an interaction yet.
    is_empty: bool,
    hero: Hero,
    stages: Vec<StageMeter>,
    growth: Option<String>,
    missed: Vec<Card>,
    restated: Vec<Card>,
    stale: Vec<Card>,
    groups: Vec<Group>,
}

#[derive(Debug, Template)]
#[template(path = "function.html")]
struct FunctionPage {
    frame: Frame,
    group: Group,
    exhibits: Vec<Exhibit>,
}

/// The north star as it is counted this moment.
#[derive(Debug)]
struct Hero {
    /// None: no data, which is not zero.
    now: Option<String>,
    period: String,
    is_partial: bool,
    last: Option<String>,
    chart: Chart,
}

/// The cards of one function.
#[derive(Debug)]
struct Group {
    name: &'static str,
    href: String,
    cards: Vec<Card>,
}

/// How much of what a stage can carry is used.
#[derive(Debug)]
pub(super) struct StageMeter {
    pub(super) name: String,
    pub(super) months: String,
    pub(super) is_present: bool,
    pub(super) users: Meter,
    pub(super) interactions: Meter,
}

#[derive(Debug)]
pub(super) struct Meter {
    pub(super) used: String,
    pub(super) of: String,
    pub(super) share: String,
    pub(super) when: String,
    pub(super) bar: String,
}

pub(super) async fn overview(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ViewParameters>,
) -> Result<Response, Problem> {
    let (view, locale) = (View::parse("/dashboards".to_owned(), &parameters, Utc::now())?, Locale::of(&headers));
    let kpis: Vec<&'static Kpi> = register().collect();
    let query = board_query(&view);
    let of_months = BoardQuery { grain: Grain::Month, ..query };
    let north_star = [find("active_capsule_interactions").expect("the register has the north star")];
    let wanted = past::wanted(&kpis, &query).into_iter().chain(past::wanted(&north_star, &of_months)).collect();
    if let Some(making) = past::prepare(&api, &caller, (&view, "Overview"), wanted).await? {
        return Ok(making);
    }
    let ask = async {
        let (terms, found) = past::board(&api, caller.tenant(), &kpis, &query).await?;
        let counted = match view.as_of {
            None => counted_now(&api, caller.tenant(), &view).await?,
            Some(_) => counted_then(&past::board(&api, caller.tenant(), &north_star, &of_months).await?.1),
        };
        Ok((terms, found, past::standing(&api, caller.tenant(), &view).await?, counted))
    };
    let ((terms, found, standing, counted), freshness) = read(&api, None, ask).await?;
    let in_force = terms.in_force(view.now);
    let setting =
        Setting { view: &view, locale, currency: in_force.plan.currency.as_str(), periods: PERIODS, last: view.last_day() };
    let cards: Vec<(&Beside, Card)> = found.iter().map(|beside| (beside, Card::of(beside, setting))).collect();
    let cards = |of: &dyn Fn(&Beside, &Card) -> bool| -> Vec<Card> {
        cards.iter().filter(|(beside, card)| of(beside, card)).map(|(_, card)| card.clone()).collect()
    };
    let north_star = cards(&|_, card| card.id == "active_capsule_interactions").pop();
    page(&OverviewPage {
        north_star: north_star.expect("the register has the north star"),
        is_empty: view.as_of.is_none() && counted.iter().all(|counted| counted.active.is_zero()),
        hero: Hero::of(&counted, &view, locale),
        growth: standing.interactions_growth.map(|factor| format!("{} a month over the last three", locale.growth(factor))),
        stages: standing.stages.iter().map(|stage| StageMeter::of(stage, &standing, locale)).collect(),
        missed: cards(&|_, card| card.status.class == "missed"),
        restated: cards(&|_, card| card.restated.is_some()),
        stale: cards(&|_, card| card.is_stale),
        groups: FUNCTIONS
            .into_iter()
            .map(|function| {
                let (name, slug) = name_of(function);
                Group {
                    name,
                    href: view.to(&format!("/dashboards/{slug}")),
                    cards: cards(&|beside, _| beside.kpi.function == function),
                }
            })
            .collect(),
        frame: frame(&view, &caller, freshness, "Overview"),
    })
}

/// The figures of one function's cards.
pub(super) async fn board_of(
    api: &Api,
    tenant: &TenantId,
    view: &View,
    function: KpiFunction,
) -> Result<(Terms, Vec<Beside>), Problem> {
    past::board(api, tenant, &of_function(function), &board_query(view)).await
}

fn of_function(function: KpiFunction) -> Vec<&'static Kpi> {
    register().filter(|kpi| kpi.function == function).collect()
}

fn board_query(view: &View) -> BoardQuery {
    BoardQuery { grain: view.grain, periods: PERIODS, last: view.last_day(), as_of: view.as_of, now: view.now }
}

/// A page that says how far the figures of a past day are, where they are not all there.
pub(super) async fn prepare(
    api: &Shared,
    caller: &Caller<Read>,
    view: &View,
    function: KpiFunction,
) -> Result<Option<Response>, Problem> {
    let wanted = past::wanted(&of_function(function), &board_query(view));
    past::prepare(api, caller, (view, name_of(function).0), wanted).await
}

pub(super) fn cards_of((terms, found): &(Terms, Vec<Beside>), view: &View, locale: Locale) -> Vec<Card> {
    let in_force = terms.in_force(view.now);
    let setting = Setting { view, locale, currency: in_force.plan.currency.as_str(), periods: PERIODS, last: view.last_day() };
    found.iter().map(|beside| Card::of(beside, setting)).collect()
}

/// Every card of one function.
pub(super) async fn function(
    api: Shared,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    parameters: ViewParameters,
    function: KpiFunction,
) -> Result<Response, Problem> {
    let (name, slug) = name_of(function);
    let (view, locale) = (View::parse(format!("/dashboards/{slug}"), &parameters, Utc::now())?, Locale::of(&headers));
    if let Some(making) = prepare(&api, &caller, &view, function).await? {
        return Ok(making);
    }
    let ask = async {
        let board = board_of(&api, caller.tenant(), &view, function).await?;
        let asked = Asked { tenant: caller.tenant(), as_of: view.as_of, now: view.now };
        let exhibits = exhibits(&api.read_pool, asked, function, &board.1, (&view, locale)).await?;
        Ok((board, exhibits))
    };
    let ((board, exhibits), freshness) = read(&api, None, ask).await?;
    page(&FunctionPage {
        group: Group { name, href: view.to(&view.path), cards: cards_of(&board, &view, locale) },
        exhibits,
        frame: frame(&view, &caller, freshness, name),
    })
}

/// The north star in one month.
#[derive(Debug)]
struct Counted {
    start: NaiveDate,
    active: Decimal,
    is_partial: bool,
}

/// To this moment: the figures of KPIs follow a second later.
async fn counted_now(api: &Api, tenant: &TenantId, view: &View) -> Result<Vec<Counted>, Problem> {
    let query = north_star::SeriesQuery {
        grain: Grain::Month,
        from: Some(Grain::Month.before(Grain::Month.start(view.last_day()), PERIODS - 1)),
        to: Some(view.last_day()),
        as_of: None,
        definition: &DEFINITION_1,
        today: view.today(),
    };
    let periods = north_star::series(&api.read_pool, tenant, &query).await?;
    let counted =
        |period: north_star::Period| Counted { start: period.start, active: period.active.into(), is_partial: period.partial };
    Ok(periods.into_iter().map(counted).collect())
}

fn counted_then(board: &[Beside]) -> Vec<Counted> {
    let figures = board.iter().flat_map(|beside| &beside.series.figures);
    figures
        .filter_map(|shown| {
            Some(Counted { start: shown.figure.period, active: shown.figure.value?, is_partial: shown.is_partial })
        })
        .collect()
}

impl Hero {
    fn of(counted: &[Counted], view: &View, locale: Locale) -> Self {
        let month = Grain::Month.start(view.last_day());
        let of = |start: NaiveDate| counted.iter().find(|counted| counted.start == start);
        let before = Grain::Month.before(month, 1);
        let told = |counted: &Counted| locale.number(counted.active, 0);
        let points: Vec<Point> = Grain::Month
            .between(Grain::Month.before(month, PERIODS - 1), month)
            .map(|start| {
                let counted = of(start);
                Point {
                    tick: tick(Grain::Month, start),
                    told: format!("{}: {}", period(Grain::Month, start), counted.map_or("no data".to_owned(), told)),
                    value: counted.and_then(|counted| counted.active.to_f64()),
                    is_partial: counted.is_some_and(|counted| counted.is_partial),
                    ..Point::default()
                }
            })
            .collect();
        Self {
            now: of(month).map(told),
            period: period(Grain::Month, month),
            is_partial: of(month).is_none_or(|counted| counted.is_partial),
            chart: Chart::half("Active capsule interactions by month", &points, locale.axis(Unit::Count, "")),
            last: of(before).map(|last| format!("{} in {}", told(last), period(Grain::Month, before))),
        }
    }
}

impl StageMeter {
    pub(super) fn of(stage: &StageStanding, standing: &Standing, locale: Locale) -> Self {
        let meter = |limit: &Limit, used: u64| Meter {
            used: locale.number(used.into(), 0),
            of: locale.number(limit.limit.into(), 0),
            share: locale.share(Decimal::try_from(limit.share).unwrap_or_default().round_dp(4)),
            when: full(limit),
            bar: meter(limit.share, if limit.share >= 1.0 { "over" } else { "" }),
        };
        Self {
            name: stage.name.clone(),
            months: format!("months {} to {}", stage.months.0, stage.months.1),
            // The month after the last whole one is the present.
            is_present: standing.first_month.is_some()
                && (stage.months.0..=stage.months.1).contains(&(standing.month_number + 1)),
            users: meter(&stage.users, standing.users),
            interactions: meter(&stage.interactions, standing.interactions),
        }
    }
}

/// When a limit is reached, in words.
fn full(limit: &Limit) -> String {
    match (limit.expected, limit.months_until) {
        (Expected::Reached, _) => "outgrown".to_owned(),
        (_, Some(months)) if months < 1.5 => "full in about a month".to_owned(),
        (_, Some(months)) if months > 120.0 => "full in more than ten years".to_owned(),
        (_, Some(months)) => format!("full in some {months:.0} months"),
        (Expected::Never, _) => "does not grow".to_owned(),
        _ => "too early to tell when it is full".to_owned(),
    }
}
