//! What customers agree to and pay, and when they need help.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::accounts::{Account, Tier};
use super::{Chance, Told, days, hours, usd};
use crate::demo::company::Company;
use crate::demo::random::Random;

const PAYMENTS_THAT_FAIL: f64 = 0.012;
const RECOVERED: f64 = 0.8;
const OPENED_AGAIN: f64 = 0.06;

pub(super) fn facts(company: &Company, accounts: &[Account]) -> Told {
    let mut told = Told::of(company);
    for (number, account) in accounts.iter().enumerate() {
        subscription(account, &mut told);
        payments(account, &mut Chance::Payment.of(company, number as u64), &mut told);
    }
    for ticket in tickets(company, accounts) {
        ticket.tell(&mut told);
    }
    told
}

fn subscription(account: &Account, told: &mut Told) {
    let id = account.id.replace("account", "subscription");
    let terms = |tier: Tier, monthly: u32, is_trial: bool| json!({ "plan": tier.name(), "monthly": usd(monthly.into()), "is_trial": is_trial });
    let mut begun = false;
    let mut say = |at: DateTime<Utc>, mut data: serde_json::Value, told: &mut Told| {
        if begun {
            told.tell(at, "subscriptions", &id, "change", data);
        } else {
            data["account_id"] = json!(account.id);
            told.tell(at, "subscriptions", &id, "start", data);
            begun = true;
        }
    };
    if let Some(from) = account.trial_from {
        say(from, terms(account.tier, 0, true), told);
    }
    for known in &account.terms {
        say(known.from, terms(known.tier, known.monthly, false), told);
    }
    if let Some((at, reason)) = account.ended {
        told.tell(at, "subscriptions", &id, "end", json!({ "reason": reason }));
    }
}

/// Due each month on the day on which it began to pay.
fn payments(account: &Account, random: &mut Random, told: &mut Told) {
    let Some(first) = account.pays_from() else { return };
    let mut number = 0;
    let mut fail = |due: DateTime<Utc>, recovered: Option<DateTime<Utc>>, told: &mut Told| {
        let Some(terms) = account.terms_at(due) else { return };
        number += 1;
        let id = format!("{}-{number}", account.id.replace("account", "payment"));
        told.tell(due, "payments", &id, "fail", json!({ "account_id": account.id, "amount": usd(terms.monthly.into()) }));
        if let Some(at) = recovered {
            told.tell(at, "payments", &id, "recover", json!({}));
        }
    };
    let mut due = first + days(30.0);
    while due < told.until && !account.has_ended_by(due) {
        if random.chance(PAYMENTS_THAT_FAIL) {
            let recovered = random.chance(RECOVERED).then(|| due + days(random.log_normal(3.0, 0.7).min(25.0)));
            fail(due, recovered, told);
        }
        due += days(30.0);
    }
    if let Some((ended, "nonpayment")) = account.ended {
        fail((ended - days(random.between(12.0, 20.0))).max(first), None, told);
    }
}

/// A call for help.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    id: String,
    pub(super) account: &'a Account,
    opened: DateTime<Utc>,
    pub(super) closed: DateTime<Utc>,
    again: Option<(DateTime<Utc>, DateTime<Utc>)>,
}

impl Ticket<'_> {
    fn tell(&self, told: &mut Told) {
        for (opened, closed) in [(self.opened, self.closed)].into_iter().chain(self.again) {
            told.tell(opened, "tickets", &self.id, "open", json!({ "account_id": self.account.id }));
            told.tell(closed, "tickets", &self.id, "close", json!({}));
        }
    }
}

/// Most in the days after the outage.
pub(super) fn tickets<'a>(company: &Company, accounts: &'a [Account]) -> Vec<Ticket<'a>> {
    let mut tickets = Vec::new();
    for (number, account) in accounts.iter().enumerate() {
        let mut random = Chance::Ticket.of(company, number as u64);
        let often = match account.tier {
            Tier::Starter => 0.025,
            Tier::Team => 0.06,
            Tier::Enterprise => 0.30,
        };
        let mut month = account.begins();
        while month < company.until && !account.has_ended_by(month) {
            let outage = month + days(30.0) > company.outage_from() && month < company.outage_from();
            if random.chance(often * if outage { 2.5 } else { 1.0 }) {
                let opened = if outage {
                    company.outage_from().max(month) + hours(random.between(0.5, 60.0))
                } else {
                    month + days(random.between(0.0, 30.0))
                };
                if !account.has_ended_by(opened) {
                    tickets.push(ticket(account, tickets.len() + 1, opened, &mut random));
                }
            }
            month += days(30.0);
        }
    }
    tickets
}

fn ticket<'a>(account: &'a Account, number: usize, opened: DateTime<Utc>, random: &mut Random) -> Ticket<'a> {
    let mut help = |from: DateTime<Utc>| from + hours(random.log_normal(15.0, 1.1).clamp(0.2, 600.0));
    let closed = help(opened);
    let closed_again = help(closed + days(2.0));
    let again = random.chance(OPENED_AGAIN).then_some((closed + days(2.0), closed_again));
    Ticket { id: format!("ticket-{number:05}"), account, opened, closed, again }
}
