//! A KPI's own page: its series and target, its segments, what it means, and the table behind the chart.

mod table;

use std::ops::ControlFlow;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, NaiveDate, Utc};
use domain::kpis::{Better, Kpi, Unit, find};
use domain::{Grain, TenantId};
use projections::kpis::evaluate::Terms;
use projections::kpis::late::Since;
use projections::kpis::series::{Beside, Segments, Series, SeriesQuery, series_by};
use projections::kpis::shown::{NEAR, Shown};
use rust_decimal::prelude::ToPrimitive;
use serde::Deserialize;

use self::table::{Columned, Columns, Dimension, Row, beside};
use super::card::{Card, Setting, headline, points};
use super::chart::without_far_targets;
use super::format::{Locale, Pattern};
use super::making::{Making, Readings};
use super::past::{self, OF_A_PAST_DAY};
use super::reports::Chart;
use super::session::Viewer;
use super::since::SinceWords;
use super::view::{Choice, View, ViewParameters, encoded};
use super::words::{segment_label, sentence};
use super::{Frame, frame, name_of};
use crate::kpis::late;
use crate::pages::page;
use crate::parameters::{Parameters, parsed, period as read_period};
use crate::problem::{NOT_FOUND, Problem};
use crate::progression::Freshness;
use crate::state::{Api, Shared};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KpiViewParameters {
    period: Option<String>,
    as_of: Option<String>,
    segment: Option<String>,
    definition: Option<String>,
    from: Option<String>,
    to: Option<String>,
    compare: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "kpi.html")]
struct KpiPage {
    frame: Frame,
    card: Card,
    function: (&'static str, String),
    segment: Option<String>,
    /// Where the card's figure comes from.
    explain_card: Option<String>,
    /// What it is today, on a page of a past day.
    since_card: Option<SinceWords>,
    asked: AskedWords,
    comparisons: [Choice; 2],
    /// With what the table compares.
    compared_with: &'static str,
    /// More periods were asked for than a page shows.
    cut_to: Option<String>,
    chart: Chart,
    /// How the script that zooms writes values.
    pattern: Pattern,
    rows: Vec<Row>,
    columns: Columns,
    numerator: String,
    denominator: Option<String>,
    n: String,
    window: String,
    better: String,
    /// What the formula tells beside the card's figure.
    beside: Vec<(String, String)>,
    facts: Vec<&'static str>,
    definition: u16,
    definitions: Vec<u16>,
    parameters: Option<String>,
    notes: Vec<String>,
    dimensions: Vec<Dimension>,
    csv: String,
    parquet: String,
}

/// What is asked, as the address and the API write it; an empty text: nothing.
#[derive(Debug)]
struct AskedWords {
    grain: &'static str,
    compare: &'static str,
    segment: String,
    definition: String,
    from: NaiveDate,
    to: NaiveDate,
    at_first: String,
}

const PERIODS_MAX: u32 = 400;

/// How many periods are shown where nobody says from when.
fn periods(grain: Grain) -> u32 {
    match grain {
        Grain::Day => 60,
        Grain::Week => 26,
        Grain::Month => 24,
        Grain::Quarter => 12,
    }
}

/// What a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    PeriodBefore,
    YearBefore,
}

impl Comparison {
    const ALL: [Self; 2] = [Self::PeriodBefore, Self::YearBefore];

    fn parse(given: Option<&str>) -> Result<Self, Problem> {
        let Some(text) = given else { return Ok(Self::PeriodBefore) };
        let known = Self::ALL.into_iter().find(|comparison| comparison.as_str() == text);
        known.ok_or_else(|| Problem::parameter("compare", format!("is {text:?}, not period or year")))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::PeriodBefore => "period",
            Self::YearBefore => "year",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::PeriodBefore => "The period before",
            Self::YearBefore => "A year before",
        }
    }

    /// How many periods back. A day is compared with the same day of the week.
    fn periods_back(self, grain: Grain) -> u32 {
        match (self, grain) {
            (Self::PeriodBefore, _) => 1,
            (_, Grain::Day) => 364,
            (_, Grain::Week) => 52,
            (_, Grain::Month) => 12,
            (_, Grain::Quarter) => 4,
        }
    }
}

/// What is asked for on the page, read and checked.
#[derive(Debug)]
struct Asked {
    view: View,
    segment: Option<String>,
    definition: Option<u16>,
    comparison: Comparison,
    from: NaiveDate,
    to: NaiveDate,
    is_cut: bool,
}

impl Asked {
    fn parse(kpi: &Kpi, parameters: KpiViewParameters, now: DateTime<Utc>) -> Result<Self, Problem> {
        let KpiViewParameters { period, as_of, segment, definition, from, to, compare } = parameters;
        // A form that is sent empty asks for what is usual.
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (from, to, segment) = (given(&from), given(&to), given(&segment));
        let path = format!("/dashboards/kpis/{}", kpi.id);
        let mut view = View::of_kpi(path, kpi.grains, &ViewParameters::new(period, as_of), now)?;
        let grain = view.grain;
        let comparison = Comparison::parse(compare.as_deref())?;
        let first = read_period("from", from.as_deref())?.map(|period| period.first_day());
        let last = read_period("to", to.as_deref())?.map(|period| period.last_day());
        let last = last.unwrap_or_else(|| view.last_day()).min(view.last_day());
        let usual = grain.before(grain.start(last), periods(grain) - 1);
        let asked_first = first.unwrap_or(usual);
        if asked_first > last {
            return Err(Problem::parameter("from", "is after to"));
        }
        let first = grain.start(asked_first).max(grain.before(grain.start(last), PERIODS_MAX - 1));
        for (name, value) in
            [("segment", &segment), ("definition", &definition), ("from", &from), ("to", &to), ("compare", &compare)]
        {
            view.own.extend(value.clone().map(|value| (name, value)));
        }
        Ok(Self {
            is_cut: first > grain.start(asked_first),
            definition: parsed("definition", definition.as_deref())?,
            view,
            segment,
            comparison,
            from: first,
            to: last,
        })
    }
}

/// What the page shows.
#[derive(Debug)]
pub(super) struct Contents {
    terms: Terms,
    /// And so many periods before, to compare with.
    found: Series,
    /// Of each period that is shown.
    since: Vec<Since>,
    /// By dimension, of the period that the card is about.
    split: Vec<(&'static str, Vec<Shown>)>,
}

/// As of past days: by whose figures they are, the first period that is shown, and what is asked.
pub(super) type PastSeries = Readings<(TenantId, &'static str, NaiveDate, SeriesQuery), (Contents, Freshness)>;

async fn contents(
    api: &Api,
    tenant: &TenantId,
    kpi: &'static Kpi,
    (from, query): (NaiveDate, &SeriesQuery),
) -> Result<Contents, Problem> {
    let terms = past::terms(api, tenant, query.as_of).await?;
    let unknown = || Problem::parameter("definition", format!("{} does not exist", query.definition.unwrap_or_default()));
    let found = series_by(&api.read_pool, tenant, &terms, kpi, query).await?.ok_or_else(unknown)?;
    let mut split = Vec::new();
    let figures: Vec<&Shown> = found.figures.iter().collect();
    let last = headline(kpi, &figures).map_or(query.to, |shown| shown.figure.period);
    for dimension in kpi.dimensions {
        let segments = Segments::Of((*dimension).to_owned());
        let query = SeriesQuery { from: last, to: last, segments, ..query.clone() };
        let found = series_by(&api.read_pool, tenant, &terms, kpi, &query).await?.ok_or_else(unknown)?;
        split.push((*dimension, found.figures));
    }
    let mut shown = found.clone();
    shown.figures.retain(|shown| shown.figure.period >= from);
    let since = late::since(api, tenant, &terms, (kpi, query), &shown).await?;
    Ok(Contents { terms, found, since, split })
}

pub(super) async fn kpi(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Path(id): Path<String>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<KpiViewParameters>,
) -> Result<Response, Problem> {
    let kpi = find(&id).ok_or_else(|| Problem::new(&NOT_FOUND, format!("there is no KPI {id:?}")))?;
    let Asked { view, segment, definition, comparison, from, to, is_cut } = Asked::parse(kpi, parameters, Utc::now())?;
    let locale = Locale::of(&headers);
    let grain = view.grain;
    let back = comparison.periods_back(grain);
    let segments = match &segment {
        None => Segments::Total,
        Some(segment) => Segments::One(segment.clone()),
    };
    let query = SeriesQuery {
        grain,
        from: grain.before(from, back),
        to,
        segments,
        as_of: view.as_of,
        definition,
        after: None,
        limit: None,
        now: view.now,
    };
    let question = view.as_of.map(|_| {
        let query = SeriesQuery { now: DateTime::UNIX_EPOCH, ..query.clone() };
        (caller.tenant().clone(), kpi.id, from, query)
    });
    let ask = {
        let (api, tenant) = (Arc::clone(&api), caller.tenant().clone());
        Box::pin(async move { contents(&api, &tenant, kpi, (from, &query)).await })
    };
    let about = name_of(kpi.function).0.to_owned();
    let making = Making { view: &view, title: kpi.name, about, what: OF_A_PAST_DAY, progress: None };
    let answer = match api.made.series.or_page((&api, &caller), question, ask, making).await? {
        ControlFlow::Continue(answer) => answer,
        ControlFlow::Break(page) => return Ok(page),
    };
    let (Contents { terms, found: earlier, since, split }, freshness) = &*answer;
    let mut found = earlier.clone();
    let earlier = &earlier.figures;
    let is_before = |shown: &Shown| shown.figure.period < from;
    let compared = |shown: &Shown| {
        let then = grain.before(shown.figure.period, back);
        earlier.iter().find(|past| past.figure.period == then && past.figure.segment == shown.figure.segment)
    };
    let plan = terms.in_force(view.now).plan;
    let count = u32::try_from(grain.between(from, to).count()).expect("no more than a page shows");
    let setting = Setting { view: &view, locale, currency: plan.currency.as_str(), periods: count, last: to };
    let card = Card::of(&Beside { kpi, grain, series: of_one(&found, segment.is_some()) }, setting);
    found.figures.retain(|shown| !is_before(shown));
    let notes = plan.contradictions().into_iter().filter(|note| note.kpis.contains(&kpi.id)).map(|note| note.detail).collect();
    let figures: Vec<&Shown> = found.figures.iter().collect();
    let about = headline(kpi, &figures).filter(|_| kpi.has_total || segment.is_some());
    let mut series = points(kpi, grain, &figures, setting);
    if comparison == Comparison::YearBefore {
        for (point, start) in series.iter_mut().zip(grain.between(from, to)) {
            let shown = figures.iter().find(|shown| shown.figure.period == start);
            let past = shown.and_then(|shown| compared(shown)?.figure.value);
            point.compared = past.and_then(|value| value.to_f64());
        }
    }
    let chart = match kpi.has_total || segment.is_some() {
        true => Chart::bars(kpi.name, &without_far_targets(&series), locale.axis(kpi.unit, plan.currency.as_str())),
        false => Chart::default(),
    };
    let (of_definition, used) =
        terms.definitions.of(kpi, Some(found.definition)).expect("the figures were made by one that there is");
    let (function, slug) = name_of(kpi.function);
    let download = |format: &str| {
        let segment = segment.as_ref().map_or(String::new(), |segment| format!("&amp;segment={}", encoded(segment)));
        let as_of = view.as_of.map_or(String::new(), |day| format!("&amp;as_of={day}"));
        let definition = definition.map_or(String::new(), |version| format!("&amp;definition={version}"));
        format!(
            "/v1/kpis/{}?format={format}&amp;grain={}&amp;from={from}&amp;to={to}{segment}{as_of}{definition}",
            kpi.id,
            grain.as_str()
        )
    };
    let today = |shown: &Shown| {
        let place = figures
            .iter()
            .position(|figure| figure.figure.period == shown.figure.period && figure.figure.segment == shown.figure.segment)?;
        SinceWords::of(kpi, grain, shown, since.get(place)?, definition, setting)
    };
    let written = Columned::of(kpi, &figures, setting);
    page(&KpiPage {
        since_card: about.and_then(today),
        explain_card: about.map(|shown| explain_link(&view, kpi, (grain, shown), definition)),
        card,
        comparisons: Comparison::ALL.map(|of| Choice {
            name: of.name(),
            href: if of == Comparison::PeriodBefore {
                view.without(&["compare"]).here_with(&[])
            } else {
                view.without(&["compare"]).here_with(&[("compare", of.as_str())])
            },
            is_chosen: of == comparison,
        }),
        compared_with: match comparison {
            Comparison::PeriodBefore => "Change",
            Comparison::YearBefore => "Against a year before",
        },
        cut_to: is_cut.then(|| format!("The last {PERIODS_MAX} {}s of it are shown.", grain.as_str())),
        asked: AskedWords {
            grain: grain.as_str(),
            compare: comparison.as_str(),
            segment: segment.clone().unwrap_or_default(),
            definition: definition.map_or(String::new(), |version| version.to_string()),
            from,
            to,
            at_first: view.without(&["from", "to"]).here_with(&[]),
        },
        function: (function, view.to(&format!("/dashboards/{slug}"))),
        chart,
        pattern: locale.pattern(kpi.unit, plan.currency.as_str()),
        columns: Columns::of(kpi, &figures),
        rows: figures
            .iter()
            .rev()
            .map(|shown| Row {
                explain: explain_link(&view, kpi, (grain, shown), definition),
                since: today(shown),
                ..Row::of(kpi, grain, shown, compared(shown), written)
            })
            .collect(),
        numerator: sentence(kpi.numerator),
        denominator: kpi.denominator.map(sentence),
        n: sentence(kpi.n),
        beside: about.map_or_else(Vec::new, |shown| beside(kpi, shown, setting)),
        window: kpi.window.in_words(),
        better: match kpi.better {
            Better::Higher => "higher".to_owned(),
            Better::Lower => "lower".to_owned(),
            Better::OnTarget => format!("near its target: up to {} from it is on target", locale.value(Unit::Ratio, "", NEAR)),
        },
        facts: kpi.facts.to_vec(),
        definition: of_definition,
        definitions: terms.definitions.versions(kpi),
        parameters: (used != serde_json::json!({})).then(|| serde_json::to_string_pretty(&used).expect("it is JSON")),
        notes,
        dimensions: split.iter().map(|(name, figures)| Dimension::of(kpi, grain, name, figures, setting)).collect(),
        csv: download("csv"),
        parquet: download("parquet"),
        segment: segment.map(|segment| segment_label(&segment)),
        frame: frame(&view, &caller, freshness.clone(), kpi.name),
    })
}

/// The page that says where a figure comes from.
fn explain_link(view: &View, kpi: &Kpi, (grain, shown): (Grain, &Shown), definition: Option<u16>) -> String {
    let mut pairs = vec![("of", grain.name(shown.figure.period))];
    if shown.figure.segment != "all" {
        pairs.push(("segment", shown.figure.segment.clone()));
    }
    pairs.extend(definition.map(|version| ("definition", version.to_string())));
    view.of_page(&format!("/dashboards/kpis/{}/explain", kpi.id), pairs)
}

/// A segment's series is told like one over all.
fn of_one(found: &Series, is_segment: bool) -> Series {
    let mut series = found.clone();
    if is_segment {
        series.figures.iter_mut().for_each(|shown| "all".clone_into(&mut shown.figure.segment));
    }
    series
}
