//! A KPI's own page: its series and target, its segments, what it means, and the table behind the chart.

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use domain::Grain;
use domain::kpis::{Better, Kpi, find};
use projections::kpis::evaluate::Terms;
use projections::kpis::query::Known;
use projections::kpis::series::{Beside, Segments, Series, SeriesQuery, series_by};
use projections::kpis::shown::Shown;
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

use super::card::{Card, Setting, StatusWord, points, words};
use super::chart::bars;
use super::format::{Locale, period};
use super::session::Viewer;
use super::view::{View, ViewParameters};
use super::{Frame, frame, name_of};
use crate::pages::page;
use crate::parameters::{Parameters, parsed};
use crate::problem::{NOT_FOUND, Problem};
use crate::reading::read;
use crate::state::Shared;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KpiViewParameters {
    period: Option<String>,
    as_of: Option<String>,
    segment: Option<String>,
    definition: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "kpi.html")]
struct KpiPage {
    frame: Frame,
    card: Card,
    function: (&'static str, String),
    segment: Option<String>,
    chart: String,
    rows: Vec<Row>,
    numerator: &'static str,
    denominator: Option<&'static str>,
    n: &'static str,
    window: String,
    better: &'static str,
    facts: Vec<&'static str>,
    definition: u16,
    definitions: Vec<u16>,
    parameters: Option<String>,
    notes: Vec<String>,
    dimensions: Vec<Dimension>,
    csv: String,
    parquet: String,
}

#[derive(Debug)]
struct Row {
    period: String,
    numerator: String,
    denominator: String,
    n: String,
    value: Option<String>,
    target: String,
    status: StatusWord,
    is_partial: bool,
    restated: Option<String>,
}

/// What a KPI is split by, with the newest figure of each segment.
#[derive(Debug)]
struct Dimension {
    name: String,
    period: String,
    segments: Vec<SegmentRow>,
    left_out: usize,
}

#[derive(Debug)]
struct SegmentRow {
    name: String,
    href: String,
    value: Option<String>,
    n: String,
    target: Option<String>,
    status: StatusWord,
}

const PERIODS: u32 = 24;
/// The page stays one that can be read.
const SEGMENTS_MAX: usize = 25;

pub(super) async fn kpi(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<KpiViewParameters>,
) -> Result<Response, Problem> {
    let kpi = find(&id).ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no KPI {id:?}")))?;
    let KpiViewParameters { period, as_of, segment, definition } = parameters;
    let definition = parsed::<u16>("definition", definition.as_deref())?;
    let view = View::parse(format!("/dashboards/kpis/{id}"), &ViewParameters::new(period, as_of), Utc::now())?;
    let locale = Locale::of(&headers);
    let grain = if kpi.grains.contains(&view.grain) { view.grain } else { Grain::Month };
    let segments = match &segment {
        None => Segments::Total,
        Some(segment) => Segments::One(segment.clone()),
    };
    let query = SeriesQuery {
        grain,
        from: grain.before(grain.start(view.last_day()), PERIODS - 1),
        to: view.last_day(),
        segments,
        as_of: view.as_of,
        definition,
        after: None,
        limit: None,
        now: view.now,
    };
    let ask = async {
        let terms =
            Terms::load(&mut *api.read_pool.acquire().await.map_err(projections::Error::from)?, "read", caller.tenant())
                .await?;
        let unknown = || Problem::parameter("definition", format!("{} does not exist", definition.unwrap_or_default()));
        let found = series_by(&api.read_pool, caller.tenant(), &terms, kpi, &query).await?.ok_or_else(unknown)?;
        let mut split = Vec::new();
        let last = found.figures.last().map_or(query.to, |shown| shown.figure.period);
        for dimension in kpi.dimensions {
            let segments = Segments::Of((*dimension).to_owned());
            let query = SeriesQuery { from: last, to: last, segments, ..query.clone() };
            let found = series_by(&api.read_pool, caller.tenant(), &terms, kpi, &query).await?.ok_or_else(unknown)?;
            split.push((*dimension, found.figures));
        }
        Ok((terms, found, split))
    };
    let ((terms, found, split), freshness) = read(&api, None, ask).await?;
    let plan = terms.plans.in_force(view.now, Known::Now).plan;
    let setting = Setting { view: &view, locale, currency: plan.currency.as_str(), periods: PERIODS };
    let notes = plan.contradictions().into_iter().filter(|note| note.kpis.contains(&kpi.id)).map(|note| note.detail).collect();
    let figures: Vec<&Shown> = found.figures.iter().collect();
    let chart = match kpi.has_total || segment.is_some() {
        true => bars(kpi.name, &points(kpi, grain, &figures, setting), |value| {
            let value = rust_decimal::Decimal::try_from(value).unwrap_or_default();
            locale.value(kpi.unit, plan.currency.as_str(), value.round_dp(4))
        }),
        false => String::new(),
    };
    let (of_definition, used) =
        terms.definitions.of(kpi, Some(found.definition)).expect("the figures were made by one that there is");
    let (function, slug) = name_of(kpi.function);
    let download = |format: &str| {
        let segment = segment.as_ref().map_or(String::new(), |segment| format!("&amp;segment={}", encoded(segment)));
        let as_of = view.as_of.map_or(String::new(), |day| format!("&amp;as_of={day}"));
        let definition = definition.map_or(String::new(), |version| format!("&amp;definition={version}"));
        format!("/v1/kpis/{}?format={format}&amp;grain={}{segment}{as_of}{definition}", kpi.id, grain.as_str())
    };
    page(&KpiPage {
        card: Card::of(&Beside { kpi, grain, series: of_one(&found, segment.is_some()) }, setting),
        function: (function, view.to(&format!("/dashboards/{slug}"))),
        chart,
        rows: found.figures.iter().rev().map(|shown| Row::of(kpi, grain, shown, setting)).collect(),
        numerator: kpi.numerator,
        denominator: kpi.denominator,
        n: kpi.n,
        window: kpi.window.in_words(),
        better: match kpi.better {
            Better::Higher => "higher",
            Better::Lower => "lower",
            Better::OnTarget => "near its target",
        },
        facts: kpi.facts.to_vec(),
        definition: of_definition,
        definitions: terms.definitions.versions(kpi),
        parameters: (used != serde_json::json!({})).then(|| serde_json::to_string_pretty(&used).expect("it is JSON")),
        notes,
        dimensions: split.into_iter().map(|(name, figures)| Dimension::of(kpi, grain, name, &figures, setting)).collect(),
        csv: download("csv"),
        parquet: download("parquet"),
        segment: segment.map(|segment| words(segment.split_once(':').map_or(segment.as_str(), |(_, name)| name))),
        frame: frame(&view, &caller, freshness, kpi.name),
    })
}

/// A segment's series is told like one over all.
fn of_one(found: &Series, is_segment: bool) -> Series {
    let mut series = found.clone();
    if is_segment {
        series.figures.iter_mut().for_each(|shown| "all".clone_into(&mut shown.figure.segment));
    }
    series
}

impl Row {
    fn of(kpi: &Kpi, grain: Grain, shown: &Shown, setting: Setting<'_>) -> Self {
        let Setting { locale, currency, .. } = setting;
        let plain = |number: Option<rust_decimal::Decimal>| {
            number.map_or("–".to_owned(), |number| locale.number(number, if number.is_integer() { 0 } else { 2 }))
        };
        let segment = (!kpi.has_total).then(|| words(&shown.figure.segment));
        Self {
            period: segment.map_or_else(
                || period(grain, shown.figure.period),
                |segment| format!("{}, {segment}", period(grain, shown.figure.period)),
            ),
            numerator: plain(shown.figure.numerator),
            denominator: plain(shown.figure.denominator),
            n: locale.count(shown.figure.n),
            value: shown.figure.value.map(|value| locale.value(kpi.unit, currency, value)),
            target: shown.target.map_or("–".to_owned(), |target| locale.value(kpi.unit, currency, target)),
            status: shown.status.into(),
            is_partial: shown.is_partial,
            restated: shown.restated_from.map(|before| locale.value(kpi.unit, currency, before)),
        }
    }
}

impl Dimension {
    /// Those that rest on most first.
    fn of(kpi: &Kpi, grain: Grain, name: &str, figures: &[Shown], setting: Setting<'_>) -> Self {
        let Setting { locale, currency, view, .. } = setting;
        let mut figures: Vec<&Shown> = figures.iter().collect();
        figures.sort_by_key(|shown| std::cmp::Reverse((shown.figure.n, shown.figure.value.and_then(|value| value.to_i64()))));
        let segments = figures.iter().take(SEGMENTS_MAX).map(|shown| {
            let segment = &shown.figure.segment;
            let address = view.to(&view.path);
            let separator = if address.contains('?') { "&amp;" } else { "?" };
            SegmentRow {
                name: words(segment.split_once(':').map_or(segment.as_str(), |(_, name)| name)),
                href: format!("{address}{separator}segment={}", encoded(segment)),
                value: shown.figure.value.map(|value| locale.value(kpi.unit, currency, value)),
                n: locale.count(shown.figure.n),
                target: shown.target.map(|target| locale.value(kpi.unit, currency, target)),
                status: shown.status.into(),
            }
        });
        Self {
            name: words(name),
            period: figures.first().map_or(String::new(), |shown| period(grain, shown.figure.period)),
            segments: segments.collect(),
            left_out: figures.len().saturating_sub(SEGMENTS_MAX),
        }
    }
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
