//! What suits a function beside its cards: funnels, cohorts, a distribution. Each is a picture with the table behind it.

use chrono::NaiveDate;
use domain::Grain;
use domain::kpis::KpiFunction;
use event_store::PgPool;
use projections::kpis::series::Beside;
use projections::kpis::shown::Shown;
use projections::reports::Asked;
use projections::reports::funnels::{Step, leads, open_deals};
use projections::reports::retention::{Cohort, retention};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::card::{Setting, points};
use super::chart::{SMALL, bars_in, escaped, meter};
use super::format::Locale;
use super::view::View;
use super::words::{label, period};

/// A picture and its table; cells are HTML, made here.
#[derive(Debug)]
pub(super) struct Exhibit {
    pub(super) title: String,
    pub(super) about: String,
    /// Drawn above the table, which is folded then: a name and an SVG each.
    pub(super) charts: Vec<(&'static str, String)>,
    pub(super) class: &'static str,
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    pub(super) empty: &'static str,
}

/// Months whose leads are followed, the last of them long enough ago for most to have come to an end.
const LEADS_MONTHS: u32 = 6;
const COHORTS: u32 = 12;

pub(super) async fn exhibits(
    pool: &PgPool,
    asked: Asked<'_>,
    function: KpiFunction,
    found: &[Beside],
    (view, locale): (&View, Locale),
) -> Result<Vec<Exhibit>, projections::Error> {
    let present = Grain::Month.start(view.last_day());
    Ok(match function {
        KpiFunction::Marketing => {
            let from = Grain::Month.before(present, LEADS_MONTHS);
            let to = present.pred_opt().expect("far from the first day there is");
            vec![lead_funnel(&leads(pool, asked, (from, to)).await?, (from, to), locale)]
        }
        KpiFunction::Sales => {
            let report = open_deals(pool, asked).await?;
            vec![pipeline(&report.data, &report.currency, locale)]
        }
        KpiFunction::Product => {
            let first = Grain::Month.before(present, COHORTS - 1);
            let mut exhibits = Vec::new();
            if view.as_of.is_none() {
                exhibits.push(cohorts(&retention(pool, asked.tenant, (first, present)).await?, locale));
            }
            exhibits.extend(times_to_value(found, locale));
            exhibits
        }
        KpiFunction::Engineering => vec![delivery(found, view, locale)],
        KpiFunction::CustomerSuccess => answers(found, locale).into_iter().collect(),
        _ => Vec::new(),
    })
}

fn percent(locale: Locale, part: i64, whole: i64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let share = Decimal::from(part) * Decimal::ONE_HUNDRED / Decimal::from(whole);
    format!("{}\u{202f}%", locale.number(share, if share >= Decimal::TEN { 0 } else { 1 }))
}

fn share(part: i64, whole: i64) -> f64 {
    let share = Decimal::from(part).checked_div(Decimal::from(whole));
    share.and_then(|share| share.to_f64()).unwrap_or(0.0)
}

fn lead_funnel(steps: &[Step], (from, to): (NaiveDate, NaiveDate), locale: Locale) -> Exhibit {
    let all = steps.first().map_or(0, |step| step.count);
    let name = |step: &str| match step {
        "captured" => "Captured",
        "mql" => "Marketing qualified",
        "sql" => "Sales qualified",
        "deal" => "Became a deal",
        _ => "Won",
    };
    let rows = steps.iter().enumerate().map(|(place, step)| {
        let before = place.checked_sub(1).map_or(all, |before| steps[before].count);
        vec![
            name(&step.step).to_owned(),
            meter(share(step.count, all), ""),
            locale.count(step.count),
            percent(locale, step.count, all),
            if place == 0 { "–".to_owned() } else { percent(locale, step.count, before) },
        ]
    });
    Exhibit {
        title: "What became of the leads".to_owned(),
        about: format!(
            "Of the leads captured from {} to {}, whenever the rest happened",
            period(Grain::Month, from),
            period(Grain::Month, to)
        ),
        charts: Vec::new(),
        class: "funnel line-by-line",
        head: ["Step", "", "Leads", "Of all", "Of the step before"].map(str::to_owned).to_vec(),
        rows: if all == 0 { Vec::new() } else { rows.collect() },
        empty: "No lead was captured in these months.",
    }
}

fn pipeline(steps: &[Step], currency: &str, locale: Locale) -> Exhibit {
    let most = steps.iter().map(|step| step.count).max().unwrap_or(0);
    let rows = steps.iter().map(|step| {
        let value = step.annual_value.unwrap_or_default();
        vec![
            label(&step.step),
            meter(share(step.count, most), ""),
            locale.count(step.count),
            locale.value(domain::kpis::Unit::Money, currency, value),
        ]
    });
    Exhibit {
        title: "Open deals by stage".to_owned(),
        about: "Where each stands in the sales process, and what they would bring a year, unweighted".to_owned(),
        charts: Vec::new(),
        class: "funnel line-by-line",
        head: ["Stage", "", "Deals", "Annual value"].map(str::to_owned).to_vec(),
        rows: if most == 0 { Vec::new() } else { rows.collect() },
        empty: "No deal is open.",
    }
}

fn cohorts(cohorts: &[Cohort], locale: Locale) -> Exhibit {
    let months = cohorts.iter().map(|cohort| cohort.active.len()).max().unwrap_or(0);
    let head = ["Signed up in".to_owned(), "People".to_owned()].into_iter();
    let rows = cohorts.iter().map(|cohort| {
        let cells = cohort.active.iter().enumerate().map(|(place, active)| {
            // The last month of each is the present one, which is not over.
            let is_partial = place + 1 == cohort.active.len();
            // Ten shades: what is not to be told by colour stands in the cell.
            let shade = (share(*active, cohort.people) * 10.0).ceil().clamp(0.0, 10.0);
            let class = if is_partial { "shade partial" } else { "shade" };
            format!("<span class=\"{class} s{shade:.0}\">{}</span>", percent(locale, *active, cohort.people))
        });
        [period(Grain::Month, cohort.month), locale.count(cohort.people)]
            .into_iter()
            .chain(cells)
            .chain(std::iter::repeat_n(String::new(), months - cohort.active.len()))
            .collect()
    });
    Exhibit {
        title: "Who comes back".to_owned(),
        about:
            "Of those who signed up in a month, the share that did something in it, in the next month, and so on; the last of \
                each row is not over"
                .to_owned(),
        charts: Vec::new(),
        class: "cohorts",
        head: head.chain((0..months).map(|month| format!("+{month}"))).collect(),
        rows: rows.collect(),
        empty: "Nobody signed up in these months.",
    }
}

/// How soon those who began in a period came to something of value.
fn times_to_value(found: &[Beside], locale: Locale) -> Option<Exhibit> {
    let Beside { grain, series, .. } = found.iter().find(|beside| beside.kpi.id == "time_to_value")?;
    let nine_of_ten =
        |shown: &Shown| shown.figure.parts["p90_days"].as_number().and_then(|days| days.to_string().parse::<Decimal>().ok());
    let all = series.figures.iter().flat_map(|shown| [shown.figure.value, nine_of_ten(shown)]).flatten();
    let written = locale.together(domain::kpis::Unit::Days, "", all);
    let days = |days: Option<Decimal>| days.map_or("not yet".to_owned(), |days| written.value(days));
    let rows = series.figures.iter().rev().map(|shown| {
        let figure = &shown.figure;
        let (people, reached) = (figure.n, figure.numerator.and_then(|count| count.to_i64()).unwrap_or_default());
        let so_far = if shown.is_partial { " <span class=\"partial\">so far</span>" } else { "" };
        vec![
            format!("{}{so_far}", period(*grain, figure.period)),
            locale.count(people),
            percent(locale, reached, people),
            meter(share(reached, people), ""),
            days(figure.value),
            days(nine_of_ten(shown)),
        ]
    });
    Some(Exhibit {
        title: "How soon it is worth something".to_owned(),
        about:
            "Of those who signed up in a period: how many have done something with a capsule since, and within how many days \
                half of them had, and nine of ten"
                .to_owned(),
        charts: Vec::new(),
        class: "funnel line-by-line",
        head: ["Signed up in", "People", "Reached it", "", "Half within", "Nine of ten within"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        empty: "Nobody signed up in these periods.",
    })
}

/// DORA's measures side by side: how much is delivered, and how well it holds.
const DELIVERY: [&str; 5] =
    ["deployment_frequency", "lead_time_for_changes", "change_failure_rate", "deployment_rework_rate", "mttr"];

fn delivery(found: &[Beside], view: &View, locale: Locale) -> Exhibit {
    let of = |id: &&str| found.iter().find(|beside| beside.kpi.id == *id);
    let measures: Vec<&Beside> = DELIVERY.iter().filter_map(of).collect();
    let setting = Setting { view, locale, currency: "", periods: super::PERIODS, last: view.last_day() };
    let figures = |beside: &'_ Beside| -> Vec<Shown> { beside.series.figures.clone() };
    let mut has_target = false;
    let charts = measures.iter().map(|beside| {
        let figures = figures(beside);
        let shown: Vec<&Shown> = figures.iter().collect();
        let points = points(beside.kpi, beside.grain, &shown, setting);
        has_target |= points.iter().any(|point| point.target.is_some());
        (beside.kpi.name, bars_in(SMALL, beside.kpi.name, &points, locale.axis(beside.kpi.unit, "")))
    });
    let charts: Vec<(&'static str, String)> = charts.filter(|(_, svg)| !svg.is_empty()).collect();
    let grain = measures.first().map_or(Grain::Month, |beside| beside.grain);
    let last = grain.start(view.last_day());
    let periods: Vec<NaiveDate> = grain.between(grain.before(last, super::PERIODS - 1), last).collect();
    let rows = periods.iter().rev().map(|start| {
        let cells = measures.iter().map(|beside| {
            let shown = beside.series.figures.iter().find(|shown| shown.figure.period == *start);
            let value = shown.and_then(|shown| shown.figure.value);
            let all = beside.series.figures.iter().filter_map(|shown| shown.figure.value);
            value.map_or("no data".to_owned(), |value| locale.figures(beside.kpi, "", all).value(value))
        });
        std::iter::once(period(grain, *start)).chain(cells).collect()
    });
    let head = std::iter::once("Period".to_owned()).chain(measures.iter().map(|beside| beside.kpi.name.to_owned()));
    Exhibit {
        title: "Delivery: DORA’s five measures".to_owned(),
        about: format!(
            "Throughput: how often and how soon changes reach production. Stability: how often a deployment fails, how much of \
                the work mends one, and how soon service is restored{}",
            if has_target { ". Dashed: the target" } else { "" }
        ),
        charts,
        class: "line-by-line",
        head: head.collect(),
        rows: rows.collect(),
        empty: "Nothing was deployed in these periods.",
    }
}

/// Promoters, passives and detractors, with the margin of the score.
fn answers(found: &[Beside], locale: Locale) -> Option<Exhibit> {
    let nps = found.iter().find(|beside| beside.kpi.id == "nps")?;
    let newest = nps.series.figures.iter().rev().find(|shown| shown.figure.value.is_some())?;
    let part = |name: &str| newest.figure.parts[name].as_f64().map(|count| count.round() as i64).unwrap_or(0);
    let all = newest.figure.n;
    let rows = [("Promoters, 9 and 10", "promoters"), ("Passives, 7 and 8", "passives"), ("Detractors, 0 to 6", "detractors")]
        .into_iter()
        .map(|(name, id)| {
            let count = part(id);
            vec![name.to_owned(), meter(share(count, all), id), locale.count(count), percent(locale, count, all)]
        });
    let score = newest.figure.value?;
    let margin = newest.figure.parts["margin"].as_f64().and_then(|margin| Decimal::try_from(margin).ok()).unwrap_or_default();
    let ends = [score - margin, score + margin].map(|end| {
        let end = end.clamp(Decimal::from(-100), Decimal::ONE_HUNDRED);
        locale.number(end, 0)
    });
    Some(Exhibit {
        title: "Who would recommend it".to_owned(),
        about: escaped(&format!(
            "{} answers in 90 days, a sample: the 95\u{202f}% confidence interval of the score is {} to {}",
            locale.count(all),
            ends[0],
            ends[1]
        )),
        charts: Vec::new(),
        class: "funnel line-by-line",
        head: ["Answers", "", "Count", "Share"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        empty: "Nobody has answered.",
    })
}
