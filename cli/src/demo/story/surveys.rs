//! Who was asked what, and answered: satisfaction, recommendation, and whether people know the brand.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::accounts::Account;
use super::customers::tickets;
use super::{Chance, Told, at_work, days, hours};
use crate::demo::company::Company;
use crate::demo::random::Random;

const ASKED_AFTER_A_TICKET: f64 = 0.6;
const ASKED_IN_A_MONTH: f64 = 0.03;
const ASKED_IN_A_QUARTER: f64 = 0.24;
const CUSTOMERS_WHO_ANSWER: f64 = 0.42;
const PANEL_WHO_ANSWER: f64 = 0.75;

pub(super) fn facts(company: &Company, accounts: &[Account]) -> Told {
    let mut told = Told::of(company);
    satisfaction(company, accounts, &mut told);
    recommendation(company, accounts, &mut told);
    brand(company, &mut told);
    told
}

/// Asks, and tells the answer of whoever gives one.
fn ask(
    id: &str,
    at: DateTime<Utc>,
    kind: &str,
    account: Option<&str>,
    answer: Option<Value>,
    random: &mut Random,
    told: &mut Told,
) {
    let of = |mut data: Value| {
        data["kind"] = json!(kind);
        if let Some(account) = account {
            data["account_id"] = json!(account);
        }
        data
    };
    told.tell(at, "surveys", id, "send", of(json!({})));
    let after = hours(random.log_normal(9.0, 1.2).min(240.0));
    if let Some(answer) = answer {
        told.tell(at + after, "surveys", id, "answer", of(answer));
    }
}

/// After help was given, and of some customers each month.
fn satisfaction(company: &Company, accounts: &[Account], told: &mut Told) {
    let mut random = Chance::Satisfaction.of(company, 0);
    let mut number = 0;
    let mut ask_one = |at: DateTime<Utc>, account: &str, random: &mut Random, told: &mut Told| {
        number += 1;
        let good = (0.79 + 0.005 * company.age_at(at) - if company.is_bad(at) { 0.14 } else { 0.0 }).min(0.9);
        let answers =
            [(5, good * 0.55), (4, good * 0.45), (3, (1.0 - good) * 0.5), (2, (1.0 - good) * 0.3), (1, (1.0 - good) * 0.2)];
        let score = random.pick(&answers);
        let answer = random.chance(CUSTOMERS_WHO_ANSWER).then(|| json!({ "score": score }));
        ask(&format!("csat-{number:05}"), at, "csat", Some(account), answer, random, told);
    };
    for ticket in tickets(company, accounts) {
        if random.chance(ASKED_AFTER_A_TICKET) {
            ask_one(ticket.closed + hours(1.0), &ticket.account.id, &mut random, told);
        }
    }
    for month in company.months() {
        let day = company.month(month) + chrono::Days::new(9);
        for account in accounts {
            let at = at_work(day, &mut random);
            if account.terms_at(at).is_some() && random.chance(ASKED_IN_A_MONTH) {
                ask_one(at, &account.id, &mut random, told);
            }
        }
    }
}

/// A part of all customers each quarter, in its second month.
fn recommendation(company: &Company, accounts: &[Account], told: &mut Told) {
    for quarter in company.quarters() {
        for (number, account) in accounts.iter().enumerate() {
            let mut random = Chance::Promoters.of(company, number as u64 ^ (u64::from(quarter_number(quarter)) << 32));
            let day = quarter + chrono::Days::new(32 + random.below(45) as u64);
            let at = at_work(day, &mut random);
            if account.terms_at(at).is_none() || !random.chance(ASKED_IN_A_QUARTER) {
                continue;
            }
            let age = company.age_at(at);
            let anger = if company.is_bad(at) { 0.07 } else { 0.0 };
            let (promoters, detractors) = (0.44 + 0.005 * age - anger, 0.23 - 0.0025 * age + anger);
            let score = match random.pick(&[(2, promoters), (1, 1.0 - promoters - detractors), (0, detractors)]) {
                2 => 9 + random.below(2),
                1 => 7 + random.below(2),
                _ => random.pick(&[(6, 0.4), (5, 0.25), (4, 0.12), (3, 0.1), (2, 0.06), (1, 0.03), (0, 0.04)]),
            };
            let answer = random.chance(CUSTOMERS_WHO_ANSWER).then(|| json!({ "score": score }));
            let id = format!("nps-{}-{}", quarter.format("%Y-%m"), account.id);
            ask(&id, at, "nps", Some(&account.id), answer, &mut random, told);
        }
    }
}

fn quarter_number(quarter: chrono::NaiveDate) -> u32 {
    use chrono::Datelike;
    quarter.year() as u32 * 4 + quarter.month0() / 3
}

/// People who are no customers, a few dozen each quarter.
fn brand(company: &Company, told: &mut Told) {
    for (index, quarter) in company.quarters().into_iter().enumerate() {
        let mut random = Chance::Brand.of(company, index as u64);
        let first = quarter.max(company.first_day);
        for number in 0..40 + 6 * index {
            let at = at_work(first + chrono::Days::new(20), &mut random) + days(random.between(0.0, 20.0));
            let age = company.age_at(at);
            let aided = random.chance(0.06 + 0.011 * age);
            let unaided = aided && random.chance(0.22 + 0.006 * age);
            let answer = random.chance(PANEL_WHO_ANSWER).then(|| json!({ "aided": aided, "unaided": unaided }));
            ask(&format!("brand-{}-{number:03}", quarter.format("%Y-%m")), at, "brand", None, answer, &mut random, told);
        }
    }
}
