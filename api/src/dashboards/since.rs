//! What is known now of a figure that is shown as of a past day, in words.

use domain::Grain;
use domain::kpis::{Kpi, Unit};
use projections::kpis::late::Since;
use projections::kpis::shown::Shown;

use super::card::Setting;
use super::view::View;

/// `today 130 (+7 by 9 late events)`.
#[derive(Debug)]
pub(super) struct SinceWords {
    pub(super) now: String,
    pub(super) difference: Option<String>,
    /// How many events made the difference.
    pub(super) late: String,
    /// The page that lists them.
    pub(super) href: String,
}

impl SinceWords {
    /// None: nothing has changed it.
    pub(super) fn of(
        kpi: &Kpi,
        grain: Grain,
        then: &Shown,
        since: &Since,
        definition: Option<u16>,
        Setting { view, locale, currency, .. }: Setting<'_>,
    ) -> Option<Self> {
        let (before, now) = (then.figure.value, since.now.as_ref().and_then(|now| now.figure.value));
        if before == now && since.late == 0 {
            return None;
        }
        let currency_now = since.currency.as_str();
        let is_comparable = kpi.unit != Unit::Money || currency == currency_now;
        let difference = now.zip(before).map(|(now, before)| now - before);
        let difference = difference.filter(|difference| is_comparable && !difference.is_zero());
        let written = locale.figures(kpi, currency_now, now.into_iter().chain(before));
        let count = locale.count(since.late);
        Some(Self {
            now: match now {
                Some(_) if is_comparable && now == before => "the same".to_owned(),
                Some(now) => written.value(now),
                None => "no data".to_owned(),
            },
            difference: difference.map(|difference| written.difference(difference)),
            late: match (since.late, then.is_partial) {
                (0, _) => "what changed".to_owned(),
                (1, false) => "by 1 late event".to_owned(),
                (_, false) => format!("by {count} late events"),
                // What happened in the rest of the period is not late.
                (1, true) => "by 1 event since".to_owned(),
                (_, true) => format!("by {count} events since"),
            },
            href: late_link(view, kpi, (grain, then), definition),
        })
    }
}

/// The page that says what has changed a figure since.
fn late_link(view: &View, kpi: &Kpi, (grain, shown): (Grain, &Shown), definition: Option<u16>) -> String {
    let mut pairs = vec![("of", grain.name(shown.figure.period))];
    if shown.figure.segment != "all" {
        pairs.push(("segment", shown.figure.segment.clone()));
    }
    pairs.extend(definition.map(|version| ("definition", version.to_string())));
    view.of_page(&format!("/dashboards/kpis/{}/late", kpi.id), pairs)
}
