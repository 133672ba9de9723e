//! How the company grows, and the capsules that it publishes on the way.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, SubsecRound, TimeDelta, Utc};
use domain::plan::{Plan, month_number};

use super::random::Random;

/// Complete months before the running one: the first two stages of the plan.
const COMPLETE_MONTHS: u32 = 18;
/// The plan's figures for the end of month 1, whatever the volume: ten users, and what they do.
const FIRST_MONTH: (f64, f64) = (10.0, 100.0);
const CAPSULES: [(f64, f64); 4] = [(0.0, 6.0), (6.0, 60.0), (18.0, 400.0), (36.0, 1_200.0)];
const SEED: u64 = 0x0c1e_d6e2;

/// The share of the plan's capacities that the company reaches at the end of each stage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Volume(f64);

impl Default for Volume {
    fn default() -> Self {
        Self(0.1)
    }
}

impl FromStr for Volume {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(share) if (0.005..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err("a share of the plan's volume from 0.005 to 1"),
        }
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Everything about the company that follows from when we look and how large it is.
#[derive(Debug, Clone)]
pub(crate) struct Company {
    /// The first day of month 1.
    pub(super) first_day: NaiveDate,
    /// Nothing happened after this.
    pub(super) until: DateTime<Utc>,
    volume: Volume,
    growth: Growth,
    pub(super) capsules: Vec<Capsule>,
}

#[derive(Debug, Clone)]
pub(super) struct Capsule {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) created_at: DateTime<Utc>,
    /// None: a draft to this day.
    pub(super) published_at: Option<DateTime<Utc>>,
    pub(super) archived_at: Option<DateTime<Utc>>,
    /// How popular it is among the others.
    pub(super) weight: f64,
}

impl Capsule {
    pub(super) fn is_open_at(&self, time: DateTime<Utc>) -> bool {
        self.published_at.is_some_and(|published| published <= time) && self.archived_at.is_none_or(|archived| time < archived)
    }
}

impl Company {
    /// As it stands at `until`, in its 19th month.
    pub(crate) fn as_of(until: DateTime<Utc>, volume: Volume) -> Self {
        let until = until.trunc_subsecs(0);
        let this_month = until.date_naive().with_day(1).expect("every month has a first");
        let first_day = this_month - Months::new(COMPLETE_MONTHS);
        let growth = Growth::of(&Plan::carried(), volume);
        let mut company = Self { first_day, until, volume, growth, capsules: Vec::new() };
        company.capsules = company.publish();
        company
    }

    /// What the marker capsule in the ledger is called: all that is needed to make the same company again.
    pub(crate) fn title(&self) -> String {
        format!("{TITLE}{}{AT}{}{END}", self.until.format("%Y-%m-%dT%H:%M:%SZ"), self.volume)
    }

    pub(crate) fn from_title(title: &str) -> Option<Self> {
        let (until, volume) = title.strip_prefix(TITLE)?.strip_suffix(END)?.split_once(AT)?;
        Some(Self::as_of(until.parse().ok()?, volume.parse().ok()?))
    }

    pub(super) fn seed(&self) -> u64 {
        SEED
    }

    /// The share of the plan's capacities that it reaches.
    pub(super) fn share(&self) -> f64 {
        self.volume.0
    }

    pub(super) fn days(&self) -> impl Iterator<Item = NaiveDate> + use<> {
        let last = self.until.date_naive();
        self.first_day.iter_days().take_while(move |day| *day <= last)
    }

    /// Months since the company's start, at the beginning of the day.
    pub(super) fn age(&self, day: NaiveDate) -> f64 {
        let month = month_number(self.first_day, day.with_day(1).expect("every month has a first"));
        f64::from(month) - 1.0 + f64::from(day.day0()) / days_in_month(day)
    }

    /// Users who joined up to the beginning of the day.
    pub(super) fn users_joined(&self, day: NaiveDate) -> usize {
        self.growth.users.at(self.age(day)).round() as usize
    }

    /// Interactions to expect on this day: the curve's, in the rhythm of the week.
    pub(super) fn interactions_on(&self, day: NaiveDate) -> f64 {
        let first = day.with_day(1).expect("every month has a first");
        let days = first.iter_days().take_while(|other| other.month() == day.month());
        let (count, weights) = days.fold((0.0, 0.0), |(count, sum), day| (count + 1.0, sum + weekday_weight(day)));
        self.growth.interactions.at(self.age(day)) / count * weekday_weight(day) * count / weights
    }

    /// Interactions a day around this one, whatever the day of the week.
    pub(super) fn interactions_a_day(&self, day: NaiveDate) -> f64 {
        self.growth.interactions.at(self.age(day)) / days_in_month(day)
    }

    /// About how many interactions there are in all; exact only to a few percent.
    pub(super) fn interactions_expected(&self) -> u64 {
        let whole: f64 = self.days().filter(|day| *day < self.until.date_naive()).map(|day| self.interactions_on(day)).sum();
        let today = self.until.time().signed_duration_since(NaiveTime::MIN).num_seconds() as f64 / 86_400.0;
        (whole + self.interactions_on(self.until.date_naive()) * today) as u64
    }

    fn publish(&self) -> Vec<Capsule> {
        let mut capsules = Vec::new();
        for day in self.days() {
            let count = Curve(CAPSULES.to_vec()).at(self.age(day + Days::new(1))) as usize;
            while capsules.len() < count {
                capsules.extend(self.capsule(capsules.len(), day));
            }
        }
        capsules.retain(|capsule| capsule.created_at <= self.until);
        capsules
    }

    fn capsule(&self, number: usize, day: NaiveDate) -> Option<Capsule> {
        let mut random = Random::of(self.seed(), 1, number as u64);
        let founding = day == self.first_day;
        let hour = if founding { number as f64 / 60.0 } else { random.between(8.0, 18.0) };
        let created_at = day.and_time(NaiveTime::MIN).and_utc() + seconds(hour * 3_600.0);
        let draft_for = if founding { 60.0 } else { random.log_normal(86_400.0, 1.0) };
        let stays_draft = !founding && random.chance(0.04);
        let open_for = random.log_normal(150.0 * 86_400.0, 0.7);
        let is_closed = !founding && random.chance(0.3);
        // Past the present is not yet.
        let by_now = |time: DateTime<Utc>| (time <= self.until).then_some(time);
        let published_at = by_now(created_at + seconds(draft_for)).filter(|_| !stays_draft);
        let archived_at = published_at.filter(|_| is_closed).and_then(|published| by_now(published + seconds(open_for)));
        Some(Capsule {
            id: format!("demo-capsule-{:04}", number + 1),
            title: title(&mut random, number),
            created_at,
            published_at,
            archived_at,
            // Zipf's law: the weight of a capsule at a random rank.
            weight: (random.unit() + 0.0025).powf(-0.8),
        })
    }
}

const TITLE: &str = "Demo company as of ";
const AT: &str = " at ";
const END: &str = " of the plan's volume";

const SUBJECTS: [&str; 20] = [
    "Onboarding",
    "Product tour",
    "Sales playbook",
    "Security basics",
    "Annual report",
    "Museum guide",
    "Physics revision",
    "Recipe collection",
    "City walk",
    "Investor questions",
    "Support handbook",
    "Release notes",
    "Language course",
    "Book club",
    "Job interview",
    "Data protection",
    "Wedding album",
    "Podcast archive",
    "Field manual",
    "Market study",
];
const OWNERS: [&str; 16] = [
    "Northwind",
    "Aurora",
    "Blue Harbour",
    "Cedar & Co",
    "Delta School",
    "Evergreen",
    "Foxglove",
    "Granite",
    "Helios",
    "Ivory Coast Tours",
    "Juniper",
    "Kestrel",
    "Lumen",
    "Meridian",
    "Nimbus",
    "Oakfield",
];

fn title(random: &mut Random, number: usize) -> String {
    let subject = SUBJECTS[random.below(SUBJECTS.len())];
    format!("{subject} for {} ({})", OWNERS[random.below(OWNERS.len())], number + 1)
}

pub(super) fn seconds(count: f64) -> TimeDelta {
    TimeDelta::milliseconds((count * 1_000.0) as i64)
}

fn days_in_month(day: NaiveDate) -> f64 {
    let first = day.with_day(1).expect("every month has a first");
    (first + Months::new(1)).signed_duration_since(first).num_days() as f64
}

/// Mostly work, some leisure.
fn weekday_weight(day: NaiveDate) -> f64 {
    [1.02, 1.08, 1.10, 1.06, 0.94, 0.46, 0.52][day.weekday().num_days_from_monday() as usize]
}

#[derive(Debug, Clone)]
struct Growth {
    users: Curve,
    /// Interactions a month.
    interactions: Curve,
}

impl Growth {
    fn of(plan: &Plan, Volume(share): Volume) -> Self {
        let points = |first: f64, capacity: fn(&domain::plan::Stage) -> u64| {
            let stages = plan.stages.iter().map(|stage| (f64::from(stage.months.1), capacity(stage) as f64 * share));
            Curve([(1.0, first)].into_iter().chain(stages).collect())
        };
        Self {
            users: points(FIRST_MONTH.0, |stage| stage.users),
            interactions: points(FIRST_MONTH.1, |stage| stage.interactions_per_month),
        }
    }
}

/// Through these points (months, figure), growing by the same factor every month between two of them.
#[derive(Debug, Clone)]
pub(super) struct Curve(pub(super) Vec<(f64, f64)>);

impl Curve {
    pub(super) fn at(&self, months: f64) -> f64 {
        let next = self.0.iter().position(|point| months < point.0).unwrap_or(self.0.len()).clamp(1, self.0.len() - 1);
        let ((from, start), (to, end)) = (self.0[next - 1], self.0[next]);
        start * (end / start).powf((months - from) / (to - from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn company() -> Company {
        Company::as_of("2026-10-20T15:30:00Z".parse().expect("a time"), Volume::default())
    }

    #[test]
    fn it_reaches_the_plans_capacities_at_its_volume_when_a_stage_ends() {
        let company = company();
        assert_eq!(company.first_day, "2025-04-01".parse().expect("a day"));
        let users = |day: &str| company.users_joined(day.parse().expect("a day"));
        assert_eq!([users("2025-05-01"), users("2025-10-01"), users("2026-10-01")], [10, 1_000, 7_500]);
        assert!((company.growth.interactions.at(18.0) - 100_000.0).abs() < 1.0);
        assert!((300_000..600_000).contains(&company.interactions_expected()), "{}", company.interactions_expected());
    }

    #[test]
    fn the_title_of_the_marker_makes_the_same_company_again() {
        let company = company();
        assert_eq!(company.title(), "Demo company as of 2026-10-20T15:30:00Z at 0.1 of the plan's volume");
        let again = Company::from_title(&company.title()).expect("a company");
        assert_eq!((again.until, again.volume, again.first_day), (company.until, company.volume, company.first_day));
        assert!(Company::from_title("My capsule").is_none());
    }

    #[test]
    fn capsules_come_one_after_the_other_and_some_go() {
        let company = company();
        let capsules = &company.capsules;
        assert!((390..450).contains(&capsules.len()), "{}", capsules.len());
        let archived = capsules.iter().filter(|capsule| capsule.archived_at.is_some()).count();
        let drafts = capsules.iter().filter(|capsule| capsule.published_at.is_none()).count();
        assert!((10..120).contains(&archived) && (5..60).contains(&drafts), "{archived} archived, {drafts} drafts");
        for capsule in capsules {
            let times = [Some(capsule.created_at), capsule.published_at, capsule.archived_at];
            let times: Vec<_> = times.into_iter().flatten().chain([company.until]).collect();
            assert!(times.is_sorted(), "{capsule:?}");
            assert!(domain::Title::parse(capsule.title.as_str()).is_ok());
        }
    }

    #[test]
    fn a_volume_is_a_share() {
        assert!("0.1".parse::<Volume>().is_ok());
        assert!(["0", "2", "x"].iter().all(|text| text.parse::<Volume>().is_err()));
    }
}
