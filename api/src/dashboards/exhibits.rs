//! What suits a function beside its cards: funnels, cohorts, a distribution. Each is a picture with the table behind it.

use chrono::NaiveDate;
use domain::Grain;
use domain::kpis::KpiFunction;
use event_store::PgPool;
use projections::kpis::series::Beside;
use projections::reports::Asked;
use projections::reports::funnels::{Step, leads, open_deals};
use projections::reports::retention::{Cohort, retention};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use super::card::words;
use super::chart::{escaped, meter};
use super::format::{Locale, MINUS, period};
use super::view::View;

/// A picture and its table; cells are HTML, made here.
#[derive(Debug)]
pub(super) struct Exhibit {
    pub(super) title: String,
    pub(super) about: String,
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
        KpiFunction::Product if view.as_of.is_none() => {
            let first = Grain::Month.before(present, COHORTS - 1);
            vec![cohorts(&retention(pool, asked.tenant, (first, present)).await?, locale)]
        }
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
        class: "funnel",
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
            words(&step.step),
            meter(share(step.count, most), ""),
            locale.count(step.count),
            locale.value(domain::kpis::Unit::Money, currency, value),
        ]
    });
    Exhibit {
        title: "Open deals by stage".to_owned(),
        about: "Where each stands in the sales process, and what they would bring a year, unweighted".to_owned(),
        class: "funnel",
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
        class: "cohorts",
        head: head.chain((0..months).map(|month| format!("+{month}"))).collect(),
        rows: rows.collect(),
        empty: "Nobody signed up in these months.",
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
        locale.number(end, 0).replace(MINUS, "−")
    });
    Some(Exhibit {
        title: "Who would recommend it".to_owned(),
        about: escaped(&format!(
            "{} answers in 90 days. With so many, the score of everybody is between {} and {} nineteen times of twenty",
            locale.count(all),
            ends[0],
            ends[1]
        )),
        class: "funnel",
        head: ["Answers", "", "Count", "Share"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        empty: "Nobody has answered.",
    })
}
