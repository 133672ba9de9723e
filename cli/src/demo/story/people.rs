//! Who works here, who would follow whom, and how ripe the processes are.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Told, at_work};
use crate::demo::company::Company;
use crate::demo::random::Random;

/// By the company's age in months: the strategy's hires, two of them late (a salesperson and an engineer), and one for each
/// who departed but the last.
const HIRES: [(f64, &str, &str, u8); 37] = [
    (0.00, "operations", "executive", 100),
    (0.03, "engineering", "team_lead", 100),
    (0.06, "product", "individual_contributor", 100),
    (0.20, "engineering", "individual_contributor", 100),
    (0.33, "product", "individual_contributor", 100),
    (1.10, "engineering", "individual_contributor", 100),
    (1.45, "engineering", "individual_contributor", 100),
    (3.20, "marketing", "individual_contributor", 50),
    (4.30, "sales", "individual_contributor", 50),
    (6.20, "engineering", "individual_contributor", 100),
    (6.55, "customer_success", "individual_contributor", 100),
    (7.10, "sales", "individual_contributor", 100),
    (7.60, "engineering", "individual_contributor", 100),
    (8.15, "product", "individual_contributor", 100),
    (8.50, "marketing", "individual_contributor", 100),
    (9.05, "sales", "individual_contributor", 100),
    (9.40, "engineering", "individual_contributor", 100),
    (9.80, "operations", "individual_contributor", 100),
    (10.20, "customer_success", "individual_contributor", 100),
    (10.60, "engineering", "individual_contributor", 100),
    (11.30, "sales", "individual_contributor", 100),
    (11.70, "product", "individual_contributor", 100),
    (12.20, "marketing", "individual_contributor", 100),
    (12.80, "engineering", "individual_contributor", 100),
    (13.20, "sales", "individual_contributor", 100),
    (13.60, "customer_success", "individual_contributor", 100),
    (14.30, "engineering", "individual_contributor", 100),
    (14.90, "product", "individual_contributor", 100),
    (15.40, "sales", "individual_contributor", 100),
    (15.90, "marketing", "individual_contributor", 100),
    (16.30, "engineering", "team_lead", 100),
    (16.80, "engineering", "individual_contributor", 100),
    (17.60, "sales", "individual_contributor", 100),
    (18.10, "engineering", "individual_contributor", 100),
    (18.25, "product", "individual_contributor", 100),
    (18.55, "engineering", "individual_contributor", 100),
    (18.80, "customer_success", "individual_contributor", 100),
];

/// By whose hire it is, from 0: half-time people become full-time, and some rise.
const CHANGES: [(usize, f64, &str, &str, u8); 20] = [
    (1, 3.0, "engineering", "manager", 100),
    (7, 6.4, "marketing", "individual_contributor", 100),
    (8, 6.05, "sales", "individual_contributor", 100),
    (2, 7.0, "product", "manager", 100),
    (8, 7.5, "sales", "team_lead", 100),
    (1, 8.0, "engineering", "director", 100),
    (3, 8.2, "engineering", "team_lead", 100),
    (7, 9.3, "marketing", "team_lead", 100),
    (10, 9.6, "customer_success", "team_lead", 100),
    (4, 10.1, "product", "team_lead", 100),
    (8, 10.5, "sales", "manager", 100),
    (1, 12.0, "engineering", "vp", 100),
    (2, 12.1, "product", "director", 100),
    (3, 13.1, "engineering", "manager", 100),
    (7, 13.5, "marketing", "manager", 100),
    (10, 14.1, "customer_success", "manager", 100),
    (5, 15.1, "engineering", "team_lead", 100),
    (8, 15.6, "sales", "director", 100),
    // Somebody builds better than they sell.
    (11, 16.1, "product", "individual_contributor", 100),
    (20, 17.2, "sales", "team_lead", 100),
];

const DEPARTURES: [(usize, f64, &str); 4] =
    [(12, 12.1, "resigned"), (15, 14.6, "dismissed"), (14, 16.9, "ended"), (19, 17.8, "resigned")];

/// A key role, its level and function, and who is named for it when; none: the one named is withdrawn.
type Naming = (&'static str, &'static str, &'static str, f64, Option<(usize, &'static str)>);
const SUCCESSIONS: [Naming; 8] = [
    ("cto", "vp", "engineering", 10.1, Some((3, "two_years"))),
    ("head_of_product", "director", "product", 11.1, Some((4, "one_year"))),
    ("head_of_sales", "director", "sales", 12.3, Some((20, "two_years"))),
    ("head_of_marketing", "manager", "marketing", 12.4, Some((14, "one_year"))),
    ("cto", "vp", "engineering", 15.2, Some((3, "one_year"))),
    ("chief_executive", "executive", "operations", 15.3, Some((2, "two_years"))),
    // Whoever was named leaves.
    ("head_of_marketing", "manager", "marketing", 16.5, None),
    ("head_of_customer_success", "manager", "customer_success", 17.0, Some((18, "one_year"))),
];

/// Marketing is behind: assessed as often, and still at the first level.
const ASSESSMENTS: [(&str, [(f64, u8); 6]); 4] = [
    ("product_development", [(1.5, 1), (5.2, 1), (8.3, 2), (11.4, 2), (14.4, 2), (17.4, 2)]),
    ("sales_process", [(1.6, 1), (5.3, 1), (8.4, 1), (11.5, 2), (14.5, 2), (17.5, 2)]),
    ("customer_success", [(1.7, 1), (5.4, 1), (8.5, 1), (11.6, 1), (14.6, 2), (17.6, 2)]),
    ("marketing_operations", [(1.8, 1), (5.5, 1), (8.6, 1), (11.7, 1), (14.7, 1), (17.7, 1)]),
];

#[derive(Debug)]
pub(super) struct Person {
    id: String,
    /// From when they work here as what: function, level, percent of full time.
    roles: Vec<(DateTime<Utc>, &'static str, &'static str, u8)>,
    departed: Option<(DateTime<Utc>, &'static str)>,
}

impl Person {
    /// The function that they work in at the time, and how much of full time.
    pub(super) fn works(&self, at: DateTime<Utc>) -> Option<(&'static str, f64)> {
        let role = self.roles.iter().rfind(|(from, ..)| *from <= at)?;
        self.departed.is_none_or(|(departed, _)| at < departed).then(|| (role.1, f64::from(role.3) / 100.0))
    }
}

pub(super) fn staff(company: &Company) -> Vec<Person> {
    let mut people: Vec<Person> = HIRES
        .iter()
        .enumerate()
        .map(|(number, (age, function, level, percent))| Person {
            id: id(number),
            roles: vec![(morning(company, *age), function, level, *percent)],
            departed: None,
        })
        .collect();
    for (number, age, function, level, percent) in CHANGES {
        people[number].roles.push((morning(company, age), function, level, percent));
    }
    for (number, age, reason) in DEPARTURES {
        people[number].departed = Some((morning(company, age), reason));
    }
    people
}

fn id(number: usize) -> String {
    format!("person-{:03}", number + 1)
}

/// The working day at that age; the hour is the same for the same age.
pub(super) fn morning(company: &Company, age: f64) -> DateTime<Utc> {
    at_work(company.at_age(age).date_naive(), &mut Random::new(age.to_bits()))
}

pub(super) fn facts(company: &Company, staff: &[Person]) -> Told {
    let mut told = Told::of(company);
    for person in staff {
        for (place, (at, function, level, percent)) in person.roles.iter().enumerate() {
            let command = if place == 0 { "hire" } else { "change_role" };
            let data = json!({ "function": function, "level": level, "fte_percent": percent });
            told.tell(*at, "people", &person.id, command, data);
        }
        if let Some((at, reason)) = person.departed {
            told.tell(at, "people", &person.id, "depart", json!({ "reason": reason }));
        }
    }
    for (role, level, function, age, named) in SUCCESSIONS {
        let at = morning(company, age);
        match named {
            Some((successor, readiness)) => {
                let data = json!({ "level": level, "function": function, "successor": id(successor), "readiness": readiness });
                told.tell(at, "successions", role, "name", data);
            }
            None => told.tell(at, "successions", role, "withdraw", json!({})),
        }
    }
    for (area, findings) in ASSESSMENTS {
        for (age, level) in findings {
            let at = morning(company, age);
            let month = at.format("%Y-%m");
            let data = json!({ "area": area, "level": level, "evidence": format!("reviews/{month}/{area}.md") });
            told.tell(at, "assessments", format!("assessment-{area}-{month}"), "record", data);
        }
    }
    told
}
