//! What people do with a capsule and how it answers: kinds, features, devices, times of day, latencies.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::random::Random;

/// One interaction as the API takes it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Interaction {
    pub(super) id: String,
    pub(super) capsule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session_id: Option<String>,
    pub(super) kind: &'static str,
    pub(super) occurred_at: DateTime<Utc>,
    pub(super) actor: &'static str,
    pub(super) channel: &'static str,
    pub(super) device: &'static str,
    pub(super) region: &'static str,
    #[serde(flatten)]
    pub(super) details: Details,
}

/// What depends on the kind of interaction.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Details {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) feature: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ai_response_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    page_load_ms: Option<u32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, u32>,
}

/// What is true of a visitor from one visit to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    pub(super) region: Region,
    pub(super) device: &'static str,
    pub(super) channel: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) name: &'static str,
    hours_from_utc: i8,
}

const NORTH_AMERICA: Region = Region { name: "na", hours_from_utc: -6 };
const EUROPE: Region = Region { name: "eu", hours_from_utc: 1 };
const ASIA_PACIFIC: Region = Region { name: "apac", hours_from_utc: 8 };
const LATIN_AMERICA: Region = Region { name: "latam", hours_from_utc: -4 };

/// By the hour of the visitor's own day.
const HOURS: [f64; 24] =
    [0.8, 0.5, 0.3, 0.2, 0.2, 0.4, 1.0, 2.2, 4.2, 6.2, 7.0, 6.8, 5.6, 6.0, 6.9, 6.8, 6.2, 5.2, 4.6, 4.8, 5.0, 4.4, 3.0, 1.6];

/// From 0 at the company's start to 1 at the end of stage 2, and a little on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Maturity(f64);

impl Maturity {
    pub(super) fn at_age(months: f64) -> Self {
        Self((months / 18.0).clamp(0.0, 1.1))
    }

    fn shifting(self, young: f64, mature: f64) -> f64 {
        young + (mature - young) * self.0
    }
}

pub(super) fn habits(random: &mut Random, maturity: Maturity) -> Habits {
    Habits {
        region: random.pick(&[
            (EUROPE, maturity.shifting(0.52, 0.38)),
            (NORTH_AMERICA, maturity.shifting(0.40, 0.37)),
            (ASIA_PACIFIC, maturity.shifting(0.05, 0.16)),
            (LATIN_AMERICA, maturity.shifting(0.03, 0.09)),
        ]),
        device: random.pick(&[
            ("desktop", maturity.shifting(0.66, 0.48)),
            ("mobile", maturity.shifting(0.28, 0.44)),
            ("tablet", 0.07),
        ]),
        channel: random.pick(&[
            ("web", maturity.shifting(0.60, 0.42)),
            ("embed", maturity.shifting(0.15, 0.26)),
            ("email", 0.14),
            ("social", maturity.shifting(0.08, 0.12)),
            ("mobile_app", maturity.shifting(0.02, 0.10)),
        ]),
    }
}

/// Seconds after midnight UTC at which a visit from there starts.
pub(super) fn time_of_day(random: &mut Random, region: Region) -> f64 {
    let hour = random.pick(&std::array::from_fn::<_, 24, _>(|hour| (hour as f64, HOURS[hour])));
    let utc = (hour - f64::from(region.hours_from_utc)).rem_euclid(24.0);
    (utc + random.unit()) * 3_600.0
}

/// The kind of a step within a visit; the first is a view. Views lose their share as the product grows.
pub(super) fn kind(random: &mut Random, maturity: Maturity, is_first: bool) -> &'static str {
    if is_first && random.chance(0.9) {
        return "view";
    }
    random.pick(&[
        ("view", maturity.shifting(0.40, 0.28)),
        ("interaction", maturity.shifting(0.34, 0.40)),
        ("content_access", maturity.shifting(0.22, 0.26)),
        ("conversion", maturity.shifting(0.04, 0.07)),
    ])
}

pub(super) fn details(random: &mut Random, maturity: Maturity, kind: &str) -> Details {
    let mut milliseconds = |median: f64, sigma: f64| Some(random.log_normal(median, sigma).clamp(5.0, 600_000.0) as u32);
    // It becomes faster as the company invests in it; the plan asks 2 s for pages, 3 s for answers, 5 s for the AI's.
    match kind {
        "view" => Details {
            page_load_ms: milliseconds(maturity.shifting(1_350.0, 960.0), 0.40),
            duration_ms: milliseconds(18_000.0, 1.0),
            ..Details::default()
        },
        "interaction" => {
            let response_ms = milliseconds(maturity.shifting(950.0, 620.0), 0.5);
            let ai_response_ms = milliseconds(maturity.shifting(2_700.0, 1_900.0), 0.4);
            let duration_ms = milliseconds(35_000.0, 0.9);
            let feature = random.pick(&[
                ("ask_ai", maturity.shifting(0.30, 0.48)),
                ("quiz", 0.16),
                ("comment", 0.14),
                ("poll", 0.10),
                ("share", 0.12),
                ("annotate", maturity.shifting(0.0, 0.10)),
            ]);
            let ai_response_ms = ai_response_ms.filter(|_| feature == "ask_ai");
            Details { feature: Some(feature), response_ms, ai_response_ms, duration_ms, ..Details::default() }
        }
        "content_access" => {
            let response_ms = milliseconds(maturity.shifting(520.0, 340.0), 0.5);
            let duration_ms = milliseconds(75_000.0, 1.0);
            let feature = random.pick(&[("document", 0.38), ("video", 0.30), ("slides", 0.18), ("audio", 0.14)]);
            Details { feature: Some(feature), response_ms, duration_ms, ..Details::default() }
        }
        _ => {
            let response_ms = milliseconds(780.0, 0.5);
            let feature = random.pick(&[("sign_up", 0.55), ("book_demo", 0.25), ("purchase", 0.20)]);
            let value = (feature == "purchase").then(|| ("value_eur", random.log_normal(40.0, 0.8) as u32 + 1));
            Details { feature: Some(feature), response_ms, attributes: value.into_iter().collect(), ..Details::default() }
        }
    }
}
