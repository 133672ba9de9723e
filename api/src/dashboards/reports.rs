//! Pages of what is looked at in reviews, figure by figure against the plan. Each number on them is a report's or the register's:
//! nothing is worked out here but sums, differences and shares of these.

mod finance;
mod okrs;
mod people;
pub(super) mod reliability;
pub(super) mod risks;
mod stages;
mod unit_economics;

use axum::Router;
use axum::routing::get;
use domain::kpis::{Kpi, KpiFunction, Unit, find};
use domain::{Grain, TenantId};
use projections::kpis::series::{Segments, SeriesQuery};
use projections::kpis::shown::Status;
use projections::reports::{Asked, Report};
use rust_decimal::Decimal;
use serde_json::Value;

use super::card::StatusWord;
use super::chart::{MEDIUM, Point, SMALL, Size, WIDE, bars_in, escaped, shares, without_far_targets};
use super::format::Locale;
use super::view::View;
use super::words::moment;
use crate::state::Shared;

/// Beside the functions' pages.
pub(super) const PAGES: [(&str, &str); 5] = [
    ("Unit economics", "/dashboards/unit-economics"),
    ("Stages and gates", "/dashboards/stages"),
    ("Reliability", "/dashboards/reliability"),
    ("Risks", "/dashboards/risks"),
    ("OKRs", "/dashboards/okrs"),
];

/// The functions whose pages show more than cards.
pub(super) const FUNCTIONS: [KpiFunction; 2] = [KpiFunction::Finance, KpiFunction::People];

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/dashboards/unit-economics", get(unit_economics::show))
        .route("/dashboards/finance", get(finance::show))
        .route("/dashboards/people", get(people::show))
        .route("/dashboards/stages", get(stages::show))
        .route("/dashboards/reliability", get(reliability::show))
        .route("/dashboards/risks", get(risks::show))
        .route("/dashboards/okrs", get(okrs::show))
}

/// What stands where a value is looked for: a value, zero with it; that there is no data; or that its time is to come.
#[derive(Debug)]
struct Told {
    class: &'static str,
    text: String,
}

impl Told {
    fn value(text: String) -> Self {
        Self { class: "told", text }
    }

    fn no_data() -> Self {
        Self { class: "none", text: "No data".to_owned() }
    }

    fn to_come() -> Self {
        Self { class: "to-come", text: "to come".to_owned() }
    }

    fn or_no_data(text: Option<String>) -> Self {
        text.map_or_else(Self::no_data, Self::value)
    }
}

/// What evidence is found under: an address, or the path of a document.
#[derive(Debug)]
struct Reference {
    /// None: it is no address.
    href: Option<String>,
    /// HTML, made here: where a line may end is told to the browser.
    text: String,
}

impl Reference {
    fn of(reference: &str) -> Self {
        Self {
            href: reference.starts_with("https://").then(|| reference.to_owned()),
            text: escaped(reference).replace('/', "/<wbr>").replace('_', "_<wbr>"),
        }
    }
}

const TO_COME: StatusWord = StatusWord { class: "to-come", icon: "◌", word: "To come" };

/// What a page's numbers rest on.
#[derive(Debug)]
struct Basis {
    plan_version: u16,
    made: Option<String>,
    is_stale: bool,
    /// Where the plan contradicts itself about what is shown.
    notes: Vec<String>,
}

impl Basis {
    fn of<T>(report: &Report<T>) -> Self {
        Self {
            plan_version: report.plan_version,
            made: report.computed_at.map(moment),
            is_stale: report.is_stale,
            notes: report.notes.iter().map(|note| note.detail.clone()).collect(),
        }
    }
}

/// The same chart for wide pages and for narrow ones, of which one is seen.
#[derive(Debug, Default)]
pub(super) struct Chart {
    pub(super) wide: String,
    pub(super) narrow: String,
}

impl Chart {
    pub(super) fn bars(title: &str, points: &[Point], write: impl Fn(&[f64]) -> Vec<String>) -> Self {
        let of = |size: Size| bars_in(size, title, points, &write);
        Self { wide: of(WIDE), narrow: of(SMALL) }
    }

    /// For half of a wide page; a target far beyond all values is left to the words.
    pub(super) fn half(title: &str, points: &[Point], write: impl Fn(&[f64]) -> Vec<String>) -> Self {
        let points = without_far_targets(points);
        let of = |size: Size| bars_in(size, title, &points, &write);
        Self { wide: of(MEDIUM), narrow: of(SMALL) }
    }

    fn shares(title: &str, points: &[Point], write: impl Fn(&[f64]) -> Vec<String>) -> Self {
        let of = |size: Size| shares(size, title, points, &write);
        Self { wide: of(MEDIUM), narrow: of(SMALL) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.wide.is_empty()
    }
}

/// How a page writes numbers.
#[derive(Debug, Clone, Copy)]
struct Writing<'a> {
    locale: Locale,
    currency: &'a str,
}

impl Writing<'_> {
    fn value(self, unit: Unit, value: Decimal) -> String {
        self.locale.value(unit, self.currency, value)
    }

    fn difference(self, unit: Unit, value: Option<Decimal>, plan: Option<Decimal>) -> Option<String> {
        let (value, plan) = (value?, plan?);
        Some(self.locale.together(unit, self.currency, [value, plan]).difference(value - plan))
    }

    /// On an axis.
    fn axis(self, unit: Unit) -> impl Fn(&[f64]) -> Vec<String> {
        self.locale.axis(unit, self.currency)
    }
}

fn asked<'a>(view: &View, tenant: &'a TenantId) -> Asked<'a> {
    Asked { tenant, as_of: view.as_of, now: view.now }
}

/// The figures of the period that is looked at, and of so many before it.
fn newest(view: &View, grain: Grain, before: u32, segments: Segments) -> SeriesQuery {
    SeriesQuery {
        grain,
        from: grain.before(grain.start(view.last_day()), before),
        to: view.last_day(),
        segments,
        as_of: view.as_of,
        definition: None,
        after: None,
        limit: None,
        now: view.now,
    }
}

fn kpi(id: &str) -> &'static Kpi {
    find(id).expect("a test asks the register for every KPI that a page shows")
}

fn link(view: &View, id: &str) -> String {
    view.to(&format!("/dashboards/kpis/{id}"))
}

/// A segment's series on the KPI's page.
fn segment_link(view: &View, id: &str, segment: &str) -> String {
    let address = link(view, id);
    let separator = if address.contains('?') { "&amp;" } else { "?" };
    format!("{address}{separator}segment={}", form_urlencoded::byte_serialize(segment.as_bytes()).collect::<String>())
}

/// `function:customer_success` is `customer_success`.
fn name_of_segment(segment: &str) -> &str {
    segment.split_once(':').map_or(segment, |(_, name)| name)
}

/// What stands beside a figure, if it does.
fn part(parts: &Value, name: &str) -> Option<Decimal> {
    parts.get(name)?.as_number()?.to_string().parse().ok()
}

fn no_data() -> StatusWord {
    Status::NoData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_register_has_every_kpi_that_a_page_shows() {
        for id in ["leadership_pipeline", "process_maturity", "okr_progress", "open_risks", "slo_uptime", "slo_response"] {
            assert_eq!(kpi(id).id, id);
        }
    }

    #[test]
    fn an_address_is_a_link_and_nothing_in_a_reference_is_markup() {
        let reference = Reference::of("https://a.example/b_c");
        assert_eq!(reference.href.as_deref(), Some("https://a.example/b_c"));
        assert_eq!(reference.text, "https:/<wbr>/<wbr>a.example/<wbr>b_<wbr>c");
        let reference = Reference::of("<b>/x");
        assert_eq!((reference.href, reference.text.as_str()), (None, "&lt;b&gt;/<wbr>x"));
    }

    #[test]
    fn a_part_is_a_number_or_nothing() {
        let parts = serde_json::json!({"share": 0.25, "reason": "none"});
        assert_eq!(part(&parts, "share").map(|part| part.to_string()).as_deref(), Some("0.25"));
        assert_eq!((part(&parts, "reason"), part(&parts, "other"), part(&Value::Null, "share")), (None, None, None));
    }
}
