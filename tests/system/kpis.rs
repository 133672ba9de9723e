//! Every KPI from raw facts to the API's figure: the cases in `tests/kpis/`, each a tenant of its own.

use std::collections::BTreeMap;
use std::path::Path;

use domain::kpis::{self, Kpi};
use domain::{Grain, TenantId};
use event_store::keys::{Keys, Role};
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::program::{Client, SOON, answer_of, eventually, up};

#[derive(Debug, Deserialize)]
struct File {
    #[serde(default)]
    before: String,
    case: Vec<Case>,
}

/// As `projections/tests` reads it; what only a test of the formulas can say, such as another present, is left to it.
#[derive(Debug, Deserialize)]
struct Case {
    it: String,
    facts: String,
    ask: String,
    now: Option<String>,
    known: Option<String>,
    definition: Option<toml::Value>,
    #[serde(default)]
    figures: BTreeMap<String, Expected>,
    #[serde(default)]
    absent: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Expected {
    numerator: Option<String>,
    denominator: Option<String>,
    n: Option<i64>,
    value: Option<String>,
}

impl Case {
    fn is_for_the_api(&self) -> bool {
        let has_late = self.facts.lines().any(|line| line.split(' ').next().is_some_and(|times| times.contains('@')));
        self.now.is_none() && self.known.is_none() && self.definition.is_none() && !has_late
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kpi_is_what_its_facts_say_through_the_api() {
    let (program, client, place, _directory) = up().await;
    let keys = Keys::new(event_store::connect(&place.database_url, 2).await.expect("PostgreSQL answers"));
    let mut sent = Vec::new();
    for kpi in kpis::register() {
        let mut count = 0;
        for (number, case) in cases(kpi).into_iter().enumerate().filter(|(_, case)| case.is_for_the_api()) {
            let tenant =
                TenantId::parse(format!("{}-{number}", &kpi.id.replace('_', "-")[..kpi.id.len().min(24)])).expect("a tenant");
            keys.ensure_tenant(&tenant).await.expect("a tenant");
            let (_, key) = keys.create(&tenant, Role::Admin, "test", None).await.expect("a key");
            let client = Client { keys: json!({ "admin": key, "writer": key }), ..client.clone() };
            send(&client, &case).await;
            sent.push((client, kpi, case));
            count += 1;
        }
        assert!(count > 0, "{} has a case for the API", kpi.id);
    }
    let mut wrong = Vec::new();
    for (client, kpi, case) in &sent {
        let found = check(client, kpi, case).await;
        wrong.extend(found.into_iter().map(|text| format!("{}: it {}: {text}", kpi.id, case.it)));
    }
    assert!(wrong.is_empty(), "of {} cases:\n{}", sent.len(), wrong.join("\n"));
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_in_another_currency_is_left_out_and_that_is_said() {
    let (program, client, _place, _directory) = up().await;
    let subscription = |id: &str, currency: &str, occurred_at: &str| {
        json!({ "collection": "subscriptions", "id": id, "command": "start", "data": {
            "account_id": id, "plan": "team", "monthly": { "amount": "50.00", "currency": currency }, "occurred_at": occurred_at,
        } })
    };
    let lines = [
        subscription("own", "USD", "2026-03-02T09:00:00Z"),
        subscription("other", "EUR", "2026-03-03T09:00:00Z"),
        subscription("another", "GBP", "2026-03-04T09:00:00Z"),
    ];
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let (status, body) = answer_of(client.ndjson("/v1/commands", body)).await;
    assert_eq!((status, &body["accepted"]), (StatusCode::OK, &json!(3)), "{body}");
    let token = body["token"].as_str().expect("a token");
    let ask = async |kpi: &str, more: &str| {
        client.get(&format!("/v1/kpis/{kpi}?grain=month&from=2026-03&to=2026-03&after={token}{more}")).await
    };
    let left_out = json!({ "count": 2, "reason": "in another currency than the plan's, USD" });
    let today = chrono::Utc::now().date_naive();
    for more in [String::new(), format!("&as_of={today}")] {
        let mrr = ask("mrr", &more).await;
        assert_eq!(
            (&mrr["data"][0]["value"], &mrr["currency"], &mrr["left_out"]),
            (&json!(50), &json!("USD"), &left_out),
            "{mrr}"
        );
    }
    // Before they were recorded nobody knew of them; spend there is none of.
    let before = ask("mrr", "&as_of=2026-04-01").await;
    assert_eq!((&before["currency"], &before["left_out"]), (&json!("USD"), &Value::Null), "{before}");
    let variance = ask("budget_variance", "").await;
    assert_eq!((&variance["currency"], &variance["left_out"]), (&json!("USD"), &Value::Null), "{variance}");
    // Not in money, though made of it.
    let payback = ask("cac_payback_months", "").await;
    assert_eq!((&payback["currency"], &payback["left_out"]), (&Value::Null, &left_out), "{payback}");
    assert!(program.stop().await, "it stops well");
}

fn cases(kpi: &Kpi) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/kpis/{}.toml", kpi.id));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.case.into_iter().map(|case| Case { facts: format!("{}\n{}", file.before, case.facts), ..case }).collect()
}

/// Sends the facts in bulk, capsules first.
async fn send(client: &Client, case: &Case) {
    let lines: Vec<Value> =
        case.facts.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(command).collect();
    let (capsules, others): (Vec<Value>, Vec<Value>) = lines.into_iter().partition(|line| line["collection"] == "capsules");
    for lines in [capsules, others] {
        if lines.is_empty() {
            continue;
        }
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let (status, body) = answer_of(client.ndjson("/v1/commands", body)).await;
        assert_eq!((status, &body["rejected"]), (StatusCode::OK, &json!(0)), "{}: {body}", case.it);
    }
}

fn command(line: &str) -> Value {
    let (time, rest) = line.split_once(' ').expect("a time");
    let (path, data) = rest.split_once(' ').expect("data");
    let mut data: Value = serde_json::from_str(data).expect("JSON");
    data["occurred_at"] = time.into();
    if data["plan"] == "strategy" {
        data["plan"] = serde_json::to_value(domain::plan::Plan::carried()).expect("JSON");
    }
    let [collection, id, command] = path.split('/').collect::<Vec<_>>()[..] else { panic!("{path}") };
    json!({ "collection": collection, "id": id, "command": command, "data": data })
}

async fn check(client: &Client, kpi: &Kpi, case: &Case) -> Vec<String> {
    let (grain, day) = asked(&case.ask);
    let mut wrong = Vec::new();
    for segment in case.figures.keys().chain(&case.absent) {
        let query =
            [("grain", grain.as_str().to_owned()), ("from", day.clone()), ("to", day.clone()), ("segment", segment.clone())];
        // All cases' figures are made in turn; a figure that is still to be made says so.
        let body = eventually("the case's figures are made", 3 * SOON, async || {
            let request = client.request("admin", Method::GET, &format!("/v1/kpis/{}", kpi.id)).query(&query);
            let (status, body) = answer_of(request).await;
            assert_eq!(status, StatusCode::OK, "{}: {segment}: {body}", kpi.id);
            (body["due"] == false && body["freshness"]["lag_events"] == 0).then_some(body)
        })
        .await;
        let figure = body["data"].as_array().expect("figures").iter().find(|figure| figure["segment"] == **segment);
        match (figure, case.figures.get(segment)) {
            (Some(figure), None) => wrong.push(format!("{segment} is there: {figure}")),
            (None, Some(_)) => wrong.push(format!("{segment} is not there: {body}")),
            (Some(figure), Some(expected)) => {
                wrong.extend(differences(figure, expected).into_iter().map(|text| format!("{segment}: {text}")));
                // What it rests on, and how fresh it is, stands beside every figure.
                let told = body["definition"].is_u64()
                    && figure["plan_version"].is_u64()
                    && figure["n"].is_i64()
                    && body["freshness"]["state"].is_string()
                    && body["computed_at"].is_string()
                    && figure["period"] == case.ask.as_str();
                if !told {
                    wrong.push(format!("{segment}: it does not say what it rests on: {body}"));
                }
            }
            (None, None) => {}
        }
    }
    wrong
}

fn differences(figure: &Value, expected: &Expected) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, expected) in
        [("numerator", &expected.numerator), ("denominator", &expected.denominator), ("value", &expected.value)]
    {
        let Some(expected) = expected else { continue };
        let same = match (figure[name].as_f64(), expected.parse::<f64>().ok()) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            (found, expected) => found.is_none() && expected.is_none(),
        };
        if !same {
            wrong.push(format!("its {name} is {}, not {expected:?}", figure[name]));
        }
    }
    if expected.n.is_some_and(|n| figure["n"].as_i64() != Some(n)) {
        wrong.push(format!("its n is {}, not {:?}", figure["n"], expected.n));
    }
    wrong
}

/// The grain that a period is written in, and its first day.
fn asked(text: &str) -> (Grain, String) {
    let first: chrono::NaiveDate = format!("{}-01-01", &text[..4]).parse().expect("a year");
    let found = Grain::ALL.into_iter().find_map(|grain| {
        let starts = grain.between(first, first + chrono::Days::new(366));
        starts.into_iter().find(|start| grain.name(*start) == text).map(|start| (grain, start.to_string()))
    });
    found.unwrap_or_else(|| panic!("{text} is a period"))
}
