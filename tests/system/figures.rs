//! Every KPI on the demo's data: its figures are what their parts add up to, now and as of past days, and what late events changed
//! makes the difference. The questions are chosen at random; the seed is printed, and `SEED` asks the same ones again.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use domain::kpis::{Kpi, register};
use domain::period::midnight;
use domain::{Grain, Partition, Position, RecordedEvent, TenantId};
use projections::kpis::explain::{ExplainQuery, Explanation, explain};
use projections::kpis::late::{LateQuery, late};
use projections::{BoxError, Generation, PartitionBatch, Runner, Settings, Source, SourceBatch, Sourced, Stopped};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::program::Client;

/// Questions for each KPI and way of asking.
const QUESTIONS: usize = 2;
/// Not every grain and dimension has a figure of a period that is over.
const TRIES: usize = 20;
/// How late what is late was recorded, days.
const LATE_MAX: i64 = 45;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_figure_of_the_demo_is_what_its_parts_and_what_came_late_make_of_it() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    eprintln!("SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (program, client, place, _directory) = crate::dashboards::with_demo("0.005").await;
    let mut wrong = now(&client, &mut random).await;

    let events = as_it_happened(&place.database_url, &mut random).await;
    assert!(program.stop().await, "it stops well");
    let other = crate::servers::fresh_place().await;
    let pool = event_store::connect(&other.database_url, 4).await.expect("PostgreSQL answers");
    projections::migrate(&pool).await.expect("a generation");
    let live = Generation::live(&pool).await.expect("a generation");
    let source = Memory { events: events.clone() };
    let stopped = Runner::run(pool.clone(), live, source, Settings::default(), CancellationToken::new()).await;
    assert_eq!(stopped.expect("it runs"), Stopped::SourceEnded);
    wrong.extend(then(&pool, &events, &mut random).await);
    assert!(wrong.is_empty(), "SEED={seed}\n{}", wrong.join("\n"));
}

/// Through the API, as known now: the parts make the figure, and the figure is the one that is kept. Of each KPI, whatever it has.
async fn now(client: &Client, random: &mut StdRng) -> Vec<String> {
    let mut wrong = Vec::new();
    for kpi in register() {
        let mut held = 0;
        for _ in 0..TRIES {
            let Some(figure) = a_figure(client, kpi, random).await else { continue };
            let segment = figure["segment"].as_str().expect("a segment").replace(' ', "%20");
            let period = figure["period"].as_str().expect("a period");
            let address = format!("/v1/kpis/{}/explain?period={period}&segment={segment}", kpi.id);
            let found = Explained::of(client, &address).await.differences(&figure);
            wrong.extend(found.into_iter().map(|text| format!("{address}: {text}")));
            held += 1;
            if held == QUESTIONS {
                break;
            }
        }
        assert!(held > 0, "the demo has a figure of {} that is over", kpi.id);
    }
    wrong
}

/// Some figure of a period that is over: what goes on is another one a moment later.
async fn a_figure(client: &Client, kpi: &Kpi, random: &mut StdRng) -> Option<Value> {
    let grain = kpi.grains.choose(random).expect("a grain").as_str();
    let series = client.get(&format!("/v1/kpis/{}?grain={grain}&segment=all", kpi.id)).await;
    let mut figures = series["data"].as_array().expect("figures").clone();
    if let Some(dimension) = kpi.dimensions.choose(random) {
        let split = client.get(&format!("/v1/kpis/{}?grain={grain}&segment={dimension}", kpi.id)).await;
        figures.extend(split["data"].as_array().expect("figures").iter().cloned());
    }
    figures.retain(|figure| figure["partial"] == false && !figure["value"].is_null());
    figures.choose(random).cloned()
}

/// All pages of an explanation, and what its parts add up to.
struct Explained {
    told: Value,
    parts: usize,
    sums: BTreeMap<String, Decimal>,
    /// Each part's own measure.
    values: Vec<Option<f64>>,
}

impl Explained {
    async fn of(client: &Client, address: &str) -> Self {
        let told = client.get(&format!("{address}&limit=1000")).await;
        let mut all = Self { told, parts: 0, sums: BTreeMap::new(), values: Vec::new() };
        let mut page = all.told.clone();
        loop {
            for part in page["data"].as_array().expect("parts") {
                all.parts += 1;
                all.values.push(part["value"].as_f64());
                for (name, amount) in part["amounts"].as_object().expect("amounts") {
                    *all.sums.entry(name.clone()).or_default() += decimal(amount);
                }
            }
            let Some(next) = page["next"].as_str() else { return all };
            page = client.get(&format!("{address}&limit=1000&cursor={next}")).await;
        }
    }

    /// Where it is not the figure that is kept, or its parts do not make it.
    fn differences(&self, kept: &Value) -> Vec<String> {
        let (figure, totals) = (&self.told["figure"], &self.told["totals"]);
        let mut wrong = Vec::new();
        for name in ["numerator", "denominator", "value", "n"] {
            if kept[name].as_f64() != figure[name].as_f64() {
                wrong.push(format!("{name} is kept as {}, explained as {}", kept[name], figure[name]));
            }
        }
        if totals["parts"] != json!(self.parts) {
            wrong.push(format!("it has {} parts, and says {}", self.parts, totals["parts"]));
        }
        // Inputs of a ratio of sums stand beside the figure; its numerator and denominator are no sums then.
        let is_of_inputs = self.sums.contains_key("revenue") || self.sums.contains_key("spend");
        for (name, sum) in &self.sums {
            let is_side = ["numerator", "denominator"].contains(&name.as_str());
            let shown = if is_side { &figure[name] } else { &figure["parts"][name] };
            // Shown in cents, for months that are not over make more digits; others to a millionth.
            let places = if ["revenue", "opening_revenue"].contains(&name.as_str()) { 2 } else { 6 };
            let is_same = |shown: &Value| (decimal(shown) - sum).abs() <= Decimal::new(6, places + 1);
            if !is_same(&totals["amounts"][name]) {
                wrong.push(format!("{name} is {} in all, its parts make {sum}", totals["amounts"][name]));
            }
            if !(is_side && is_of_inputs || is_same(shown)) {
                wrong.push(format!("{name} is {shown}, its parts make {sum}"));
            }
        }
        if self.values.iter().any(Option::is_some) {
            let median = median(&self.values, self.sums.contains_key("not_reached"));
            let shown = figure["value"].as_f64();
            if !median.zip(shown).is_some_and(|(median, shown)| (median - shown).abs() < 1e-6) {
                wrong.push(format!("it is {shown:?}, the median of its parts is {median:?}"));
            }
        }
        wrong
    }
}

fn decimal(number: &Value) -> Decimal {
    let text = number.to_string();
    text.parse().or_else(|_| Decimal::from_scientific(&text)).unwrap_or_default()
}

/// With `all`, those without a value count, and come last.
fn median(values: &[Option<f64>], all: bool) -> Option<f64> {
    let mut sorted: Vec<f64> = values.iter().filter_map(|value| value.or(all.then_some(f64::INFINITY))).collect();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    let middle = if all { sorted[last / 2] } else { f64::midpoint(sorted[last / 2], sorted[last.div_ceil(2)]) };
    Some(middle).filter(|middle| middle.is_finite())
}

/// The demo's events as if each had been recorded when it happened, but for some that were late; in another order, so by other
/// positions.
async fn as_it_happened(database_url: &str, random: &mut StdRng) -> BTreeMap<Partition, Vec<RecordedEvent>> {
    let pool = event_store::connect(database_url, 2).await.expect("PostgreSQL answers");
    let store = event_store::Store::open(pool, event_store::Settings::default()).await.expect("the ledger");
    let heads = store.heads().await.expect("heads");
    let mut partitions = BTreeMap::new();
    for (number, head) in (0..).map(Partition).zip(heads) {
        let mut events: Vec<RecordedEvent> = Vec::new();
        while (events.len() as u64) < head.0 {
            events.extend(store.read(number, Position(events.len() as u64), 10_000).await.expect("events"));
        }
        let mut last: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
        for event in &mut events {
            let late = if random.random_ratio(1, 10) { random.random_range(0..LATE_MAX * 24) } else { 0 };
            let stream = format!("{}/{}", event.aggregate_type.as_str(), event.aggregate_id);
            let last = last.entry(stream).or_insert(DateTime::UNIX_EPOCH);
            *last = (*last).max(event.occurred_at + TimeDelta::hours(late));
            event.recorded_at = *last;
        }
        events.sort_by_key(|event| event.recorded_at);
        (0..).map(Position).zip(&mut events).for_each(|(position, event)| event.position = position);
        partitions.insert(number, events);
    }
    store.shutdown().await;
    partitions
}

/// As of past days: the parts then make the figure then, and with what late events changed, the figure now.
async fn then(pool: &PgPool, events: &BTreeMap<Partition, Vec<RecordedEvent>>, random: &mut StdRng) -> Vec<String> {
    let tenant = TenantId::parse("demo").expect("a tenant");
    let last = events.values().flatten().map(|event| event.recorded_at).max().expect("events");
    let now = last + TimeDelta::hours(1);
    let (mut wrong, mut held, mut changed) = (Vec::new(), 0, 0);
    for kpi in register() {
        for _ in 0..QUESTIONS {
            let grain = *kpi.grains.choose(random).expect("a grain");
            let day = last.date_naive() - Days::new(random.random_range(5..200));
            let period = grain.before(grain.start(day), random.random_range(0..3));
            let asked = Asked { pool, tenant: &tenant, kpi, grain, period, day, now };
            let Some(segment) = asked.segments().await.choose(random).cloned() else { continue };
            let (found, changes) = asked.differences(&segment, events).await;
            held += 1;
            changed += usize::from(changes);
            wrong.extend(
                found.into_iter().map(|text| format!("{} {} {segment} as of {day}: {text}", kpi.id, grain.name(period))),
            );
        }
    }
    eprintln!("{held} figures of past days, {changed} of them changed since");
    assert!(held > 50 && changed > 10, "{held} figures of past days, {changed} of them changed since");
    wrong
}

struct Asked<'a> {
    pool: &'a PgPool,
    tenant: &'a TenantId,
    kpi: &'static Kpi,
    grain: Grain,
    period: NaiveDate,
    day: NaiveDate,
    now: DateTime<Utc>,
}

impl Asked<'_> {
    async fn segments(&self) -> Vec<String> {
        use projections::kpis::series::{Segments, SeriesQuery, series};
        let query = SeriesQuery {
            grain: self.grain,
            from: self.period,
            to: self.period,
            segments: Segments::All,
            as_of: Some(self.day),
            definition: None,
            after: None,
            limit: None,
            now: self.now,
        };
        let found = series(self.pool, self.tenant, self.kpi, &query).await.expect("figures").expect("a definition");
        found.figures.into_iter().map(|shown| shown.figure.segment).collect()
    }

    async fn explained(&self, segment: &str, as_of: Option<NaiveDate>) -> Explanation {
        let query = ExplainQuery {
            grain: self.grain,
            period: self.period,
            segment: segment.to_owned(),
            as_of,
            definition: None,
            after: None,
            limit: 1,
            now: self.now,
        };
        explain(self.pool, self.tenant, self.kpi, &query).await.expect("an explanation").expect("a definition")
    }

    /// What is wrong, and whether anything changed.
    async fn differences(&self, segment: &str, events: &BTreeMap<Partition, Vec<RecordedEvent>>) -> (Vec<String>, bool) {
        let known = midnight(self.day + Days::new(1));
        let first = |events: &Vec<RecordedEvent>| events.partition_point(|event| event.recorded_at < known) as u64;
        let first_late: Vec<_> = events.iter().map(|(partition, events)| (*partition, Position(first(events)))).collect();
        let query = LateQuery {
            grain: self.grain,
            period: self.period,
            segment: segment.to_owned(),
            as_of: self.day,
            definition: None,
            after: None,
            limit: 1_000_000,
            now: self.now,
        };
        let found = late(self.pool, self.tenant, self.kpi, &query, &first_late).await.expect("changes").expect("a definition");
        let (then, now) = (self.explained(segment, Some(self.day)).await, self.explained(segment, None).await);
        let mut wrong = Vec::new();
        for (explanation, shown) in [(&then, &found.then), (&now, &found.now)] {
            if explanation.figure.as_ref().map(|shown| &shown.figure) != shown.as_ref().map(|shown| &shown.figure) {
                wrong.push(format!("it is {shown:?}, explained as {:?}", explanation.figure));
            }
        }
        for (name, (before, after)) in &found.totals.amounts {
            let sum = |explanation: &Explanation| explanation.totals.amounts.get(name).copied().unwrap_or_default();
            let of = |amounts: &Option<BTreeMap<String, Decimal>>| {
                amounts.as_ref().and_then(|amounts| amounts.get(name)).copied().unwrap_or_default()
            };
            let changed: Decimal = found.parts.iter().map(|part| of(&part.now) - of(&part.then)).sum();
            // Figures are made to a millionth.
            let is_same = |one: Decimal, other: Decimal| (one - other).abs() <= Decimal::new(2, 6);
            let (then, now) = (sum(&then), sum(&now));
            if !is_same(then + changed, now) || !is_same(*before, then) || !is_same(*after, now) {
                wrong.push(format!("{name} was {then}, is {now}, and changed by {changed}: {before}, {after}"));
            }
        }
        if found.then.as_ref().map(|shown| shown.figure.value) != found.now.as_ref().map(|shown| shown.figure.value)
            && found.parts.is_empty()
        {
            wrong.push("it is another figure, and nothing changed it".to_owned());
        }
        (wrong, !found.parts.is_empty())
    }
}

/// A ledger that is read once.
struct Memory {
    events: BTreeMap<Partition, Vec<RecordedEvent>>,
}

impl Source for Memory {
    async fn next_batch(&mut self, events_max: usize, _: Duration) -> Result<SourceBatch, BoxError> {
        let mut partitions = Vec::new();
        for (partition, rest) in &mut self.events {
            let share = rest.len().min(events_max / 8);
            let events: Vec<Sourced> = rest.drain(..share).map(|event| Sourced { offset: None, event }).collect();
            if !events.is_empty() {
                partitions.push(PartitionBatch { partition: *partition, events });
            }
        }
        let ended = self.events.values().all(Vec::is_empty);
        Ok(SourceBatch { partitions, faults: Vec::new(), ended })
    }
}
