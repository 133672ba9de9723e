//! What changed a figure since a past day: by how much its parts changed it, and which events made them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::kpis::{Kpi, find};
use domain::period::midnight;
use domain::{Grain, Partition, Position, TenantId};
use projections::Generation;
use projections::kpis::evaluate::Terms;
use projections::kpis::explain::{ExplainQuery, Explanation, explain};
use projections::kpis::late::{Late, LatePart, LateQuery, late, since};
use projections::kpis::query::Known;
use projections::kpis::series::{Segments, SeriesQuery, series_by};
use projections::kpis::shown::Shown;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::seq::IteratorRandom as _;
use rand::{Rng, SeedableRng};
use rust_decimal::Decimal;
use sqlx::PgPool;

use crate::database::{apply, with_database};
use crate::generate::{Ledger, tenant, time};
use crate::kpis::{Recorder, fact, files, period, record_late};

/// How late a fact may be, days.
const LATE_MAX: i64 = 60;
/// So many cases of each KPI, each from one day and with so many segments: another choice each time.
const CASES: usize = 4;
const SEGMENTS: usize = 2;

/// Where all is known.
fn now() -> DateTime<Utc> {
    time("2040-01-01T00:00:00Z")
}

#[test]
fn what_a_figure_was_known_to_be_and_what_late_events_changed_make_what_it_is() {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random::<u64>);
    eprintln!("SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let files = files();
    let mut cases = Vec::new();
    for (kpi, of_kpi) in &files {
        let known: Vec<_> = of_kpi.iter().filter(|case| case.definition.is_none()).collect();
        cases.extend(known.choose_multiple(&mut random, CASES).map(|case| (*kpi, *case)));
    }
    let named: Vec<_> = cases.iter().enumerate().map(|(number, (_, case))| (format!("late-{number}"), *case)).collect();
    let mut recorder = Recorder::new();
    record_late(&mut recorder, &named, LATE_MAX, &mut random);
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 500).await;
        let mut held = Held::default();
        for ((name, case), (kpi, _)) in named.iter().zip(&cases) {
            let tenant = tenant(name);
            let (grain, start) = period(&case.ask);
            let day = start + Days::new(random.random_range(0..LATE_MAX as u64 + 40));
            let asked = Asked { pool: &pool, ledger: &recorder.ledger, tenant: &tenant, kpi, grain, period: start, day };
            let found = held.hold(&asked, &mut random).await;
            held.wrong.extend(found.into_iter().map(|text| format!("{}: it {}: on {day}: {text}", kpi.id, case.it)));
        }
        eprintln!("{} figures, {} changed", held.figures, held.changed);
        assert!(held.wrong.is_empty(), "SEED={seed}\n{}", held.wrong.join("\n"));
        assert!(held.changed > 40, "SEED={seed}: {} changed", held.changed);
    });
}

/// By the month that it begun in, a company is in another stage, and held against another capacity.
#[test]
fn a_figure_is_held_against_what_was_known_of_when_the_company_began() {
    let mut recorder = Recorder::new();
    let lines = [
        "2023-01-01T00:00:00Z capsules/c1/create {\"title\":\"One\"}",
        "2023-01-01T00:00:00Z capsules/c1/publish {}",
        "2026-10-05T00:00:00Z interactions/i1/record {\"capsule_id\":\"c1\",\"kind\":\"interaction\",\"user_id\":\"u1\"}",
        "2026-12-10T00:00:00Z interactions/i2/record {\"capsule_id\":\"c1\",\"kind\":\"interaction\",\"user_id\":\"u1\"}",
        "2026-03-15T00:00:00Z@2027-01-05T00:00:00Z interactions/i0/record {\"capsule_id\":\"c1\",\"kind\":\"interaction\",\"user_id\":\"u1\"}",
    ];
    for line in lines {
        recorder.take("began", &fact(line).unwrap()).unwrap();
    }
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 500).await;
        let (kpi, tenant, day) = (find("stage_capacity").unwrap(), tenant("began"), "2026-12-31".parse().unwrap());
        let (grain, period) = period("2026-12");
        let asked = Asked { pool: &pool, ledger: &recorder.ledger, tenant: &tenant, kpi, grain, period, day };
        for segment in asked.segments(None).await {
            let found = asked.late(&segment, 1_000).await;
            let (then, now) = (asked.explained(&segment, Some(day)).await, asked.explained(&segment, None).await);
            assert_eq!(differences(&then, &now, &found), [""; 0], "{segment}");
            let denominator = |shown: &Option<Shown>| shown.as_ref().and_then(|shown| shown.figure.denominator);
            assert_ne!(denominator(&found.then), denominator(&found.now), "{segment}: of another stage");
            assert_eq!(asked.counted().await.1[&segment], found.totals.events, "{segment}");
            assert!(found.totals.events > 0, "{segment}: {found:?}");
        }
    });
}

struct Asked<'a> {
    pool: &'a PgPool,
    ledger: &'a Ledger,
    tenant: &'a TenantId,
    kpi: &'static Kpi,
    grain: Grain,
    period: NaiveDate,
    day: NaiveDate,
}

#[derive(Default)]
struct Held {
    wrong: Vec<String>,
    figures: usize,
    changed: usize,
}

impl Held {
    /// Where what changed does not make the difference.
    async fn hold(&mut self, asked: &Asked<'_>, random: &mut StdRng) -> Vec<String> {
        let mut wrong = Vec::new();
        let (then, counted) = asked.counted().await;
        let segments: BTreeSet<String> = then.into_iter().chain(asked.segments(None).await).collect();
        for segment in segments.iter().choose_multiple(random, SEGMENTS) {
            let found = asked.late(segment, 1_000).await;
            let (then, now) = (asked.explained(segment, Some(asked.day)).await, asked.explained(segment, None).await);
            self.figures += 1;
            self.changed += usize::from(!found.parts.is_empty());
            let mut differences = differences(&then, &now, &found);
            // Of a period that was not over, time alone changes parts.
            let silent = found.parts.iter().filter(|part| asked.is_over() && part.events.is_empty());
            differences.extend(silent.map(|part| format!("nothing made {part:?}")));
            if counted.get(segment).is_some_and(|late| *late != found.totals.events) {
                differences.push(format!(
                    "{:?} events beside the series, {} in all",
                    counted.get(segment),
                    found.totals.events
                ));
            }
            differences.extend(asked.not_late(&found));
            wrong.extend(differences.into_iter().map(|text| format!("{segment}: {text}")));
        }
        wrong
    }
}

impl Asked<'_> {
    fn is_over(&self) -> bool {
        self.grain.next(self.period) <= self.day
    }

    fn first_late(&self) -> Vec<(Partition, Position)> {
        let known = midnight(self.day + Days::new(1));
        let first = |events: &Vec<domain::RecordedEvent>| events.partition_point(|event| event.recorded_at < known) as u64;
        self.ledger.events.iter().map(|(partition, events)| (*partition, Position(first(events)))).collect()
    }

    fn series(&self, as_of: Option<NaiveDate>) -> SeriesQuery {
        SeriesQuery {
            grain: self.grain,
            from: self.period,
            to: self.period,
            segments: Segments::All,
            as_of,
            definition: None,
            after: None,
            limit: None,
            now: now(),
        }
    }

    /// The segments of a series as of the day, with the events that are counted beside each.
    async fn counted(&self) -> (Vec<String>, BTreeMap<String, i64>) {
        let query = self.series(Some(self.day));
        let terms = self.terms(&query).await;
        let then = series_by(self.pool, self.tenant, &terms, self.kpi, &query).await.unwrap().unwrap();
        let beside = since(self.pool, self.tenant, &terms, (self.kpi, &query), &then, &self.first_late()).await.unwrap();
        assert_eq!(then.figures.len(), beside.len());
        let segments: Vec<String> = then.figures.iter().map(|shown| shown.figure.segment.clone()).collect();
        (segments.clone(), segments.into_iter().zip(beside.into_iter().map(|since| since.late)).collect())
    }

    async fn terms(&self, query: &SeriesQuery) -> Terms {
        Terms::load(&mut self.pool.acquire().await.unwrap(), "read", self.tenant, Known::of(query.as_of)).await.unwrap()
    }

    /// As all is known; none of it is kept here, so it is asked for as of the last day.
    async fn segments(&self, as_of: Option<NaiveDate>) -> Vec<String> {
        let query = self.series(Some(as_of.unwrap_or("2039-12-31".parse().unwrap())));
        let terms = self.terms(&query).await;
        let found = series_by(self.pool, self.tenant, &terms, self.kpi, &query).await.unwrap().unwrap();
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
            limit: 1_000,
            now: now(),
        };
        explain(self.pool, self.tenant, self.kpi, &query).await.unwrap().unwrap()
    }

    /// All pages of it.
    async fn late(&self, segment: &str, limit: u32) -> Late {
        let mut query = LateQuery {
            grain: self.grain,
            period: self.period,
            segment: segment.to_owned(),
            as_of: self.day,
            definition: None,
            after: None,
            limit,
            now: now(),
        };
        let first_late = self.first_late();
        let page = async |query: &LateQuery| late(self.pool, self.tenant, self.kpi, query, &first_late).await.unwrap().unwrap();
        let mut whole = page(&query).await;
        while whole.has_more {
            query.after = whole.parts.last().map(|part| part.part.clone());
            let next = page(&query).await;
            assert_eq!(next.totals, whole.totals);
            whole.parts.extend(next.parts);
            whole.has_more = next.has_more;
        }
        whole
    }

    /// Events that are said to be late, and are not, or are another tenant's.
    fn not_late(&self, found: &Late) -> Vec<String> {
        let known = midnight(self.day + Days::new(1));
        let events = self.ledger.events.values().flatten();
        let late: BTreeSet<String> = events
            .filter(|event| event.tenant == *self.tenant && event.recorded_at >= known)
            .map(|event| format!("{}-{}", event.partition.0, event.position.0))
            .collect();
        let mut wrong = Vec::new();
        let named: BTreeSet<&String> = found.parts.iter().flat_map(|part| &part.events).collect();
        wrong.extend(named.iter().filter(|id| !late.contains(**id)).map(|id| format!("{id} is not late")));
        if found.totals.events != named.len() as i64 || found.totals.parts != found.parts.len() as i64 {
            wrong.push(format!("{:?}, not {} events of {} parts", found.totals, named.len(), found.parts.len()));
        }
        wrong
    }
}

type Amounts = BTreeMap<String, Decimal>;

fn differences(then: &Explanation, now: &Explanation, found: &Late) -> Vec<String> {
    let mut wrong = Vec::new();
    let value = |explanation: &Explanation| explanation.figure.as_ref().map(|shown| shown.figure.clone());
    let of_late = [&found.then, &found.now].map(|shown| shown.as_ref().map(|shown| shown.figure.clone()));
    if of_late != [value(then), value(now)] {
        wrong.push(format!(
            "it is from {:?} to {:?}, explained from {:?} to {:?}",
            of_late[0],
            of_late[1],
            value(then),
            value(now)
        ));
    }
    // Part by part: all that differ are there, with what they were and are, and no others.
    let parts = |explanation: &Explanation| -> BTreeMap<String, (Amounts, Option<Decimal>)> {
        explanation.parts.iter().map(|part| (part.part.clone(), (part.amounts.clone(), part.value))).collect()
    };
    let (before, after) = (parts(then), parts(now));
    let names: BTreeSet<&String> =
        before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name)).collect();
    let told: BTreeSet<&String> = found.parts.iter().map(|part| &part.part).collect();
    if names != told {
        wrong.push(format!("{names:?} changed, not {told:?}"));
    }
    for LatePart { part, then, now, value_then, value_now, .. } in &found.parts {
        let told = [then.clone().map(|then| (then, *value_then)), now.clone().map(|now| (now, *value_now))];
        if told != [before.get(part).cloned(), after.get(part).cloned()] {
            wrong.push(format!("{part} went from {:?} to {:?}, not {told:?}", before.get(part), after.get(part)));
        }
    }
    // And added up.
    let names: BTreeSet<&String> = then.totals.amounts.keys().chain(now.totals.amounts.keys()).collect();
    for name in names {
        let zero = Decimal::ZERO;
        let of = |amounts: &Option<Amounts>| amounts.as_ref().and_then(|amounts| amounts.get(name)).copied().unwrap_or(zero);
        let changed: Decimal = found.parts.iter().map(|part| of(&part.now) - of(&part.then)).sum();
        let sum = |explanation: &Explanation| explanation.totals.amounts.get(name).copied().unwrap_or(zero);
        let (then, now) = (sum(then), sum(now));
        if (then + changed - now).abs() > Decimal::new(2, 6) {
            wrong.push(format!("{name} was {then}, is {now}, and changed by {changed}"));
        }
        if found.totals.amounts.get(name) != Some(&(then, now)) {
            wrong.push(format!("{name} went from {then} to {now}, not {:?}", found.totals.amounts.get(name)));
        }
    }
    wrong
}

const VOIDED: &str = r#"
2026-01-01T00:00:00Z capsules/c1/create {"title":"One"}
2026-01-01T00:00:00Z capsules/c1/publish {}
2026-03-01T00:00:00Z interactions/i1/record {"capsule_id":"c1","kind":"interaction","user_id":"u1"}
2026-03-02T00:00:00Z interactions/i2/record {"capsule_id":"c1","kind":"conversion"}
2026-03-20T00:00:00Z interactions/i3/record {"capsule_id":"c1","kind":"interaction","user_id":"u1"}
2026-03-25T00:00:00Z interactions/i3/void {"reason":"test"}
2026-03-09T00:00:00Z@2026-04-02T00:00:00Z interactions/i4/record {"capsule_id":"c1","kind":"interaction","user_id":"u2"}
2026-03-09T00:00:00Z@2026-04-03T00:00:00Z interactions/i5/record {"capsule_id":"c1","kind":"interaction","user_id":"u2"}
2026-03-10T00:00:00Z@2026-04-04T00:00:00Z interactions/i6/record {"capsule_id":"c1","kind":"view","user_id":"u2"}
2026-04-05T00:00:00Z interactions/i1/void {"reason":"fraud"}
2026-04-06T00:00:00Z interactions/i5/void {"reason":"mistake"}
"#;

/// Recorded late and counts; counted and was voided late; and neither what was voided before, nor what came and went.
#[test]
fn a_void_after_the_day_is_the_late_event_not_the_record_that_it_voids() {
    let mut recorder = Recorder::new();
    for line in VOIDED.lines().filter(|line| !line.is_empty()) {
        recorder.take("voided", &fact(line).unwrap()).unwrap();
    }
    let names: BTreeMap<String, String> = recorder
        .ledger
        .events
        .values()
        .flatten()
        .map(|event| {
            let id = event.aggregate_id.clone();
            (format!("{}-{}", event.partition.0, event.position.0), format!("{id} {}", event.event_type))
        })
        .collect();
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 500).await;
        let asked = Asked {
            pool: &pool,
            ledger: &recorder.ledger,
            tenant: &tenant("voided"),
            kpi: find("active_capsule_interactions").unwrap(),
            grain: Grain::Month,
            period: "2026-03-01".parse().unwrap(),
            day: "2026-03-31".parse().unwrap(),
        };
        // One part a page.
        let found = asked.late("all", 1).await;
        let value = |shown: &Option<projections::kpis::shown::Shown>| shown.as_ref().and_then(|shown| shown.figure.value);
        assert_eq!((value(&found.then), value(&found.now)), (Some(Decimal::from(2)), Some(Decimal::from(2))));
        let told: Vec<_> = found
            .parts
            .iter()
            .map(|part| {
                let events: Vec<&str> = part.events.iter().map(|id| names[id].as_str()).collect();
                (part.part.as_str(), part.then.is_some(), part.now.is_some(), part.note.as_deref(), events)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("interaction:i1", true, false, Some("voided"), vec!["i1 InteractionVoided"]),
                ("interaction:i4", false, true, None, vec!["i4 InteractionRecorded"]),
            ]
        );
        assert_eq!(asked.counted().await.1["all"], 2);
        let query = projections::north_star::SeriesQuery {
            grain: Grain::Month,
            from: Some(asked.period),
            to: Some(asked.period),
            as_of: Some(asked.day),
            definition: &domain::north_star::DEFINITION_1,
            today: "2026-06-01".parse().unwrap(),
        };
        let mut months = projections::north_star::series(&pool, asked.tenant, &query).await.unwrap();
        projections::north_star::add_since(&pool, asked.tenant, &query, &mut months).await.unwrap();
        let month = &months[0];
        assert_eq!((month.active, month.since), (2, Some(projections::north_star::Since { active: 2, late: 2 })));
    });
}
