//! The plan that the company follows, what it reached of it, what might go wrong, and what each quarter was for.

use chrono::{DateTime, NaiveDate, Utc};
use domain::kpis::Unit;
use domain::period::{Grain, midnight};
use domain::plan::Plan;
use serde_json::{Value, json};

use super::accounts::{Account, monthly_revenue};
use super::people::morning;
use super::{Told, days, hours};
use crate::demo::company::{Company, Curve};

/// By the company's age, in the plan's order; none: not reached. A stage that is not there yet has none at all.
const MILESTONES: [&[Option<f64>]; 2] = [
    // infrastructure, then security
    &[Some(0.1), Some(0.2), Some(0.9), Some(2.3), Some(3.1), Some(0.15), Some(0.7), Some(1.6), Some(2.6), Some(4.2)],
    // infrastructure, security, compliance
    &[
        None,
        Some(6.6),
        Some(7.8),
        Some(9.2),
        Some(8.1),
        None,
        Some(10.4),
        Some(11.2),
        Some(12.7),
        Some(6.9),
        Some(11.8),
        None,
        Some(14.6),
        Some(16.9),
        Some(9.7),
    ],
];
/// After what was found in the outage, it was done again.
const LOST_MILESTONE: (&str, f64, f64) = ("penetration_testing", 13.7, 16.2);

const GATE_ITEMS: [&[Option<f64>]; 2] = [
    &[Some(5.1), Some(5.4), Some(5.6), Some(6.1), Some(6.3), Some(5.8), Some(6.2), Some(6.7)],
    // The first is met by a figure.
    &[None, Some(14.3), Some(16.2), None, Some(17.1), None, None, Some(17.7)],
];
/// It was met too early.
const REOPENED_ITEM: (&str, f64, f64) = ("core_processes_documented", 5.9, 6.5);

/// Of each risk of the plan: when it was raised, likelihood and impact, what they were later, and when it was closed.
type Course = Option<(f64, (u8, u8), Option<(f64, (u8, u8))>, Option<f64>)>;
const RISKS: [[Course; 5]; 3] = [
    [
        Some((6.5, (2, 3), None, None)),
        Some((7.2, (4, 3), Some((11.1, (2, 3))), Some(15.2))),
        Some((8.1, (3, 3), Some((13.3, (2, 2))), None)),
        Some((9.4, (3, 4), Some((15.1, (2, 4))), None)),
        Some((12.3, (3, 4), Some((14.8, (4, 4))), None)),
    ],
    [
        Some((4.2, (4, 2), Some((9.1, (2, 2))), Some(11.6))),
        Some((10.3, (3, 4), Some((13.6, (5, 4))), None)),
        Some((13.5, (4, 5), Some((16.4, (2, 4))), None)),
        Some((11.2, (4, 3), Some((16.8, (3, 3))), None)),
        Some((3.3, (3, 5), Some((17.1, (2, 5))), None)),
    ],
    [
        Some((2.1, (3, 4), Some((12.6, (3, 3))), None)),
        Some((9.9, (4, 4), Some((15.9, (4, 3))), None)),
        None,
        Some((10.1, (4, 2), Some((16.1, (4, 3))), None)),
        Some((1.2, (4, 5), None, Some(6.3))),
    ],
];

/// The share of the way that the key results of a quarter came, from the first quarter on.
const REACHED: [f64; 4] = [0.82, 0.88, 0.64, 0.75];
const REACHED_LAST: f64 = 0.70;

pub(super) fn facts(company: &Company, accounts: &[Account]) -> Told {
    let (plan, mut told) = (Plan::carried(), Told::of(company));
    let adopted = json!({ "first_month": company.first_day, "plan": plan });
    told.tell(midnight(company.first_day), "plans", "scaling-strategy", "adopt", adopted);
    milestones(company, &plan, &mut told);
    gate_items(company, &plan, &mut told);
    risks(company, &plan, &mut told);
    objectives(company, accounts, &mut told);
    told
}

fn milestones(company: &Company, plan: &Plan, told: &mut Told) {
    for (stage, ages) in (1..).zip(MILESTONES) {
        let of_stage = plan.milestones.iter().filter(|milestone| milestone.stage == stage);
        for (milestone, age) in of_stage.zip(ages) {
            let (id, area) = (milestone.id.as_str(), milestone.area.as_str());
            let mut reach = |age: f64| {
                let at = morning(company, age);
                let evidence = format!("{area}/{id}/{}.md", at.format("%Y-%m"));
                told.tell(at, "milestones", id, "reach", json!({ "area": area, "milestone": id, "evidence": evidence }));
            };
            let Some(age) = age else { continue };
            reach(*age);
            let (lost, lost_at, again_at) = LOST_MILESTONE;
            if id == lost {
                reach(again_at);
                told.tell(morning(company, lost_at), "milestones", id, "reopen", json!({}));
            }
        }
    }
}

fn gate_items(company: &Company, plan: &Plan, told: &mut Told) {
    let transitions = ["foundation_to_systematization", "systematization_to_optimization"];
    for ((transition, ages), name) in (0..).zip(GATE_ITEMS).zip(transitions) {
        let of_transition = plan.gate_items.iter().filter(|item| item.transition as u8 == transition);
        for (item, age) in of_transition.zip(ages) {
            let id = item.id.as_str();
            let mut meet = |age: f64| {
                let at = morning(company, age);
                let evidence = format!("board/{}/{id}.pdf", at.format("%Y-%m"));
                told.tell(at, "gate_items", id, "meet", json!({ "transition": name, "evidence": evidence }));
            };
            let Some(age) = age else { continue };
            meet(*age);
            let (reopened, reopened_at, again_at) = REOPENED_ITEM;
            if id == reopened {
                meet(again_at);
                told.tell(morning(company, reopened_at), "gate_items", id, "reopen", json!({}));
            }
        }
    }
}

/// Mitigated by the plan's own means, one some weeks after it was raised and some by a second.
fn risks(company: &Company, plan: &Plan, told: &mut Told) {
    for (known, courses) in plan.risks.iter().zip(RISKS) {
        for (place, (risk, course)) in known.risks.iter().zip(courses).enumerate() {
            let Some((raised, (likelihood, impact), later, closed)) = course else { continue };
            let id = format!("risk-{}", risk.to_lowercase().replace(' ', "-"));
            let data = json!({ "category": known.category, "risk": risk, "likelihood": likelihood, "impact": impact });
            told.tell(morning(company, raised), "risks", &id, "raise", data);
            let mitigate = |age: f64, place: usize, told: &mut Told| {
                let mitigation = &known.mitigations[place % known.mitigations.len()];
                told.tell(morning(company, age), "risks", &id, "mitigate", json!({ "mitigation": mitigation }));
            };
            mitigate(raised + 0.8, place, told);
            if place % 2 == 0 && closed.is_none() {
                mitigate(raised + 2.9, place + 1, told);
            }
            if let Some((age, (likelihood, impact))) = later {
                let data = json!({ "likelihood": likelihood, "impact": impact });
                told.tell(morning(company, age), "risks", &id, "reassess", data);
            }
            if let Some(age) = closed {
                told.tell(morning(company, age), "risks", &id, "close", json!({}));
            }
        }
    }
}

/// What a key result measures, at a time.
type Measure<'a> = Box<dyn Fn(DateTime<Utc>) -> f64 + 'a>;

struct Result<'a> {
    id: &'static str,
    title: &'static str,
    unit: Unit,
    weight: u8,
    measure: Measure<'a>,
}

struct Objective<'a> {
    id: &'static str,
    title: &'static str,
    function: Option<&'static str>,
    results: Vec<Result<'a>>,
}

/// Set as each quarter begins and measured every month; the targets are such that most of the way was made.
fn objectives(company: &Company, accounts: &[Account], told: &mut Told) {
    let quarters = company.quarters();
    let present = quarters.len() - 1;
    for (index, quarter) in quarters.into_iter().enumerate() {
        let reached = if index + 2 > present { REACHED_LAST } else { REACHED[index % REACHED.len()] };
        for (place, objective) in kinds(company, accounts).into_iter().enumerate() {
            // Each a little better or worse than the quarter as a whole.
            let reached = reached + 0.04 * (1.0 - place as f64);
            tell(company, quarter, objective, reached, told);
        }
    }
}

fn kinds<'a>(company: &'a Company, accounts: &'a [Account]) -> Vec<Objective<'a>> {
    let curve = |points: Vec<(f64, f64)>| -> Measure<'a> { Box::new(move |at| Curve(points.clone()).at(company.age_at(at))) };
    vec![
        Objective {
            id: "growth",
            title: "Grow with our customers",
            function: None,
            results: vec![
                Result {
                    id: "arr",
                    title: "Annual recurring revenue",
                    unit: Unit::Money,
                    weight: 60,
                    measure: Box::new(|at| monthly_revenue(accounts, at) * 12.0),
                },
                Result {
                    id: "interactions",
                    title: "Capsule interactions a day",
                    unit: Unit::Count,
                    weight: 40,
                    measure: Box::new(|at| company.interactions_a_day(at.date_naive())),
                },
            ],
        },
        Objective {
            id: "delivery",
            title: "Ship more often and break less",
            function: Some("engineering"),
            results: vec![
                Result {
                    id: "deployments",
                    title: "Deployments to production a week",
                    unit: Unit::Count,
                    weight: 50,
                    measure: curve(vec![(0.0, 1.0), (6.0, 4.0), (12.0, 9.0), (18.0, 17.0)]),
                },
                Result {
                    id: "failures",
                    title: "Deployments that do not go through",
                    unit: Unit::Ratio,
                    weight: 50,
                    measure: curve(vec![(0.0, 0.16), (18.0, 0.10)]),
                },
            ],
        },
        Objective {
            id: "pipeline",
            title: "Fill the pipeline",
            function: Some("marketing"),
            results: vec![
                Result {
                    id: "leads",
                    title: "New contacts a month",
                    unit: Unit::Count,
                    weight: 70,
                    measure: curve(vec![(0.5, 15.0), (5.5, 80.0), (17.5, 165.0)]),
                },
                Result {
                    id: "searches",
                    title: "Searches for the brand a month",
                    unit: Unit::Count,
                    weight: 30,
                    measure: curve(vec![(0.5, 90.0), (5.5, 850.0), (17.5, 7_200.0)]),
                },
            ],
        },
    ]
}

fn tell(company: &Company, quarter: NaiveDate, objective: Objective<'_>, reached: f64, told: &mut Told) {
    let (starts, ends) = (midnight(quarter.max(company.first_day)), midnight(Grain::Quarter.next(quarter)));
    let id = format!("{}-{}", objective.id, Grain::Quarter.name(quarter));
    let describe = |result: &Result<'_>| {
        let (start, end) = ((result.measure)(starts), (result.measure)(ends));
        let target = start + (end - start) / reached;
        json!({
            "id": result.id, "title": result.title, "unit": result.unit, "start": quantity(start), "target": quantity(target),
            "weight": result.weight,
        })
    };
    let mut data = json!({
        "quarter": quarter, "title": objective.title,
        "key_results": objective.results.iter().map(describe).collect::<Vec<_>>(),
    });
    if let Some(function) = objective.function {
        data["function"] = json!(function);
    }
    told.tell(starts + hours(12.0), "objectives", &id, "set", data);
    for result in &objective.results {
        for month in 0..3 {
            let month_ends = midnight(Grain::Month.after(quarter, month + 1));
            if month_ends <= starts {
                continue;
            }
            let value = quantity((result.measure)(month_ends));
            // Before the quarter is over, so that it counts for it.
            told.tell(
                month_ends - hours(6.0),
                "objectives",
                &id,
                "measure",
                json!({ "key_result": result.id, "value": value }),
            );
        }
        // And in the middle of the month, for whoever looks then.
        let middle = starts + days(14.0);
        let value = quantity((result.measure)(middle));
        told.tell(middle + hours(9.0), "objectives", &id, "measure", json!({ "key_result": result.id, "value": value }));
    }
}

/// As the API takes it.
fn quantity(value: f64) -> Value {
    json!(format!("{value:.4}"))
}
