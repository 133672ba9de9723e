//! The whole stream of the default volume, looked at once and judged by many.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use super::*;
use crate::demo::Volume;

fn until() -> DateTime<Utc> {
    "2026-10-20T15:30:00Z".parse().expect("a time")
}

#[derive(Default)]
struct Month {
    all: u64,
    active: u64,
    views: u64,
    humans: u64,
    conversions: u64,
    users: HashSet<String>,
}

#[derive(Default)]
struct Seen {
    sent: u64,
    hash: u64,
    months: BTreeMap<String, Month>,
    interactions: HashMap<String, DateTime<Utc>>,
    different_content: u64,
    twice: u64,
    voids: Vec<(String, DateTime<Utc>)>,
    /// Sent after something of a later month.
    late: u64,
    outside: u64,
    closed: u64,
    on_weekdays: [u64; 7],
    by_capsule: HashMap<String, u64>,
    by_user: HashMap<String, HashSet<NaiveDate>>,
}

static SEEN: LazyLock<Seen> = LazyLock::new(look);

fn look() -> Seen {
    let company = Company::as_of(until(), Volume::default());
    let capsules: HashMap<_, _> = company.capsules.iter().map(|capsule| (capsule.id.as_str(), capsule)).collect();
    let (mut seen, mut hasher, mut latest_month) = (Seen::default(), DefaultHasher::new(), String::new());
    for sent in Activity::of(&company) {
        let interaction = match sent {
            Sent::Void { interaction_id, at, .. } => {
                seen.voids.push((interaction_id, at));
                continue;
            }
            Sent::Interaction(interaction) => interaction,
        };
        seen.sent += 1;
        serde_json::to_string(&interaction).expect("JSON").hash(&mut hasher);
        let at = interaction.occurred_at;
        if let Some(before) = seen.interactions.insert(interaction.id.clone(), at) {
            seen.twice += 1;
            seen.different_content += u64::from(before != at);
            continue;
        }
        let name = at.format("%Y-%m").to_string();
        seen.late += u64::from(name < latest_month);
        latest_month = latest_month.max(name.clone());
        seen.outside += u64::from(at < start_of(company.first_day) || at > until());
        seen.closed += u64::from(!capsules[interaction.capsule_id.as_str()].is_open_at(at));
        seen.on_weekdays[chrono::Datelike::weekday(&at).num_days_from_monday() as usize] += 1;
        *seen.by_capsule.entry(interaction.capsule_id.clone()).or_default() += 1;
        let human = interaction.actor == "human";
        let month = seen.months.entry(name).or_default();
        month.all += 1;
        month.active += u64::from(human && interaction.kind != "view");
        month.humans += u64::from(human);
        month.views += u64::from(interaction.kind == "view");
        month.conversions += u64::from(interaction.kind == "conversion");
        if let Some(user) = interaction.user_id.filter(|_| human) {
            seen.by_user.entry(user.clone()).or_default().insert(at.date_naive());
            month.users.insert(user);
        }
    }
    seen.hash = hasher.finish();
    seen
}

#[test]
fn the_same_company_gives_the_same_bytes() {
    assert_eq!(look().hash, SEEN.hash);
}

#[test]
fn there_are_enough_and_as_many_as_said() {
    let months: Vec<_> = SEEN.months.iter().map(|(name, month)| (name, month.all, month.active, month.users.len())).collect();
    println!("{} sent, {} interactions: {months:?}", SEEN.sent, SEEN.interactions.len());
    assert!((400_000..650_000).contains(&SEEN.interactions.len()), "{}", SEEN.interactions.len());
    let expected = Company::as_of(until(), Volume::default()).interactions_expected() as f64;
    assert!((SEEN.sent as f64 / expected - 1.0).abs() < 0.03, "{} against {expected}", SEEN.sent);
}

#[test]
fn every_complete_month_is_larger_than_the_one_before() {
    assert_eq!(SEEN.months.len(), 19);
    let complete: Vec<_> = SEEN.months.values().take(18).collect();
    assert!(complete.windows(2).all(|pair| pair[0].all < pair[1].all && pair[0].active < pair[1].active));
    assert!(complete.windows(2).all(|pair| pair[0].users.len() < pair[1].users.len()));
    assert!((85_000..100_000).contains(&complete[17].all), "{}", complete[17].all);
    assert!((3_500..7_500).contains(&complete[17].users.len()), "{}", complete[17].users.len());
}

#[test]
fn everything_happened_in_time_and_with_open_capsules() {
    assert_eq!((SEEN.outside, SEEN.closed), (0, 0));
}

#[test]
fn a_few_come_late_a_few_twice_and_a_few_are_voided_after_they_came() {
    let share = |count: usize| count as f64 / SEEN.interactions.len() as f64;
    assert!(SEEN.late > 500, "{}", SEEN.late);
    assert!((0.001..0.003).contains(&share(SEEN.twice as usize)) && SEEN.different_content == 0);
    assert!((0.004..0.006).contains(&share(SEEN.voids.len())));
    for (id, at) in &SEEN.voids {
        assert!(SEEN.interactions[id] < *at && *at <= until());
    }
}

#[test]
fn the_mix_shifts_slowly_from_looking_to_doing() {
    let share = |name: &str, count: fn(&Month) -> u64| count(&SEEN.months[name]) as f64 / SEEN.months[name].all as f64;
    let views = [share("2025-10", |month| month.views), share("2026-09", |month| month.views)];
    assert!(views[0] > views[1] + 0.02 && (0.38..0.52).contains(&views[1]), "{views:?}");
    let conversions = share("2026-09", |month| month.conversions);
    assert!((0.035..0.065).contains(&conversions), "{conversions}");
    let others = 1.0 - share("2026-09", |month| month.humans);
    assert!((0.045..0.075).contains(&others), "{others}");
}

#[test]
fn weekends_are_quiet_and_some_capsules_are_loved() {
    let [monday, .., saturday, sunday] = SEEN.on_weekdays;
    assert!(saturday + sunday < monday + monday / 3, "{:?}", SEEN.on_weekdays);
    let mut counts: Vec<_> = SEEN.by_capsule.values().copied().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let (top, all): (u64, u64) = (counts[..counts.len() / 10].iter().sum(), counts.iter().sum());
    assert!(top * 10 > all * 3, "the top tenth has {top} of {all}");
    assert!(counts[0] * 10 < all, "no capsule is alone: {} of {all}", counts[0]);
}

#[test]
fn users_come_back() {
    let returning = SEEN.by_user.values().filter(|days| days.len() > 1).count();
    assert!(returning * 2 > SEEN.by_user.len(), "{returning} of {}", SEEN.by_user.len());
}

#[test]
fn the_api_takes_them_all() {
    let company = Company::as_of(until(), "0.005".parse().expect("a volume"));
    for sent in Activity::of(&company) {
        if let Sent::Interaction(interaction) = sent {
            let json = serde_json::to_vec(&interaction).expect("JSON");
            domain::Command::parse(domain::AggregateType::Interaction, "record", &json).expect("an interaction");
        }
    }
}
