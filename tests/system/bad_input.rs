//! Bad input gets a clear problem document with a stable code, and nothing is half-recorded.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::program::{Client, answer_of, up};

fn problem(answer: &(StatusCode, Value)) -> (u16, &str) {
    (answer.0.as_u16(), answer.1["code"].as_str().unwrap_or("no code"))
}

fn interaction(id: &str) -> Value {
    json!({"id": id, "capsule_id": "c1", "kind": "interaction", "occurred_at": "2026-01-15T12:00:00Z"})
}

async fn one(client: &Client, line: Value) -> Value {
    let (status, body) = client.post_interactions(&[line]).await;
    assert_eq!(status, StatusCode::MULTI_STATUS, "{body}");
    assert_eq!((body["accepted"].as_u64(), body["rejected"].as_u64()), (Some(0), Some(1)), "{body}");
    body["results"][0].clone()
}

#[tokio::test]
async fn every_mistake_has_its_own_answer_and_records_nothing() {
    let (program, client, _place, _directory) = up().await;
    client.open_capsule("c1").await;
    client.command("capsules", "draft", "create", json!({"title": "Draft"})).await;
    client.open_capsule("closed").await;
    client.command("capsules", "closed", "archive", json!({"occurred_at": "2026-01-01T00:00:00Z"})).await;

    rejected_interactions(&client).await;
    refused_bodies(&client).await;
    keys_and_roles(&client).await;
    commands(&client).await;
    queries(&client).await;

    let (status, body) = client.post_interactions(&[interaction("good")]).await;
    assert_eq!((status, body["accepted"].as_u64()), (StatusCode::OK, Some(1)), "{body}");
    assert_eq!(client.total(body["token"].as_str()).await, 1, "only the one good interaction was recorded");
    assert!(program.stop().await, "it stops well");
}

async fn rejected_interactions(client: &Client) {
    let in_two_hours = (chrono::Utc::now() + chrono::TimeDelta::hours(2)).to_rfc3339();
    let changed = |field: &str, value: Value| {
        let mut line = interaction("bad");
        line[field] = value;
        line
    };
    let cases = [
        (changed("capsule_id", json!("nowhere")), "capsule_unknown", None),
        (changed("capsule_id", json!("draft")), "capsule_not_published", None),
        (changed("capsule_id", json!("closed")), "capsule_archived", Some("/occurred_at")),
        (changed("kind", json!("dance")), "invalid_field", Some("/kind")),
        (changed("duration_ms", json!(-1)), "invalid_field", Some("/duration_ms")),
        (changed("colour", json!("red")), "unknown_field", Some("/colour")),
        (changed("occurred_at", json!("2026-01-15T12:00:00")), "time_without_zone", Some("/occurred_at")),
        (changed("occurred_at", json!("0000-12-31T23:00:00Z")), "invalid_field", Some("/occurred_at")),
        (changed("occurred_at", json!("yesterday")), "invalid_field", Some("/occurred_at")),
        (changed("occurred_at", json!(in_two_hours)), "time_ahead", Some("/occurred_at")),
        (changed("capsule_id", json!("a/b")), "invalid_field", Some("/capsule_id")),
        (changed("attributes", json!({"text": "x".repeat(33_000)})), "event_too_large", None),
        (json!({"id": "bad", "kind": "view"}), "missing_field", Some("/capsule_id")),
        (json!({"capsule_id": "c1", "kind": "view"}), "missing_field", Some("/id")),
    ];
    for (line, code, field) in cases {
        let result = one(client, line.clone()).await;
        assert_eq!(result["code"], code, "{line} → {result}");
        assert_eq!(result["status"], "rejected", "{result}");
        if let Some(field) = field {
            assert_eq!(result["field"], field, "{line} → {result}");
        }
    }

    // One bad line is that line's own; its neighbours are recorded once, however often they are sent.
    let body = format!("{}\nnot json\n", json!({"id": "bad", "capsule_id": "nowhere", "kind": "view"}));
    let (status, body) = answer_of(client.ndjson("/v1/interactions", body)).await;
    assert_eq!(status, StatusCode::MULTI_STATUS, "{body}");
    assert_eq!(body["results"][0]["code"], "capsule_unknown", "{body}");
    assert_eq!((&body["results"][1]["index"], &body["results"][1]["code"]), (&json!(1), &json!("invalid_json")), "{body}");

    // Same id, other content.
    client.command("interactions", "again", "record", json!({"capsule_id": "c1", "kind": "view", "actor": "test"})).await;
    let conflict = one(client, interaction("again")).await;
    assert_eq!((&conflict["status"], &conflict["code"]), (&json!("conflict"), &json!("interaction_conflict")), "{conflict}");
    client.command("interactions", "again", "void", json!({"reason": "test"})).await;
}

async fn refused_bodies(client: &Client) {
    let post = |content_type: &str, body: Vec<u8>| {
        client.request("writer", Method::POST, "/v1/interactions").header("content-type", content_type).body(body)
    };
    let bomb = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![b' '; 64 << 20]).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let many: String = (0..10_001).map(|n| format!("{}\n", interaction(&n.to_string()))).collect();
    let cases = [
        (post("application/json", b"{not json".to_vec()), 400, "invalid_json"),
        (post("text/csv", b"id,kind".to_vec()), 415, "unsupported_media_type"),
        (post("application/x-ndjson", vec![b'x'; 11 << 20]), 413, "body_too_large"),
        (post("application/x-ndjson", bomb.clone()).header("content-encoding", "gzip"), 413, "body_too_large"),
        (post("application/x-ndjson", b"not gzip".to_vec()).header("content-encoding", "gzip"), 400, "invalid_encoding"),
        (post("application/x-ndjson", bomb).header("content-encoding", "br"), 415, "unsupported_encoding"),
        (post("application/x-ndjson", many.into_bytes()), 413, "too_many_events"),
    ];
    for (request, status, code) in cases {
        let answer = answer_of(request).await;
        assert_eq!(problem(&answer), (status, code), "{}", answer.1);
    }
    let answer = answer_of(client.ndjson("/v1/interactions", String::new()).header("idempotency-key", "k")).await;
    assert_eq!(problem(&answer), (400, "idempotency_key_not_supported"), "{}", answer.1);
}

async fn keys_and_roles(client: &Client) {
    let url = format!("{}/v1/north-star", client.api);
    let answer = answer_of(client.http.get(&url)).await;
    assert_eq!(problem(&answer), (401, "key_missing"));
    let answer = answer_of(client.http.get(&url).bearer_auth("cl_nobody_nothing")).await;
    assert_eq!(problem(&answer), (401, "key_unknown"));
    let forged = format!("{}x", client.key("admin"));
    let answer = answer_of(client.http.get(&url).bearer_auth(forged)).await;
    assert_eq!(problem(&answer), (401, "key_unknown"));

    for (role, method, path) in [
        ("analyst", Method::POST, "/v1/capsules/c9/create"),
        ("auditor", Method::POST, "/v1/interactions"),
        ("analyst", Method::POST, "/v1/commands"),
        ("writer", Method::GET, "/v1/events"),
        ("analyst", Method::GET, "/v1/events/0-0"),
    ] {
        let answer = answer_of(client.request(role, method, path).json(&json!({"title": "x"}))).await;
        assert_eq!(problem(&answer), (403, "role_forbidden"), "{role} {path}: {}", answer.1);
    }
}

async fn commands(client: &Client) {
    let command = async |path: &str, body: Value| answer_of(client.request("writer", Method::POST, path).json(&body)).await;
    for (path, body, expected) in [
        ("/v1/capsules/c1/explode", json!({}), (404, "unknown_command")),
        ("/v1/rockets/c1/create", json!({}), (404, "unknown_collection")),
        ("/v1/capsules/c1/create", json!({"title": "Other"}), (409, "capsule_exists")),
        ("/v1/capsules/c2/create", json!({}), (422, "missing_field")),
        ("/v1/capsules/c2/create", json!({"title": ""}), (422, "invalid_field")),
        ("/v1/capsules/c%2F2/create", json!({"title": "x"}), (422, "invalid_field")),
        ("/v1/capsules/nowhere/publish", json!({}), (404, "capsule_unknown")),
        ("/v1/capsules/closed/publish", json!({}), (422, "capsule_archived")),
        ("/v1/interactions/nowhere/void", json!({}), (404, "interaction_unknown")),
    ] {
        let answer = command(path, body).await;
        assert_eq!(problem(&answer), expected, "{path}: {}", answer.1);
    }

    let keyed = async |key: &str, title: &str| {
        let request = client.request("writer", Method::POST, "/v1/capsules/keyed/create");
        answer_of(request.header("idempotency-key", key).json(&json!({"title": title}))).await
    };
    let first = keyed("k1", "One").await;
    assert_eq!(first.0, StatusCode::OK, "{}", first.1);
    assert_eq!(keyed("k1", "One").await, first, "the first answer again");
    assert_eq!(problem(&keyed("k1", "Two").await), (422, "idempotency_key_reused"));

    let request = client.request("writer", Method::POST, "/v1/capsules/keyed/publish").header("if-match", "\"7\"");
    assert_eq!(problem(&answer_of(request.json(&json!({}))).await), (412, "version_mismatch"));
    let request = client.request("writer", Method::POST, "/v1/capsules/keyed/publish").header("if-match", "\"1\"");
    let (status, body) = answer_of(request.json(&json!({}))).await;
    assert_eq!((status, &body["version"]), (StatusCode::OK, &json!(2)), "{body}");
}

async fn queries(client: &Client) {
    for (path, expected) in [
        ("/v1/north-star?grain=hour", (400, "invalid_parameter")),
        ("/v1/north-star?from=2026-13", (400, "invalid_parameter")),
        ("/v1/north-star?from=2026-05&to=2026-01", (400, "invalid_parameter")),
        ("/v1/north-star?definition=9", (400, "invalid_parameter")),
        ("/v1/north-star?after=nonsense", (400, "invalid_token")),
        ("/v1/capsules/nowhere", (404, "not_found")),
        ("/v1/events/99-99", (404, "not_found")),
        ("/v1/nothing", (404, "not_found")),
    ] {
        let answer = answer_of(client.request("admin", Method::GET, path)).await;
        assert_eq!(problem(&answer), expected, "{path}: {}", answer.1);
        assert!(answer.1["title"].is_string() && answer.1["type"].is_string(), "{}", answer.1);
    }
    let answer = answer_of(client.request("admin", Method::DELETE, "/v1/north-star")).await;
    assert_eq!(problem(&answer), (405, "method_not_allowed"));
}
