//! `/dashboards/…`: pages for people, whole as they come: they read well without scripts. Whoever has signed in with a key sees
//! its tenant's figures.

mod audit;
mod card;
mod chart;
mod exhibits;
mod explain;
mod format;
mod kpi;
mod late;
mod ledger;
mod making;
mod overview;
mod packs;
pub(crate) mod past;
mod reports;
mod session;
mod since;
mod view;
mod words;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Redirect;
use axum::routing::{get, post};
use chrono::NaiveDate;
use domain::kpis::{KpiFunction, find};

use self::session::Viewer;
use self::view::{Choice, View, ViewParameters};
use self::words::{moment, unbroken};
use crate::auth::{Caller, Read};
use crate::parameters::Parameters;
use crate::progression::{Freshness, FreshnessState};
use crate::state::Shared;

/// Periods of a card's trend, the present one with them.
const PERIODS: u32 = 13;

const FUNCTIONS: [KpiFunction; 8] = [
    KpiFunction::Product,
    KpiFunction::Engineering,
    KpiFunction::Sales,
    KpiFunction::Marketing,
    KpiFunction::CustomerSuccess,
    KpiFunction::Finance,
    KpiFunction::People,
    KpiFunction::Operations,
];

pub(crate) fn router() -> Router<Shared> {
    let router = Router::new()
        .route("/", get(async || Redirect::temporary("/dashboards")))
        .route("/dashboards", get(overview::overview))
        .route("/dashboards/sign-in", get(session::ask).post(session::sign_in))
        .route("/dashboards/sign-out", post(session::sign_out))
        .route("/dashboards/kpis/{id}", get(kpi::kpi))
        .route("/dashboards/kpis/{id}/explain", get(explain::explain))
        .route("/dashboards/kpis/{id}/late", get(late::late))
        .route(ledger::PATH, get(ledger::ledger))
        .route(audit::PATH, get(audit::audit))
        .route("/dashboards/ledger/events/{id}", get(ledger::event))
        .route("/dashboards/reviews/{rhythm}", get(packs::pack))
        .route("/dashboards/north-star", get(async || Redirect::permanent("/dashboards/kpis/active_capsule_interactions")))
        .merge(reports::router());
    let plain = FUNCTIONS.into_iter().filter(|function| !reports::FUNCTIONS.contains(function));
    plain.fold(router, |router, function| {
        let show = async move |State(api): State<Shared>,
                               viewer: Viewer,
                               headers: HeaderMap,
                               Parameters(parameters): Parameters<ViewParameters>| {
            overview::function(api, viewer, headers, parameters, function).await
        };
        router.route(&format!("/dashboards/{}", name_of(function).1), get(show))
    })
}

/// A function's name, and how its page is addressed.
fn name_of(function: KpiFunction) -> (&'static str, &'static str) {
    match function {
        KpiFunction::NorthStar => ("North star", "north-star"),
        KpiFunction::Product => ("Product", "product"),
        KpiFunction::Engineering => ("Engineering", "engineering"),
        KpiFunction::Sales => ("Sales", "sales"),
        KpiFunction::Marketing => ("Marketing", "marketing"),
        KpiFunction::CustomerSuccess => ("Customer success", "customer-success"),
        KpiFunction::Finance => ("Finance", "finance"),
        KpiFunction::People => ("People", "people"),
        KpiFunction::Operations => ("Operations", "operations"),
    }
}

/// What took long to read, or is being read, by what was asked.
#[derive(Debug, Default)]
pub(crate) struct Made {
    explanations: explain::Explanations,
    changes: late::Changes,
    series: kpi::PastSeries,
    reliability: reports::reliability::Reliability,
}

/// What stands around every page.
#[derive(Debug)]
struct Frame {
    title: String,
    path: String,
    /// In rows, each with a name.
    pages: [(&'static str, Vec<Link>); 2],
    /// None on a page that is the same in every rhythm.
    rhythms: Vec<Choice>,
    /// The state of the page, for the form that changes the day.
    period: &'static str,
    as_of: Option<NaiveDate>,
    /// It can be shown as of a past day.
    has_as_of: bool,
    own: Vec<(&'static str, String)>,
    at_present: String,
    today: NaiveDate,
    tenant: String,
    role: &'static str,
    freshness: FreshnessWords,
    /// How far the read models were when the page was made.
    token: String,
}

#[derive(Debug)]
struct Link {
    name: &'static str,
    href: String,
    /// What it is to the page, as the browser is told: `page` itself, or where it belongs.
    current: Option<&'static str>,
}

/// How current the page is: a class, a word, and since when.
#[derive(Debug)]
struct FreshnessWords {
    state: &'static str,
    text: String,
}

fn frame(view: &View, caller: &Caller<Read>, freshness: Freshness, title: &str) -> Frame {
    let company = [("Overview", "/dashboards")].into_iter().chain(reports::PAGES).map(|(name, path)| (name, path.to_owned()));
    let within = |place: &str| if view.path == place { Some("page") } else { view.path.starts_with(place).then_some("true") };
    let reviews = Link { name: "Reviews", href: packs::link(view.grain, view.as_of), current: within(packs::PATH) };
    let functions = FUNCTIONS.into_iter().map(name_of).map(|(name, slug)| (name, format!("/dashboards/{slug}")));
    let of_kpi = view.path.strip_prefix("/dashboards/kpis/").and_then(|rest| find(rest.split('/').next()?));
    let link = |(name, path): (&'static str, String)| {
        let is_its_function = of_kpi.is_some_and(|kpi| name_of(kpi.function).0 == name);
        let here = (path == view.path).then_some("page");
        Link { name, href: view.to(&path), current: here.or(is_its_function.then_some("true")) }
    };
    let ledger = Link { name: "Ledger", href: ledger::PATH.to_owned(), current: within(ledger::PATH) };
    let audit = Link { name: "Audit", href: audit::PATH.to_owned(), current: within(audit::PATH) };
    Frame {
        title: title.to_owned(),
        pages: [
            ("The company", company.map(link).chain([reviews, ledger, audit]).collect()),
            ("By function", functions.map(link).collect()),
        ],
        own: view.own.clone(),
        path: view.path.clone(),
        rhythms: view.rhythms(),
        period: view.grain.as_str(),
        as_of: view.as_of,
        has_as_of: true,
        at_present: view.at_present(),
        today: view.today(),
        tenant: caller.tenant().to_string(),
        role: caller.key.role.as_str(),
        freshness: FreshnessWords::of(&freshness),
        token: freshness.token().to_string(),
    }
}

impl Frame {
    fn without_rhythms(self) -> Self {
        Self { rhythms: Vec::new(), ..self }
    }

    /// Of a page that always shows the present.
    fn without_as_of(self) -> Self {
        Self { has_as_of: false, ..self }
    }
}

impl FreshnessWords {
    fn of(freshness: &Freshness) -> Self {
        let recorded = freshness.recorded_at().map(moment);
        let recorded = recorded.map_or("nothing recorded yet".to_owned(), |moment| format!("events up to {moment}"));
        let lag = freshness.lag_seconds();
        let (state, text) = match freshness.state() {
            FreshnessState::Live => ("live", format!("Live: {recorded}, {}", unbroken(format!("lag {lag:.1} s")))),
            FreshnessState::Behind => ("behind", format!("Behind: {recorded}, {}", unbroken(format!("lag {lag:.0} s")))),
            FreshnessState::Stopped => ("stopped", format!("Standing still: {recorded}; /readyz says why")),
            FreshnessState::Unknown => ("unknown", format!("Not known how current: {recorded}")),
        };
        Self { state, text }
    }
}
