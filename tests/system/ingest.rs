//! `ingest`, `export` and `keys` as people use them.

use std::io::Write as _;
use std::process::{Command, Output};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::program::{Directory, answer_of, up};

fn run(directory: &Directory, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
        .args(arguments)
        .args(["--data-dir", directory.path().to_str().expect("UTF-8")])
        .env_remove("DATABASE_URL")
        .env_remove("KAFKA_BROKERS")
        .output()
        .expect("the program runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_ingested_once_and_events_exported_whole() {
    let (program, client, _place, directory) = up().await;
    client.open_capsule("c1").await;
    let file = directory.path().join("interactions.ndjson");
    let mut text = std::fs::File::create(&file).expect("a file");
    for n in 0..3_000 {
        writeln!(
            text,
            "{}",
            json!({"id": format!("n{n}"), "capsule_id": "c1", "kind": "interaction", "occurred_at": "2026-01-15T12:00:00Z"})
        )
        .expect("written");
    }
    let csv = directory.path().join("interactions.csv");
    std::fs::write(&csv, "id,capsule_id,kind,occurred_at,attributes.clicks\nv1,c1,view,2026-01-15T12:00:00Z,4\n")
        .expect("written");

    let output = run(&directory, &["ingest", file.to_str().expect("UTF-8"), csv.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", said(&output));
    let output = run(&directory, &["ingest", "--restart", file.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{}", said(&output));
    crate::program::eventually("every interaction is counted once", crate::program::SOON, async || {
        (client.total(None).await == 3_001).then_some(())
    })
    .await;

    std::fs::write(&csv, "id,capsule_id,kind\nv2,nowhere,view\n").expect("written");
    let output = run(&directory, &["ingest", csv.to_str().expect("UTF-8")]);
    assert!(!output.status.success(), "a rejected line is no success");
    assert!(said(&output).contains("capsule_unknown"), "{}", said(&output));

    let output = run(&directory, &["export"]);
    assert!(output.status.success(), "{}", said(&output));
    let lines: Vec<Value> =
        String::from_utf8(output.stdout).expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (notes, sent): (Vec<&Value>, Vec<&Value>) = lines.iter().partition(|line| line["collection"] == "audit_entries");
    assert_eq!(sent.len(), 3_003, "two of the capsule, 3,001 interactions");
    assert!(notes.iter().any(|note| note["type"] == "DataExported"), "that it was exported is noted before: {notes:?}");
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_of_any_kind_are_ingested_once_and_in_their_order() {
    let (program, client, _place, directory) = up().await;
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let deal = |n: usize| {
        let value = json!({"amount": "1200.00", "currency": "USD"});
        let opened = json!({"account_id": "acme", "annual_value": value, "expected_close": "2026-12-01",
            "occurred_at": "2026-09-01T09:00:00Z"});
        let stages = ["proposal", "discovery", "proposal"].map(|stage| ("advance", json!({"stage": stage})));
        let commands = [("open", opened)].into_iter().chain(stages).chain([("win", json!({}))]);
        commands
            .map(|(name, data)| {
                format!("{}\n", json!({"collection": "deals", "id": format!("d{n}"), "command": name, "data": data}))
            })
            .collect::<String>()
    };
    // More than one request; without times, so that all rests on their order.
    let mixed = (0..500).map(deal).collect::<String>()
        + &format!(
            "{}\n",
            json!({"collection": "accounts", "id": "acme", "command": "enable_feature", "data": {"feature": "quiz"}})
        )
        + &format!(
            "{}\n",
            json!({"collection": "accounts", "id": "acme", "command": "disable_feature", "data": {"feature": "quiz"}})
        );
    let mixed = write("mixed.ndjson", &mixed);
    let spend = write(
        "spend.csv",
        "id,category,amount.amount,amount.currency,is_cogs,occurred_at\n\
         s-1,marketing,1200.00,USD,FALSE,2026-10-06T15:00:00Z\n\
         s-2,infrastructure,80.50,USD,TRUE,2026-10-07T15:00:00Z\n",
    );
    for (accepted, duplicates) in [(2_502, 0), (0, 2_502)] {
        let output = run(&directory, &["ingest", "--json", &mixed]);
        assert!(output.status.success(), "{}", said(&output));
        let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let file = &summary["files"][0];
        assert_eq!((&file["accepted"], &file["duplicates"]), (&json!(accepted), &json!(duplicates)), "{summary}");
        let output = run(&directory, &["ingest", "--collection", "spend", "--command", "record", &spend]);
        assert!(output.status.success(), "{}", said(&output));
    }

    let events = async |filter: &str| {
        let body = client.get(&format!("/v1/events?{filter}")).await;
        body["data"].as_array().expect("a list").clone()
    };
    let types =
        |events: &[Value]| events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect::<Vec<_>>();
    let of_deal = events("collection=deals&id=d499").await;
    assert_eq!(types(&of_deal), ["DealOpened", "DealAdvanced", "DealAdvanced", "DealAdvanced", "DealWon"]);
    assert_eq!(types(&events("collection=accounts&id=acme").await), ["FeatureEnabled", "FeatureDisabled"]);
    let of_spend = events("collection=spend&id=s-2").await;
    assert_eq!(of_spend.len(), 1);
    let recorded = &of_spend[0]["data"];
    assert_eq!((&recorded["amount"]["amount"], &recorded["is_cogs"]), (&json!("80.50"), &json!(true)), "{of_spend:?}");

    let rows = write("more.csv", "id,category,amount.amount,amount.currency\ns-3,personnel,80.5,USD\n");
    let output = run(&directory, &["ingest", "--collection", "spend", "--command", "record", &rows]);
    assert!(!output.status.success(), "a rejected line is no success");
    assert!(said(&output).contains("line 2: invalid_field") && said(&output).contains("/data/amount"), "{}", said(&output));
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_works_from_its_making_to_its_end_and_for_its_tenant_only() {
    let (program, client, place, directory) = up().await;
    client.open_capsule("c1").await;
    let keys = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
            .arg("keys")
            .args(arguments)
            .args(["--database-url", &place.database_url, "--data-dir", directory.path().to_str().expect("UTF-8"), "--json"])
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let get = async |key: &str, path: &str| {
        answer_of(client.http.request(Method::GET, format!("{}{path}", client.api)).bearer_auth(key)).await
    };

    let made = keys(&["create", "--role", "auditor", "--name", "yearly audit"]);
    let (id, secret) = (made["id"].as_str().expect("an id").to_owned(), made["key"].as_str().expect("a key").to_owned());
    let (status, events) = get(&secret, "/v1/events").await;
    assert_eq!(status, StatusCode::OK, "{events}");
    let event = events["data"][0]["id"].as_str().expect("an event").to_owned();

    let other = keys(&["create", "--role", "admin", "--name", "of another company", "--tenant", "other"]);
    let other = other["key"].as_str().expect("a key");
    assert_eq!(get(other, "/v1/capsules/c1").await.0, StatusCode::NOT_FOUND, "another tenant's is not found");
    assert_eq!(get(other, &format!("/v1/events/{event}")).await.0, StatusCode::NOT_FOUND, "another tenant's is not found");
    let theirs = get(other, "/v1/events").await.1;
    let theirs = theirs["data"].as_array().expect("events");
    assert!(theirs.iter().all(|event| event["collection"] == "audit_entries"), "its own key, and nothing else: {theirs:?}");

    let expired = keys(&["create", "--role", "admin", "--name", "old", "--expires-at", "2026-01-01T00:00:00Z"]);
    let (status, problem) = get(expired["key"].as_str().expect("a key"), "/v1/north-star").await;
    assert_eq!((status.as_u16(), &problem["code"]), (401, &json!("key_expired")), "{problem}");

    assert!(keys(&["list"]).as_array().expect("a list").iter().any(|key| key["id"] == id.as_str()));
    keys(&["revoke", &id]);
    crate::program::eventually("a revoked key is refused", crate::program::SOON, async || {
        let (status, problem) = get(&secret, "/v1/events").await;
        (status.as_u16() == 401 && problem["code"] == "key_revoked").then_some(())
    })
    .await;
    assert!(program.stop().await, "it stops well");
}
