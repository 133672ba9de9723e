//! Deals and quotas: who is sold to, how far it goes, and what was to be sold.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::period::{Grain, midnight};
use serde_json::json;

use super::accounts::{Account, Tier};
use super::{Chance, Told, at_work, days, hours, usd};
use crate::demo::company::{Company, Curve};
use crate::demo::random::Random;

/// For each deal that is won, so many are lost: one in four is won.
const LOST_FOR_ONE_WON: f64 = 3.0;
const FROM_A_LEAD: f64 = 0.68;
const STAGES: [(&str, f64); 6] = [
    ("qualification", 0.06),
    ("discovery", 0.18),
    ("demonstration", 0.35),
    ("proposal", 0.55),
    ("negotiation", 0.74),
    ("closing", 0.90),
];
/// What is to be sold in a month, a year's worth, by the company's age.
const QUOTA: [(f64, f64); 5] = [(0.5, 2_500.0), (5.5, 20_000.0), (11.5, 50_000.0), (17.5, 105_000.0), (23.5, 150_000.0)];
const TEAM_QUOTAS: [(&str, f64); 2] = [("smb", 0.22), ("enterprise", 0.78)];

#[derive(Debug, Clone)]
pub(super) struct Deal {
    id: String,
    account_id: String,
    team: &'static str,
    pub(super) is_from_a_lead: bool,
    pub(super) opened: DateTime<Utc>,
    closes: DateTime<Utc>,
    /// Whole dollars a year.
    annual: u32,
    outcome: Outcome,
    number: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Won,
    Lost(&'static str),
}

impl Deal {
    pub(super) fn lead_id(&self) -> Option<String> {
        self.is_from_a_lead.then(|| format!("lead-{}", self.id))
    }
}

/// Won ones end with an account's first payment; the others come to nothing in the same months. In the order of their closing.
pub(super) fn deals(company: &Company, accounts: &[Account]) -> Vec<Deal> {
    let mut deals: Vec<Deal> = Vec::new();
    let (mut owed, mut prospects) = (0.0, 0);
    for account in accounts {
        let (Some(team), Some(first)) = (account.sold_by, account.terms.first()) else { continue };
        let mut random = Chance::Deal.of(company, deals.len() as u64);
        deals.push(deal(company, deals.len(), &account.id, team, first.from, 12 * first.monthly, Outcome::Won, &mut random));
        owed += LOST_FOR_ONE_WON * random.between(0.8, 1.2);
        while owed >= 1.0 {
            owed -= 1.0;
            prospects += 1;
            let mut random = Chance::Deal.of(company, deals.len() as u64);
            let closes = at_work(first.from.date_naive() + TimeDelta::days(random.below(24) as i64), &mut random);
            let tier = if team == "smb" { Tier::Team } else { Tier::Enterprise };
            let annual = 12 * tier.price(&mut random);
            let reasons = [
                ("no_decision", 0.30),
                ("price", 0.24),
                ("timing", 0.16),
                ("competitor", 0.15),
                ("product", 0.11),
                ("other", 0.04),
            ];
            let lost = Outcome::Lost(random.pick(&reasons));
            deals.push(deal(
                company,
                deals.len(),
                &format!("prospect-{prospects:04}"),
                team,
                closes,
                annual,
                lost,
                &mut random,
            ));
        }
    }
    // What opened before the company was there opened with it.
    deals.retain(|deal| deal.opened < deal.closes);
    deals
}

#[allow(clippy::too_many_arguments)]
fn deal(
    company: &Company,
    number: usize,
    account_id: &str,
    team: &'static str,
    closes: DateTime<Utc>,
    annual: u32,
    outcome: Outcome,
    random: &mut Random,
) -> Deal {
    let (won, lost) = if team == "smb" { (32.0, 26.0) } else { (78.0, 60.0) };
    let median = if outcome == Outcome::Won { won } else { lost };
    let opened = closes - days(random.log_normal(median, 0.45).clamp(5.0, 200.0));
    let founding = at_work(company.first_day, random);
    Deal {
        id: format!("deal-{:04}", number + 1),
        account_id: account_id.to_owned(),
        team,
        is_from_a_lead: opened > founding + days(45.0) && random.chance(FROM_A_LEAD),
        opened: opened.max(founding),
        closes,
        annual,
        outcome,
        number: number as u64,
    }
}

pub(super) fn facts(company: &Company, deals: &[Deal]) -> Told {
    let mut told = Told::of(company);
    quotas(company, &mut told);
    for deal in deals {
        tell(deal, &mut Chance::Deal.of(company, deal.number ^ (1 << 32)), &mut told);
    }
    told
}

fn tell(deal: &Deal, random: &mut Random, told: &mut Told) {
    let whole = deal.closes - deal.opened;
    let at = |share: f64| deal.opened + days(whole.num_seconds() as f64 / 86_400.0 * share);
    // How sure it seems of its value before it is signed.
    let guess = |random: &mut Random| f64::from(deal.annual) * random.between(0.8, 1.25);
    let typical = if deal.team == "smb" { 35.0 } else { 85.0 };
    let mut opening = json!({
        "account_id": deal.account_id, "team": deal.team, "annual_value": usd(guess(random).round()),
        "expected_close": (deal.opened + days(typical)).date_naive(),
    });
    if let Some(lead) = deal.lead_id() {
        opening["lead_id"] = json!(lead);
    }
    told.tell(deal.opened, "deals", &deal.id, "open", opening);

    let last = if deal.outcome == Outcome::Won { STAGES.len() } else { 1 + random.below(STAGES.len()) };
    for (stage, share) in &STAGES[..last] {
        if random.chance(0.75) {
            told.tell(at(*share), "deals", &deal.id, "advance", json!({ "stage": stage }));
        }
    }
    let knows = last > 2 || random.chance(0.4);
    if random.chance(0.35) {
        let bant = json!({ "budget": false, "authority": random.chance(0.5), "need": true, "timeline": false });
        told.tell(at(0.08), "deals", &deal.id, "qualify", json!({ "bant": bant }));
    }
    let bant = json!({ "budget": knows, "authority": knows || random.chance(0.5), "need": true, "timeline": knows });
    told.tell(at(0.22), "deals", &deal.id, "qualify", json!({ "bant": bant }));
    if random.chance(0.7) {
        let expected = (deal.closes + days(random.between(-3.0, 12.0))).date_naive();
        let forecast = json!({ "annual_value": usd(guess(random).round()), "expected_close": expected });
        told.tell(at(0.5), "deals", &deal.id, "forecast", forecast);
    }
    match deal.outcome {
        Outcome::Won => told.tell(deal.closes, "deals", &deal.id, "win", json!({ "annual_value": usd(deal.annual.into()) })),
        Outcome::Lost(reason) => told.tell(deal.closes, "deals", &deal.id, "lose", json!({ "reason": reason })),
    }
}

/// Set at the beginning of each quarter; in its second month the company's is sometimes raised.
fn quotas(company: &Company, told: &mut Told) {
    for (index, quarter) in company.quarters().into_iter().enumerate() {
        let set = midnight(quarter.max(company.first_day)) + hours(9.0);
        let amount = quota(company, quarter);
        let name = Grain::Quarter.name(quarter);
        let data = |amount: f64| json!({ "quarter": quarter, "amount": usd((amount / 500.0).round() * 500.0) });
        told.tell(set, "quotas", format!("quota-{name}"), "set", data(amount));
        for (team, share) in TEAM_QUOTAS {
            let mut data = data(amount * share);
            data["team"] = json!(team);
            told.tell(set, "quotas", format!("quota-{name}-{team}"), "set", data);
        }
        if index % 3 == 2 {
            told.tell(set + days(35.0), "quotas", format!("quota-{name}"), "set", data(amount * 1.05));
        }
    }
}

fn quota(company: &Company, quarter: NaiveDate) -> f64 {
    let curve = Curve(QUOTA.to_vec());
    let months = (0..3).map(|month| Grain::Month.after(quarter, month)).filter(|month| *month >= company.first_day);
    months.map(|month| curve.at(company.age(month) + 0.5)).sum()
}
