//! Leads: where they come from, what they are worth, which come to nothing. And how often the brand is searched for.

use chrono::{DateTime, Utc};
use domain::period::midnight;
use serde_json::json;

use super::sales::Deal;
use super::{Chance, Told, at_work, days, hours};
use crate::demo::company::{Company, Curve};
use crate::demo::random::Random;

/// A channel, whose work it is, and how many leads come from it.
pub(super) const CHANNELS: [(&str, &str, f64); 7] = [
    ("search", "marketing", 0.29),
    ("content", "marketing", 0.21),
    ("social", "marketing", 0.17),
    ("event", "marketing", 0.11),
    ("partner", "partner", 0.08),
    ("referral", "customer", 0.07),
    ("outbound", "sales", 0.07),
];
const CAMPAIGNS: [(&str, f64); 5] =
    [("launch", 0.0), ("product-stories", 2.0), ("webinars", 5.0), ("for-teams", 8.0), ("ai-in-capsules", 12.0)];
/// Leads of a month that no deal comes from.
const LEADS: [(f64, f64); 3] = [(0.5, 14.0), (5.5, 60.0), (17.5, 85.0)];
const SEARCHES: [(f64, f64); 3] = [(0.5, 90.0), (5.5, 850.0), (17.5, 7_200.0)];

pub(super) fn facts(company: &Company, deals: &[Deal]) -> Told {
    let mut told = Told::of(company);
    for (number, deal) in deals.iter().enumerate() {
        if let Some(id) = deal.lead_id() {
            won_over(company, &id, deal.opened, &mut Chance::Lead.of(company, number as u64 ^ (1 << 32)), &mut told);
        }
    }
    let leads = Curve(LEADS.to_vec());
    let mut number = 0;
    for month in company.months() {
        let count = leads.at(f64::from(month) - 0.5) as u32;
        for place in 0..count {
            number += 1;
            let mut random = Chance::Lead.of(company, number);
            let age = f64::from(month - 1) + (f64::from(place) + random.unit()) / f64::from(count);
            let captured = company.at_age(age) + hours(random.between(0.0, 6.0));
            lead(company, &format!("lead-{number:05}"), captured, &mut random, &mut told);
        }
        let searches = Curve(SEARCHES.to_vec()).at(f64::from(month) - 0.5)
            * Chance::Lead.of(company, !u64::from(month)).between(0.88, 1.12);
        let first = company.month(month);
        let measured = midnight(company.month(month + 1)) + hours(7.0);
        let data = json!({ "month": first, "searches": searches as u64 });
        told.tell(measured, "brand_searches", format!("searches-{}", first.format("%Y-%m")), "measure", data);
    }
    told
}

fn capture(company: &Company, id: &str, at: DateTime<Utc>, random: &mut Random, told: &mut Told) {
    let (channel, source) = random.pick(&CHANNELS.map(|(channel, source, share)| ((channel, source), share)));
    let mut data = json!({ "channel": channel, "source": source });
    if source == "marketing" {
        data["campaign"] = json!(campaign(company, at, random));
    }
    told.tell(at, "leads", id, "capture", data);
}

fn touch(company: &Company, id: &str, at: DateTime<Utc>, random: &mut Random, told: &mut Told) {
    let data = json!({ "channel": random.pick(&[("newsletter", 0.5), ("webinar", 0.2), ("retargeting", 0.3)]), "campaign": campaign(company, at, random) });
    told.tell(at, "leads", id, "touch", data);
}

/// One that runs at the time; the newest most often.
fn campaign(company: &Company, at: DateTime<Utc>, random: &mut Random) -> &'static str {
    let age = company.age_at(at);
    let running: Vec<_> = CAMPAIGNS.iter().filter(|(_, from)| *from <= age).map(|(name, from)| (*name, 1.0 + from)).collect();
    random.pick(&running)
}

fn score(id: &str, at: DateTime<Utc>, score: f64, told: &mut Told) {
    told.tell(at, "leads", id, "score", json!({ "score": score as u8 }));
}

/// The lead of a deal: qualified by sales when the deal is opened.
fn won_over(company: &Company, id: &str, opened: DateTime<Utc>, random: &mut Random, told: &mut Told) {
    let took = random.log_normal(18.0, 0.5).clamp(2.0, 40.0);
    let captured = opened - days(took);
    capture(company, id, captured, random, told);
    if random.chance(0.5) {
        touch(company, id, captured + days(took * 0.2), random, told);
    }
    score(id, captured + days(took * 0.3), random.between(62.0, 98.0), told);
    told.tell(captured + days(took * 0.35), "leads", id, "qualify", json!({ "qualification": "mql" }));
    told.tell(opened - hours(1.0), "leads", id, "qualify", json!({ "qualification": "sql" }));
}

/// Most stay where they are; some are qualified by marketing, fewer by sales, and are given up in the end.
fn lead(company: &Company, id: &str, captured: DateTime<Utc>, random: &mut Random, told: &mut Told) {
    capture(company, id, captured, random, told);
    let mut at = captured;
    if random.chance(0.2) {
        at += days(random.between(1.0, 12.0));
        touch(company, id, at, random, told);
    }
    let is_mql = random.chance(0.5);
    if is_mql || random.chance(0.15) {
        at += days(random.between(0.5, 6.0));
        score(id, at, if is_mql { random.between(50.0, 95.0) } else { random.between(3.0, 50.0) }, told);
    }
    if is_mql {
        at += hours(random.between(1.0, 48.0));
        told.tell(at, "leads", id, "qualify", json!({ "qualification": "mql" }));
        if random.chance(0.11) {
            at = at_work((at + days(random.log_normal(14.0, 0.7).min(80.0))).date_naive(), random).max(at + hours(1.0));
            told.tell(at, "leads", id, "qualify", json!({ "qualification": "sql" }));
        }
    }
    if random.chance(if is_mql { 0.45 } else { 0.15 }) {
        told.tell(at + days(random.between(5.0, 45.0)), "leads", id, "disqualify", json!({}));
    }
}
