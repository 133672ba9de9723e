//! What was to be spent, and what was: by month and category, with what sold and what won customers told apart.

use chrono::Days;
use domain::finance::Category;
use domain::period::midnight;
use domain::plan::Plan;
use serde_json::{Value, json};

use super::people::Person;
use super::{Chance, Told, hours, usd};
use crate::demo::company::{Company, Curve};
use crate::demo::random::Random;

/// What one full-time person costs a month, all in.
const SALARIES: [(&str, f64); 6] = [
    ("engineering", 10_400.0),
    ("product", 9_900.0),
    ("sales", 8_900.0),
    ("marketing", 8_300.0),
    ("customer_success", 7_600.0),
    ("operations", 9_800.0),
];
/// Of the marketing budget, by month: slow at first in each stage, and well over it in months 10 and 16.
const MARKETING: [f64; 19] =
    [0.35, 0.60, 0.85, 0.90, 0.90, 0.95, 0.55, 0.62, 0.70, 1.28, 0.78, 0.82, 0.86, 0.84, 0.80, 1.31, 0.93, 0.96, 0.95];
/// Of what is spent on marketing.
const CHANNELS: [(&str, f64); 5] = [("search", 0.34), ("social", 0.22), ("content", 0.18), ("event", 0.18), ("partner", 0.08)];
const CLOUD: [(f64, f64); 4] = [(0.0, 1_500.0), (6.0, 2_900.0), (12.0, 6_200.0), (18.0, 10_600.0)];
const AI: [(f64, f64); 4] = [(0.0, 700.0), (6.0, 2_200.0), (12.0, 4_800.0), (18.0, 8_100.0)];
const OPERATIONS: [(&str, f64); 4] = [("office", 0.40), ("legal", 0.22), ("recruiting", 0.26), ("travel", 0.12)];
const CATEGORIES: [(Category, &str); 4] = [
    (Category::Personnel, "personnel"),
    (Category::Infrastructure, "infrastructure"),
    (Category::Marketing, "marketing"),
    (Category::Operations, "operations"),
];

pub(super) fn facts(company: &Company, staff: &[Person]) -> Told {
    let (plan, mut told) = (Plan::carried(), Told::of(company));
    budgets(company, &plan, &mut told);
    for month in company.months() {
        let mut random = Chance::Spend.of(company, month.into());
        personnel(company, month, staff, &mut told);
        infrastructure(company, month, &mut random, &mut told);
        marketing(company, month, &plan, &mut random, &mut told);
        operations(company, month, &plan, &mut random, &mut told);
    }
    told
}

/// Set for all months of a stage when it begins. The third stage's is held back to the second's, for its gate is not open.
fn budgets(company: &Company, plan: &Plan, told: &mut Told) {
    for stage in &plan.stages {
        let (first, last) = stage.months;
        let held_back = stage.number == 3;
        for (category, name) in CATEGORIES {
            for month in first..=if held_back { first + 2 } else { last } {
                let planned = planned(plan, category, if held_back { first - 1 } else { month });
                set_budget(company, first, month, name, planned * if held_back { 1.15 } else { 1.0 }, told);
            }
        }
        if stage.number == 2 {
            // What the ninth month's campaigns cost more is taken from operations.
            set_budget(company, 9, 10, "operations", planned(plan, Category::Operations, 10) * 0.9, told);
        }
    }
}

fn set_budget(company: &Company, set_in: u32, month: u32, category: &str, amount: f64, told: &mut Told) {
    let at = midnight(company.month(set_in)) + hours(8.0);
    let month = company.month(month);
    let data = json!({ "category": category, "month": month, "amount": usd(amount) });
    told.tell(at, "budgets", format!("budget-{category}-{}", month.format("%Y-%m")), "set", data);
}

fn planned(plan: &Plan, category: Category, month: u32) -> f64 {
    let budget = plan.monthly_budget(category, month).expect("the plan has a budget for every month");
    budget.to_string().parse().expect("a decimal is a number")
}

/// One thing that was paid for on a day of the month.
fn spend(company: &Company, month: u32, day: u64, name: &str, amount: f64, data: Value, told: &mut Told) {
    let first = company.month(month);
    let at = midnight(first + Days::new(day - 1)) + hours(10.0);
    let mut data = data;
    data["amount"] = usd(amount);
    told.tell(at, "spend", format!("spend-{}-{name}", first.format("%Y-%m")), "record", data);
}

fn personnel(company: &Company, month: u32, staff: &[Person], told: &mut Told) {
    let middle = midnight(company.month(month) + Days::new(14));
    for (function, salary) in SALARIES {
        let works = |person: &Person| person.works(middle).filter(|(of, _)| *of == function).map(|(_, fte)| fte);
        let fte: f64 = staff.iter().filter_map(works).sum();
        if fte > 0.0 {
            let (is_cogs, is_acquisition) = (function == "customer_success", matches!(function, "sales" | "marketing"));
            let data = json!({ "category": "personnel", "is_cogs": is_cogs, "is_acquisition": is_acquisition });
            for (day, half) in [(10, "a"), (25, "b")] {
                spend(company, month, day, &format!("payroll-{function}-{half}"), fte * salary / 2.0, data.clone(), told);
            }
        }
    }
}

fn infrastructure(company: &Company, month: u32, random: &mut Random, told: &mut Told) {
    let age = f64::from(month) - 0.5;
    let mut about = |curve: &[(f64, f64)]| Curve(curve.to_vec()).at(age) * random.between(0.95, 1.05);
    let (cloud, ai) = (about(&CLOUD), about(&AI));
    let data = |is_cogs: bool| json!({ "category": "infrastructure", "is_cogs": is_cogs });
    spend(company, month, 28, "cloud", cloud, data(true), told);
    spend(company, month, 28, "ai", ai, data(true), told);
    spend(company, month, 20, "tools", cloud * 0.16, data(false), told);
    if month == 15 {
        // What the cloud gave back for its part in the outage.
        spend(company, month, 18, "cloud-credit", -2_400.0, data(true), told);
    }
}

fn marketing(company: &Company, month: u32, plan: &Plan, random: &mut Random, told: &mut Told) {
    // The present month goes on as the last complete one did.
    let budgeted = planned(plan, Category::Marketing, month.min(18));
    let spent = budgeted * MARKETING[month as usize - 1];
    for (day, half) in [(7, "a"), (21, "b")] {
        for (channel, share) in CHANNELS {
            let amount = spent / 2.0 * share * random.between(0.97, 1.03);
            let data = json!({ "category": "marketing", "is_acquisition": true, "channel": channel });
            spend(company, month, day, &format!("{channel}-{half}"), amount, data, told);
        }
    }
}

fn operations(company: &Company, month: u32, plan: &Plan, random: &mut Random, told: &mut Told) {
    let spent = planned(plan, Category::Operations, month.min(18)) * random.between(0.86, 1.0);
    for (place, (name, share)) in OPERATIONS.into_iter().enumerate() {
        let data = json!({ "category": "operations" });
        spend(company, month, 3 + 6 * place as u64, name, spent * share, data, told);
    }
}
