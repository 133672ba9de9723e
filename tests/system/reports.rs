//! What reviews look at, from facts that a client sends to the reports of the API and their exports, by figures worked out by hand.

use std::process::Command;

use chrono::{Datelike, Months, NaiveDate, TimeDelta, Utc};
use domain::plan::Plan;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::program::{Client, answer_of, up};

/// Month 9 of the company is the present one, so that stage 1, of 6 months, is over and stage 2 under way.
const PRESENT: u32 = 9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_report_says_what_the_facts_and_the_plan_say() {
    let (program, client, _place, directory) = up().await;
    let after = tell(&client).await;

    let economics = report(&client, "unit-economics", &after, "").await;
    assert_eq!((&economics["currency"], &economics["plan_version"]), (&json!("USD"), &json!(1)));
    let stages = economics["data"].as_array().expect("stages");
    let figure = |stage: usize, kpi: &str| find(&stages[stage]["figures"], "kpi", kpi);
    assert_eq!(stages[0]["period"], name(6), "stage 1 is told by its last month");
    assert_eq!(stages[1]["period"], name(PRESENT), "stage 2 by the present one");
    assert_eq!(stages[2]["period"], Value::Null, "stage 3 has not begun");
    // 5,000 spent to win two accounts, where the plan says 1,000 each.
    let cac = figure(0, "cac");
    assert_eq!(picked(&cac, &["value", "plan", "variance", "n", "status"]), json!([2_500, 1_000, 1_500, 2, "missed"]));
    assert_eq!(picked(&figure(2, "cac"), &["value", "plan", "status"]), json!([null, 200, "no_data"]));
    assert!(figure(1, "ltv")["parts"]["reason"].is_string(), "why there is no value: {}", figure(1, "ltv"));

    let month = name(6);
    let budget = report(&client, "budget", &after, &format!("&from={month}&to={month}")).await;
    let category = |name: &str| find(&budget["data"], "category", name);
    // A budget that was set.
    let fields = ["actual", "budget", "variance", "budget_from", "n", "status"];
    assert_eq!(picked(&category("operations"), &fields), json!([1_200, 1_000, 200, "budgets", 1, "missed"]));
    // 13 % of 575,000 over six months.
    assert_eq!(picked(&category("marketing"), &fields), json!([5_000, 12_458.333_333, -7_458.333_333, "plan", 1, "reached"]));
    assert_eq!(category("personnel")["actual"], 0);
    assert!(budget["notes"].to_string().contains("101"), "the shares of the plan add up to 101 %: {}", budget["notes"]);

    let headcount = report(&client, "headcount", &after, "").await;
    let rows = headcount["data"].as_array().expect("rows");
    let row = |number: u32, function: &str| {
        let of_month = Value::from(rows.iter().filter(|row| row["period"] == name(number)).cloned().collect::<Vec<_>>());
        find(&of_month, "function", function)
    };
    // Two engineers, one at half time; the plan has four by month 6.
    let fields = ["fte", "people", "plan", "variance", "status"];
    assert_eq!(picked(&row(6, "engineering"), &fields), json!([1.5, 2, 4, -2.5, "missed"]));
    assert_eq!(picked(&row(36, "all"), &fields), json!([null, 0, 75, null, "no_data"]), "months to come have their plan");
    assert_eq!(rows.iter().filter(|row| row["function"] == "all").count(), 36);

    let gates = report(&client, "gates", &after, "").await;
    let gate = find(&gates["data"], "transition", "foundation_to_systematization");
    assert_eq!(picked(&gate, &["is_next", "met", "of"]), json!([false, 1, 8]));
    let next = find(&gates["data"], "transition", "systematization_to_optimization");
    assert_eq!(picked(&next, &["is_next", "met", "of", "readiness"]), json!([true, 0, 8, 0]));
    let item = find(&gate["items"], "id", "series_a_funding_secured");
    assert_eq!(picked(&item, &["is_met", "by", "evidence", "relied_on"]), json!([true, "evidence", "term sheet", "0-0"]));
    let event = client.get(&format!("/v1/events/{}", item["event"].as_str().expect("an event"))).await;
    assert_eq!(event["type"], "GateItemMet");
    let by_figure = find(&next["items"], "id", "arr_of_4_5_million_achieved");
    assert_eq!(
        picked(&by_figure, &["is_met", "by", "kpi", "at_least", "value"]),
        json!([false, "figure", "arr", 4_500_000, 2_400.0])
    );

    let levels = report(&client, "service-levels", &after, "").await;
    assert_eq!(levels["data"].as_array().expect("levels").len(), 5);
    // An hour up, an hour half up, where stage 2 wants 99.5 %: 50 times its error budget is used.
    let uptime = find(&levels["data"], "kpi", "slo_uptime");
    let fields = ["good", "measured", "value", "objective", "error_budget_left", "n"];
    assert_eq!(picked(&uptime, &fields), json!([5_400, 7_200, 0.75, 0.995, -49, 2]));
    let unmeasured = find(&levels["data"], "kpi", "slo_page_load");
    assert_eq!(picked(&unmeasured, &["limit_ms", "value", "status", "n"]), json!([2_000, null, "no_data", 0]));

    risks(&client, &after).await;
    exports(&client, directory.path());
    assert!(program.stop().await, "it stops well");
}

async fn risks(client: &Client, after: &str) {
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().expect("risks").iter().map(|risk| risk["id"].as_str().expect("an id").to_owned()).collect()
    };
    let open = report(client, "risks", after, "").await;
    assert_eq!(ids(&open), ["runway", "region"], "open ones, the gravest first");
    let runway = find(&open["data"], "id", "runway");
    assert_eq!(picked(&runway, &["likelihood", "impact", "exposure", "state", "age_days"]), json!([4, 5, 20, "open", 40]));
    let mitigations: Vec<_> =
        runway["mitigations"].as_array().expect("mitigations").iter().map(|taken| taken["mitigation"].clone()).collect();
    assert_eq!(mitigations, [json!("slower hiring"), json!("a second lender")]);
    assert_eq!(ids(&report(client, "risks", after, "&state=closed").await), ["churn"]);
    assert_eq!(ids(&report(client, "risks", after, "&state=all&category=financial").await), ["runway", "churn"]);
    // Page by page it is the same list.
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = report(client, "risks", after, &format!("&state=all&limit=1{cursor}")).await;
        found.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(found, ids(&report(client, "risks", after, "&state=all").await));
    assert_eq!(found.len(), 3);
    // What was recorded today was not known yesterday.
    let yesterday = Utc::now().date_naive() - TimeDelta::days(1);
    assert_eq!(ids(&report(client, "risks", after, &format!("&as_of={yesterday}")).await), Vec::<String>::new());
    for (query, field) in
        [("state=grave", "/state"), ("category=x", "/category"), ("cursor=x", "/cursor"), ("as_of=2999-01-01", "/as_of")]
    {
        let (status, body) = answer_of(client.request("analyst", Method::GET, &format!("/v1/risks?{query}"))).await;
        assert_eq!((status, &body["field"]), (StatusCode::BAD_REQUEST, &json!(field)), "{body}");
    }
}

/// The program writes each report as a table.
fn exports(client: &Client, directory: &std::path::Path) {
    let export = |arguments: &[&str]| {
        let ran = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
            .args(["export", "--api", &client.api, "--key", client.key("analyst")])
            .args(arguments)
            .output()
            .expect("it runs");
        assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    };
    for (name, rows) in [("unit-economics", 12), ("headcount", 36 * 7), ("gates", 16), ("risks", 2), ("service-levels", 5)] {
        let csv = String::from_utf8(export(&["--report", name])).expect("UTF-8");
        assert_eq!(csv.lines().count(), rows + 1, "{name}: {csv}");
        let path = directory.join(format!("{name}.parquet"));
        export(&["--report", name, "--format", "parquet", "--output", path.to_str().expect("UTF-8")]);
        assert!(std::fs::read(&path).expect("it is written").starts_with(b"PAR1"));
    }
    let month = name(6);
    let csv = String::from_utf8(export(&["--report", "budget", "--from", &month, "--to", &month])).expect("UTF-8");
    assert!(csv.contains(&format!("{month},operations,1200,1000,200,1.2,budgets,1,missed,1,false,")), "{csv}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_series_comes_page_by_page() {
    let (program, client, _place, _directory) = up().await;
    let facts: Vec<Value> = ["amer", "apac", "emea"]
        .iter()
        .flat_map(|team| {
            (1..=3).flat_map(move |month| {
                let id = format!("{team}-{month}");
                let at = move |day: u32| format!("2026-0{month}-{day:02}T09:00:00Z");
                [
                    fact(
                        "deals",
                        &id,
                        "open",
                        json!({"account_id": id, "team": team, "annual_value": usd("1200.00"),
                        "expected_close": "2026-12-01", "occurred_at": at(1)}),
                    ),
                    fact("deals", &id, "win", json!({"occurred_at": at(20)})),
                ]
            })
        })
        .collect();
    let after = send(&client, &facts).await;
    let address = format!("/v1/kpis/win_rate?segment=team&from=2026-01&to=2026-03&after={after}");
    let whole = client.get(&address).await;
    let all = whole["data"].as_array().expect("figures").clone();
    assert_eq!((all.len(), &whole["next"]), (9, &Value::Null));
    let (mut found, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = client.get(&format!("{address}&limit=2{cursor}")).await;
        found.extend(page["data"].as_array().expect("figures").iter().cloned());
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!((pages, &found), (5, &all));
    // A table says in a header where it goes on.
    let request = client.request("analyst", Method::GET, &format!("{address}&limit=8")).header("accept", "text/csv");
    let answer = request.send().await.expect("an answer");
    let next = answer.headers()["ledger-next"].to_str().expect("text").to_owned();
    assert_eq!(answer.text().await.expect("a body").lines().count(), 9);
    let request = client.request("analyst", Method::GET, &format!("{address}&cursor={next}")).header("accept", "text/csv");
    let answer = request.send().await.expect("an answer");
    assert!(answer.headers().get("ledger-next").is_none());
    assert_eq!(answer.text().await.expect("a body").lines().count(), 2);
    assert!(program.stop().await, "it stops well");
}

/// Sends the facts; the token of the last.
async fn tell(client: &Client) -> String {
    let at = |number: u32, day: u32| format!("{}T09:00:00Z", month(number).with_day(day).expect("a day"));
    let ago = |days: i64| (Utc::now() - TimeDelta::days(days) - TimeDelta::hours(1)).to_rfc3339();
    let plan = serde_json::to_value(Plan::carried()).expect("JSON");
    let risk = |category: &str, likelihood: u8, impact: u8, days: i64| json!({"category": category, "risk": "something", "likelihood": likelihood, "impact": impact, "occurred_at": ago(days)});
    let facts = [
        fact("plans", "scaling", "adopt", json!({"first_month": month(1), "plan": plan, "occurred_at": at(1, 1)})),
        fact(
            "spend",
            "ads",
            "record",
            json!({"category": "marketing", "amount": usd("5000.00"), "is_acquisition": true, "occurred_at": at(6, 5)}),
        ),
        fact(
            "subscriptions",
            "s1",
            "start",
            json!({"account_id": "a1", "plan": "team", "monthly": usd("100.00"), "occurred_at": at(6, 6)}),
        ),
        fact(
            "subscriptions",
            "s2",
            "start",
            json!({"account_id": "a2", "plan": "team", "monthly": usd("100.00"), "occurred_at": at(6, 7)}),
        ),
        fact(
            "budgets",
            "b1",
            "set",
            json!({"category": "operations", "month": month(6), "amount": usd("1000.00"), "occurred_at": at(5, 1)}),
        ),
        fact("spend", "office", "record", json!({"category": "operations", "amount": usd("1200.00"), "occurred_at": at(6, 9)})),
        fact(
            "people",
            "e1",
            "hire",
            json!({"function": "engineering", "level": "manager", "fte_percent": 100, "occurred_at": at(1, 5)}),
        ),
        fact(
            "people",
            "e2",
            "hire",
            json!({"function": "engineering", "level": "individual_contributor", "fte_percent": 50, "occurred_at": at(2, 5)}),
        ),
        fact(
            "gate_items",
            "series_a_funding_secured",
            "meet",
            json!({"transition": "foundation_to_systematization",
            "evidence": "term sheet", "relied_on": "0-0", "occurred_at": at(6, 20)}),
        ),
        fact(
            "probes",
            "p1",
            "record",
            json!({"kind": "uptime", "good": 60, "total": 60, "covers_seconds": 3600, "occurred_at": ago(2)}),
        ),
        fact(
            "probes",
            "p2",
            "record",
            json!({"kind": "uptime", "good": 30, "total": 60, "covers_seconds": 3600, "occurred_at": ago(1)}),
        ),
        fact("risks", "runway", "raise", risk("financial", 3, 5, 40)),
        fact("risks", "runway", "mitigate", json!({"mitigation": "a second lender", "occurred_at": ago(10)})),
        fact("risks", "runway", "mitigate", json!({"mitigation": "slower hiring", "occurred_at": ago(20)})),
        fact("risks", "runway", "reassess", json!({"likelihood": 4, "impact": 5, "occurred_at": ago(5)})),
        fact("risks", "region", "raise", risk("operational", 2, 4, 30)),
        fact("risks", "churn", "raise", risk("financial", 2, 4, 30)),
        fact("risks", "churn", "close", json!({"occurred_at": ago(3)})),
    ];
    send(client, &facts).await
}

async fn send(client: &Client, facts: &[Value]) -> String {
    let body: String = facts.iter().map(|fact| format!("{fact}\n")).collect();
    let (status, body) = answer_of(client.ndjson("/v1/commands", body)).await;
    assert_eq!((status, &body["accepted"]), (StatusCode::OK, &json!(facts.len())), "{body}");
    body["token"].as_str().expect("a token").to_owned()
}

fn fact(collection: &str, id: &str, command: &str, data: Value) -> Value {
    json!({"collection": collection, "id": id, "command": command, "data": data})
}

fn usd(amount: &str) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

async fn report(client: &Client, name: &str, after: &str, query: &str) -> Value {
    let body = client.get(&format!("/v1/{name}?after={after}{query}")).await;
    assert_eq!(body["due"], false, "{name}: {body}");
    assert!(body["freshness"]["state"].is_string(), "{name}: {body}");
    body
}

/// The first day of the company's month of this number.
fn month(number: u32) -> NaiveDate {
    let present = Utc::now().date_naive().with_day(1).expect("every month has a first day");
    present - Months::new(PRESENT) + Months::new(number)
}

fn name(number: u32) -> String {
    month(number).format("%Y-%m").to_string()
}

fn find(items: &Value, name: &str, value: &str) -> Value {
    let found = items.as_array().expect("a list").iter().find(|item| item[name] == value);
    found.unwrap_or_else(|| panic!("{name} {value:?} is in {items}")).clone()
}

fn picked(of: &Value, names: &[&str]) -> Value {
    names.iter().map(|name| of[*name].clone()).collect()
}
