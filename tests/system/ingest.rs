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
    assert_eq!(lines.len(), 3_003, "two of the capsule, 3,001 interactions");
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
    assert_eq!(get(other, "/v1/events").await.1["data"], json!([]));

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
