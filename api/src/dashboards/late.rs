//! What has changed a figure since a past day: the parts that add something else to it than they did, each with the events that were
//! recorded since.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, NaiveDate};
use domain::TenantId;
use domain::kpis::{Unit, find};
use projections::kpis::late::{Late, LatePart, LateQuery};
use rust_decimal::Decimal;

use super::explain::{EVENTS_SHOWN, ExplainViewParameters, Writing, in_order, kind_beside};
use super::format::Locale;
use super::making::{Making, Readings};
use super::session::Viewer;
use super::words::{label, period, segment_label};
use super::{Frame, frame};
use crate::kpis::late::{asked, changes};
use crate::pages::page;
use crate::parameters::{Parameters, cursor};
use crate::problem::{NOT_FOUND, Problem};
use crate::progression::Freshness;
use crate::state::Shared;

#[derive(Debug, Template)]
#[template(path = "late.html")]
struct LatePage {
    frame: Frame,
    kpi: (&'static str, String),
    period: String,
    segment: Option<String>,
    day: NaiveDate,
    definition: u16,
    then: Option<String>,
    now: Option<String>,
    difference: Option<String>,
    /// Digit for digit, for programs that read the page.
    exact: [String; 2],
    sums: Vec<Sum>,
    part_count: String,
    event_count: String,
    shown: usize,
    names: Vec<String>,
    has_values: bool,
    has_notes: bool,
    parts: Vec<PartRow>,
    explain: String,
    first: Option<String>,
    next: Option<String>,
    json: String,
}

/// What all parts add up to, then and now.
#[derive(Debug)]
struct Sum {
    name: String,
    then: String,
    now: String,
    difference: String,
}

#[derive(Debug)]
struct PartRow {
    kind: String,
    name: String,
    /// What it added and adds, in the order of the table's names.
    amounts: Vec<ThenAndNow>,
    value: ThenAndNow,
    note: Option<String>,
    events: Vec<String>,
    more_events: u64,
}

/// Empty: it was, or is, no part.
#[derive(Debug)]
struct ThenAndNow {
    then: String,
    now: String,
}

impl ThenAndNow {
    fn is_same(&self) -> bool {
        self.then == self.now
    }
}

/// What has changed figures, by whose figure it is and what is asked.
pub(super) type Changes = Readings<(TenantId, &'static str, LateQuery), (Late, Freshness)>;

pub(super) async fn late(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<ExplainViewParameters>,
) -> Result<Response, Problem> {
    let kpi = find(&id).ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no KPI {id:?}")))?;
    let (view, parameters) = parameters.asked(kpi, "late")?;
    let query = asked(kpi, &parameters, view.now)?;
    let title = "What has changed since";
    let question = (caller.tenant().clone(), kpi.id, LateQuery { now: DateTime::UNIX_EPOCH, ..query.clone() });
    let ask = {
        let (api, tenant, query) = (Arc::clone(&api), caller.tenant().clone(), query.clone());
        Box::pin(async move { changes(&api, &tenant, kpi, &query).await })
    };
    let making = Making::of_figure(
        &view,
        title,
        (kpi, query.grain, query.period),
        "The events behind the figure, then and now, are being read.",
    );
    let answer = match api.made.changes.or_page((&api, &caller), Some(question), ask, making).await? {
        ControlFlow::Continue(answer) => answer,
        ControlFlow::Break(page) => return Ok(page),
    };
    let (found, freshness) = &*answer;
    let locale = Locale::of(&headers);
    let writings = [&found.currency_then, &found.currency].map(|currency| Writing { kpi, locale, currency: currency.as_str() });
    let names = in_order(found.totals.amounts.keys().map(String::as_str));
    let next = found.parts.last().filter(|_| found.has_more).map(|part| cursor(query.period, &part.part));
    let Late { then, now, definition, parts, totals, .. } = found;
    let value = |shown: &Option<projections::kpis::shown::Shown>| shown.as_ref().and_then(|shown| shown.figure.value);
    let (then, now) = (value(then), value(now));
    let [written_then, written] = writings.map(|writing| locale.figures(kpi, writing.currency, now.into_iter().chain(then)));
    let is_comparable = kpi.unit != Unit::Money || found.currency == found.currency_then;
    let exact = |value: Option<Decimal>| value.map_or(String::new(), |value| value.normalize().to_string());
    let pairs = parameters.pairs(&query.grain.name(query.period));
    let explain = view.of_page(&format!("/dashboards/kpis/{}/explain", kpi.id), view.own.clone());
    page(&LatePage {
        kpi: (kpi.name, view.to(&format!("/dashboards/kpis/{}", kpi.id))),
        period: period(query.grain, query.period),
        segment: (query.segment != "all").then(|| segment_label(&query.segment)),
        day: query.as_of,
        definition: *definition,
        then: then.map(|value| written_then.value(value)),
        now: now.map(|value| written.value(value)),
        difference: now.zip(then).filter(|_| is_comparable).map(|(now, then)| written.difference(now - then)),
        exact: [exact(then), exact(now)],
        sums: names.iter().map(|name| Sum::of(name, totals.amounts[*name], writings)).collect(),
        part_count: locale.count(totals.parts),
        event_count: locale.count(totals.events),
        shown: parts.len(),
        names: names.iter().map(|name| label(name)).collect(),
        has_values: parts.iter().any(|part| part.value_then.is_some() || part.value_now.is_some()),
        has_notes: parts.iter().any(|part| part.note.is_some()),
        parts: parts.iter().map(|part| PartRow::of(part, &names, writings)).collect(),
        explain,
        first: parameters.cursor.is_some().then(|| view.to(&view.path)),
        next: next.map(|next| view.here_with(&[("cursor", &next)])),
        json: format!("/v1/kpis/{}/late?{pairs}", kpi.id),
        frame: frame(&view, &caller, freshness.clone(), title).without_rhythms(),
    })
}

impl Sum {
    fn of(name: &str, (then, now): (Decimal, Decimal), [of_then, of_now]: [Writing<'_>; 2]) -> Self {
        let sign = if now > then { "+" } else { "" };
        Self {
            name: label(name),
            then: of_then.amount(name, then),
            now: of_now.amount(name, now),
            difference: match of_then.currency == of_now.currency {
                true => format!("{sign}{}", of_now.amount(name, now - then)),
                false => String::new(),
            },
        }
    }
}

impl PartRow {
    fn of(part: &LatePart, names: &[&str], [of_then, of_now]: [Writing<'_>; 2]) -> Self {
        let (kind, name) = part.part.split_once(':').unwrap_or(("", &part.part));
        let amount = |writing: Writing<'_>, of: &Option<BTreeMap<String, Decimal>>, name: &str| {
            of.as_ref().and_then(|amounts| amounts.get(name)).map_or(String::new(), |amount| writing.amount(name, *amount))
        };
        let value =
            |writing: Writing<'_>, value: Option<Decimal>| value.map_or(String::new(), |value| writing.own_value(value));
        Self {
            kind: kind_beside(kind, name),
            name: name.to_owned(),
            amounts: names
                .iter()
                .map(|name| ThenAndNow { then: amount(of_then, &part.then, name), now: amount(of_now, &part.now, name) })
                .collect(),
            value: ThenAndNow { then: value(of_then, part.value_then), now: value(of_now, part.value_now) },
            note: part.note.clone(),
            events: part.events.iter().take(EVENTS_SHOWN).cloned().collect(),
            more_events: part.event_count.saturating_sub(EVENTS_SHOWN.min(part.events.len()) as u64),
        }
    }
}
