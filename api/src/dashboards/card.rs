//! A KPI on a card: its value with unit and n, target and variance, status, trend and change, and how current it is.

use chrono::{DateTime, NaiveDate, Utc};
use domain::Grain;
use domain::kpis::{Better, Kpi, Unit, Window};
use projections::kpis::query::Figure;
use projections::kpis::series::Beside;
use projections::kpis::shown::{NEAR, Shown, Status};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::chart::{Point, sparkline};
use super::format::{Locale, Together};
use super::view::View;
use super::words::{label, period, segment_label, tick, unbroken};

/// What a card shows, in words.
#[derive(Debug, Clone)]
pub(super) struct Card {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) formula: &'static str,
    pub(super) href: String,
    /// None: no data, which is not zero.
    pub(super) value: Option<String>,
    /// The value digit for digit, for programs that read the page.
    pub(super) exact: String,
    /// The period as the API names it.
    pub(super) period_id: String,
    /// Why there is no value, where the formula says so.
    pub(super) reason: Option<String>,
    /// Of a KPI without a figure over all: each segment's.
    pub(super) parts: Vec<Part>,
    pub(super) period: String,
    pub(super) so_far: Option<String>,
    pub(super) n: Option<String>,
    /// The target and which way the value is to be from it.
    pub(super) aim: Option<String>,
    pub(super) variance: Option<String>,
    pub(super) status: StatusWord,
    pub(super) change: Option<Change>,
    pub(super) restated: Option<String>,
    pub(super) is_partial: bool,
    /// There is no figure yet, as the first ones are being made.
    pub(super) is_awaited: bool,
    /// Facts have come in that it does not show, and it was made some time ago.
    pub(super) is_stale: bool,
    pub(super) made: Option<DateTime<Utc>>,
    pub(super) spark: String,
}

/// A segment's figure, with its own trend.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) n: String,
    pub(super) change: Option<Change>,
    pub(super) spark: String,
}

/// A status by icon, word and class, never by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatusWord {
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) word: &'static str,
}

/// Against the period before.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) class: &'static str,
    pub(super) icon: &'static str,
    pub(super) text: String,
    pub(super) against: String,
}

impl From<Status> for StatusWord {
    fn from(status: Status) -> Self {
        let (class, icon, word) = match status {
            Status::Reached => ("reached", "✓", "On target"),
            Status::Missed => ("missed", "✕", "Off target"),
            Status::InProgress => ("in-progress", "◔", "In progress"),
            Status::NoTarget => ("no-target", "–", "No target"),
            Status::NoData => ("no-data", "○", "No data"),
        };
        Self { class, icon, word }
    }
}

/// What cards of one page have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) view: &'a View,
    pub(super) locale: Locale,
    pub(super) currency: &'a str,
    pub(super) periods: u32,
    /// In the last of them.
    pub(super) last: NaiveDate,
}

impl<'a> Setting<'a> {
    /// How figures of a KPI that stand together are written.
    pub(super) fn figures(self, kpi: &Kpi, values: impl IntoIterator<Item = Decimal>) -> Together<'a> {
        self.locale.figures(kpi, self.currency, values)
    }

    /// A target, with how far from it is still on it.
    pub(super) fn target(self, kpi: &Kpi, target: Decimal) -> String {
        let written = self.figures(kpi, [target]).value(target);
        match kpi.better {
            Better::OnTarget => format!("{written} {}", unbroken(format!("± {}", self.locale.value(Unit::Ratio, "", NEAR)))),
            Better::Higher | Better::Lower => written,
        }
    }

    /// A target, with which way a value is to be from it.
    pub(super) fn aim(self, kpi: &Kpi, target: Decimal) -> String {
        let written = unbroken(self.target(kpi, target));
        match kpi.better {
            Better::Higher => format!("at\u{a0}least\u{a0}{written}"),
            Better::Lower => format!("at\u{a0}most\u{a0}{written}"),
            Better::OnTarget => written,
        }
    }

    /// How far a value is from its target; from nothing it is as far as it says itself.
    pub(super) fn variance(self, kpi: &Kpi, value: Decimal, target: Decimal) -> Option<String> {
        (!target.is_zero()).then(|| self.locale.against(kpi, self.currency, value, target).difference(value - target))
    }
}

impl Card {
    pub(super) fn of(beside: &Beside, setting: Setting<'_>) -> Self {
        let Beside { kpi, grain, series } = beside;
        let figures: Vec<&Shown> =
            series.figures.iter().filter(|shown| !kpi.has_total || shown.figure.segment == "all").collect();
        let headline = headline(kpi, &figures);
        let present = figures
            .last()
            .filter(|last| last.is_partial && headline.is_some_and(|shown| shown.figure.period != last.figure.period))
            .filter(|_| kpi.has_total);
        let value = headline.and_then(|shown| shown.figure.value).filter(|_| kpi.has_total);
        let target = headline.and_then(|shown| shown.target).filter(|_| kpi.has_total);
        let so_far = present.and_then(|shown| shown.figure.value);
        let written = setting.figures(kpi, value.into_iter().chain(so_far));
        Self {
            id: kpi.id,
            name: kpi.name,
            formula: kpi.formula,
            href: setting.view.to(&format!("/dashboards/kpis/{}", kpi.id)),
            value: value.map(|value| written.value(value)),
            exact: value.map_or(String::new(), |value| value.normalize().to_string()),
            period_id: headline.map_or(String::new(), |shown| grain.name(shown.figure.period)),
            reason: headline.and_then(|shown| shown.figure.parts["reason"].as_str()).map(str::to_owned),
            parts: if kpi.has_total { Vec::new() } else { parts(kpi, *grain, &figures, headline, setting) },
            period: headline.map_or_else(|| period(*grain, grain.start(setting.last)), |shown| told(kpi, *grain, shown)),
            so_far: so_far.map(|value| match grain {
                Grain::Day => format!("{} so far today", written.value(value)),
                _ => format!("{} so far this {}", written.value(value), grain.as_str()),
            }),
            n: headline
                .filter(|shown| kpi.has_total && shown.figure.value.is_some())
                .map(|shown| rests_on(kpi, &shown.figure, setting.locale)),
            aim: target.map(|target| setting.aim(kpi, target)),
            variance: value.zip(target).and_then(|(value, target)| setting.variance(kpi, value, target)),
            status: headline.map_or(Status::NoData, |shown| if kpi.has_total { shown.status } else { Status::NoTarget }).into(),
            change: headline.filter(|_| kpi.has_total).and_then(|shown| change(kpi, *grain, &figures, shown, setting)),
            restated: headline.and_then(|shown| shown.restated_from).map(|before| {
                format!("was {} when the {} closed", setting.figures(kpi, [before]).value(before), grain.as_str())
            }),
            is_partial: headline.is_some_and(|shown| shown.is_partial) && kpi.window.is_counted_up(),
            is_awaited: headline.is_none() && series.is_due,
            is_stale: series.is_stale(setting.view.now),
            made: series.computed_at,
            spark: if kpi.has_total { sparkline(&drawn(kpi, *grain, &figures, headline, setting)) } else { String::new() },
        }
    }
}

/// A card's line ends with the period that its number is of: what has only begun would look like a fall.
fn drawn(kpi: &Kpi, grain: Grain, figures: &[&Shown], headline: Option<&Shown>, setting: Setting<'_>) -> Vec<Point> {
    let mut points = points(kpi, grain, figures, setting);
    if kpi.window.is_counted_up() && headline.is_some_and(|shown| !shown.is_partial) {
        points.iter_mut().filter(|point| point.is_partial).for_each(|point| point.value = None);
    }
    points
}

/// The figure that stands for the KPI: of what is counted over a period the last whole one, else the newest.
pub(super) fn headline<'a>(kpi: &Kpi, figures: &[&'a Shown]) -> Option<&'a Shown> {
    let whole = figures.iter().rev().find(|shown| !kpi.window.is_counted_up() || !shown.is_partial);
    whole.or(figures.last()).copied()
}

/// The period of a figure; of a state, when it was so.
fn told(kpi: &Kpi, grain: Grain, shown: &Shown) -> String {
    match (kpi.window, shown.is_partial) {
        (Window::AtEnd | Window::TrailingDays(_), true) => "now".to_owned(),
        (Window::AtEnd | Window::TrailingDays(_), false) => format!("end of {}", period(grain, shown.figure.period)),
        _ => period(grain, shown.figure.period),
    }
}

fn parts(kpi: &Kpi, grain: Grain, figures: &[&Shown], headline: Option<&Shown>, setting: Setting<'_>) -> Vec<Part> {
    let Some(period) = headline.map(|shown| shown.figure.period) else { return Vec::new() };
    let found: Vec<(&Shown, Decimal)> = figures
        .iter()
        .filter(|shown| shown.figure.period == period)
        .filter_map(|shown| Some((*shown, shown.figure.value?)))
        .collect();
    let written = setting.figures(kpi, found.iter().map(|(_, value)| *value));
    let part = |(shown, value): (&Shown, Decimal)| {
        let segment = &shown.figure.segment;
        let own: Vec<&Shown> = figures.iter().filter(|other| other.figure.segment == *segment).copied().collect();
        let spark = sparkline(&drawn(kpi, grain, &own, headline, setting));
        Part {
            name: segment_label(segment),
            value: written.value(value),
            n: rests_on(kpi, &shown.figure, setting.locale),
            change: change(kpi, grain, &own, shown, setting),
            spark,
        }
    };
    found.into_iter().map(part).collect()
}

/// What a figure rests on.
pub(super) fn rests_on(kpi: &Kpi, figure: &Figure, locale: Locale) -> String {
    let n = locale.count(figure.n);
    let whole = figure.denominator.unwrap_or_default();
    match (kpi.id, figure.parts["resource"].as_str()) {
        ("stage_capacity", Some(resource)) => format!("{}, which runs out first", label(resource).to_lowercase()),
        ("slo_uptime", _) => {
            let measured = figure.parts["measured_share"].as_number().and_then(|share| share.to_string().parse().ok());
            let share = locale.value(Unit::Ratio, "", measured.unwrap_or_default());
            format!("{}, measured {} of the time", unbroken(format!("{n} probes")), share)
        }
        ("slo_api_latency", _) => {
            format!("{}, {} requests", unbroken(format!("{n} probes")), locale.number(whole, 0))
        }
        _ => format!("{n} {}", kpi.n),
    }
}

/// Whether each figure says how many facts it rests on by itself.
pub(super) fn are_their_n<'a>(figures: impl IntoIterator<Item = &'a Shown>) -> bool {
    figures.into_iter().all(|shown| shown.figure.value.unwrap_or_default() == shown.figure.n.into())
}

/// Against the period right before.
fn change(kpi: &Kpi, grain: Grain, figures: &[&Shown], shown: &Shown, setting: Setting<'_>) -> Option<Change> {
    let before = grain.before(shown.figure.period, 1);
    let past = figures.iter().find(|figure| figure.figure.period == before)?;
    let written = setting.locale.against(kpi, setting.currency, shown.figure.value?, past.figure.value?);
    change_against(kpi, grain, shown, past, written)
}

/// Against another period, where both have a value.
pub(super) fn change_against(kpi: &Kpi, grain: Grain, shown: &Shown, past: &Shown, written: Together<'_>) -> Option<Change> {
    if begins_anew(kpi, shown, past) {
        return None;
    }
    let (now, then) = (shown.figure.value?, past.figure.value?);
    let difference = now - then;
    let text = written.difference(difference);
    let is_better = match kpi.better {
        Better::Higher => Some(difference.is_sign_positive()),
        Better::Lower => Some(difference.is_sign_negative()),
        // Nearer to the target is better.
        Better::OnTarget => shown.target.zip(past.target).map(|(target, before)| (now - target).abs() < (then - before).abs()),
    };
    let class = is_better.map_or("same", |is_better| if is_better { "better" } else { "worse" });
    let (icon, class) = match () {
        // Of what cannot be seen no colour says that it is better.
        () if text.starts_with('±') => ("→", "same"),
        () if difference.is_sign_positive() => ("↑", class),
        () => ("↓", class),
    };
    Some(Change { class, icon, text, against: period(grain, past.figure.period) })
}

/// Objectives are new ones each quarter; what a month uses of its stage is little at its beginning, and another stage has more.
fn begins_anew(kpi: &Kpi, shown: &Shown, past: &Shown) -> bool {
    let quarter = |shown: &Shown| Grain::Quarter.start(shown.figure.period);
    match kpi.id {
        "okr_progress" => quarter(shown) != quarter(past),
        "stage_capacity" => shown.is_partial || past.is_partial || shown.figure.denominator != past.figure.denominator,
        _ => false,
    }
}

/// Every period up to the present one, with gaps where there is no figure.
pub(super) fn points(kpi: &Kpi, grain: Grain, figures: &[&Shown], setting: Setting<'_>) -> Vec<Point> {
    let last = grain.start(setting.last);
    let first = grain.before(last, setting.periods - 1);
    let written = setting.figures(kpi, figures.iter().filter_map(|shown| shown.figure.value));
    grain
        .between(first, last)
        .map(|start| {
            let shown = figures.iter().find(|shown| shown.figure.period == start);
            let value = shown.and_then(|shown| shown.figure.value);
            let target = shown.and_then(|shown| shown.target);
            let told = value.map_or("no data".to_owned(), |value| written.value(value));
            let of_target = target.map_or(String::new(), |target| format!(" (target {})", setting.target(kpi, target)));
            Point {
                tick: tick(grain, start),
                told: format!("{}: {told}{of_target}", period(grain, start)),
                value: value.and_then(|value| value.to_f64()),
                target: target.and_then(|target| target.to_f64()),
                good: target.and_then(|target| good(kpi.better, target.to_f64()?)),
                is_partial: shown.is_some_and(|shown| shown.is_partial),
                ..Point::default()
            }
        })
        .collect()
}

/// From where to where a value reaches its target.
fn good(better: Better, target: f64) -> Option<(f64, f64)> {
    match better {
        Better::Higher => Some((target, f64::INFINITY)),
        Better::Lower => Some((f64::NEG_INFINITY, target)),
        Better::OnTarget => NEAR.to_f64().map(|near| (target - near * target.abs(), target + near * target.abs())),
    }
}
