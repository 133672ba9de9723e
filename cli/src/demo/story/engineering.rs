//! What was deployed and what broke, whether the service was up and fast, and how much it stores.

use chrono::{DateTime, Datelike, Days, Months, Utc};
use domain::period::midnight;
use serde_json::{Value, json};

use super::{Chance, Told, days, hours};
use crate::demo::company::{Company, Curve, seconds};
use crate::demo::random::Random;

/// To production, a week.
const DEPLOYMENTS: [(f64, f64); 4] = [(0.0, 1.0), (6.0, 4.0), (12.0, 9.0), (18.0, 17.0)];
/// From a commit to production, hours.
const LEAD_TIME: [(f64, f64); 3] = [(0.0, 150.0), (9.0, 48.0), (18.0, 16.0)];
const OUTAGE_HOURS: f64 = 19.5;
/// Incidents a month that no deployment caused.
const OTHER_INCIDENTS: f64 = 1.2;
/// The share of the plan's storage that is used at the end of a stage.
const STORED: [(f64, f64); 4] = [(0.0, 0.02), (6.0, 0.85), (18.0, 9.1), (36.0, 46.0)];

#[derive(Debug)]
struct Incident {
    id: String,
    severity: &'static str,
    opened: DateTime<Utc>,
    resolved: DateTime<Utc>,
    caused_by: Option<String>,
    /// When the cause was found, if not at once.
    attributed: Option<DateTime<Utc>>,
    is_fixed_by_deployment: bool,
}

pub(super) fn facts(company: &Company) -> Told {
    let mut told = Told::of(company);
    let mut incidents = deployments(company, &mut told);
    other_incidents(company, &mut incidents);
    for incident in &incidents {
        tell(incident, &mut told);
    }
    probes(company, &incidents, &mut told);
    storage(company, &mut told);
    told
}

/// On working days, each first to staging. What the ones to production broke.
fn deployments(company: &Company, told: &mut Told) -> Vec<Incident> {
    let often = Curve(DEPLOYMENTS.to_vec());
    let (mut owed, mut number, mut incidents) = (0.0, 0, Vec::new());
    let mut had_outage = false;
    for day in company.days().filter(|day| day.weekday().num_days_from_monday() < 5) {
        let age = company.age(day);
        owed += often.at(age) / 5.0;
        while owed >= 1.0 {
            owed -= 1.0;
            number += 1;
            let mut random = Chance::Deployment.of(company, number);
            let at = midnight(day) + hours(random.between(8.0, 18.0));
            let outage = !had_outage && at >= company.outage_from();
            had_outage |= outage;
            deployment(company, number, at, age, outage, &mut random, told, &mut incidents);
        }
    }
    incidents
}

#[allow(clippy::too_many_arguments)]
fn deployment(
    company: &Company,
    number: u64,
    at: DateTime<Utc>,
    age: f64,
    outage: bool,
    random: &mut Random,
    told: &mut Told,
    incidents: &mut Vec<Incident>,
) {
    let id = format!("deploy-{number:05}");
    let changes = changes(company, number, at, age, random);
    if random.chance(0.85) {
        let staged = (at - hours(random.between(0.5, 2.5))).max(company.at_age(0.0));
        let result = if random.chance(0.07) { "failed" } else { "succeeded" };
        let committed = |change: &&Value| change["committed_at"].as_str().is_some_and(|text| is_before(text, staged));
        let staged_changes: Vec<_> = changes.iter().filter(committed).collect();
        let data = json!({ "environment": "staging", "result": result, "changes": staged_changes });
        told.tell(staged, "deployments", format!("{id}-staging"), "finish", data);
    }
    let failed = !outage && random.chance(0.03);
    let result = if failed { "failed" } else { "succeeded" };
    told.tell(at, "deployments", &id, "finish", json!({ "environment": "production", "result": result, "changes": changes }));
    if failed {
        return;
    }
    if outage {
        let resolved = at + hours(OUTAGE_HOURS);
        incidents.push(Incident {
            id: "incident-outage".to_owned(),
            severity: "critical",
            opened: at + hours(0.3),
            resolved,
            caused_by: Some(id),
            attributed: Some(resolved + days(2.0)),
            is_fixed_by_deployment: true,
        });
    } else if random.chance((0.13 - 0.003 * age).max(0.06)) {
        let opened = at + hours(random.log_normal(0.7, 0.8).min(20.0));
        let severity = random.pick(&[("minor", 0.6), ("major", 0.37), ("critical", 0.03)]);
        let resolved = opened + hours(duration(severity, random));
        let attributed = random.chance(0.4).then(|| opened + hours(random.log_normal(4.0, 1.0)));
        if random.chance(0.5) {
            told.tell(opened + (resolved - opened) / 2, "deployments", &id, "roll_back", json!({}));
        }
        let is_fixed_by_deployment = random.chance(0.5);
        let number = incidents.len() + 1;
        let id_of_incident = format!("incident-{number:04}");
        incidents.push(Incident {
            id: id_of_incident,
            severity,
            opened,
            resolved,
            caused_by: Some(id),
            attributed,
            is_fixed_by_deployment,
        });
    } else if random.chance(0.012) {
        told.tell(at + hours(random.between(0.2, 3.0)), "deployments", &id, "roll_back", json!({}));
    }
}

fn is_before(text: &str, time: DateTime<Utc>) -> bool {
    text.parse::<DateTime<Utc>>().is_ok_and(|committed| committed <= time)
}

fn duration(severity: &str, random: &mut Random) -> f64 {
    match severity {
        "critical" => random.log_normal(0.9, 0.4),
        "major" => random.log_normal(1.9, 0.5),
        _ => random.log_normal(4.5, 0.7),
    }
}

/// Fewer and younger ones as deployments become more.
fn changes(company: &Company, number: u64, at: DateTime<Utc>, age: f64, random: &mut Random) -> Vec<Value> {
    let count = 1 + random.below((10.0 - 0.45 * age).max(2.0) as usize);
    let median = Curve(LEAD_TIME.to_vec()).at(age);
    let one = |change: usize, random: &mut Random| {
        let committed = (at - hours(random.log_normal(median, 0.7))).max(company.at_age(0.0));
        json!({ "id": format!("c{:07x}", number * 64 + change as u64), "committed_at": committed })
    };
    (0..count).map(|change| one(change, random)).collect()
}

fn other_incidents(company: &Company, incidents: &mut Vec<Incident>) {
    for month in company.months() {
        let mut random = Chance::Incident.of(company, u64::from(month) ^ (1 << 32));
        let count = OTHER_INCIDENTS as usize + usize::from(random.chance(OTHER_INCIDENTS.fract()));
        for _ in 0..count {
            let opened = company.at_age(f64::from(month) - 1.0 + random.unit());
            let severity = random.pick(&[("minor", 0.65), ("major", 0.35)]);
            let resolved = opened + hours(duration(severity, &mut random));
            let id = format!("incident-{:04}", incidents.len() + 1);
            let is_fixed_by_deployment = random.chance(0.15);
            incidents.push(Incident {
                id,
                severity,
                opened,
                resolved,
                caused_by: None,
                attributed: None,
                is_fixed_by_deployment,
            });
        }
    }
}

fn tell(incident: &Incident, told: &mut Told) {
    let mut opening = json!({ "severity": incident.severity });
    match (&incident.caused_by, incident.attributed) {
        (Some(cause), None) => opening["caused_by"] = json!(cause),
        (Some(cause), Some(at)) => told.tell(at, "incidents", &incident.id, "attribute", json!({ "caused_by": cause })),
        (None, _) => {}
    }
    told.tell(incident.opened, "incidents", &incident.id, "open", opening);
    let took = incident.resolved - incident.opened;
    if incident.is_fixed_by_deployment {
        let at = incident.opened + took * 9 / 10;
        let change = json!({ "id": format!("fix-{}", incident.id), "committed_at": incident.opened + took / 2 });
        let data = json!({
            "environment": "production", "result": "succeeded", "reason": "incident", "incident_id": incident.id, "changes": [change],
        });
        told.tell(at, "deployments", format!("deploy-fix-{}", incident.id), "finish", data);
    }
    told.tell(incident.resolved, "incidents", &incident.id, "resolve", json!({}));
}

/// Each day at midnight, of the day that ends: a check a minute from two regions, and the API's requests.
fn probes(company: &Company, incidents: &[Incident], told: &mut Told) {
    for (number, day) in company.days().enumerate() {
        let (age, end) = (company.age(day), midnight(day + Days::new(1)));
        let mut random = Chance::Probe.of(company, number as u64);
        for (region, since, share) in [("eu", 0.0, 1.0), ("na", 6.0, 0.85)] {
            let noise = if age < 6.0 { random.between(0.0, 5.0) } else { random.between(0.0, 1.1) };
            let down = (down_minutes(incidents, end) * share + noise) as u32;
            if age >= since {
                let data =
                    json!({ "kind": "uptime", "good": 1_440 - down.min(1_440), "total": 1_440, "covers_seconds": 86_400 });
                told.tell(end, "probes", format!("uptime-{region}-{day}"), "record", data);
            }
        }
        let total = (company.interactions_on(day) * 3.0) as u32 + 500;
        let is_hurt = (company.outage_from() - days(4.0)..company.outage_from() + days(14.0)).contains(&end);
        let good = if is_hurt { 0.925 } else { 0.956 + 0.0016 * age } + random.between(-0.006, 0.006);
        let data = json!({
            "kind": "api_latency", "good": (f64::from(total) * good.min(0.999)) as u32, "total": total, "covers_seconds": 86_400,
        });
        told.tell(end, "probes", format!("api-{day}"), "record", data);
    }
}

/// Of the day that ends then: all of a critical incident, a part of a major one.
fn down_minutes(incidents: &[Incident], end: DateTime<Utc>) -> f64 {
    let start = end - days(1.0);
    let felt = incidents.iter().map(|incident| {
        let share = match incident.severity {
            "critical" => 1.0,
            "major" => 0.12,
            _ => 0.0,
        };
        let overlap = incident.resolved.min(end) - incident.opened.max(start);
        share * overlap.num_seconds().max(0) as f64 / 60.0
    });
    felt.sum()
}

/// At the end of each month.
fn storage(company: &Company, told: &mut Told) {
    let stored = Curve(STORED.to_vec());
    for month in company.months() {
        let first = company.month(month);
        let at = midnight(first + Months::new(1)) - seconds(600.0);
        let bytes = stored.at(f64::from(month)) * company.share() * 1e12;
        told.tell(at, "storage", format!("storage-{}", first.format("%Y-%m")), "measure", json!({ "bytes": bytes as u64 }));
    }
}
