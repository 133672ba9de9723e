//! The register of risks: how many of each likelihood and impact, and each with what is done against it, the gravest first.

use askama::Template;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use projections::reports::risks::{Place, RegisteredRisk, RisksQuery, risks};
use serde::Deserialize;

use super::{Basis, asked};
use crate::dashboards::card::StatusWord;
use crate::dashboards::format::Locale;
use crate::dashboards::session::Viewer;
use crate::dashboards::view::{Choice, View, ViewParameters};
use crate::dashboards::words::{day_of, label};
use crate::dashboards::{Frame, frame};
use crate::pages::page;
use crate::parameters::{Parameters, cursor, place};
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RisksViewParameters {
    period: Option<String>,
    as_of: Option<String>,
    /// `open` (default), `closed` or `all`.
    state: Option<String>,
    cursor: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "risks.html")]
struct RisksPage {
    frame: Frame,
    states: Vec<Choice>,
    /// `Open`, `Closed` or `All`.
    state: &'static str,
    summary: Summary,
    grid: Vec<GridRow>,
    risks: Vec<Risk>,
    /// The register from its beginning, where this is not it.
    first: Option<String>,
    next: Option<String>,
    basis: Basis,
}

#[derive(Debug)]
struct Summary {
    count: String,
    exposure: String,
    grave: String,
    without_mitigation: String,
}

#[derive(Debug)]
struct GridRow {
    likelihood: i64,
    cells: Vec<GridCell>,
}

#[derive(Debug)]
struct GridCell {
    class: &'static str,
    /// None: there is no such risk.
    count: Option<String>,
    told: String,
}

#[derive(Debug)]
pub(in crate::dashboards) struct Risk {
    pub(in crate::dashboards) name: String,
    pub(in crate::dashboards) category: String,
    pub(in crate::dashboards) likelihood: i64,
    pub(in crate::dashboards) impact: i64,
    pub(in crate::dashboards) exposure: i64,
    pub(in crate::dashboards) grade: Grade,
    pub(in crate::dashboards) state: StatusWord,
    pub(in crate::dashboards) age: String,
    pub(in crate::dashboards) raised: String,
    pub(in crate::dashboards) assessed: String,
    pub(in crate::dashboards) closed: Option<String>,
    pub(in crate::dashboards) mitigations: Vec<(String, String)>,
    pub(in crate::dashboards) last_event: (String, String),
}

/// How grave an exposure is: from 15 on it is severe, as the register of KPIs has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dashboards) struct Grade {
    pub(in crate::dashboards) class: &'static str,
    pub(in crate::dashboards) word: &'static str,
}

const SEVERE: i64 = 15;
const STATES: [(&str, &str, Option<bool>); 3] =
    [("open", "Open", Some(true)), ("closed", "Closed", Some(false)), ("all", "All", None)];
const PAGE: u16 = 20;
/// No company's register is longer, or its grid says so.
const GRID_MAX: u16 = 10_000;

pub(super) async fn show(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    Parameters(parameters): Parameters<RisksViewParameters>,
) -> Result<Response, Problem> {
    let RisksViewParameters { period, as_of, state: asked_state, cursor: after } = parameters;
    let asked_state = asked_state.as_deref().unwrap_or(STATES[0].0);
    let (id, state, is_open) = STATES
        .into_iter()
        .find(|(id, ..)| *id == asked_state)
        .ok_or_else(|| Problem::parameter("state", format!("is {asked_state:?}, not open, closed or all")))?;
    let after = place(after.as_deref())?.map(|(exposure, id)| Place { exposure, id });
    let mut view = View::parse("/dashboards/risks".to_owned(), &ViewParameters::new(period, as_of), Utc::now())?;
    let states = STATES.map(|(of, name, _)| {
        let here = View { own: if of == STATES[0].0 { Vec::new() } else { vec![("state", of.to_owned())] }, ..view.clone() };
        Choice { name, href: here.to(&here.path), is_chosen: of == id }
    });
    if id != STATES[0].0 {
        view.own.push(("state", id.to_owned()));
    }
    let is_first = after.is_none();
    let ask = async {
        let asked = asked(&view, caller.tenant());
        let query = RisksQuery { is_open, category: None, after: None, limit: GRID_MAX };
        let (all, _) = risks(&api.read_pool, asked, &query).await?;
        let query = RisksQuery { after, limit: PAGE, ..query };
        Ok((all, risks(&api.read_pool, asked, &query).await?))
    };
    let ((all, (report, has_more)), freshness) = read(&api, None, ask).await?;
    let locale = Locale::of(&headers);
    let next = report.data.last().filter(|_| has_more).map(|risk| cursor(risk.exposure, &risk.id));
    page(&RisksPage {
        states: states.into(),
        state,
        summary: Summary::of(&all.data, locale),
        grid: grid(&all.data, locale),
        risks: report.data.iter().map(|risk| Risk::of(risk, locale)).collect(),
        first: (!is_first).then(|| view.to(&view.path)),
        next: next.map(|next| view.here_with(&[("cursor", &next)])),
        basis: Basis::of(&report),
        frame: frame(&view, &caller, freshness, "Risks").without_rhythms(),
    })
}

impl Grade {
    fn of(exposure: i64) -> Self {
        match exposure {
            SEVERE.. => Self { class: "severe", word: "Severe" },
            8.. => Self { class: "considerable", word: "Considerable" },
            _ => Self { class: "slight", word: "Slight" },
        }
    }
}

impl Summary {
    fn of(risks: &[RegisteredRisk], locale: Locale) -> Self {
        let count = |is_counted: &dyn Fn(&RegisteredRisk) -> bool| {
            let count = risks.iter().filter(|risk| is_counted(risk)).count();
            locale.count(count.try_into().unwrap_or(i64::MAX))
        };
        Self {
            count: count(&|_| true),
            exposure: locale.count(risks.iter().map(|risk| risk.exposure).sum()),
            grave: count(&|risk| risk.exposure >= SEVERE),
            without_mitigation: count(&|risk| risk.mitigations.is_empty()),
        }
    }
}

/// The likeliest at the top.
fn grid(risks: &[RegisteredRisk], locale: Locale) -> Vec<GridRow> {
    let cell = |likelihood: i64, impact: i64| {
        let found: Vec<&str> = risks
            .iter()
            .filter(|risk| (risk.likelihood, risk.impact) == (likelihood, impact))
            .map(|risk| risk.risk.as_str())
            .collect();
        GridCell {
            class: Grade::of(likelihood * impact).class,
            count: (!found.is_empty()).then(|| locale.count(found.len().try_into().unwrap_or(i64::MAX))),
            told: found.join(", "),
        }
    };
    (1..=5)
        .rev()
        .map(|likelihood| GridRow { likelihood, cells: (1..=5).map(|impact| cell(likelihood, impact)).collect() })
        .collect()
}

impl Risk {
    pub(in crate::dashboards) fn of(risk: &RegisteredRisk, locale: Locale) -> Self {
        let days = if risk.age_days == 1 { "day" } else { "days" };
        Self {
            name: risk.risk.clone(),
            category: label(&risk.category),
            likelihood: risk.likelihood,
            impact: risk.impact,
            exposure: risk.exposure,
            grade: Grade::of(risk.exposure),
            state: match risk.closed_at {
                None => StatusWord { class: "open", icon: "○", word: "Open" },
                Some(_) => StatusWord { class: "reached", icon: "✓", word: "Closed" },
            },
            age: format!("{}\u{202f}{days}", locale.count(risk.age_days)),
            raised: day_of(risk.raised_at),
            assessed: day_of(risk.assessed_at),
            closed: risk.closed_at.map(day_of),
            mitigations: risk.mitigations.iter().map(|taken| (taken.mitigation.clone(), day_of(taken.occurred_at))).collect(),
            last_event: (risk.last_event.clone(), format!("/dashboards/ledger/events/{}", risk.last_event)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risk(likelihood: i64, impact: i64) -> RegisteredRisk {
        let moment = "2026-10-15T12:00:00Z".parse().expect("a time");
        RegisteredRisk {
            id: "risk".to_owned(),
            category: "financial".to_owned(),
            risk: "Runway".to_owned(),
            likelihood,
            impact,
            exposure: likelihood * impact,
            raised_at: moment,
            assessed_at: moment,
            closed_at: None,
            age_days: 1,
            mitigations: Vec::new(),
            last_event: "0-1".to_owned(),
        }
    }

    #[test]
    fn a_risk_stands_in_the_grid_where_its_likelihood_and_impact_meet() {
        let grid = grid(&[risk(5, 3), risk(5, 3), risk(1, 2)], Locale::of(&HeaderMap::new()));
        assert_eq!((grid[0].likelihood, grid[4].likelihood), (5, 1));
        assert_eq!((grid[0].cells[2].count.as_deref(), grid[0].cells[2].class), (Some("2"), "severe"));
        assert_eq!((grid[4].cells[1].count.as_deref(), grid[4].cells[1].class), (Some("1"), "slight"));
        assert_eq!(grid.iter().flat_map(|row| &row.cells).filter(|cell| cell.count.is_some()).count(), 2);
    }
}
