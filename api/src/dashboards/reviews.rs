//! Pages for reviews: unit economics, stages and gates, reliability, risks, objectives. Each shows a report against the plan.

use askama::Template;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::Utc;
use domain::Grain;
use domain::kpis::Unit;
use event_store::PgPool;
use projections::kpis::series::{Segments, SeriesQuery, series};
use projections::kpis::shown::{Shown, Status};
use projections::reports::budget::budget;
use projections::reports::gates::{Gate, GateItem, gates};
use projections::reports::headcount::headcount;
use projections::reports::risks::{RegisteredRisk, RisksQuery, risks};
use projections::reports::service_levels::{ServiceLevelStanding, service_levels};
use projections::reports::unit_economics::{StageEconomics, unit_economics};
use projections::reports::{Asked, Report};
use projections::stages::{Expected, Limit, standing};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::card::{StatusWord, words};
use super::chart::{escaped, meter};
use super::exhibits::Exhibit;
use super::format::{Locale, period};
use super::session::Viewer;
use super::view::{View, ViewParameters};
use super::{Frame, frame};
use crate::pages::page;
use crate::problem::Problem;
use crate::reading::read;
use crate::state::Shared;

/// The pages, by name and address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Review {
    UnitEconomics,
    Stages,
    Reliability,
    Risks,
    Okrs,
}

pub(super) const REVIEWS: [Review; 5] =
    [Review::UnitEconomics, Review::Stages, Review::Reliability, Review::Risks, Review::Okrs];

impl Review {
    pub(super) fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::UnitEconomics => ("Unit economics", "unit-economics"),
            Self::Stages => ("Stages and gates", "stages"),
            Self::Reliability => ("Reliability", "reliability"),
            Self::Risks => ("Risks", "risks"),
            Self::Okrs => ("OKRs", "okrs"),
        }
    }

    fn lead(self) -> &'static str {
        match self {
            Self::UnitEconomics => {
                "What a customer costs to win, brings in a lifetime, and how soon that pays back: stage by stage, against the plan."
            }
            Self::Stages => {
                "What each stage of the plan can carry and when it is full; and what must be so before the next one."
            }
            Self::Reliability => "The service levels over the 30 days up to now, and how much of each error budget is left.",
            Self::Risks => "Open risks, the gravest first, with what is done against each.",
            Self::Okrs => "The quarter's objectives, each by its key results.",
        }
    }
}

#[derive(Debug, Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    lead: &'static str,
    exhibits: Vec<Exhibit>,
    notes: Vec<String>,
}

/// What a page's exhibits are made with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) pool: &'a PgPool,
    pub(super) asked: Asked<'a>,
    pub(super) view: &'a View,
    pub(super) locale: Locale,
}

type Exhibits = Result<(Vec<Exhibit>, Vec<String>), projections::Error>;

pub(super) async fn review(
    api: Shared,
    Viewer(caller): Viewer,
    headers: HeaderMap,
    parameters: ViewParameters,
    review: Review,
) -> Result<Response, Problem> {
    let (name, slug) = review.name();
    let (view, locale) = (View::parse(format!("/dashboards/{slug}"), &parameters, Utc::now())?, Locale::of(&headers));
    let ask = async {
        let asked = Asked { tenant: caller.tenant(), as_of: view.as_of, now: view.now };
        let made = Made { pool: &api.read_pool, asked, view: &view, locale };
        Ok(match review {
            Review::UnitEconomics => made.unit_economics().await?,
            Review::Stages => made.stages().await?,
            Review::Reliability => made.reliability().await?,
            Review::Risks => made.risks().await?,
            Review::Okrs => made.okrs().await?,
        })
    };
    let ((exhibits, notes), freshness) = read(&api, None, ask).await?;
    page(&ReviewPage { lead: review.lead(), exhibits, notes, frame: frame(&view, &caller, freshness, name) })
}

fn head(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn status(status: Status) -> String {
    let StatusWord { class, icon, word } = status.into();
    format!("<span class=\"status {class}\"><span aria-hidden=\"true\">{icon}</span> {word}</span>")
}

fn notes<T>(report: &Report<T>) -> Vec<String> {
    report.notes.iter().map(|note| note.detail.clone()).collect()
}

const NO_DATA: &str = "<span class=\"none\">No data</span>";

impl Made<'_> {
    fn value(&self, unit: Unit, currency: &str, value: Option<Decimal>) -> String {
        value.map_or_else(|| NO_DATA.to_owned(), |value| self.locale.value(unit, currency, value))
    }

    fn or_dash(&self, unit: Unit, currency: &str, value: Option<Decimal>) -> String {
        value.map_or_else(|| "–".to_owned(), |value| self.locale.value(unit, currency, value))
    }

    fn difference(&self, unit: Unit, currency: &str, value: Option<Decimal>, plan: Option<Decimal>) -> String {
        let difference = value.zip(plan).map(|(value, plan)| value - plan);
        difference.map_or_else(|| "–".to_owned(), |difference| self.locale.difference(unit, currency, difference))
    }

    fn kpi(&self, id: &str, name: &str) -> String {
        format!("<a href=\"{}\">{}</a>", self.view.to(&format!("/dashboards/kpis/{id}")), escaped(name))
    }

    async fn unit_economics(self) -> Exhibits {
        let report = unit_economics(self.pool, self.asked).await?;
        let notes = notes(&report);
        let exhibits = report.data.iter().map(|stage| self.stage_economics(stage, &report.currency)).collect();
        Ok((exhibits, notes))
    }

    fn stage_economics(&self, stage: &StageEconomics, currency: &str) -> Exhibit {
        let rows = stage.figures.iter().map(|figure| {
            let value = figure.shown.as_ref().and_then(|shown| shown.figure.value);
            let reason = figure.shown.as_ref().and_then(|shown| shown.figure.parts["reason"].as_str());
            let told = match (value, stage.month, reason) {
                (None, None, _) => "<span class=\"none\">to come</span>".to_owned(),
                (None, _, Some(reason)) => format!("{NO_DATA}<br><span class=\"quiet\">{}</span>", escaped(reason)),
                _ => self.value(figure.kpi.unit, currency, value),
            };
            vec![
                self.kpi(figure.kpi.id, figure.kpi.name),
                told,
                self.or_dash(figure.kpi.unit, currency, figure.plan),
                self.difference(figure.kpi.unit, currency, value, figure.plan),
                figure.shown.as_ref().map_or_else(|| "–".to_owned(), |shown| self.locale.count(shown.figure.n)),
                figure.shown.as_ref().map_or_else(String::new, |shown| status(shown.status)),
            ]
        });
        let when = match stage.month {
            Some(month) => format!("figures of {}", period(Grain::Month, month)),
            None => "to come".to_owned(),
        };
        Exhibit {
            title: format!("{}. {}", stage.number, stage.name),
            about: format!("Months {} to {} of the plan, {when}", stage.months.0, stage.months.1),
            class: "",
            head: head(&["Figure", "Value", "Plan", "Variance", "n", "Status"]),
            rows: rows.collect(),
            empty: "",
        }
    }

    async fn stages(self) -> Exhibits {
        let standing = standing(self.pool, self.asked.tenant, self.view.last_day()).await?;
        let limit = |name: &str, limit: &Limit, used: u64| {
            let share = Decimal::try_from(limit.share * 100.0).unwrap_or_default();
            vec![
                name.to_owned(),
                meter(limit.share, if limit.share >= 1.0 { "over" } else { "" }),
                format!("{} of {}", self.locale.number(used.into(), 0), self.locale.number(limit.limit.into(), 0)),
                format!("{}\u{202f}%", self.locale.number(share, 1)),
                full(limit),
            ]
        };
        let rows = standing.stages.iter().flat_map(|stage| {
            let here = if standing.planned_stage == Some(stage.number) { ", now" } else { "" };
            [
                limit(&format!("{}{here}: users a month", stage.name), &stage.users, standing.users),
                limit(&format!("{}{here}: interactions a month", stage.name), &stage.interactions, standing.interactions),
            ]
        });
        let capacity = Exhibit {
            title: "What each stage can carry".to_owned(),
            about: format!(
                "Used in {}, and when it is full at the growth of the last three months",
                standing.last_complete_month
            ),
            class: "funnel",
            head: head(&["Stage", "", "Used", "Share", "When"]),
            rows: rows.collect(),
            empty: "",
        };
        let report = gates(self.pool, self.asked).await?;
        let found = report.data.iter().map(|gate| self.gate(gate, &report.currency));
        Ok((std::iter::once(capacity).chain(found).collect(), notes(&report)))
    }

    fn gate(&self, gate: &Gate, currency: &str) -> Exhibit {
        let rows = gate.items.iter().map(|item| {
            let (icon, word, class) = if item.is_met { ("✓", "Met", "reached") } else { ("○", "Open", "no-target") };
            vec![
                escaped(&item.title),
                format!("<span class=\"status {class}\"><span aria-hidden=\"true\">{icon}</span> {word}</span>"),
                self.ground(item, currency),
                item.event.as_deref().map_or_else(String::new, |event| format!("<code>{}</code>", escaped(event))),
            ]
        });
        let met = gate.shown.figure.numerator.unwrap_or_default();
        let of = gate.shown.figure.denominator.unwrap_or_default();
        let next = if gate.is_next { ", the next gate" } else { "" };
        Exhibit {
            title: format!("Gate: {}{next}", words(&gate.transition)),
            about: format!("{} of {} items are met", self.locale.number(met, 0), self.locale.number(of, 0)),
            class: "gate",
            head: head(&["Item", "State", "By what", "Event"]),
            rows: rows.collect(),
            empty: "",
        }
    }

    /// What an item is met by, or waits for.
    fn ground(&self, item: &GateItem, currency: &str) -> String {
        let decimal =
            |number: Option<&serde_json::Number>| number.and_then(|number| number.to_string().parse::<Decimal>().ok());
        match (&item.kpi, &item.evidence) {
            (Some(kpi), _) => format!(
                "{}: {} of {}",
                self.kpi(kpi, &kpi.to_uppercase()),
                self.value(Unit::Money, currency, decimal(item.value.as_ref())),
                self.value(Unit::Money, currency, decimal(item.at_least.as_ref())),
            ),
            (None, Some(evidence)) => escaped(evidence),
            (None, None) => "<span class=\"quiet\">no evidence yet</span>".to_owned(),
        }
    }

    async fn reliability(self) -> Exhibits {
        let report = service_levels(self.pool, self.asked).await?;
        let rows = report.data.iter().map(|level| self.service_level(level));
        let exhibit = Exhibit {
            title: "Service levels".to_owned(),
            about: "Good of all that was measured in 30 days; what was not measured is neither good nor bad".to_owned(),
            class: "levels",
            head: head(&[
                "Service level",
                "Value",
                "Objective",
                "Error budget left",
                "",
                "95th percentile",
                "Measured",
                "Status",
            ]),
            rows: rows.collect(),
            empty: "",
        };
        Ok((vec![exhibit], notes(&report)))
    }

    fn service_level(&self, level: &ServiceLevelStanding) -> Vec<String> {
        let figure = level.shown.as_ref().map(|shown| &shown.figure);
        let part = |name: &str| {
            let part = figure.and_then(|figure| figure.parts[name].as_f64());
            part.and_then(|part| Decimal::try_from(part).ok())
        };
        let left = part("error_budget_left");
        let limit = level.level.as_ref().and_then(|level| level.limit_ms);
        let limit = limit.map_or(String::new(), |limit| {
            format!("<br><span class=\"quiet\">under {}\u{202f}ms</span>", self.locale.count(limit.into()))
        });
        let measured = match part("measured_share") {
            Some(share) => format!("{} of the time", self.value(Unit::Ratio, "", Some(share))),
            None => figure.map_or_else(|| "–".to_owned(), |figure| self.locale.count(figure.n)),
        };
        vec![
            format!("{}{limit}", self.kpi(level.kpi.id, level.kpi.name)),
            self.value(Unit::Ratio, "", figure.and_then(|figure| figure.value)),
            self.or_dash(Unit::Ratio, "", level.objective),
            left.map_or_else(|| "–".to_owned(), |left| self.value(Unit::Ratio, "", Some(left.round_dp(3)))),
            left.and_then(|left| left.to_f64())
                .map_or_else(String::new, |left| meter(left, if left <= 0.0 { "over" } else { "" })),
            part("p95_ms").map_or_else(|| "–".to_owned(), |p95| format!("{}\u{202f}ms", self.locale.number(p95, 0))),
            measured,
            status(level.shown.as_ref().map_or(Status::NoData, |shown| shown.status)),
        ]
    }

    async fn risks(self) -> Exhibits {
        let query = RisksQuery { is_open: Some(true), limit: RISKS_MAX, ..RisksQuery::default() };
        let (report, has_more) = risks(self.pool, self.asked, &query).await?;
        let mut notes = notes(&report);
        if has_more {
            notes.push(format!("Only the {RISKS_MAX} gravest are shown; the API has all"));
        }
        Ok((vec![self.matrix(&report.data), self.register(&report.data)], notes))
    }

    /// How many risks there are of each likelihood and impact.
    fn matrix(&self, risks: &[RegisteredRisk]) -> Exhibit {
        let rows = (1..=5_i64).rev().map(|likelihood| {
            let cells = (1..=5_i64).map(|impact| {
                let count = risks.iter().filter(|risk| (risk.likelihood, risk.impact) == (likelihood, impact)).count();
                let grave = match likelihood * impact {
                    15.. => "grave",
                    8.. => "middling",
                    _ => "slight",
                };
                let text = if count == 0 { "·".to_owned() } else { count.to_string() };
                format!("<span class=\"risk {grave}\">{text}</span>")
            });
            std::iter::once(format!("likelihood {likelihood}")).chain(cells).collect()
        });
        Exhibit {
            title: "How many, by likelihood and impact".to_owned(),
            about: "From 1, hardly, to 5; their product is the exposure, which is grave from 15 on".to_owned(),
            class: "matrix",
            head: head(&["", "impact 1", "2", "3", "4", "5"]),
            rows: if risks.is_empty() { Vec::new() } else { rows.collect() },
            empty: "No risk is open.",
        }
    }

    fn register(&self, risks: &[RegisteredRisk]) -> Exhibit {
        let rows = risks.iter().map(|risk| {
            let mitigations: Vec<String> = risk.mitigations.iter().map(|taken| escaped(&taken.mitigation)).collect();
            vec![
                escaped(&risk.risk),
                escaped(&words(&risk.category)),
                format!("{} × {} = {}", risk.likelihood, risk.impact, risk.exposure),
                if mitigations.is_empty() {
                    "<span class=\"none\">nothing yet</span>".to_owned()
                } else {
                    mitigations.join("<br>")
                },
                format!("{} days", self.locale.count(risk.age_days)),
                format!("<code>{}</code>", escaped(&risk.last_event)),
            ]
        });
        Exhibit {
            title: "The register".to_owned(),
            about: "Each open risk as it was last assessed".to_owned(),
            class: "register",
            head: head(&["Risk", "Category", "Likelihood × impact", "What is done", "Open for", "Last event"]),
            rows: rows.collect(),
            empty: "No risk is open.",
        }
    }

    async fn okrs(self) -> Exhibits {
        let mut exhibits = Vec::new();
        for (dimension, title) in [("objective", "By objective"), ("function", "By function")] {
            let day = self.view.last_day();
            let kpi = domain::kpis::find("okr_progress").expect("the register has it");
            let query = SeriesQuery {
                grain: Grain::Quarter,
                from: day,
                to: day,
                segments: Segments::Of(dimension.to_owned()),
                as_of: self.view.as_of,
                definition: None,
                after: None,
                limit: None,
                now: self.view.now,
            };
            let found = series(self.pool, self.asked.tenant, kpi, &query).await?;
            let figures = found.map(|series| series.figures).unwrap_or_default();
            exhibits.push(Exhibit {
                title: title.to_owned(),
                about: format!("{}, weighted by its key results", period(Grain::Quarter, Grain::Quarter.start(day))),
                class: "funnel",
                head: head(&["Objective", "", "Progress", "Key results", "Not measured yet"]),
                rows: figures.iter().map(|shown| self.objective(shown)).collect(),
                empty: "No objective is set for this quarter.",
            });
        }
        Ok((exhibits, Vec::new()))
    }

    fn objective(&self, shown: &Shown) -> Vec<String> {
        let figure = &shown.figure;
        let id = figure.segment.split_once(':').map_or(figure.segment.as_str(), |(_, id)| id);
        let title = figure.parts["title"].as_str().map_or_else(|| words(id), str::to_owned);
        let share = figure.value.and_then(|value| value.to_f64());
        vec![
            escaped(&title),
            share.map_or_else(String::new, |share| meter(share, "")),
            self.value(Unit::Ratio, "", figure.value.map(|value| value.round_dp(3))),
            self.locale.count(figure.n),
            figure.parts["unmeasured"].as_f64().map_or_else(|| "–".to_owned(), |count| format!("{count:.0}")),
        ]
    }

    /// Of the last whole month.
    pub(super) async fn budget(self) -> Result<Exhibit, projections::Error> {
        let month = Grain::Month.before(Grain::Month.start(self.view.last_day()), 1);
        let report = budget(self.pool, self.asked, (month, month)).await?;
        let rows = report.data.iter().map(|shown| {
            let figure = &shown.figure;
            let used =
                figure.numerator.zip(figure.denominator).and_then(|(actual, budget)| actual.checked_div(budget)?.to_f64());
            vec![
                words(figure.segment.strip_prefix("category:").unwrap_or("all")),
                used.map_or_else(String::new, |used| meter(used, if used > 1.0 { "over" } else { "" })),
                self.value(Unit::Money, &report.currency, figure.numerator),
                self.or_dash(Unit::Money, &report.currency, figure.denominator),
                figure
                    .value
                    .map_or_else(|| "–".to_owned(), |value| self.locale.difference(Unit::Money, &report.currency, value)),
                status(shown.status),
            ]
        });
        Ok(Exhibit {
            title: "Budget against actuals".to_owned(),
            about: format!("{}, by category, under version {} of the plan", period(Grain::Month, month), report.plan_version),
            class: "funnel",
            head: head(&["Category", "", "Actual", "Budget", "Variance", "Status"]),
            rows: rows.collect(),
            empty: "Nothing was spent in this month.",
        })
    }

    /// Of the present month.
    pub(super) async fn headcount(self) -> Result<Exhibit, projections::Error> {
        let month = Grain::Month.start(self.view.last_day());
        let report = headcount(self.pool, self.asked, (Some(month), Some(month))).await?;
        let rows = report.data.iter().map(|row| {
            let fte = row.shown.as_ref().and_then(|shown| shown.figure.value);
            let filled = fte.zip(row.plan).and_then(|(fte, plan)| fte.checked_div(plan)?.to_f64());
            vec![
                words(row.segment.strip_prefix("function:").unwrap_or("all")),
                filled.map_or_else(String::new, |filled| meter(filled, "")),
                self.value(Unit::Fte, "", fte),
                self.or_dash(Unit::Fte, "", row.plan),
                self.difference(Unit::Fte, "", fte, row.plan),
                row.shown.as_ref().map_or_else(String::new, |shown| status(shown.status)),
            ]
        });
        Ok(Exhibit {
            title: "Headcount against the hiring plan".to_owned(),
            about: format!("{}, by function; half-time people are 0.5", period(Grain::Month, month)),
            class: "funnel",
            head: head(&["Function", "", "Employed", "Planned", "Variance", "Status"]),
            rows: rows.collect(),
            empty: "Nobody is employed yet.",
        })
    }
}

const RISKS_MAX: u16 = 200;

/// When a limit is reached, in words.
pub(super) fn full(limit: &Limit) -> String {
    match (limit.expected, limit.months_until) {
        (Expected::Reached, _) => "outgrown".to_owned(),
        (_, Some(months)) if months < 1.5 => "full in about a month".to_owned(),
        (_, Some(months)) if months > 120.0 => "full in more than ten years".to_owned(),
        (_, Some(months)) => format!("full in some {months:.0} months"),
        (Expected::Never, _) => "does not grow".to_owned(),
        _ => "too early to tell".to_owned(),
    }
}
