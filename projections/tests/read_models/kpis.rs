//! Every KPI from raw facts to its figure: the cases in `tests/kpis/`, a file a KPI.
//!
//! A case names its facts, one a line (`TIME COLLECTION/ID/COMMAND DATA`, or `TIME@RECORDED …` for one that came late), asks
//! for one period, and says what each segment is then; `absent` names segments that must not be there. Each case is a tenant
//! of its own. The same facts once more, out of order and some of them twice, must give the same figures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::interaction::InteractionCommand;
use domain::kpis::{self, Kpi};
use domain::{AggregateType, Capsule, Command, Context, Grain, Pseudonym, Rejection, State, Stream, TenantId, UserRef};
use projections::kpis::evaluate::{Evaluation, Terms};
use projections::kpis::plans::Plans;
use projections::kpis::query::{Figure, Known, Question, figures};
use projections::kpis::refresher::{Lane, Pace, Refresher};
use projections::kpis::series::{BoardQuery, Segments, SeriesQuery, board, series, series_by};
use projections::kpis::shown::Shown;
use projections::{Generation, compare};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

use crate::database::{apply, cut_over, with_database};
use crate::generate::{Ledger, tenant, time};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Facts that every case begins with.
    #[serde(default)]
    before: String,
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) it: String,
    pub(crate) facts: String,
    /// `2026-03`, `2026-W10`, `2026-Q1` or `2026-03-31`.
    pub(crate) ask: String,
    /// The present; default: long after.
    pub(crate) now: Option<DateTime<Utc>>,
    /// Only what was recorded before it is known.
    pub(crate) known: Option<DateTime<Utc>>,
    /// Of two things said of one moment the one said last holds, as it puts the other right.
    #[serde(default)]
    order_matters: bool,
    #[serde(default)]
    pub(crate) definition: Option<toml::Value>,
    #[serde(default)]
    figures: BTreeMap<String, Expected>,
    #[serde(default)]
    absent: Vec<String>,
}

/// What is said of a segment; the rest is not looked at. An empty text: none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    numerator: Option<String>,
    denominator: Option<String>,
    n: Option<i64>,
    value: Option<String>,
    #[serde(default)]
    parts: BTreeMap<String, toml::Value>,
}

#[derive(Debug, Clone)]
pub(crate) struct Fact {
    recorded_at: DateTime<Utc>,
    aggregate_type: AggregateType,
    id: String,
    command: String,
    data: Value,
}

pub(crate) fn files() -> Vec<(&'static Kpi, Vec<Case>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/kpis");
    let read = |kpi: &'static Kpi| {
        let path = folder.join(format!("{}.toml", kpi.id));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let with_before = |case: Case| Case { facts: format!("{}\n{}", file.before, case.facts), ..case };
        (kpi, file.case.into_iter().map(with_before).collect())
    };
    kpis::register().map(read).collect()
}

pub(crate) fn facts(case: &Case) -> Vec<Fact> {
    let lines = case.facts.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| fact(line).unwrap_or_else(|| panic!("{}: {line}", case.it))).collect()
}

pub(crate) fn fact(line: &str) -> Option<Fact> {
    let (times, rest) = line.split_once(' ')?;
    let (path, data) = rest.split_once(' ')?;
    let (occurred, recorded) = times.split_once('@').unwrap_or((times, times));
    let mut path = path.split('/');
    let mut data: Value = serde_json::from_str(data).ok()?;
    data["occurred_at"] = occurred.into();
    if data["plan"] == "strategy" {
        data["plan"] = serde_json::to_value(domain::plan::Plan::carried()).unwrap();
    }
    Some(Fact {
        recorded_at: recorded.parse().ok()?,
        aggregate_type: AggregateType::from_collection(path.next()?)?,
        id: path.next()?.to_owned(),
        command: path.next()?.to_owned(),
        data,
    })
}

/// The commands, decided and recorded one after another, as the store would.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) ledger: Ledger,
    states: BTreeMap<(String, AggregateType, String), (State, u64)>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { ledger: Ledger::new(), states: BTreeMap::new() }
    }

    pub(crate) fn take(&mut self, tenant_name: &str, fact: &Fact) -> Result<(), Rejection> {
        let data = serde_json::to_vec(&fact.data).unwrap();
        let mut command = Command::parse(fact.aggregate_type, &fact.command, &data)
            .unwrap_or_else(|error| panic!("{error}: {} {}", fact.command, fact.data));
        if let Some(person) = command.person()
            && let UserRef::Named(name) = person.user
        {
            *person.user = UserRef::Known(pseudonym(tenant_name, name.as_str()));
        }
        let key = (tenant_name.to_owned(), fact.aggregate_type, fact.id.clone());
        let initial = || (State::initial(fact.aggregate_type), 0);
        let (mut state, mut sequence) = self.states.get(&key).cloned().unwrap_or_else(initial);
        let context = Context { now: fact.recorded_at, capsule: Arc::new(self.capsule(tenant_name, &command)) };
        let partition_key = state.partition_key(&command, &fact.id).to_owned();
        for event in state.clone().decide(command, &context)? {
            sequence += 1;
            state = state.evolve(&event);
            self.ledger.append(&tenant(tenant_name), &fact.id, sequence, &partition_key, fact.recorded_at, &event);
        }
        self.states.insert(key, (state, sequence));
        Ok(())
    }

    fn capsule(&self, tenant_name: &str, command: &Command) -> Capsule {
        let Command::Interaction(InteractionCommand::Record(record)) = command else { return Capsule::default() };
        let stream = Stream::capsule(&tenant(tenant_name), &record.capsule_id);
        match self.states.get(&(tenant_name.to_owned(), AggregateType::Capsule, stream.id)) {
            Some((State::Capsule(capsule), _)) => capsule.clone(),
            _ => Capsule::default(),
        }
    }
}

fn pseudonym(tenant: &str, user: &str) -> Pseudonym {
    let mut bytes = [0_u8; 16];
    for (place, byte) in tenant.bytes().chain([b'/']).chain(user.bytes()).enumerate() {
        bytes[place % 16] = bytes[place % 16].wrapping_mul(31).wrapping_add(byte);
    }
    Pseudonym(Uuid::from_bytes(bytes))
}

/// Orders in which the facts of each case arrive beside their own.
const SHUFFLES: u64 = 3;

/// In their own order, as they are.
pub(crate) fn record(recorder: &mut Recorder, tenant_name: &str, case: &Case) {
    for fact in facts(case) {
        recorder.take(tenant_name, &fact).unwrap_or_else(|error| panic!("{}: {error}: {fact:?}", case.it));
    }
}

/// The facts of cases, each case's tenant by its own name, some of them up to so many days later than they came; in the order of the
/// ledger. Of one aggregate they stay in their own order; what the rules refuse then is left out.
pub(crate) fn record_late(recorder: &mut Recorder, cases: &[(String, &Case)], days_max: i64, random: &mut StdRng) {
    let mut all = Vec::new();
    for (tenant_name, case) in cases {
        let mut last: BTreeMap<(AggregateType, String), DateTime<Utc>> = BTreeMap::new();
        for mut fact in facts(case) {
            let is_late = fact.aggregate_type != AggregateType::Capsule && random.random_ratio(1, 3);
            let delay = TimeDelta::hours(if is_late { random.random_range(0..24 * days_max) } else { 0 });
            let last = last.entry((fact.aggregate_type, fact.id.clone())).or_insert(fact.recorded_at);
            *last = (*last).max(fact.recorded_at + delay);
            fact.recorded_at = *last;
            all.push((tenant_name, fact));
        }
    }
    all.sort_by_key(|(_, fact)| fact.recorded_at);
    for (tenant_name, fact) in all {
        recorder.take(tenant_name, &fact).ok();
    }
}

/// Out of order, every third twice, each as soon as the rules take it; and all of it years late, where what was known when is not
/// asked.
fn record_shuffled(recorder: &mut Recorder, tenant_name: &str, case: &Case, seed: u64) {
    let facts = facts(case);
    let mut left: Vec<Fact> = facts.iter().step_by(3).chain(&facts).cloned().collect();
    left.shuffle(&mut StdRng::seed_from_u64(seed));
    if case.known.is_none() {
        left.iter_mut().for_each(|fact| fact.recorded_at = time("2039-06-01T12:00:00Z"));
    }
    // What must come after something else waits for it; and what closes something, for all that must come before.
    while !left.is_empty() {
        let before = left.len();
        left.sort_by_key(closes);
        let place = left.iter().position(|fact| recorder.take(tenant_name, fact).is_ok());
        left.remove(place.unwrap_or_else(|| panic!("{}: {before} facts cannot be recorded: {left:?}", case.it)));
    }
}

/// A fact after which its aggregate takes no other: it has to come last, whenever it happened.
fn closes(fact: &Fact) -> bool {
    ["win", "lose", "end", "depart", "close", "archive", "disqualify"].contains(&fact.command.as_str())
}

#[test]
fn every_kpi_is_what_its_cases_say_in_whatever_order_however_late_and_often_its_facts_arrive() {
    let files = files();
    let mut recorder = Recorder::new();
    let mut numbered = Vec::new();
    for (number, (kpi, case)) in files.iter().flat_map(|(kpi, cases)| cases.iter().map(move |case| (*kpi, case))).enumerate() {
        let in_order = format!("case-{number}");
        record(&mut recorder, &in_order, case);
        let shuffled: Vec<String> = (0..SHUFFLES).map(|turn| format!("case-{number}-shuffled-{turn}")).collect();
        for (turn, tenant_name) in shuffled.iter().enumerate() {
            record_shuffled(&mut recorder, tenant_name, case, (number * 100 + turn) as u64);
        }
        numbered.push((kpi, case, in_order, shuffled));
    }
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        apply(&pool, &live, &recorder.ledger.events, 50).await;
        let mut wrong = Vec::new();
        for (kpi, case, in_order, shuffled) in &numbered {
            let found = ask(&pool, in_order, kpi, case).await;
            wrong.extend(differences(case, &found).into_iter().map(|text| format!("{}: it {}: {text}", kpi.id, case.it)));
            let found = without_events(found);
            // In another order, what was known by a moment is something else.
            for tenant_name in shuffled.iter().filter(|_| case.known.is_none() && !case.order_matters) {
                let other = without_events(ask(&pool, tenant_name, kpi, case).await);
                if found != other {
                    wrong.push(format!("{}: it {}: out of order it is {other:#?}, not {found:#?}", kpi.id, case.it));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// In another order an event has another position.
fn without_events(mut figures: Vec<Figure>) -> Vec<Figure> {
    for figure in &mut figures {
        for item in figure.parts["items"].as_array_mut().into_iter().flatten() {
            item.as_object_mut().map(|item| item.remove("event"));
        }
    }
    figures
}

async fn ask(pool: &PgPool, tenant_name: &str, kpi: &'static Kpi, case: &Case) -> Vec<Figure> {
    let (grain, start) = period(&case.ask);
    assert!(kpi.grains.contains(&grain), "{} has no {}", kpi.id, grain.as_str());
    let definition =
        case.definition.as_ref().map_or_else(|| kpi.default_definition(), |given| serde_json::to_value(given).unwrap());
    let mut connection = pool.acquire().await.unwrap();
    let known = case.known.map_or(Known::Now, Known::Before);
    let plans = Plans::load(&mut connection, "read", &tenant(tenant_name), known).await.unwrap();
    let question = Question {
        tenant: &tenant(tenant_name),
        kpi,
        grain,
        // With another beside it, which must change nothing.
        periods: &[grain.before(start, 1), start],
        now: case.now.unwrap_or_else(|| time("2040-01-01T00:00:00Z")),
        plans: &plans,
        at_close: false,
        definition: &definition,
    };
    let found = figures(&mut connection, "read", &question).await.unwrap_or_else(|error| panic!("{}: {error:?}", kpi.id));
    found.into_iter().filter(|figure| figure.period == start).collect()
}

pub(crate) fn period(text: &str) -> (Grain, NaiveDate) {
    let start = ["2024", "2025", "2026", "2027"]
        .iter()
        .flat_map(|year| Grain::ALL.map(|grain| (grain, format!("{year}-01-01").parse::<NaiveDate>().unwrap())))
        .flat_map(|(grain, first)| {
            grain
                .between(first, grain.after(first, 1))
                .chain(grain.between(first, first + chrono::Days::new(365)))
                .map(move |start| (grain, start))
        })
        .find(|(grain, start)| grain.name(*start) == text);
    start.unwrap_or_else(|| panic!("{text} is a period"))
}

fn differences(case: &Case, found: &[Figure]) -> Vec<String> {
    let mut wrong = Vec::new();
    let segments: BTreeSet<&str> = found.iter().map(|figure| figure.segment.as_str()).collect();
    for segment in &case.absent {
        if segments.contains(segment.as_str()) {
            wrong.push(format!("{segment} is there: {found:?}"));
        }
    }
    assert!(!case.figures.is_empty() || !case.absent.is_empty(), "{} says something", case.it);
    for (segment, expected) in &case.figures {
        let Some(figure) = found.iter().find(|figure| figure.segment == *segment) else {
            wrong.push(format!("{segment} is not there, only {segments:?}"));
            continue;
        };
        let mut check = |what: &str, expected: Option<&String>, found: Option<Decimal>| {
            let Some(expected) = expected else { return };
            let number = (!expected.is_empty()).then(|| expected.parse::<Decimal>().unwrap());
            if number != found {
                wrong.push(format!("{segment}'s {what} is {found:?}, not {expected:?}"));
            }
        };
        check("numerator", expected.numerator.as_ref(), figure.numerator);
        check("denominator", expected.denominator.as_ref(), figure.denominator);
        check("value", expected.value.as_ref(), figure.value);
        if expected.n.is_some_and(|n| n != figure.n) {
            wrong.push(format!("{segment}'s n is {}, not {:?}", figure.n, expected.n));
        }
        for (name, expected) in &expected.parts {
            let (part, expected) = (&figure.parts[name], serde_json::to_value(expected).unwrap());
            let same = match (part.as_f64(), expected.as_f64()) {
                (Some(part), Some(expected)) => (part - expected).abs() < 1e-6,
                _ => *part == expected || (part.is_null() && expected == ""),
            };
            if !same {
                wrong.push(format!("{segment}'s {name} is {part}, not {expected}"));
            }
        }
    }
    wrong
}

/// Whose cases stand for all: facts of every function, states and windows, ahead and behind.
const SAMPLE: [&str; 5] = ["budget_variance", "feature_adoption_rate", "pipeline_coverage", "slo_uptime", "win_rate"];

#[test]
fn figures_that_are_kept_are_those_that_the_formulas_give_whatever_came_in_between() {
    let mut recorder = Recorder::new();
    let mut tenants = Vec::new();
    for (kpi, cases) in files().iter().filter(|(kpi, _)| SAMPLE.contains(&kpi.id)) {
        let tenant_name = format!("kept-{}", kpi.id.replace('_', "-"));
        let case = cases.iter().max_by_key(|case| case.facts.len()).unwrap();
        for fact in facts(case) {
            recorder.take(&tenant_name, &fact).unwrap();
        }
        tenants.push(tenant(&tenant_name));
    }
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let mut refresher = Refresher::new(pool.clone(), Pace::AT_ONCE, Lane::All);
        // A part of the facts, then more, then all: each time what was made before must follow.
        for part in [3, 2, 1] {
            let mut events = recorder.ledger.events.clone();
            events.values_mut().for_each(|events| events.truncate(events.len().div_ceil(part)));
            apply(&pool, &live, &events, 7).await;
            assert!(refresher.refresh().await.unwrap());
        }
        for tenant in &tenants {
            for kpi in kpis::register() {
                assert_kept(&pool, tenant, kpi).await;
            }
        }
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM read.figures").fetch_one(&pool).await.unwrap();
        assert!(count > 500, "{count} figures");

        // Built anew they are the same, row for row.
        let second = Generation::create_building(&pool).await.unwrap();
        apply(&pool, &second, &recorder.ledger.events, 1000).await;
        cut_over(&pool, &second).await.unwrap();
        assert_eq!(compare(&pool, &live, &second).await.unwrap(), []);
        let again: i64 = sqlx::query_scalar("SELECT count(*) FROM read.figures").fetch_one(&pool).await.unwrap();
        assert_eq!(count, again);
    });
}

#[test]
fn a_figure_that_says_nothing_is_due_shows_every_fact_even_if_it_is_made_while_it_is_read() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let mut refresher = Refresher::new(pool.clone(), Pace::AT_ONCE, Lane::All);
        let mut recorder = Recorder::new();
        let (reader, kpi) = (tenant("reader"), kpis::find("open_risks").unwrap());
        let terms = Terms::load(&mut pool.acquire().await.unwrap(), "read", &reader, Known::Now).await.unwrap();
        let month = "2026-03-01".parse().unwrap();
        let query = SeriesQuery {
            grain: Grain::Month,
            from: month,
            to: month,
            segments: Segments::Total,
            as_of: None,
            definition: None,
            after: None,
            limit: None,
            now: Utc::now(),
        };
        // Open then is open now: both ask for the same.
        let asked = BoardQuery { grain: Grain::Month, periods: 1, last: query.now.date_naive(), as_of: None, now: query.now };
        for count in 1..=40 {
            let line = format!(
                "2026-03-05T00:00:00Z risks/r{count}/raise \
                 {{\"category\":\"financial\",\"risk\":\"one customer is half\",\"likelihood\":2,\"impact\":2}}"
            );
            recorder.take("reader", &fact(&line).unwrap()).unwrap();
            apply(&pool, &live, &recorder.ledger.events, 10).await;
            let reads = async {
                loop {
                    let series = series_by(&pool, &reader, &terms, kpi, &query).await.unwrap().unwrap();
                    let (_, board) = board(&pool, &reader, &[kpi], &asked).await.unwrap();
                    let both = [series, board.into_iter().next().unwrap().series];
                    for series in &both {
                        let value = series.figures.first().and_then(|shown| shown.figure.value);
                        assert!(series.is_due || value == Some(count.into()), "{count}: {value:?}");
                    }
                    if both.iter().all(|series| !series.is_due) {
                        return;
                    }
                }
            };
            let (made, ()) = tokio::join!(refresher.refresh(), reads);
            assert!(made.unwrap());
        }
    });
}

async fn assert_kept(pool: &PgPool, tenant: &TenantId, kpi: &'static Kpi) {
    let mut connection = pool.acquire().await.unwrap();
    let terms = Terms::load(&mut connection, "read", tenant, Known::Now).await.unwrap();
    let now: DateTime<Utc> = sqlx::query_scalar("SELECT now()").fetch_one(&mut *connection).await.unwrap();
    for grain in kpi.grains {
        let first = "2026-01-01".parse().unwrap();
        let periods: Vec<NaiveDate> = grain.between(first, now.date_naive()).collect();
        let evaluation = Evaluation { schema: "read", tenant, kpi, terms: &terms, definition: None, now };
        let made = evaluation.over(&mut connection, *grain, &periods).await.unwrap();
        let query = SeriesQuery {
            grain: *grain,
            from: first,
            to: now.date_naive(),
            segments: Segments::Total,
            as_of: None,
            definition: None,
            after: None,
            limit: None,
            now,
        };
        let total = |shown: &Shown| !kpi.has_total || shown.figure.segment == "all";
        let kept = series(pool, tenant, kpi, &query).await.unwrap().unwrap();
        assert!(!kept.is_due, "{}", kpi.id);
        // The moment of the present moves on between the two: nothing here happens today.
        let made: Vec<Shown> = made.into_iter().filter(total).collect();
        assert!(kept.computed_at.is_some() || made.is_empty(), "{}", kpi.id);
        assert_eq!(kept.figures, made, "{} of {tenant} by {}", kpi.id, grain.as_str());
    }
}
