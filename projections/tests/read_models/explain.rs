//! Every figure of the cases in `tests/kpis/`, taken apart: its parts add up to it, and rest on events that were known.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::kpis::{Kpi, find};
use domain::{Grain, RecordedEvent, TenantId};
use projections::Generation;
use projections::kpis::explain::{ExplainQuery, Explanation, Found, LeftOut, Page, Part, Totals, explain, parts_of};
use projections::kpis::plans::Plans;
use projections::kpis::query::{Figure, Known, Question, figures};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use sqlx::PgPool;

use crate::database::{apply, with_database};
use crate::generate::{Ledger, tenant, time};
use crate::kpis::{Case, Recorder, fact, files, period, record};

/// Of these the plan says that they are there, whether anything happened or not.
const OF_THE_PLAN: [&str; 2] = ["plan:", "gate_item:"];

#[test]
fn the_parts_of_every_figure_add_up_to_it_and_rest_on_events_that_were_known() {
    let files = files();
    let mut recorder = Recorder::new();
    let cases: Vec<_> = files.iter().flat_map(|(kpi, cases)| cases.iter().map(move |case| (*kpi, case))).collect();
    for (number, (_, case)) in cases.iter().enumerate() {
        record(&mut recorder, &format!("explained-{number}"), case);
    }
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 500).await;
        let (mut wrong, mut held) = (Vec::new(), 0);
        for (number, (kpi, case)) in cases.iter().enumerate() {
            let tenant = tenant(&format!("explained-{number}"));
            let known = KnownEvents::of(&recorder.ledger, &tenant, case.known);
            for (figure, found) in taken_apart(&pool, &tenant, kpi, case).await {
                let differences = differences(&figure, &found).into_iter().chain(known.differences(&found));
                wrong.extend(differences.map(|text| format!("{}: it {}: {}: {text}", kpi.id, case.it, figure.segment)));
                held += found.parts.len();
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(held > 1_000, "{held} parts");
    });
}

/// Every figure that a case asks for, with its parts.
async fn taken_apart(pool: &PgPool, tenant: &TenantId, kpi: &'static Kpi, case: &Case) -> Vec<(Figure, Found)> {
    let (grain, start) = period(&case.ask);
    let definition =
        case.definition.as_ref().map_or_else(|| kpi.default_definition(), |given| serde_json::to_value(given).unwrap());
    let mut connection = pool.acquire().await.unwrap();
    let known = case.known.map_or(Known::Now, Known::Before);
    let plans = Plans::load(&mut connection, "read", tenant, known).await.unwrap();
    let question = Question {
        tenant,
        kpi,
        grain,
        periods: &[start],
        now: case.now.unwrap_or_else(|| time("2040-01-01T00:00:00Z")),
        plans: &plans,
        at_close: false,
        definition: &definition,
    };
    let mut apart = Vec::new();
    for figure in figures(&mut connection, "read", &question).await.unwrap() {
        let page = Page { segment: &figure.segment, after: None, limit: 1_000 };
        let found = parts_of(&mut connection, "read", &question, &page).await;
        let found = found.unwrap_or_else(|error| panic!("{}: it {}: {error:?}", kpi.id, case.it));
        apart.push((figure, found));
    }
    apart
}

/// Where parts do not make the figure that they are of.
fn differences(figure: &Figure, found: &Found) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
    for (name, amount) in found.parts.iter().flat_map(|part| &part.amounts) {
        *sums.entry(name).or_default() += amount;
    }
    let sums: BTreeMap<&str, Decimal> = sums.into_iter().map(|(name, sum)| (name, half_up(sum, 6))).collect();
    let totals = &found.totals.amounts;
    if totals.len() != sums.len() || sums.iter().any(|(name, sum)| totals.get(*name) != Some(sum)) {
        wrong.push(format!("the parts make {sums:?}, not {totals:?}"));
    }
    let names: BTreeSet<&str> = found.parts.iter().map(|part| part.part.as_str()).collect();
    if names.len() != found.parts.len() || found.has_more || found.totals.parts != found.parts.len() as i64 {
        wrong.push(format!("its parts are {names:?}, {} of {}", found.parts.len(), found.totals.parts));
    }
    // Inputs of a ratio of sums stand beside the figure; its numerator and denominator are no sums then.
    let is_of_inputs = sums.contains_key("revenue") || sums.contains_key("spend");
    let sides = [("numerator", figure.numerator), ("denominator", figure.denominator)];
    for (name, shown) in sides.into_iter().filter(|_| !is_of_inputs) {
        // Nothing adds up to nothing, which is 0 where there are data.
        let is_same = sums.get(name).copied() == shown || (shown == Some(Decimal::ZERO) && !sums.contains_key(name));
        if !is_same {
            wrong.push(format!("its {name} is {shown:?}, its parts make {:?}", sums.get(name)));
        }
    }
    for (name, sum) in sums.iter().filter(|(name, _)| !["numerator", "denominator"].contains(*name)) {
        let shown: Option<Decimal> = figure.parts.get(*name).and_then(|shown| shown.to_string().parse().ok());
        // Shown in cents, for months that are not over make more digits.
        let places = if ["revenue", "opening_revenue"].contains(name) { 2 } else { 6 };
        if shown.is_none_or(|shown| half_up(*sum, places) != half_up(shown, places)) {
            wrong.push(format!("its {name} is {:?}, its parts make {sum}", figure.parts.get(*name)));
        }
    }
    let values: Vec<Option<f64>> = found.parts.iter().map(|part| part.value.and_then(|value| value.to_f64())).collect();
    if values.iter().any(Option::is_some) {
        let median = if found.totals.amounts.contains_key("not_reached") { lower_median(&values) } else { median(&values) };
        let shown = figure.value.and_then(|value| value.to_f64());
        let is_same = match (median, shown) {
            (Some(median), Some(shown)) => (median - shown).abs() < 1e-6,
            (median, shown) => median == shown,
        };
        if !is_same {
            wrong.push(format!("its value is {shown:?}, the median of its parts {median:?}"));
        }
    }
    wrong
}

/// As PostgreSQL rounds.
fn half_up(number: Decimal, places: u32) -> Decimal {
    number.round_dp_with_strategy(places, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
}

/// Of those that have a value, halfway between the two in the middle.
fn median(values: &[Option<f64>]) -> Option<f64> {
    let mut values: Vec<f64> = values.iter().copied().flatten().collect();
    values.sort_by(f64::total_cmp);
    let last = values.len().checked_sub(1)?;
    Some((values[last / 2] + values[last.div_ceil(2)]) / 2.0)
}

/// Of all, where those without a value come last: none, where it is one of them.
fn lower_median(values: &[Option<f64>]) -> Option<f64> {
    let mut values: Vec<f64> = values.iter().map(|value| value.unwrap_or(f64::INFINITY)).collect();
    values.sort_by(f64::total_cmp);
    Some(values[(values.len() - 1) / 2]).filter(|value| value.is_finite())
}

/// The events of a tenant that were recorded before a moment, by id.
struct KnownEvents(BTreeSet<String>);

impl KnownEvents {
    fn of(ledger: &Ledger, tenant: &TenantId, before: Option<DateTime<Utc>>) -> Self {
        let is_known =
            |event: &&RecordedEvent| event.tenant == *tenant && before.is_none_or(|moment| event.recorded_at < moment);
        Self(ledger.events.values().flatten().filter(is_known).map(id).collect())
    }

    fn differences(&self, found: &Found) -> Vec<String> {
        let mut wrong = Vec::new();
        let left_out = found.left_out.iter().flat_map(|reason| &reason.examples).map(|part| (&part.part, &part.events));
        for (part, events) in found.parts.iter().map(|part| (&part.part, &part.events)).chain(left_out.clone()) {
            if let Some(unknown) = events.iter().find(|event| !self.0.contains(*event)) {
                wrong.push(format!("{part} rests on {unknown}, which is not known"));
            }
        }
        for Part { part, amounts, events, event_count, .. } in &found.parts {
            let is_empty = amounts.values().all(|amount| amount.is_zero());
            if events.is_empty() && !is_empty && !OF_THE_PLAN.iter().any(|of_plan| part.starts_with(of_plan)) {
                wrong.push(format!("{part} adds {amounts:?} and rests on nothing"));
            }
            if *event_count != events.len() as u64 {
                wrong.push(format!("{part} rests on {event_count} events and names {}", events.len()));
            }
        }
        let all: BTreeSet<&String> = found.parts.iter().flat_map(|part| &part.events).collect();
        if found.totals.events != all.len() as i64 {
            wrong.push(format!("it rests on {} events, not {}", all.len(), found.totals.events));
        }
        wrong.extend(
            left_out.filter(|(_, events)| events.is_empty()).map(|(part, _)| format!("{part} is left out for nothing")),
        );
        wrong
    }
}

fn id(event: &RecordedEvent) -> String {
    format!("{}-{}", event.partition.0, event.position.0)
}

#[test]
fn parts_that_do_not_add_up_are_found_out() {
    let part = |name: &str, amount: &str, value: &str| Part {
        part: name.to_owned(),
        amounts: [("numerator".to_owned(), amount.parse().unwrap()), ("denominator".to_owned(), Decimal::ONE)].into(),
        value: Some(value.parse().unwrap()),
        note: None,
        events: vec![format!("0-{value}")],
        event_count: 1,
    };
    let amounts = [("numerator".to_owned(), Decimal::from(6)), ("denominator".to_owned(), Decimal::from(3))];
    let right = Found {
        parts: vec![part("incident:1", "1", "1"), part("incident:2", "2", "2"), part("incident:3", "3", "3")],
        has_more: false,
        totals: Totals { parts: 3, events: 3, amounts: amounts.into() },
        left_out: Vec::new(),
    };
    let figure = Figure {
        period: "2026-03-01".parse().unwrap(),
        segment: "all".to_owned(),
        numerator: Some(Decimal::from(6)),
        denominator: Some(Decimal::from(3)),
        n: 3,
        value: Some(Decimal::TWO),
        parts: serde_json::json!({}),
    };
    let known = KnownEvents(["0-1", "0-2", "0-3"].map(str::to_owned).into());
    assert_eq!((differences(&figure, &right), known.differences(&right)), (Vec::new(), Vec::new()));

    let found_out = |change: fn(&mut Figure, &mut Found)| {
        let (mut figure, mut found) = (figure.clone(), right.clone());
        change(&mut figure, &mut found);
        differences(&figure, &found).len() + known.differences(&found).len()
    };
    assert_ne!(found_out(|_, found| *found.parts[0].amounts.get_mut("numerator").unwrap() += Decimal::new(1, 6)), 0);
    assert_ne!(found_out(|_, found| *found.totals.amounts.get_mut("numerator").unwrap() += Decimal::new(1, 6)), 0);
    assert_ne!(found_out(|figure, _| figure.numerator = Some(Decimal::new(6_000_001, 6))), 0);
    assert_ne!(found_out(|figure, _| figure.denominator = None), 0);
    assert_ne!(found_out(|figure, _| figure.value = Some(Decimal::new(2_000_002, 6))), 0);
    assert_ne!(found_out(|_, found| _ = found.parts.pop()), 0);
    assert_ne!(found_out(|_, found| found.parts[2].part = "incident:1".to_owned()), 0);
    assert_ne!(found_out(|_, found| found.parts[0].events = Vec::new()), 0);
    assert_ne!(found_out(|_, found| found.parts[0].events = vec!["0-4".to_owned()]), 0);
    assert_ne!(found_out(|_, found| found.parts[0].amounts = [("rolled_back".to_owned(), Decimal::ONE)].into()), 0);
}

const DEALS: &str = r#"
2026-01-10T09:00:00Z deals/d1/open {"account_id":"a1","annual_value":{"amount":"1000.00","currency":"USD"},"expected_close":"2026-03-31"}
2026-01-10T09:00:00Z deals/d2/open {"account_id":"a2","annual_value":{"amount":"3000.00","currency":"USD"},"expected_close":"2026-03-31"}
2026-01-10T09:00:00Z deals/d3/open {"account_id":"a3","annual_value":{"amount":"9000.00","currency":"EUR"},"expected_close":"2026-03-31"}
2026-01-10T09:00:00Z deals/d4/open {"account_id":"a4","annual_value":{"amount":"6000.00","currency":"USD"},"expected_close":"2026-03-31"}
2026-03-02T09:00:00Z deals/d1/win {}
2026-03-03T09:00:00Z deals/d2/lose {"reason":"price"}
2026-03-04T09:00:00Z deals/d3/win {}
2026-04-04T09:00:00Z deals/d4/win {}
"#;

const DEPLOYMENTS: &str = r#"
2026-02-28T09:00:00Z deployments/d0/finish {"environment":"production","result":"succeeded"}
2026-03-02T09:00:00Z deployments/d1/finish {"environment":"production","result":"succeeded"}
2026-03-03T09:00:00Z deployments/d2/finish {"environment":"production","result":"succeeded"}
2026-03-04T09:00:00Z deployments/d3/finish {"environment":"production","result":"succeeded"}
2026-03-05T09:00:00Z deployments/d4/finish {"environment":"staging","result":"succeeded"}
2026-03-06T09:00:00Z deployments/d5/finish {"environment":"production","result":"failed"}
2026-03-02T10:00:00Z incidents/i1/open {"severity":"major","caused_by":"d1"}
2026-03-02T11:00:00Z incidents/i2/open {"severity":"minor"}
2026-03-02T12:00:00Z incidents/i2/attribute {"caused_by":"d1"}
2026-03-03T10:00:00Z deployments/d2/roll_back {}
"#;

const INTERACTIONS: &str = r#"
2026-01-01T00:00:00Z capsules/c1/create {"title":"One"}
2026-01-01T00:00:00Z capsules/c1/publish {}
2026-03-01T00:00:00Z interactions/i1/record {"capsule_id":"c1","kind":"interaction","user_id":"u1"}
2026-03-02T00:00:00Z interactions/i2/record {"capsule_id":"c1","kind":"conversion"}
2026-03-03T00:00:00Z interactions/i3/record {"capsule_id":"c1","kind":"view","user_id":"u1"}
2026-03-04T00:00:00Z interactions/i4/record {"capsule_id":"c1","kind":"interaction","user_id":"u1","actor":"bot"}
2026-03-05T00:00:00Z interactions/i5/record {"capsule_id":"c1","kind":"interaction","user_id":"u1"}
2026-03-06T00:00:00Z@2026-04-06T00:00:00Z interactions/i6/record {"capsule_id":"c1","kind":"interaction","user_id":"u1"}
2026-04-01T00:00:00Z interactions/i7/record {"capsule_id":"c1","kind":"interaction","user_id":"u1"}
2026-04-20T00:00:00Z interactions/i5/void {"reason":"fraud"}
"#;

const SUBSCRIPTIONS: &str = r#"
2026-01-05T09:00:00Z subscriptions/s1/start {"account_id":"a1","plan":"team","monthly":{"amount":"100.00","currency":"USD"}}
2026-01-10T09:00:00Z subscriptions/s2/start {"account_id":"a2","plan":"pro","monthly":{"amount":"300.00","currency":"USD"}}
2026-03-10T09:00:00Z subscriptions/s2/change {"plan":"pro","monthly":{"amount":"250.00","currency":"USD"}}
2026-04-10T09:00:00Z subscriptions/s2/change {"plan":"pro","monthly":{"amount":"900.00","currency":"USD"}}
2026-03-01T09:00:00Z subscriptions/s3/start {"account_id":"a3","plan":"pro","monthly":{"amount":"0.00","currency":"USD"},"is_trial":true}
2026-02-01T09:00:00Z subscriptions/s4/start {"account_id":"a4","plan":"free","monthly":{"amount":"0.00","currency":"USD"}}
2026-01-01T09:00:00Z subscriptions/s5/start {"account_id":"a5","plan":"pro","monthly":{"amount":"70.00","currency":"USD"}}
2026-03-15T09:00:00Z subscriptions/s5/end {}
2026-02-01T09:00:00Z subscriptions/s6/start {"account_id":"a6","plan":"team","monthly":{"amount":"80.00","currency":"EUR"}}
"#;

/// What is told of March, each line a part and its events or a reason and its examples.
const TOLD: [(&str, &str, Option<&str>, &str, &str); 6] = [
    (
        "win_rate",
        "all",
        None,
        DEALS,
        "
2 of 3
deal:d1 closed_value 1000, denominator 1, numerator 1, won_value 1000 (won): d1 DealOpened, d1 DealWon
deal:d2 closed_value 3000, denominator 1, numerator 0 (lost): d2 DealLost, d2 DealOpened
deal:d3 denominator 1, numerator 1 (won): d3 DealOpened, d3 DealWon
1 left out, still open: deal:d4 [d4 DealOpened]
",
    ),
    (
        "change_failure_rate",
        "all",
        None,
        DEPLOYMENTS,
        "
2 of 3
deployment:d1 denominator 1, numerator 1 (caused an incident): d1 DeploymentFinished, i1 IncidentOpened, i2 IncidentAttributed
deployment:d2 denominator 1, numerator 1 (rolled back): d2 DeploymentFinished, d2 DeploymentRolledBack
deployment:d3 denominator 1, numerator 0: d3 DeploymentFinished
1 left out, did not succeed: failed: deployment:d5 [d5 DeploymentFinished]
1 left out, not to production: staging: deployment:d4 [d4 DeploymentFinished]
",
    ),
    (
        "active_capsule_interactions",
        "all",
        None,
        INTERACTIONS,
        "
3
interaction:i1 numerator 1: i1 InteractionRecorded
interaction:i2 numerator 1: i2 InteractionRecorded
interaction:i6 numerator 1: i6 InteractionRecorded
1 left out, its actor does not count: bot: interaction:i4 [i4 InteractionRecorded]
1 left out, its kind does not count: view: interaction:i3 [i3 InteractionRecorded]
1 left out, voided: interaction:i5 [i5 InteractionRecorded, i5 InteractionVoided]
",
    ),
    (
        "active_capsule_interactions",
        "kind:interaction",
        Some("2026-03-31"),
        INTERACTIONS,
        "
2
interaction:i1 numerator 1: i1 InteractionRecorded
interaction:i5 numerator 1: i5 InteractionRecorded
1 left out, its actor does not count: bot: interaction:i4 [i4 InteractionRecorded]
",
    ),
    (
        "mrr",
        "all",
        None,
        SUBSCRIPTIONS,
        "
350
subscription:s1 numerator 100 (team): s1 SubscriptionStarted
subscription:s2 numerator 250 (pro): s2 SubscriptionChanged, s2 SubscriptionStarted
1 left out, a trial: subscription:s3 [s3 SubscriptionStarted]
1 left out, ended: subscription:s5 [s5 SubscriptionEnded, s5 SubscriptionStarted]
1 left out, free: subscription:s4 [s4 SubscriptionStarted]
1 left out, in another currency: subscription:s6 [s6 SubscriptionStarted]
",
    ),
    // Nothing was won or lost by a team, and nothing looks as if it was.
    ("win_rate", "team:none-such", None, DEALS, "\nno figure\n"),
];

#[test]
fn what_is_told_of_a_figure_is_which_facts_made_it_and_which_were_left_out_and_why() {
    let mut recorder = Recorder::new();
    for (number, (.., facts, _)) in TOLD.iter().enumerate() {
        for line in facts.lines().filter(|line| !line.is_empty()) {
            recorder.take(&format!("told-{number}"), &fact(line).unwrap()).unwrap();
        }
    }
    let events = recorder.ledger.events.values().flatten();
    let names: BTreeMap<String, String> =
        events.map(|event| (id(event), format!("{} {}", event.aggregate_id, event.event_type))).collect();
    with_database(async |pool| {
        apply(&pool, &Generation::live(&pool).await.unwrap(), &recorder.ledger.events, 500).await;
        for (number, (kpi, segment, as_of, _, expected)) in TOLD.iter().enumerate() {
            let query = ExplainQuery {
                grain: Grain::Month,
                period: "2026-03-01".parse().unwrap(),
                segment: (*segment).to_owned(),
                as_of: as_of.map(|day| day.parse().unwrap()),
                definition: None,
                after: None,
                limit: 2,
                now: time("2026-06-01T00:00:00Z"),
            };
            let explanation = page_by_page(&pool, &tenant(&format!("told-{number}")), find(kpi).unwrap(), query).await;
            assert_eq!(in_words(&explanation, &names), expected.trim_start(), "{kpi} {segment}");
        }
    });
}

async fn page_by_page(pool: &PgPool, tenant: &TenantId, kpi: &'static Kpi, mut query: ExplainQuery) -> Explanation {
    let mut whole = explain(pool, tenant, kpi, &query).await.unwrap().unwrap();
    while whole.has_more {
        query.after = whole.parts.last().map(|part| part.part.clone());
        let next = explain(pool, tenant, kpi, &query).await.unwrap().unwrap();
        assert_eq!((&next.figure, &next.totals, &next.left_out), (&whole.figure, &whole.totals, &whole.left_out));
        whole.parts.extend(next.parts);
        whole.has_more = next.has_more;
    }
    assert_eq!(whole.totals.parts, whole.parts.len() as i64);
    whole
}

fn in_words(explanation: &Explanation, names: &BTreeMap<String, String>) -> String {
    let named = |events: &[String]| {
        let mut named: Vec<&str> = events.iter().map(|event| names[event].as_str()).collect();
        named.sort_unstable();
        named.join(", ")
    };
    let Some(shown) = &explanation.figure else { return "no figure\n".to_owned() };
    let number = |number: Decimal| number.normalize().to_string();
    let mut told = number(shown.figure.numerator.unwrap());
    told += &shown.figure.denominator.map_or_else(String::new, |denominator| format!(" of {}", number(denominator)));
    told.push('\n');
    for Part { part, amounts, note, events, .. } in &explanation.parts {
        let amounts: Vec<String> = amounts.iter().map(|(name, amount)| format!("{name} {amount}")).collect();
        let note = note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
        told += &format!("{part} {}{note}: {}\n", amounts.join(", "), named(events));
    }
    for LeftOut { reason, count, examples } in &explanation.left_out {
        let examples: Vec<String> = examples.iter().map(|part| format!("{} [{}]", part.part, named(&part.events))).collect();
        told += &format!("{count} left out, {reason}: {}\n", examples.join(", "));
    }
    told
}
