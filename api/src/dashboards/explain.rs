//! Where a figure comes from: the parts that add up to it, each with its events, and what it leaves out.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use domain::kpis::{Kpi, Unit, find};
use projections::kpis::explain::{Explanation, LeftOut, Part};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::card::{StatusWord, words};
use super::format::{Locale, period};
use super::session::Viewer;
use super::view::{View, ViewParameters, encoded};
use super::{Frame, frame};
use crate::kpis::explain::{ExplainParameters, asked, explanation};
use crate::pages::page;
use crate::parameters::{Parameters, cursor};
use crate::problem::{NOT_FOUND, Problem};
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainViewParameters {
    /// The rhythm of the pages around it.
    period: Option<String>,
    as_of: Option<String>,
    /// The figure's period, as the API names it.
    of: Option<String>,
    segment: Option<String>,
    definition: Option<String>,
    cursor: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    frame: Frame,
    kpi: (&'static str, String),
    formula: &'static str,
    period: String,
    segment: Option<String>,
    definition: u16,
    value: Option<String>,
    exact: String,
    n: String,
    status: Option<StatusWord>,
    reason: Option<String>,
    sums: Vec<Sum>,
    /// The figure is the median of the parts' own measures.
    has_values: bool,
    has_notes: bool,
    part_count: String,
    event_count: String,
    shown: usize,
    names: Vec<String>,
    parts: Vec<PartRow>,
    left_out: Vec<LeftOutRow>,
    first: Option<String>,
    next: Option<String>,
    json: String,
}

/// What the parts add up to, beside what the figure says.
#[derive(Debug)]
struct Sum {
    name: String,
    about: Option<&'static str>,
    of_parts: String,
    of_figure: String,
    is_same: bool,
}

#[derive(Debug)]
struct PartRow {
    kind: String,
    name: String,
    /// In the order of the table's names.
    amounts: Vec<String>,
    value: Option<String>,
    note: Option<String>,
    events: Vec<String>,
    more_events: u64,
}

#[derive(Debug)]
struct LeftOutRow {
    reason: String,
    count: String,
    examples: Vec<(String, Vec<String>)>,
}

/// So many events of a part are links; the JSON has all.
const EVENTS_SHOWN: usize = 6;
const EXAMPLES_SHOWN: usize = 5;
const PARTS: &str = "50";

pub(super) async fn explain(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ExplainViewParameters>,
) -> Result<Response, Problem> {
    let kpi = find(&id).ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no KPI {id:?}")))?;
    let ExplainViewParameters { period: rhythm, as_of, of, segment, definition, cursor: after } = parameters;
    let is_first = after.is_none();
    let path = format!("/dashboards/kpis/{id}/explain");
    let mut view = View::of_kpi(path, kpi.grains, &ViewParameters::new(rhythm, as_of), Utc::now())?;
    for (name, value) in [("of", &of), ("segment", &segment), ("definition", &definition)] {
        view.own.extend(value.clone().map(|value| (name, value)));
    }
    let parameters = ExplainParameters {
        period: of,
        segment,
        as_of: view.as_of.map(|day| day.to_string()),
        definition,
        cursor: after,
        limit: Some(PARTS.to_owned()),
        ..ExplainParameters::default()
    };
    let query = asked(kpi, &parameters, view.now)?;
    let (found, freshness) = read(&api, None, explanation(&api, caller.tenant(), kpi, &query)).await?;
    let locale = Locale::of(&headers);
    let next = found.parts.last().filter(|_| found.has_more).map(|part| cursor(query.period, &part.part));
    let names: BTreeSet<&str> = found.totals.amounts.keys().map(String::as_str).collect();
    // Numerator and denominator first.
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_by_key(|name| (*name != "numerator", *name != "denominator", *name));
    let writing = Writing { kpi, locale, currency: found.currency.as_str() };
    let figure = found.figure.as_ref();
    let pairs = parameters.pairs(&query.grain.name(query.period));
    page(&ExplainPage {
        kpi: (kpi.name, view.to(&format!("/dashboards/kpis/{}", kpi.id))),
        formula: kpi.formula,
        period: period(query.grain, query.period),
        segment: (query.segment != "all").then(|| words(&query.segment.replacen(':', ": ", 1))),
        definition: found.definition,
        value: figure.and_then(|shown| shown.figure.value).map(|value| locale.value(kpi.unit, writing.currency, value)),
        exact: figure.and_then(|shown| shown.figure.value).map_or(String::new(), |value| value.normalize().to_string()),
        n: figure.map_or(String::new(), |shown| format!("{} {}", locale.count(shown.figure.n), kpi.n)),
        status: figure.map(|shown| shown.status.into()),
        reason: figure.and_then(|shown| shown.figure.parts["reason"].as_str()).map(str::to_owned),
        sums: names.iter().map(|name| Sum::of(name, &found, writing)).collect(),
        has_values: found.parts.iter().any(|part| part.value.is_some()),
        has_notes: found.parts.iter().any(|part| part.note.is_some()),
        part_count: locale.count(found.totals.parts),
        event_count: locale.count(found.totals.events),
        shown: found.parts.len(),
        parts: found.parts.iter().map(|part| PartRow::of(part, &names, writing)).collect(),
        names: names.iter().map(|name| words(name)).collect(),
        left_out: found.left_out.iter().map(|left_out| LeftOutRow::of(left_out, locale)).collect(),
        first: (!is_first).then(|| view.to(&view.path)),
        next: next.map(|next| view.here_with(&[("cursor", &next)])),
        json: format!("/v1/kpis/{}/explain?{pairs}", kpi.id),
        frame: frame(&view, &caller, freshness, "Where it comes from").without_rhythms(),
    })
}

impl ExplainParameters {
    /// As the API is asked for the same.
    fn pairs(&self, period: &str) -> String {
        let mut pairs = vec![format!("period={}", encoded(period))];
        for (name, value) in [("segment", &self.segment), ("definition", &self.definition), ("as_of", &self.as_of)] {
            pairs.extend(value.as_ref().map(|value| format!("{name}={}", encoded(value))));
        }
        pairs.join("&amp;")
    }
}

#[derive(Debug, Clone, Copy)]
struct Writing<'a> {
    kpi: &'static Kpi,
    locale: Locale,
    currency: &'a str,
}

impl Writing<'_> {
    fn number(self, number: Decimal) -> String {
        let number = number.normalize();
        self.locale.number(number, number.scale().min(6))
    }
}

impl Sum {
    fn of(name: &str, found: &Explanation, writing: Writing<'_>) -> Self {
        let of_parts = found.totals.amounts[name];
        let figure = found.figure.as_ref().map(|shown| &shown.figure);
        let of_figure = match name {
            "numerator" => figure.and_then(|figure| figure.numerator),
            "denominator" => figure.and_then(|figure| figure.denominator),
            name => figure.and_then(|figure| figure.parts.get(name)?.as_number()?.to_string().parse().ok()),
        };
        Self {
            name: words(name),
            about: match name {
                "numerator" => Some(writing.kpi.numerator),
                "denominator" => writing.kpi.denominator,
                _ => None,
            },
            of_parts: writing.number(of_parts),
            of_figure: of_figure.map_or("–".to_owned(), |sum| writing.number(sum)),
            is_same: of_figure.is_some_and(|sum| sum.round_dp(6) == of_parts.round_dp(6)),
        }
    }
}

impl PartRow {
    fn of(part: &Part, names: &[&str], writing: Writing<'_>) -> Self {
        let (kind, name) = part.part.split_once(':').unwrap_or(("", &part.part));
        Self {
            kind: words(kind),
            name: name.to_owned(),
            amounts: names
                .iter()
                .map(|name| part.amounts.get(*name).map_or(String::new(), |amount| writing.number(*amount)))
                .collect(),
            value: part.value.map(|value| match writing.kpi.unit {
                unit @ (Unit::Days | Unit::Hours | Unit::Months | Unit::Money) => {
                    writing.locale.value(unit, writing.currency, value.round_dp(2))
                }
                _ => writing.number(value.round_dp(2)),
            }),
            note: part.note.clone(),
            events: part.events.iter().take(EVENTS_SHOWN).cloned().collect(),
            more_events: part.event_count.saturating_sub(EVENTS_SHOWN.min(part.events.len()) as u64),
        }
    }
}

impl LeftOutRow {
    fn of(left_out: &LeftOut, locale: Locale) -> Self {
        let example = |part: &projections::kpis::explain::LeftOutPart| {
            let (_, name) = part.part.split_once(':').unwrap_or(("", &part.part));
            (name.to_owned(), part.events.iter().take(EVENTS_SHOWN).cloned().collect())
        };
        Self {
            reason: left_out.reason.clone(),
            count: locale.count(i64::try_from(left_out.count).unwrap_or(i64::MAX)),
            examples: left_out.examples.iter().take(EXAMPLES_SHOWN).map(example).collect(),
        }
    }
}
