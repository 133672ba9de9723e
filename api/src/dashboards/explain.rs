//! Where a figure comes from: the parts that add up to it, each with its events, and what it leaves out.
//!
//! All of a figure's parts are read for each page of them. What takes long is kept for a minute, so that going to and fro does not
//! read a month's events each time; the page then says as of when it is, like any other.

use std::ops::ControlFlow;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use domain::TenantId;
use domain::kpis::{Kpi, Unit, find};
use projections::kpis::explain::{ExplainQuery, Explanation, LeftOut, Part};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::card::{StatusWord, rests_on};
use super::format::Locale;
use super::making::{Making, Readings};
use super::session::Viewer;
use super::view::{View, ViewParameters, encoded};
use super::words::{label, period, segment_label, words};
use super::{Frame, frame};
use crate::kpis::explain::{ExplainParameters, asked, explanation};
use crate::pages::page;
use crate::parameters::{Parameters, cursor};
use crate::problem::{NOT_FOUND, Problem};
use crate::progression::Freshness;
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
pub(super) const EVENTS_SHOWN: usize = 6;
const EXAMPLES_SHOWN: usize = 5;
const PARTS: &str = "50";

/// Explanations, by whose figure it is and what is asked.
pub(super) type Explanations = Readings<(TenantId, &'static str, ExplainQuery), (Explanation, Freshness)>;

pub(super) async fn explain(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ExplainViewParameters>,
) -> Result<Response, Problem> {
    let kpi = find(&id).ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no KPI {id:?}")))?;
    let (view, parameters) = parameters.asked(kpi, "explain")?;
    let parameters = ExplainParameters { as_of: view.as_of.map(|day| day.to_string()), ..parameters };
    let query = asked(kpi, &parameters, view.now)?;
    let title = "Where it comes from";
    let question = (caller.tenant().clone(), kpi.id, ExplainQuery { now: DateTime::UNIX_EPOCH, ..query.clone() });
    let ask = {
        let (api, tenant, query) = (Arc::clone(&api), caller.tenant().clone(), query.clone());
        Box::pin(async move { explanation(&api, &tenant, kpi, &query).await })
    };
    let making =
        Making::of_figure(&view, title, (kpi, query.grain, query.period), "The events behind the figure are being read.");
    let answer = match api.made.explanations.or_page((&api, &caller), Some(question), ask, making).await? {
        ControlFlow::Continue(answer) => answer,
        ControlFlow::Break(page) => return Ok(page),
    };
    let (found, freshness) = &*answer;
    let locale = Locale::of(&headers);
    let next = found.parts.last().filter(|_| found.has_more).map(|part| cursor(query.period, &part.part));
    let names = in_order(found.totals.amounts.keys().map(String::as_str));
    let writing = Writing { kpi, locale, currency: found.currency.as_str() };
    let figure = found.figure.as_ref();
    let pairs = parameters.pairs(&query.grain.name(query.period));
    page(&ExplainPage {
        kpi: (kpi.name, view.to(&format!("/dashboards/kpis/{}", kpi.id))),
        formula: kpi.formula,
        period: period(query.grain, query.period),
        segment: (query.segment != "all").then(|| segment_label(&query.segment)),
        definition: found.definition,
        value: figure
            .and_then(|shown| shown.figure.value)
            .map(|value| locale.figures(kpi, writing.currency, [value]).value(value)),
        exact: figure.and_then(|shown| shown.figure.value).map_or(String::new(), |value| value.normalize().to_string()),
        n: figure.map_or(String::new(), |shown| rests_on(kpi, &shown.figure, locale)),
        status: figure.map(|shown| shown.status.into()),
        reason: figure.and_then(|shown| shown.figure.parts["reason"].as_str()).map(str::to_owned),
        sums: names.iter().map(|name| Sum::of(name, found, writing)).collect(),
        has_values: found.parts.iter().any(|part| part.value.is_some()),
        has_notes: found.parts.iter().any(|part| part.note.is_some()),
        part_count: locale.count(found.totals.parts),
        event_count: locale.count(found.totals.events),
        shown: found.parts.len(),
        parts: found.parts.iter().map(|part| PartRow::of(part, &names, writing)).collect(),
        names: names.iter().map(|name| label(name)).collect(),
        left_out: found.left_out.iter().map(|left_out| LeftOutRow::of(left_out, locale)).collect(),
        first: parameters.cursor.is_some().then(|| view.to(&view.path)),
        next: next.map(|next| view.here_with(&[("cursor", &next)])),
        json: format!("/v1/kpis/{}/explain?{pairs}", kpi.id),
        frame: frame(&view, &caller, freshness.clone(), title).without_rhythms(),
    })
}

impl ExplainViewParameters {
    /// What a page beside a KPI's own shows, and what the API is asked for it.
    pub(super) fn asked(self, kpi: &Kpi, page: &str) -> Result<(View, ExplainParameters), Problem> {
        let Self { period: rhythm, as_of, of, segment, definition, cursor } = self;
        let path = format!("/dashboards/kpis/{}/{page}", kpi.id);
        let mut view = View::of_kpi(path, kpi.grains, &ViewParameters::new(rhythm, as_of.clone()), Utc::now())?;
        for (name, value) in [("of", &of), ("segment", &segment), ("definition", &definition)] {
            view.own.extend(value.clone().map(|value| (name, value)));
        }
        let parameters = ExplainParameters {
            period: of,
            segment,
            as_of: as_of.filter(|day| !day.is_empty()),
            definition,
            cursor,
            limit: Some(PARTS.to_owned()),
            ..ExplainParameters::default()
        };
        Ok((view, parameters))
    }
}

/// Numerator and denominator first.
pub(super) fn in_order<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_by_key(|name| (*name != "numerator", *name != "denominator", *name));
    names
}

impl ExplainParameters {
    /// As the API is asked for the same.
    pub(super) fn pairs(&self, period: &str) -> String {
        let mut pairs = vec![format!("period={}", encoded(period))];
        for (name, value) in [("segment", &self.segment), ("definition", &self.definition), ("as_of", &self.as_of)] {
            pairs.extend(value.as_ref().map(|value| format!("{name}={}", encoded(value))));
        }
        pairs.join("&amp;")
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) kpi: &'static Kpi,
    pub(super) locale: Locale,
    pub(super) currency: &'a str,
}

impl Writing<'_> {
    /// What a part adds to a sum.
    pub(super) fn amount(self, name: &str, amount: Decimal) -> String {
        let (numerator, denominator) = self.kpi.sums_money();
        match name {
            "numerator" if numerator => self.money(amount),
            "denominator" if denominator => self.money(amount),
            name if self.kpi.unit_beside(name) == Unit::Money => self.money(amount),
            _ => self.number(amount),
        }
    }

    /// To the last digit: it is to be added up.
    fn money(self, amount: Decimal) -> String {
        if amount.is_integer() {
            self.locale.value(Unit::Money, self.currency, amount)
        } else {
            self.locale.cents(self.currency, amount)
        }
    }

    fn number(self, number: Decimal) -> String {
        let number = number.normalize();
        self.locale.number(number, number.scale().min(6))
    }

    /// A part's own measure.
    pub(super) fn own_value(self, value: Decimal) -> String {
        match self.kpi.unit {
            unit @ (Unit::Days | Unit::Hours | Unit::Months | Unit::Money) => {
                self.locale.value(unit, self.currency, value.round_dp(2))
            }
            _ => self.number(value.round_dp(2)),
        }
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
            name: label(name),
            about: match name {
                "numerator" => Some(writing.kpi.numerator),
                "denominator" => writing.kpi.denominator,
                _ => None,
            },
            of_parts: writing.amount(name, of_parts),
            of_figure: of_figure.map_or("–".to_owned(), |sum| writing.amount(name, sum)),
            is_same: of_figure.is_some_and(|sum| sum.round_dp(6) == of_parts.round_dp(6)),
        }
    }
}

/// An id that begins with its kind says it already.
pub(super) fn kind_beside(kind: &str, name: &str) -> String {
    if name.starts_with(kind) { String::new() } else { words(kind) }
}

impl PartRow {
    fn of(part: &Part, names: &[&str], writing: Writing<'_>) -> Self {
        let (kind, name) = part.part.split_once(':').unwrap_or(("", &part.part));
        Self {
            kind: kind_beside(kind, name),
            name: name.to_owned(),
            amounts: names
                .iter()
                .map(|name| part.amounts.get(*name).map_or(String::new(), |amount| writing.amount(name, *amount)))
                .collect(),
            value: part.value.map(|value| writing.own_value(value)),
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
