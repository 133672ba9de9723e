//! Review packs: what a review goes through on one page that can be printed, frozen as of a day: asked again, it says the same.

use std::str::FromStr;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{Days, NaiveDate, Utc};
use domain::Grain;
use domain::kpis::{Kpi, find, register};
use projections::kpis::series::{Beside, BoardQuery, Segments, Series, SeriesQuery};
use projections::kpis::shown::Shown;
use projections::reports::Asked;
use projections::reports::risks::{RisksQuery, risks};
use serde::Deserialize;

use super::card::{Card, Setting, StatusWord, are_their_n, points};
use super::format::Locale;
use super::past::{self, Changed, Wanted};
use super::reports::Chart;
use super::reports::risks::Risk;
use super::session::Viewer;
use super::since::SinceWords;
use super::view::{Choice, View, ViewParameters};
use super::words::{label, period, segment_label};
use super::{FUNCTIONS, Frame, frame, name_of};
use crate::pages::page;
use crate::parameters::Parameters;
use crate::problem::{NOT_FOUND, Problem};
use crate::reading::read;
use crate::state::Shared;

/// A rhythm that the company is reviewed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rhythm {
    Weekly,
    Monthly,
    Quarterly,
}

impl Rhythm {
    const ALL: [Self; 3] = [Self::Weekly, Self::Monthly, Self::Quarterly];

    fn as_str(self) -> &'static str {
        match self {
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Weekly => "Weekly metrics",
            Self::Monthly => "Monthly executive review",
            Self::Quarterly => "Quarterly board review",
        }
    }

    /// Beside the others.
    fn short_name(self) -> &'static str {
        match self {
            Self::Weekly => "Weekly",
            Self::Monthly => "Monthly",
            Self::Quarterly => "Quarterly",
        }
    }

    fn grain(self) -> Grain {
        match self {
            Self::Weekly => Grain::Week,
            Self::Monthly => Grain::Month,
            Self::Quarterly => Grain::Quarter,
        }
    }

    /// What is looked at part by part: a KPI, by a dimension.
    fn parts(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Weekly => &[
                ("active_capsule_interactions", "kind"),
                ("feature_adoption_rate", "feature"),
                ("mttr", "severity"),
                ("pipeline_coverage", "team"),
            ],
            Self::Monthly => &[
                ("budget_variance", "category"),
                ("mrr", "plan"),
                ("headcount_vs_plan", "function"),
                ("gate_readiness", "transition"),
                ("okr_progress", "objective"),
            ],
            Self::Quarterly => &[
                ("arr", "plan"),
                ("budget_variance", "category"),
                ("net_revenue_retention", "plan"),
                ("stage_capacity", "resource"),
                ("gate_readiness", "transition"),
                ("headcount_vs_plan", "function"),
                ("process_maturity", "area"),
                ("okr_progress", "function"),
            ],
        }
    }

    fn has_risks(self) -> bool {
        self != Self::Weekly
    }

    /// The last period that is over by the end of a day.
    fn period(self, day: NaiveDate) -> NaiveDate {
        let start = self.grain().start(day);
        if self.grain().next(start) <= day + Days::new(1) { start } else { self.grain().before(start, 1) }
    }
}

impl FromStr for Rhythm {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let known = Self::ALL.into_iter().find(|rhythm| rhythm.as_str() == text);
        known.ok_or_else(|| {
            Problem::new(&NOT_FOUND, format!("there is no {text:?} review; there are weekly, monthly, quarterly"))
        })
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackParameters {
    as_of: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "pack.html")]
struct PackPage {
    frame: Frame,
    rhythms: Vec<Choice>,
    /// What it is about: `October 2026`.
    period: String,
    /// None: it is not frozen, and shows what is known now.
    as_of: Option<NaiveDate>,
    today: NaiveDate,
    plan_version: u16,
    /// The same a period before and after.
    before: String,
    after: Option<String>,
    north_star: Card,
    chart: Chart,
    counts: Counts,
    missed: Vec<Card>,
    restated: Vec<Card>,
    /// Of a frozen one: what is known to be otherwise now.
    changed: Vec<ChangedFigure>,
    groups: Vec<Group>,
    parts: Vec<Part>,
    risks: Option<Vec<Risk>>,
    notes: Vec<String>,
}

/// A figure that is another one now.
#[derive(Debug)]
struct ChangedFigure {
    name: &'static str,
    href: String,
    then: Option<String>,
    since: SinceWords,
}

/// How many figures with a target reach it.
#[derive(Debug)]
struct Counts {
    reached: usize,
    missed: usize,
    no_target: usize,
    no_data: usize,
}

#[derive(Debug)]
struct Group {
    name: &'static str,
    cards: Vec<Card>,
}

#[derive(Debug)]
struct Part {
    name: &'static str,
    dimension: String,
    has_targets: bool,
    has_n: bool,
    rows: Vec<PartRow>,
}

#[derive(Debug)]
struct PartRow {
    name: String,
    value: Option<String>,
    target: Option<String>,
    variance: Option<String>,
    status: StatusWord,
    n: String,
}

const PERIODS: u32 = 13;
const RISKS: u16 = 5;
const PART_ROWS_MAX: usize = 12;

pub(super) async fn pack(
    State(api): State<Shared>,
    Viewer(caller): Viewer,
    Path(rhythm): Path<String>,
    headers: HeaderMap,
    Parameters(parameters): Parameters<PackParameters>,
) -> Result<Response, Problem> {
    let rhythm: Rhythm = rhythm.parse()?;
    let path = address(rhythm);
    let view = View::parse(
        path.clone(),
        &ViewParameters::new(Some(rhythm.grain().as_str().to_owned()), parameters.as_of.clone()),
        Utc::now(),
    )?;
    let locale = Locale::of(&headers);
    // Today goes on, so the last day that is over counts.
    let (grain, start) = (rhythm.grain(), rhythm.period(view.as_of.unwrap_or_else(|| view.today() - Days::new(1))));
    let last = grain.next(start) - Days::new(1);
    let kpis: Vec<&'static Kpi> = register().filter(|kpi| kpi.grains.contains(&grain)).collect();
    let query = BoardQuery { grain, periods: PERIODS, last, as_of: view.as_of, now: view.now };
    let split = |(id, dimension): &(&str, &str)| {
        let segments = Segments::Of((*dimension).to_owned());
        let (from, to) = (start, last);
        let (as_of, now) = (view.as_of, view.now);
        Wanted {
            kpi: find(id).expect("a test asks the register for every KPI of a pack"),
            query: SeriesQuery { grain, from, to, segments, as_of, definition: None, after: None, limit: None, now },
        }
    };
    let wanted = past::wanted(&kpis, &query).into_iter().chain(rhythm.parts().iter().map(split)).collect();
    if let Some(making) = past::prepare(&api, &caller, (&view, rhythm.name()), wanted).await? {
        return Ok(making);
    }
    let ask = async {
        let (terms, board) = past::board(&api, caller.tenant(), &kpis, &query).await?;
        let mut parts = Vec::new();
        for wanted in rhythm.parts().iter().map(split) {
            parts.push((wanted.kpi, past::series(&api, caller.tenant(), &terms, &wanted).await?));
        }
        let asked = Asked { tenant: caller.tenant(), as_of: view.as_of, now: view.now };
        let gravest = RisksQuery { is_open: Some(true), category: None, after: None, limit: RISKS };
        let risks = match rhythm.has_risks() {
            true => Some(risks(&api.read_pool, asked, &gravest).await?.0.data),
            false => None,
        };
        let changed = past::changed(&api, caller.tenant(), (&terms, &board), &query).await?;
        Ok((terms, board, parts, risks, changed))
    };
    let ((terms, board, parts, risks, changed), freshness) = read(&api, None, ask).await?;
    let plan = terms.in_force(view.now).plan;
    let setting = Setting { view: &view, locale, currency: plan.currency.as_str(), periods: PERIODS, last };
    let cards: Vec<(&Beside, Card)> = board.iter().map(|beside| (beside, Card::of(beside, setting))).collect();
    let count = |class: &str| cards.iter().filter(|(_, card)| card.status.class == class).count();
    let cards = |of: &dyn Fn(&Beside, &Card) -> bool| -> Vec<Card> {
        cards.iter().filter(|(beside, card)| of(beside, card)).map(|(_, card)| card.clone()).collect()
    };
    let is_north_star = |beside: &Beside| beside.kpi.id == "active_capsule_interactions";
    let north_star = board.iter().find(|beside| is_north_star(beside)).expect("the register has the north star");
    let after = grain.next(last + Days::new(1)) - Days::new(1);
    let on = |day: NaiveDate| format!("{path}?as_of={day}");
    page(&PackPage {
        period: period(grain, start),
        as_of: view.as_of,
        today: view.today(),
        plan_version: plan.version,
        before: on(start - Days::new(1)),
        after: (after < view.today()).then(|| on(after)),
        chart: chart(north_star, setting),
        north_star: Card::of(north_star, setting),
        counts: Counts {
            reached: count("reached"),
            missed: count("missed"),
            no_target: count("no-target"),
            no_data: count("no-data"),
        },
        missed: cards(&|_, card| card.status.class == "missed"),
        restated: cards(&|_, card| card.restated.is_some()),
        changed: changed.iter().filter_map(|changed| ChangedFigure::of(changed, setting)).collect(),
        groups: FUNCTIONS
            .into_iter()
            .map(|function| Group {
                name: name_of(function).0,
                cards: cards(&|beside, _| beside.kpi.function == function && !is_north_star(beside)),
            })
            .filter(|group| !group.cards.is_empty())
            .collect(),
        parts: rhythm
            .parts()
            .iter()
            .zip(&parts)
            .map(|((_, dimension), (kpi, series))| Part::of(kpi, dimension, series, setting))
            .filter(|part| !part.rows.is_empty())
            .collect(),
        risks: risks.map(|risks| risks.iter().map(|risk| Risk::of(risk, locale)).collect()),
        notes: plan.contradictions().into_iter().map(|note| note.detail).collect(),
        rhythms: Rhythm::ALL
            .into_iter()
            .map(|other| Choice { name: other.short_name(), href: link(other.grain(), view.as_of), is_chosen: other == rhythm })
            .collect(),
        // The pack's address says the rhythm.
        frame: Frame { period: Grain::Month.as_str(), ..frame(&view, &caller, freshness, rhythm.name()).without_rhythms() },
    })
}

pub(super) const PATH: &str = "/dashboards/reviews/";

/// The pack of the rhythm that a page is shown in.
pub(super) fn link(grain: Grain, as_of: Option<NaiveDate>) -> String {
    let rhythm = Rhythm::ALL.into_iter().find(|rhythm| rhythm.grain() == grain).unwrap_or(Rhythm::Weekly);
    let as_of = as_of.map_or(String::new(), |day| format!("?as_of={day}"));
    format!("{}{as_of}", address(rhythm))
}

fn address(rhythm: Rhythm) -> String {
    format!("{PATH}{}", rhythm.as_str())
}

fn chart(Beside { kpi, grain, series }: &Beside, setting: Setting<'_>) -> Chart {
    let figures: Vec<&Shown> = series.figures.iter().collect();
    Chart::half(kpi.name, &points(kpi, *grain, &figures, setting), setting.locale.axis(kpi.unit, setting.currency))
}

impl ChangedFigure {
    fn of(Changed { kpi, grain, then, since }: &Changed, setting: Setting<'_>) -> Option<Self> {
        Some(Self {
            name: kpi.name,
            href: setting.view.to(&format!("/dashboards/kpis/{}", kpi.id)),
            then: then.figure.value.map(|value| setting.figures(kpi, [value]).value(value)),
            since: SinceWords::of(kpi, *grain, then, since, None, setting)?,
        })
    }
}

impl Part {
    fn of(kpi: &Kpi, dimension: &str, series: &Series, setting: Setting<'_>) -> Self {
        let written = setting.figures(kpi, series.figures.iter().filter_map(|shown| shown.figure.value));
        let row = |shown: &Shown| {
            let value = shown.figure.value;
            let title = shown.figure.parts["title"].as_str().map(str::to_owned);
            PartRow {
                name: title.unwrap_or_else(|| segment_label(&shown.figure.segment)),
                value: value.map(|value| written.value(value)),
                target: shown.target.map(|target| setting.aim(kpi, target)),
                variance: value.zip(shown.target).and_then(|(value, target)| setting.variance(kpi, value, target)),
                status: shown.status.into(),
                n: setting.locale.count(shown.figure.n),
            }
        };
        Self {
            name: kpi.name,
            dimension: label(dimension),
            has_targets: series.figures.iter().any(|shown| shown.target.is_some()),
            has_n: !are_their_n(&series.figures),
            rows: series.figures.iter().take(PART_ROWS_MAX).map(row).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn a_pack_is_about_the_last_period_that_was_over_by_the_end_of_its_day() {
        assert_eq!(Rhythm::Monthly.period(day("2026-11-22")), day("2026-10-01"));
        assert_eq!(Rhythm::Monthly.period(day("2026-10-31")), day("2026-10-01"));
        assert_eq!(Rhythm::Monthly.period(day("2026-10-30")), day("2026-09-01"));
        assert_eq!(Rhythm::Weekly.period(day("2026-11-22")), day("2026-11-16"));
        assert_eq!(Rhythm::Weekly.period(day("2026-11-21")), day("2026-11-09"));
        assert_eq!(Rhythm::Quarterly.period(day("2026-09-30")), day("2026-07-01"));
        assert_eq!(Rhythm::Quarterly.period(day("2026-11-22")), day("2026-07-01"));
    }

    #[test]
    fn the_register_has_every_kpi_of_a_pack_by_its_rhythm_and_dimension() {
        for rhythm in Rhythm::ALL {
            for (id, dimension) in rhythm.parts() {
                let kpi = find(id).expect(id);
                assert!(kpi.grains.contains(&rhythm.grain()) && kpi.dimensions.contains(dimension), "{id} by {dimension}");
            }
        }
    }
}
