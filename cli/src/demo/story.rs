//! Everything that happened in the company besides its interactions: one module a function, each a pure function of the
//! company and of what functions share.
//!
//! The same company always gives the same facts, in the order in which they happened, so that a load that was cut short goes
//! on where it was. Customers, money and people are those of the strategy whatever the demo's volume; only its users and
//! what is stored for them grow with it. Not everything goes well: who looks should find something.
//!
//! Where to start: [`accounts`] says who the customers are and what they pay; sales, marketing, customers and product follow.

mod accounts;
mod customers;
mod engineering;
mod finance;
mod governance;
mod marketing;
mod people;
mod product;
mod sales;
mod surveys;

use std::ops::RangeInclusive;

use chrono::{DateTime, Datelike, Months, NaiveDate, TimeDelta, Utc, Weekday};
use domain::period::{Grain, midnight};
use serde_json::{Value, json};

use super::company::{Company, seconds};
use super::random::Random;

/// One command as `POST /v1/commands` takes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fact {
    pub(super) collection: &'static str,
    pub(super) id: String,
    pub(super) command: &'static str,
    pub(super) at: DateTime<Utc>,
    pub(super) data: Value,
}

/// All of it, the earliest first.
pub(super) fn of(company: &Company) -> Vec<Fact> {
    let accounts = accounts::of(company);
    let deals = sales::deals(company, &accounts);
    let staff = people::staff(company);
    let told = [
        governance::facts(company, &accounts),
        people::facts(company, &staff),
        finance::facts(company, &staff),
        sales::facts(company, &deals),
        marketing::facts(company, &deals),
        product::facts(company, &accounts),
        customers::facts(company, &accounts),
        surveys::facts(company, &accounts),
        engineering::facts(company),
    ];
    let mut facts: Vec<Fact> = told.into_iter().flat_map(|told| told.facts).collect();
    // Stable: what one function says of the same moment keeps its order.
    facts.sort_by_key(|fact| fact.at);
    facts
}

/// Facts as they are told; what lies after the present has not happened.
#[derive(Debug)]
struct Told {
    until: DateTime<Utc>,
    facts: Vec<Fact>,
}

impl Told {
    fn of(company: &Company) -> Self {
        Self { until: company.until, facts: Vec::new() }
    }

    fn tell(
        &mut self,
        at: DateTime<Utc>,
        collection: &'static str,
        id: impl Into<String>,
        command: &'static str,
        mut data: Value,
    ) {
        if at <= self.until {
            data["occurred_at"] = json!(at);
            self.facts.push(Fact { collection, id: id.into(), command, at, data });
        }
    }
}

/// Whose chances these are: one for each kind of thing, beside the four of capsules, activity, users and visits.
#[derive(Debug, Clone, Copy)]
enum Chance {
    Account = 10,
    Trial,
    Users,
    Feature,
    Ticket,
    Payment,
    Satisfaction,
    Promoters,
    Brand,
    Deal,
    Lead,
    Deployment,
    Incident,
    Probe,
    Spend,
}

impl Chance {
    fn of(self, company: &Company, number: u64) -> Random {
        Random::of(company.seed(), self as u64, number)
    }
}

/// The company's calendar: its months, from 1, and its age in months, from 0.
impl Company {
    /// Those that have begun.
    fn months(&self) -> RangeInclusive<u32> {
        1..=domain::plan::month_number(self.first_day, self.until.date_naive().with_day(1).expect("every month has a first"))
    }

    fn month(&self, number: u32) -> NaiveDate {
        self.first_day + Months::new(number - 1)
    }

    fn at_age(&self, months: f64) -> DateTime<Utc> {
        let month = self.month(months as u32 + 1);
        let (start, end) = (midnight(month), midnight(month + Months::new(1)));
        start + seconds((end - start).num_seconds() as f64 * months.fract())
    }

    fn age_at(&self, time: DateTime<Utc>) -> f64 {
        self.age(time.date_naive())
    }

    /// Calendar quarters from the one of the first day to the present one.
    fn quarters(&self) -> Vec<NaiveDate> {
        Grain::Quarter.between(self.first_day, self.until.date_naive()).collect()
    }

    /// The quarter that went badly: an outage of most of a day, and customers who left over it.
    fn bad_quarter(&self) -> NaiveDate {
        Grain::Quarter.start(self.outage_from().date_naive())
    }

    fn outage_from(&self) -> DateTime<Utc> {
        self.at_age(13.45)
    }

    fn is_bad(&self, time: DateTime<Utc>) -> bool {
        Grain::Quarter.start(time.date_naive()) == self.bad_quarter()
    }
}

/// Within working hours of the day, or of the Monday after.
fn at_work(day: NaiveDate, random: &mut Random) -> DateTime<Utc> {
    let days_off = match day.weekday() {
        Weekday::Sat => 2,
        Weekday::Sun => 1,
        _ => 0,
    };
    midnight(day) + TimeDelta::days(days_off) + hours(random.between(8.0, 18.0))
}

fn hours(count: f64) -> TimeDelta {
    seconds(count * 3_600.0)
}

fn days(count: f64) -> TimeDelta {
    seconds(count * 86_400.0)
}

/// Money as the API takes it.
fn usd(dollars: f64) -> Value {
    json!({ "amount": format!("{dollars:.2}"), "currency": "USD" })
}

#[cfg(test)]
mod tests;
