//! What happened in the company, in the order in which it was sent: a stream, made a day at a time.
//!
//! The same company always gives the same stream, so a load that was cut short can be done again and counts nothing twice.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::behaviour::{self, Habits, Interaction, Maturity};
use super::company::{Company, seconds};
use super::random::Random;

const LATE: f64 = 0.015;
const VOIDED: f64 = 0.005;
const SENT_TWICE: f64 = 0.002;
const BOTS: f64 = 0.035;
const PREVIEWS: f64 = 0.015;
const TESTS: f64 = 0.010;
const ANONYMOUS: f64 = 0.10;
const STEPS_MEAN: f64 = 5.0;
const STEPS_MAX: usize = 40;
const RETURNS_TO_A_FAVOURITE: f64 = 0.55;

/// What a client of the API sends.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sent {
    Interaction(Box<Interaction>),
    Void { interaction_id: String, reason: &'static str, at: DateTime<Utc> },
}

#[derive(Debug)]
struct User {
    habits: Habits,
    /// How often, against the keenest.
    keenness: f64,
    leaves_on: Option<NaiveDate>,
    favourites: [usize; 3],
}

#[derive(Debug, Clone, Copy)]
enum Visitor {
    User(usize),
    Anonymous,
    Bot,
    Preview(usize),
    Test,
}

/// The capsules open on a day, to pick one as often as it is liked.
#[derive(Debug, Default)]
struct Shelf {
    capsules: Vec<(usize, f64)>,
}

#[derive(Debug)]
pub(super) struct Activity<'a> {
    company: &'a Company,
    random: Random,
    days: std::vec::IntoIter<NaiveDate>,
    users: Vec<User>,
    shelf: Shelf,
    /// Of the days' plans, what is left over or was done too much.
    owed: f64,
    interactions: u32,
    sessions: u32,
    waiting: Waiting,
    /// Everything to be sent before this is in `waiting`.
    settled: DateTime<Utc>,
}

/// Things to send, the earliest first; of the same moment, the first made.
#[derive(Debug, Default)]
struct Waiting {
    order: BinaryHeap<Reverse<(DateTime<Utc>, u64, usize)>>,
    things: Vec<Option<Sent>>,
    free: Vec<usize>,
    count: u64,
}

impl Waiting {
    fn put(&mut self, at: DateTime<Utc>, thing: Sent) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.things.push(None);
            self.things.len() - 1
        });
        self.things[place] = Some(thing);
        self.order.push(Reverse((at, self.count, place)));
        self.count += 1;
    }

    fn take_before(&mut self, end: DateTime<Utc>) -> Option<Sent> {
        let Reverse((at, _, place)) = *self.order.peek()?;
        if at >= end {
            return None;
        }
        self.order.pop();
        self.free.push(place);
        self.things[place].take()
    }
}

impl<'a> Activity<'a> {
    pub(super) fn of(company: &'a Company) -> Self {
        Self {
            company,
            random: Random::of(company.seed(), 2, 0),
            days: company.days().collect::<Vec<_>>().into_iter(),
            users: Vec::new(),
            shelf: Shelf::default(),
            owed: 0.0,
            interactions: 0,
            sessions: 0,
            waiting: Waiting::default(),
            settled: start_of(company.first_day),
        }
    }

    fn live_through(&mut self, day: NaiveDate) {
        let maturity = Maturity::at_age(self.company.age(day));
        self.shelf = Shelf::on(day, self.company);
        self.owed += self.company.interactions_on(day) * self.random.between(0.93, 1.07);
        for _ in self.users.len()..self.company.users_joined(day + Days::new(1)) {
            let user = self.join(day, maturity);
            self.visit(Visitor::User(user), day, maturity);
        }
        while self.owed > 0.0 {
            let visitor = self.visitor(day);
            self.visit(visitor, day, maturity);
        }
        self.settled = start_of(day + Days::new(1)).min(self.company.until);
    }

    fn join(&mut self, day: NaiveDate, maturity: Maturity) -> usize {
        let number = self.users.len();
        let (mut random, stays_days, habits) = newcomer(self.company, number, maturity);
        self.users.push(User {
            habits,
            keenness: random.pick(&[(1.0, 0.10), (0.35, 0.40), (0.10, 0.50)]),
            leaves_on: random.chance(0.35).then(|| day + Days::new(stays_days + 1)),
            favourites: std::array::from_fn(|_| self.shelf.pick(&mut random)),
        });
        number
    }

    fn visitor(&mut self, day: NaiveDate) -> Visitor {
        // Visits of people have more steps than the others', so these come in more of them.
        let people = 1.0 - 2.2 * (BOTS + TESTS) - PREVIEWS;
        match self.random.pick(&[(0, people), (1, 2.2 * BOTS), (2, PREVIEWS), (3, 2.2 * TESTS)]) {
            1 => Visitor::Bot,
            2 => Visitor::Preview(self.user(day)),
            3 => Visitor::Test,
            _ if self.random.chance(ANONYMOUS) => Visitor::Anonymous,
            _ => Visitor::User(self.user(day)),
        }
    }

    /// One who has not left, the keen ones more often.
    fn user(&mut self, day: NaiveDate) -> usize {
        for _ in 0..64 {
            let number = self.random.below(self.users.len());
            let user = &self.users[number];
            if user.leaves_on.is_none_or(|last| day < last) && self.random.chance(user.keenness) {
                return number;
            }
        }
        self.users.len() - 1
    }

    fn visit(&mut self, visitor: Visitor, day: NaiveDate, maturity: Maturity) {
        let mut random = Random::of(self.company.seed(), 4, u64::from(self.sessions));
        let number = self.sessions;
        self.sessions += 1;
        let (actor, habits, steps_mean) = match visitor {
            Visitor::User(user) => ("human", self.users[user].habits, STEPS_MEAN),
            Visitor::Anonymous => ("human", behaviour::habits(&mut random, maturity), 2.5),
            Visitor::Preview(user) => ("preview", self.users[user].habits, STEPS_MEAN),
            Visitor::Bot => ("bot", behaviour::habits(&mut random, maturity), 2.2),
            Visitor::Test => ("test", behaviour::habits(&mut random, maturity), 2.2),
        };
        let mut at = start_of(day) + seconds(behaviour::time_of_day(&mut random, habits.region));
        let favourite = match visitor {
            Visitor::User(user) if random.chance(RETURNS_TO_A_FAVOURITE) => Some(self.users[user].favourites[random.below(3)]),
            _ => None,
        };
        let capsule = favourite
            .filter(|favourite| self.company.capsules[*favourite].is_open_at(at))
            .unwrap_or_else(|| self.shelf.pick(&mut random));
        let user_id = match visitor {
            Visitor::User(user) | Visitor::Preview(user) => Some(format!("user-{:06}", user + 1)),
            Visitor::Test => Some("tester".to_owned()),
            Visitor::Anonymous | Visitor::Bot => None,
        };
        for step in 0..STEPS_MAX {
            self.owed -= 1.0;
            let kind = match visitor {
                Visitor::Bot => "view",
                _ => behaviour::kind(&mut random, maturity, step == 0),
            };
            let interaction = Interaction {
                id: format!("demo-{:08x}", self.interactions),
                capsule_id: self.company.capsules[capsule].id.clone(),
                user_id: user_id.clone(),
                session_id: Some(format!("s-{number:07x}")),
                kind,
                occurred_at: at,
                actor,
                channel: if actor == "preview" { "studio" } else { habits.channel },
                device: habits.device,
                region: habits.region.name,
                details: behaviour::details(&mut random, maturity, kind),
            };
            self.interactions += 1;
            // Nobody visits a capsule before it opens or after it closes; a time past the present is not sent.
            if self.company.capsules[capsule].is_open_at(at) {
                self.send(interaction, &mut random);
            }
            if !random.chance(1.0 - 1.0 / steps_mean) {
                break;
            }
            at += seconds(2.0 + random.wait(45.0));
        }
    }

    fn send(&mut self, interaction: Interaction, random: &mut Random) {
        let occurred = interaction.occurred_at;
        // A phone without a network keeps what it has for days.
        let late = if random.chance(LATE) { random.log_normal(3.0 * 86_400.0, 1.0).min(45.0 * 86_400.0) } else { 0.0 };
        let sent = occurred + seconds(late);
        if random.chance(VOIDED) {
            let at = sent + seconds(random.log_normal(86_400.0, 1.0));
            let reason = random.pick(&[("bot", 0.4), ("mistake", 0.3), ("fraud", 0.2), ("test", 0.1)]);
            self.waiting.put(at, Sent::Void { interaction_id: interaction.id.clone(), reason, at });
        }
        if random.chance(SENT_TWICE) {
            let again = sent + seconds(random.between(5.0, 120.0));
            self.waiting.put(again, Sent::Interaction(Box::new(interaction.clone())));
        }
        self.waiting.put(sent, Sent::Interaction(Box::new(interaction)));
    }
}

impl Iterator for Activity<'_> {
    type Item = Sent;

    fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(sent) = self.waiting.take_before(self.settled) {
                return Some(sent);
            }
            let day = self.days.next()?;
            self.live_through(day);
        }
    }
}

impl Shelf {
    fn on(day: NaiveDate, company: &Company) -> Self {
        // The founders' capsules open in the first minutes of the first day.
        let morning = start_of(day) + seconds(if day == company.first_day { 3_600.0 } else { 0.0 });
        let open = company.capsules.iter().enumerate().filter(|(_, capsule)| capsule.is_open_at(morning));
        Self { capsules: open.map(|(index, capsule)| (index, capsule.weight)).collect() }
    }

    fn pick(&self, random: &mut Random) -> usize {
        random.pick(&self.capsules)
    }
}

/// How long a user would stay and what their habits are, with the rest of their chances.
fn newcomer(company: &Company, number: usize, maturity: Maturity) -> (Random, u64, Habits) {
    let mut random = Random::of(company.seed(), 3, number as u64);
    let stays_days = random.log_normal(100.0, 0.9) as u64;
    let habits = behaviour::habits(&mut random, maturity);
    (random, stays_days, habits)
}

/// Where the user of this number is, who joined on the day.
pub(super) fn region(company: &Company, number: usize, joined_on: NaiveDate) -> &'static str {
    let (_, _, habits) = newcomer(company, number, Maturity::at_age(company.age(joined_on)));
    habits.region.name
}

fn start_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests;
