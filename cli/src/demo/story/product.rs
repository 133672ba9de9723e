//! Who signed up, for which account, and what accounts may use.

use chrono::{DateTime, Days, Utc};
use domain::period::midnight;
use serde_json::{Value, json};

use super::accounts::{Account, Tier};
use super::{Chance, Told, days, hours};
use crate::demo::activity;
use crate::demo::company::{Company, seconds};
use crate::demo::random::Random;

const WITH_AN_ACCOUNT: f64 = 0.6;
/// Beside each user who comes back to do something.
const NEVER_ACTIVE: f64 = 0.06;
const SWITCHED_OFF: f64 = 0.05;

/// What accounts have to be given, the company's age when it was ready, and the share of each plan's accounts that want it.
const FEATURES: [(&str, f64, [f64; 3]); 6] = [
    ("ask_ai", 0.0, [0.5, 1.0, 1.0]),
    ("quiz", 1.5, [0.0, 0.8, 1.0]),
    ("video", 3.0, [0.0, 0.4, 0.9]),
    ("poll", 4.0, [0.0, 0.5, 0.9]),
    ("annotate", 9.0, [0.0, 0.5, 0.9]),
    ("audio", 12.0, [0.0, 0.0, 0.7]),
];
/// From the first account that has a feature to the last of those that were waiting.
const ROLLED_OUT_WITHIN_DAYS: f64 = 60.0;

pub(super) fn facts(company: &Company, accounts: &[Account]) -> Told {
    let mut told = Told::of(company);
    sign_ups(company, accounts, &mut told);
    for (number, account) in accounts.iter().enumerate() {
        features(company, account, &mut Chance::Feature.of(company, number as u64), &mut told);
    }
    told
}

/// The users that interact, in the order in which they join, and some who never do.
fn sign_ups(company: &Company, accounts: &[Account], told: &mut Told) {
    let mut random = Chance::Users.of(company, 0);
    let mut homes = Homes::of(accounts);
    let (mut users, mut idle) = (0, 0);
    for day in company.days() {
        homes.open_until(midnight(day));
        let joined = company.users_joined(day + Days::new(1));
        for number in users..joined {
            let home = homes.pick(&mut random);
            // The evening before, or some days; the first ones right before the first capsule opens.
            let early = hours(random.log_normal(3.0, 1.2).min(144.0));
            let at = (midnight(day) - early).max(company.at_age(0.0) + seconds(number as f64 % 50.0));
            let data =
                json!({ "user_id": format!("user-{:06}", number + 1), "region": activity::region(company, number, day) });
            told.tell(at, "sign_ups", format!("sign-up-{:06}", number + 1), "record", with(data, home, &mut random));
            if random.chance(NEVER_ACTIVE) {
                idle += 1;
                let home = homes.pick(&mut random);
                let at = midnight(day) + hours(random.between(0.0, 24.0));
                let data = with(json!({ "user_id": format!("idle-{idle:06}") }), home, &mut random);
                told.tell(at, "sign_ups", format!("sign-up-idle-{idle:06}"), "record", data);
            }
        }
        users = users.max(joined);
    }
}

/// Where they came from, for which account and plan.
fn with(mut data: Value, home: Option<Home<'_>>, random: &mut Random) -> Value {
    let itself =
        [("search", 0.34), ("content", 0.22), ("social", 0.18), ("referral", 0.14), ("partner", 0.06), ("event", 0.06)];
    match home {
        Some(Home { account, is_first }) => {
            data["account_id"] = json!(account.id);
            data["plan"] = json!(account.tier.name());
            data["channel"] = json!(if is_first { random.pick(&itself) } else { "invitation" });
        }
        None => {
            data["plan"] = json!("free");
            data["channel"] = json!(random.pick(&itself));
        }
    }
    data
}

/// The accounts that people may belong to.
struct Homes<'a> {
    /// By when they begin; those before `open` have.
    by_beginning: Vec<&'a Account>,
    open: usize,
    /// Those that still wait for their first user.
    waiting: std::collections::VecDeque<&'a Account>,
    /// The others, as often as they have users.
    weighted: Vec<(usize, f64)>,
}

#[derive(Clone, Copy)]
struct Home<'a> {
    account: &'a Account,
    is_first: bool,
}

impl<'a> Homes<'a> {
    fn of(accounts: &'a [Account]) -> Self {
        let mut by_beginning: Vec<&Account> = accounts.iter().collect();
        by_beginning.sort_by_key(|account| account.begins());
        Self { by_beginning, open: 0, waiting: Default::default(), weighted: Vec::new() }
    }

    fn open_until(&mut self, time: DateTime<Utc>) {
        while let Some(account) = self.by_beginning.get(self.open).filter(|account| account.begins() <= time) {
            let weight = match account.tier {
                Tier::Starter => 1.0,
                Tier::Team => 7.0,
                Tier::Enterprise => 30.0,
            };
            self.waiting.push_back(account);
            self.weighted.push((self.open, weight));
            self.open += 1;
        }
        self.weighted.retain(|(place, _)| !self.by_beginning[*place].has_ended_by(time));
        self.waiting.retain(|account| !account.has_ended_by(time));
    }

    fn pick(&mut self, random: &mut Random) -> Option<Home<'a>> {
        if !random.chance(WITH_AN_ACCOUNT) {
            return None;
        }
        if let Some(account) = self.waiting.pop_front() {
            return Some(Home { account, is_first: true });
        }
        (!self.weighted.is_empty()).then(|| Home { account: self.by_beginning[random.pick(&self.weighted)], is_first: false })
    }
}

fn features(company: &Company, account: &Account, random: &mut Random, told: &mut Told) {
    let Some(from) = account.pays_from() else { return };
    for (feature, ready, wanted) in FEATURES {
        let rolled_out = company.at_age(ready) + days(random.between(0.0, ROLLED_OUT_WITHIN_DAYS));
        let at = if ready > 0.0 { rolled_out.max(from + hours(1.0)) } else { from + hours(1.0) };
        if !random.chance(wanted[account.tier as usize]) || account.has_ended_by(at) {
            continue;
        }
        told.tell(at, "accounts", &account.id, "enable_feature", json!({ "feature": feature }));
        if random.chance(SWITCHED_OFF) {
            let off = at + days(random.log_normal(60.0, 0.8).max(1.0));
            told.tell(off, "accounts", &account.id, "disable_feature", json!({ "feature": feature }));
        }
    }
}
