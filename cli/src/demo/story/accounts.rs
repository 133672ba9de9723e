//! The customers: when each comes, what it pays, when it goes. Most buy by themselves; the large ones are sold to.

use chrono::{DateTime, Utc};

use super::{Chance, at_work, days};
use crate::demo::company::{Company, Curve};
use crate::demo::random::Random;

/// Who pays for the first time in each month of the company. Some months ahead, for deals are open before they are won.
const NEW_CUSTOMERS: [usize; 23] =
    [4, 8, 11, 15, 19, 21, 66, 76, 87, 98, 109, 121, 128, 117, 111, 158, 184, 206, 214, 221, 228, 234, 240];
const TRIALS_THAT_COME_TO_NOTHING: [(f64, f64); 3] = [(1.0, 2.0), (6.0, 15.0), (18.0, 56.0)];
const TRIAL_DAYS: f64 = 14.0;
/// The share of the larger customers that paid less after the outage, and what they paid of what they had.
const COMPENSATED: f64 = 0.6;
const COMPENSATION: f64 = 0.8;
/// Months in which the founders sell themselves.
const FOUNDING: f64 = 6.0;
const DAYS_A_MONTH: f64 = 30.44;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tier {
    Starter,
    Team,
    Enterprise,
}

impl Tier {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Starter => "starter",
            Self::Team => "team",
            Self::Enterprise => "enterprise",
        }
    }

    /// Whole dollars a month.
    pub(super) fn price(self, random: &mut Random) -> u32 {
        match self {
            Self::Starter => random.pick(&[(29, 0.35), (49, 0.45), (79, 0.20)]),
            Self::Team => 99 + 20 * (1 + random.below(6) as u32),
            Self::Enterprise => 750 + 50 * random.below(20) as u32,
        }
    }

    /// How often in a month: it pays more, it pays less, it moves up, it leaves; and leaves in the bad quarter.
    fn chances(self) -> [f64; 5] {
        match self {
            Self::Starter => [0.065, 0.006, 0.003, 0.034, 0.095],
            Self::Team => [0.130, 0.012, 0.001, 0.014, 0.030],
            Self::Enterprise => [0.150, 0.010, 0.0, 0.006, 0.008],
        }
    }
}

/// What is paid from a moment on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) from: DateTime<Utc>,
    pub(super) tier: Tier,
    /// Whole dollars.
    pub(super) monthly: u32,
}

#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) trial_from: Option<DateTime<Utc>>,
    /// What it paid when; nothing for a trial that came to nothing.
    pub(super) terms: Vec<Terms>,
    /// The plan that it began with.
    pub(super) tier: Tier,
    /// The team that sold it.
    pub(super) sold_by: Option<&'static str>,
    pub(super) ended: Option<(DateTime<Utc>, &'static str)>,
}

impl Account {
    pub(super) fn begins(&self) -> DateTime<Utc> {
        self.trial_from.or(self.pays_from()).expect("an account tries or pays")
    }

    pub(super) fn pays_from(&self) -> Option<DateTime<Utc>> {
        self.terms.first().map(|terms| terms.from)
    }

    pub(super) fn has_ended_by(&self, time: DateTime<Utc>) -> bool {
        self.ended.is_some_and(|(ended, _)| ended <= time)
    }

    /// What it pays at the time, if it does.
    pub(super) fn terms_at(&self, time: DateTime<Utc>) -> Option<&Terms> {
        self.terms.iter().rfind(|terms| terms.from <= time).filter(|_| !self.has_ended_by(time))
    }
}

/// What all pay in a month.
pub(super) fn monthly_revenue(accounts: &[Account], time: DateTime<Utc>) -> f64 {
    accounts.iter().filter_map(|account| account.terms_at(time)).map(|terms| f64::from(terms.monthly)).sum()
}

/// Those who ever paid, in the order in which they began to, then the trials that came to nothing.
pub(super) fn of(company: &Company) -> Vec<Account> {
    let mut accounts = Vec::new();
    for (month, count) in NEW_CUSTOMERS.into_iter().enumerate() {
        for place in 0..count {
            let number = accounts.len() + 1;
            let mut random = Chance::Account.of(company, number as u64);
            let age = month as f64 + (place as f64 + random.unit()) / count as f64;
            accounts.push(customer(company, number, age, &mut random));
        }
    }
    let trials = Curve(TRIALS_THAT_COME_TO_NOTHING.to_vec());
    for month in company.months() {
        let count = trials.at(f64::from(month)) as u32;
        for place in 0..count {
            let number = accounts.len() + 1;
            let mut random = Chance::Trial.of(company, number as u64);
            let age = f64::from(month - 1) + (f64::from(place) + random.unit()) / f64::from(count);
            accounts.push(trial(company, number, age, &mut random));
        }
    }
    accounts
}

fn id(number: usize) -> String {
    format!("account-{number:04}")
}

fn customer(company: &Company, number: usize, age: f64, random: &mut Random) -> Account {
    let large = match age {
        ..4.0 => 0.0,
        4.0..6.0 => 0.05,
        _ => 0.03,
    };
    let tier = random.pick(&[(Tier::Starter, 0.71), (Tier::Team, 0.29 - large), (Tier::Enterprise, large)]);
    let sold_by = match tier {
        Tier::Enterprise => Some("enterprise"),
        Tier::Team => random.chance(if age < FOUNDING { 0.5 } else { 0.18 }).then_some("smb"),
        Tier::Starter => None,
    };
    let from = at_work(company.at_age(age).date_naive(), random);
    let tries = sold_by.is_none() && random.chance(0.45);
    let trial_from = tries.then(|| from - days(TRIAL_DAYS)).filter(|trial| *trial >= company.at_age(0.0));
    let first = Terms { from, tier, monthly: tier.price(random) };
    let mut account = Account { id: id(number), trial_from, terms: vec![first], tier, sold_by, ended: None };
    live(company, &mut account, random);
    compensate(company, &mut account, random);
    account
}

/// Many of the larger customers paid less for a quarter after the outage.
fn compensate(company: &Company, account: &mut Account, random: &mut Random) {
    let from = company.outage_from() + days(random.between(3.0, 18.0));
    let to = company.at_age(random.between(16.2, 16.95));
    let is_asked = random.chance(COMPENSATED);
    let Some(held) = account.terms_at(from).copied().filter(|terms| is_asked && terms.tier != Tier::Starter) else { return };
    let less = |terms: Terms| Terms { monthly: (f64::from(terms.monthly) * COMPENSATION).round() as u32, ..terms };
    let (before, later): (Vec<Terms>, Vec<Terms>) = account.terms.iter().partition(|terms| terms.from <= from);
    let (during, after): (Vec<Terms>, Vec<Terms>) = later.into_iter().partition(|terms| terms.from <= to);
    let full_again = Terms { from: to, ..*during.last().unwrap_or(&held) };
    let compensated = [Terms { from, ..held }].into_iter().chain(during).map(less);
    account.terms = before.into_iter().chain(compensated).chain([full_again]).chain(after).collect();
    if let Some((ended, _)) = account.ended {
        account.terms.retain(|terms| terms.from < ended);
    }
}

/// Month by month, until it leaves.
fn live(company: &Company, account: &mut Account, random: &mut Random) {
    let is_founding = company.age_at(account.terms[0].from) < FOUNDING;
    let (began, horizon) = (account.terms[0].from, company.at_age(NEW_CUSTOMERS.len() as f64));
    for month in 1_u32.. {
        let at = began + days(DAYS_A_MONTH * (f64::from(month) - 0.5 + random.unit()));
        if at > horizon {
            return;
        }
        let terms = *account.terms.last().expect("a customer has terms");
        let is_bad = company.is_bad(at);
        let [more, less, up, leaves, leaves_in_the_bad] = terms.tier.chances();
        // After the bad quarter all hands look after the customers that there are; the first ones leave less easily.
        let care = if at > company.outage_from() && !is_bad { 1.4 } else { 1.0 };
        let loyalty = if is_founding { 0.4 } else { 1.0 };
        if random.chance(loyalty * if is_bad { leaves_in_the_bad } else { leaves }) {
            account.ended = Some((at, reason(is_bad, random)));
            return;
        }
        let growth = match random.pick(&[(0, more * care), (1, less), (2, up * care), (3, 1.0 - (more + up) * care - less)]) {
            0 => random.between(1.05, 1.16),
            1 => random.between(0.7, 0.9),
            2 => {
                let tier = if terms.tier == Tier::Starter { Tier::Team } else { Tier::Enterprise };
                account.terms.push(Terms { from: at, tier, monthly: tier.price(random).max(terms.monthly + 50) });
                continue;
            }
            _ => continue,
        };
        let monthly = (f64::from(terms.monthly) * growth).round() as u32;
        account.terms.push(Terms { from: at, monthly, ..terms });
    }
}

fn reason(is_bad: bool, random: &mut Random) -> &'static str {
    let anger = if is_bad { 3.0 } else { 1.0 };
    random.pick(&[
        ("price", 0.34),
        ("product", 0.16 * anger),
        ("support", 0.08 * anger),
        ("competitor", 0.15),
        ("nonpayment", 0.14),
        ("closed_down", 0.08),
        ("other", 0.05),
    ])
}

fn trial(company: &Company, number: usize, age: f64, random: &mut Random) -> Account {
    let from = at_work(company.at_age(age).date_naive(), random);
    let ended =
        (from + days(TRIAL_DAYS + random.between(0.0, 3.0)), random.pick(&[("other", 0.5), ("product", 0.3), ("price", 0.2)]));
    let tier = random.pick(&[(Tier::Starter, 0.7), (Tier::Team, 0.3)]);
    Account { id: id(number), trial_from: Some(from), terms: Vec::new(), tier, sold_by: None, ended: Some(ended) }
}
