//! A few interactions a second, now, by people of the company, so that who watches a dashboard sees it move.
//!
//! The pauses grow: a demo left running over night must not drown the months that it shows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::behaviour::{self, Habits, Interaction, Maturity};
use super::company::Company;
use super::random::Random;
use crate::client::{Client, Encoding};

const VISITORS: usize = 12;
const SHORTEST_PAUSE: Duration = Duration::from_millis(350);
const LONGEST_PAUSE: Duration = Duration::from_secs(6);
/// After this long, pauses are twice as long as at the start; they go on growing at this rate.
const DOUBLES_AFTER: Duration = Duration::from_secs(300);
const LEAVES: f64 = 0.2;
const AFTER_A_FAILURE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Visitor {
    user: usize,
    capsule: usize,
    session: Uuid,
    habits: Habits,
    steps: u32,
}

/// Goes on until cancelled, whatever becomes of single interactions.
pub(crate) async fn trickle(client: &Client, company: &Company, cancel: CancellationToken) {
    let client = client.clone().giving_up_on(cancel.clone());
    let mut crowd = Crowd::of(company, Utc::now(), rand::random());
    let started = Instant::now();
    loop {
        let mut pause = pause_after(started.elapsed()).mul_f64(crowd.random.between(0.3, 1.7));
        let mut body = serde_json::to_vec(&crowd.step(Utc::now())).expect("string keys and whole numbers");
        body.push(b'\n');
        match client.post_interactions_ndjson(body.into(), Encoding::Plain).await {
            Ok(answer) => {
                if let Some(refused) = answer.refused().next() {
                    tracing::warn!(?refused, "an interaction of the demo was refused");
                }
            }
            Err(_) if cancel.is_cancelled() => return,
            Err(error) => {
                tracing::warn!(%error, "the demo's visitors wait for the API");
                pause = AFTER_A_FAILURE;
            }
        }
        if cancel.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
    }
}

fn pause_after(running: Duration) -> Duration {
    SHORTEST_PAUSE.mul_f64(1.0 + running.as_secs_f64() / DOUBLES_AFTER.as_secs_f64()).min(LONGEST_PAUSE)
}

struct Crowd<'a> {
    company: &'a Company,
    random: Random,
    maturity: Maturity,
    /// Open capsules by their popularity.
    capsules: Vec<(usize, f64)>,
    users: usize,
    visitors: Vec<Visitor>,
}

impl<'a> Crowd<'a> {
    fn of(company: &'a Company, now: DateTime<Utc>, seed: u64) -> Self {
        let open = company.capsules.iter().enumerate().filter(|(_, capsule)| capsule.is_open_at(now));
        Self {
            random: Random::new(seed),
            maturity: Maturity::at_age(company.age(now.date_naive())),
            capsules: open.map(|(index, capsule)| (index, capsule.weight)).collect(),
            // Those who had joined when it was loaded: the trickle is no growth.
            users: company.users_joined(company.until.date_naive()),
            visitors: Vec::new(),
            company,
        }
    }

    /// What one of them does next.
    fn step(&mut self, now: DateTime<Utc>) -> Interaction {
        if self.visitors.len() < VISITORS {
            let visitor = self.arrival();
            self.visitors.push(visitor);
        }
        let place = self.random.below(self.visitors.len());
        let visitor = &mut self.visitors[place];
        let kind = behaviour::kind(&mut self.random, self.maturity, visitor.steps == 0);
        visitor.steps += 1;
        let interaction = Interaction {
            id: Uuid::now_v7().to_string(),
            capsule_id: self.company.capsules[visitor.capsule].id.clone(),
            user_id: Some(format!("user-{:06}", visitor.user + 1)),
            session_id: Some(visitor.session.to_string()),
            kind,
            occurred_at: now,
            actor: "human",
            channel: visitor.habits.channel,
            device: visitor.habits.device,
            region: visitor.habits.region.name,
            details: behaviour::details(&mut self.random, self.maturity, kind),
        };
        if self.random.chance(LEAVES) {
            self.visitors.swap_remove(place);
        }
        interaction
    }

    fn arrival(&mut self) -> Visitor {
        Visitor {
            user: self.random.below(self.users),
            capsule: self.random.pick(&self.capsules),
            session: Uuid::new_v4(),
            habits: behaviour::habits(&mut self.random, self.maturity),
            steps: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::client::fake::{FakeApi, Reply};
    use crate::demo::Volume;

    fn company() -> Company {
        Company::as_of("2026-10-03T15:30:00Z".parse().expect("a time"), Volume::default())
    }

    #[test]
    fn visitors_stay_for_a_while_and_do_what_the_api_takes() {
        let (company, now) = (company(), "2026-10-04T10:00:00Z".parse().expect("a time"));
        let mut crowd = Crowd::of(&company, now, 7);
        let steps: Vec<_> = (0..500).map(|_| crowd.step(now)).collect();
        assert_eq!(steps.iter().map(|step| &step.id).collect::<HashSet<_>>().len(), 500);
        let sessions = steps.iter().map(|step| &step.session_id).collect::<HashSet<_>>().len();
        assert!((60..200).contains(&sessions), "{sessions}");
        for step in &steps {
            let json = serde_json::to_vec(step).expect("JSON");
            domain::Command::parse(domain::AggregateType::Interaction, "record", &json).expect("an interaction");
        }
    }

    #[test]
    fn a_night_of_it_does_not_drown_a_month() {
        let (mut at, mut sent) = (Duration::ZERO, 0);
        while at < Duration::from_secs(12 * 3_600) {
            at += pause_after(at);
            sent += 1;
        }
        assert!((5_000..12_000).contains(&sent), "{sent}");
        assert!(pause_after(Duration::from_secs(60)) < Duration::from_millis(500));
    }

    #[tokio::test]
    async fn it_ends_when_it_is_told_to() {
        let cancel = CancellationToken::new();
        let telling = cancel.clone();
        let api = FakeApi::answering(move |_| {
            telling.cancel();
            Reply::new(200, r#"{"accepted":1,"duplicates":0,"rejected":0}"#)
        })
        .await;
        let client = Client::new(&api.url(), "key").expect("a client");
        let (company, limit) = (company(), Duration::from_secs(10));
        tokio::time::timeout(limit, trickle(&client, &company, cancel)).await.expect("it ended");
        assert_eq!(api.requests().len(), 1);
    }
}
