//! The tables of a KPI's page: its series, and the newest figure of each segment.

use domain::Grain;
use domain::kpis::{Kpi, Unit};
use projections::kpis::shown::Shown;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::dashboards::card::{Change, Setting, StatusWord, are_their_n, change_against};
use crate::dashboards::format::Together;
use crate::dashboards::since::SinceWords;
use crate::dashboards::words::{label, period, segment_label};

/// Which columns of the table say something that no other does.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) has_numerator: bool,
    pub(super) has_n: bool,
    pub(super) has_targets: bool,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) period: String,
    pub(super) numerator: String,
    pub(super) denominator: String,
    pub(super) n: String,
    pub(super) value: Option<String>,
    pub(super) change: Option<Change>,
    pub(super) target: String,
    pub(super) status: StatusWord,
    pub(super) is_partial: bool,
    pub(super) restated: Option<String>,
    pub(super) since: Option<SinceWords>,
    /// Where it comes from.
    pub(super) explain: String,
}

/// What a KPI is split by, with the newest figure of each segment.
#[derive(Debug)]
pub(super) struct Dimension {
    pub(super) name: String,
    pub(super) head: String,
    pub(super) period: String,
    pub(super) has_targets: bool,
    pub(super) has_n: bool,
    pub(super) segments: Vec<SegmentRow>,
    pub(super) left_out: usize,
}

#[derive(Debug)]
pub(super) struct SegmentRow {
    pub(super) name: String,
    pub(super) href: String,
    pub(super) value: Option<String>,
    pub(super) n: String,
    pub(super) target: Option<String>,
    pub(super) status: StatusWord,
}

/// The page stays one that can be read.
const SEGMENTS_MAX: usize = 25;

/// What the formula tells beside a figure.
pub(super) fn beside(kpi: &Kpi, shown: &Shown, Setting { locale, currency, .. }: Setting<'_>) -> Vec<(String, String)> {
    let parts = shown.figure.parts.as_object().into_iter().flatten();
    parts
        .filter_map(|(name, value)| {
            let number: Decimal = value.as_number()?.to_string().parse().ok()?;
            Some((label(name), locale.value(kpi.unit_beside(name), currency, number)))
        })
        .collect()
}

impl Columns {
    pub(super) fn of(kpi: &Kpi, figures: &[&Shown]) -> Self {
        let all = |is: &dyn Fn(&Shown) -> bool| figures.iter().all(|shown| is(shown));
        let n_is = |of: Option<Decimal>, shown: &Shown| of == Some(shown.figure.n.into());
        let is_n_beside = kpi.n == kpi.numerator
            || Some(kpi.n) == kpi.denominator
            || all(&|shown| n_is(shown.figure.numerator, shown))
            || all(&|shown| n_is(shown.figure.denominator, shown));
        Self {
            has_numerator: kpi.denominator.is_some() || !all(&|shown| shown.figure.numerator == shown.figure.value),
            has_n: !is_n_beside,
            has_targets: figures.iter().any(|shown| shown.target.is_some()),
        }
    }
}

/// How the table's columns are written, each with as many digits in every row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columned<'a> {
    setting: Setting<'a>,
    value: Together<'a>,
    numerator: Together<'a>,
    denominator: Together<'a>,
}

impl<'a> Columned<'a> {
    pub(super) fn of(kpi: &Kpi, figures: &[&Shown], setting: Setting<'a>) -> Self {
        let (numerator, denominator) = kpi.sums_money();
        let sums = |is_money: bool, of: &dyn Fn(&Shown) -> Option<Decimal>| {
            let unit = if is_money { Unit::Money } else { Unit::Count };
            setting.locale.together(unit, setting.currency, figures.iter().filter_map(|shown| of(shown)))
        };
        Self {
            setting,
            value: setting.figures(kpi, figures.iter().filter_map(|shown| shown.figure.value)),
            numerator: sums(numerator, &|shown| shown.figure.numerator),
            denominator: sums(denominator, &|shown| shown.figure.denominator),
        }
    }
}

impl Row {
    pub(super) fn of(kpi: &Kpi, grain: Grain, shown: &Shown, compared: Option<&Shown>, written: Columned<'_>) -> Self {
        let setting = written.setting;
        let sum = |sum: Option<Decimal>, written: Together<'_>| sum.map_or("–".to_owned(), |sum| written.value(sum));
        let segment = (!kpi.has_total).then(|| segment_label(&shown.figure.segment));
        Self {
            period: segment.map_or_else(
                || period(grain, shown.figure.period),
                |segment| format!("{}, {segment}", period(grain, shown.figure.period)),
            ),
            numerator: sum(shown.figure.numerator, written.numerator),
            denominator: sum(shown.figure.denominator, written.denominator),
            n: setting.locale.count(shown.figure.n),
            value: shown.figure.value.map(|value| written.value.value(value)),
            // A period that is not over is not held against a whole one.
            change: compared
                .filter(|_| !shown.is_partial || !kpi.window.is_counted_up())
                .and_then(|past| change_against(kpi, grain, shown, past, written.value)),
            target: shown.target.map_or("–".to_owned(), |target| setting.target(kpi, target)),
            status: shown.status.into(),
            is_partial: shown.is_partial,
            restated: shown.restated_from.map(|before| written.value.value(before)),
            since: None,
            explain: String::new(),
        }
    }
}

impl Dimension {
    /// Those that rest on most first.
    pub(super) fn of(kpi: &Kpi, grain: Grain, name: &str, figures: &[Shown], setting: Setting<'_>) -> Self {
        let Setting { locale, view, .. } = setting;
        let mut figures: Vec<&Shown> = figures.iter().collect();
        figures.sort_by_key(|shown| std::cmp::Reverse((shown.figure.n, shown.figure.value.and_then(|value| value.to_i64()))));
        let written = setting.figures(kpi, figures.iter().filter_map(|shown| shown.figure.value));
        let segments = figures.iter().take(SEGMENTS_MAX).map(|shown| {
            let segment = &shown.figure.segment;
            SegmentRow {
                name: segment_label(segment),
                href: view.without(&["segment"]).here_with(&[("segment", segment)]),
                value: shown.figure.value.map(|value| written.value(value)),
                n: locale.count(shown.figure.n),
                target: shown.target.map(|target| setting.target(kpi, target)),
                status: shown.status.into(),
            }
        });
        Self {
            name: label(name).to_lowercase(),
            head: label(name),
            has_targets: figures.iter().any(|shown| shown.target.is_some()),
            has_n: !are_their_n(figures.iter().copied()),
            period: figures.first().map_or(String::new(), |shown| period(grain, shown.figure.period)),
            segments: segments.collect(),
            left_out: figures.len().saturating_sub(SEGMENTS_MAX),
        }
    }
}
