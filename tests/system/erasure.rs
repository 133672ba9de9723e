//! Erasing a person, as an operator does it: whole or not at all, whatever is killed; found nowhere afterwards; and no count,
//! root or proof is any other than before.

mod backups;
mod killed;
mod nowhere;

use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::faults::client_at;
use crate::program::{Client, Directory, SOON, answer_of, connection, eventually, start_up, up, verifier_key};
use crate::servers::Place;
use crate::signed::connect;

/// The person, and what is personal of them. Nothing else in any store has these words.
const PERSON: &str = "quincy.zwetschge@example.org";
const WORDS: [&str; 2] = ["Zwetschge", "Blaubeerstrasse"];

fn personal() -> Value {
    json!({"name": "Quincy Zwetschge", "address": "Blaubeerstrasse 4711"})
}

fn visit(id: &str, user: &str) -> Value {
    visit_of(id, user, &personal())
}

fn visit_of(id: &str, user: &str, personal: &Value) -> Value {
    json!({"id": id, "capsule_id": "c1", "user_id": user, "session_id": "s-1", "kind": "interaction",
        "occurred_at": "2026-10-05T09:00:00Z", "personal": personal})
}

async fn visits(client: &Client, lines: &[Value]) -> Value {
    let (status, body) = client.post_interactions(lines).await;
    assert!(status.is_success(), "{body}");
    body
}

async fn erase(client: &Client, user: &str, key: &str) -> (StatusCode, Value) {
    let path = format!("/v1/subjects/{}/erase", user.replace('@', "%40"));
    answer_of(client.request("admin", Method::POST, &path).header("Idempotency-Key", key)).await
}

async fn pseudonym_in(client: &Client, interaction: &str) -> String {
    let path = format!("/v1/events?collection=interactions&id={interaction}&limit=1");
    let events = client.get(&path).await;
    events["data"][0]["data"]["user_id"].as_str().expect("a pseudonym").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_another_process_after_an_erasure_is_of_somebody_new() {
    let (program, client, place, directory) = up().await;
    client.open_capsule("c1").await;
    assert!(program.stop().await, "it stops well");
    let (serve_1, api_1) = crate::roles::serve(&directory, &place).await;
    let (serve_2, api_2) = crate::roles::serve(&directory, &place).await;
    let (first, second) = (client_at(&api_1, &client), client_at(&api_2, &client));
    // Both processes remember the person.
    for (client, id) in [(&first, "i1"), (&second, "i2")] {
        assert_eq!(visits(client, &[visit(id, PERSON)]).await["accepted"], 1);
        assert_eq!(visits(client, &[visit(id, PERSON)]).await["duplicates"], 1);
    }
    let known = pseudonym_in(&first, "i2").await;
    let (status, erased) = erase(&first, PERSON, "e1").await;
    assert_eq!((status, &erased["subject"], &erased["events"]), (StatusCode::OK, &json!(known), &json!(2)), "{erased}");

    let late = visits(&second, &[visit("i2", PERSON)]).await;
    assert_eq!(late["results"][0]["code"], "interaction_conflict", "not recognised as theirs: {late}");
    assert_eq!(visits(&second, &[visit("i3", PERSON)]).await["accepted"], 1);
    let new = pseudonym_in(&second, "i3").await;
    assert_ne!(new, known);
    assert_eq!(visits(&first, &[visit("i4", PERSON)]).await["accepted"], 1);
    assert_eq!(pseudonym_in(&first, "i4").await, new);
    for serve in [serve_1, serve_2] {
        assert!(serve.stop().await, "it stops well");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_admins_read_and_erase_people_and_the_audit_log_says_who_read() {
    let (program, client, place, directory) = up().await;
    client.open_capsule("c1").await;
    visits(&client, &[visit("i1", PERSON), visit("i2", "somebody-else")]).await;
    let data = json!({"user_id": PERSON, "personal": {"email": PERSON}});
    assert_eq!(client.command("sign_ups", "s1", "record", data).await.0, StatusCode::OK);
    for role in ["writer", "analyst", "auditor"] {
        for (method, path) in [(Method::GET, "/v1/subjects/x"), (Method::POST, "/v1/subjects/x/erase")] {
            let (status, problem) = answer_of(client.request(role, method, path)).await;
            assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("role_forbidden")), "{role} {path}");
        }
    }
    let rule = json!({"after_days": 1});
    let (status, problem) = client.command("retention_rules", "r1", "set", rule.clone()).await;
    assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("role_forbidden")), "{problem}");
    let line = json!({"collection": "retention_rules", "id": "r1", "command": "set", "data": rule}).to_string();
    let (_, answer) = answer_of(client.ndjson("/v1/commands", line)).await;
    assert_eq!(answer["results"][0]["code"], "role_forbidden", "{answer}");
    for path in ["/v1/subjects/x/explode", "/v1/subjects/x/forge"] {
        let (status, problem) = answer_of(client.request("admin", Method::POST, path).json(&json!({}))).await;
        assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("unknown_command")), "{problem}");
    }
    let (status, problem) = answer_of(client.request("admin", Method::GET, "/v1/subjects/nobody")).await;
    assert_eq!((status, &problem["code"]), (StatusCode::NOT_FOUND, &json!("subject_unknown")));

    let held = client.get("/v1/subjects/quincy.zwetschge%40example.org").await;
    assert_eq!((&held["events"], held["data"].as_array().map(Vec::len)), (&json!(2), Some(2)), "{held}");
    let opened: Vec<&Value> = held["data"].as_array().expect("events").iter().map(|event| &event["personal"]).collect();
    assert!(opened.contains(&&personal()) && opened.contains(&&json!({"email": PERSON})), "{held}");
    let request =
        client.request("admin", Method::GET, &format!("/v1/subjects/{PERSON}")).header("accept", "application/x-ndjson");
    let lines = request.send().await.expect("an answer").text().await.expect("a body");
    assert_eq!(lines.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).count(), 2, "{lines}");
    let mut postgres = connect(&place.database_url).await;
    let read: Vec<String> =
        sqlx::query_scalar("SELECT payload ->> 'subject' FROM ledger.events WHERE event_type = 'PersonalDataRead'")
            .fetch_all(&mut postgres)
            .await
            .expect("the audit log");
    assert_eq!(read, [&held["subject"], &held["subject"]].map(|subject| subject.as_str().expect("a pseudonym")));

    // A rule, applied by the running program: whoever has no event is idle since they were met.
    assert!(program.stop().await, "it stops well");
    let nobody = "INSERT INTO vault.pseudonyms (tenant, subject, pseudonym, key, created_at)
                  VALUES ('demo', '\\x00', gen_random_uuid(), sha512(''), now() - interval '2 days')";
    sqlx::query(nobody).execute(&mut postgres).await.expect("entered");
    let program = start_up(&directory, Some(&place), &["--retention-every", "1"]);
    let client = Client::of(directory.path()).await;
    let request = client.request("admin", Method::POST, "/v1/retention_rules/r1/set").json(&json!({"after_days": 1}));
    assert_eq!(answer_of(request).await.0, StatusCode::OK);
    eventually("the rule is applied", SOON, async || {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM vault.pseudonyms").fetch_one(&mut postgres).await.ok()?;
        (left == 2).then_some(())
    })
    .await;
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_cannot_be_written_hides_no_erasure_and_is_given_again() {
    let (program, client, _place, directory) = up().await;
    client.open_capsule("c1").await;
    visits(&client, &[visit("i1", PERSON)]).await;
    let file = |name: &str| directory.path().join(name).to_str().expect("a path").to_owned();
    let erase = |output: &str, more: &[&str]| {
        let data_dir = file("");
        run(&[&["erase", PERSON, "--yes", "-o", output, "--data-dir", &data_dir], more].concat())
    };
    let (ok, said) = erase(&file("nowhere/certificate"), &[]);
    assert!(!ok && said.contains("Erased at") && said.contains("they are erased, but"), "{said}");
    let key = said.split_once("--idempotency-key ").and_then(|(_, rest)| rest.split(' ').next()).expect("the key");
    let certificate = file("certificate");
    let (ok, again) = erase(&certificate, &["--idempotency-key", key]);
    assert!(ok && again.lines().next() == said.lines().next(), "{again}, after {said}");
    let (ok, said) = run(&["check", &certificate, "--verifier-key", &verifier_key(&directory)]);
    assert!(ok, "{said}");
    assert!(program.stop().await, "it stops well");
}

/// What the program prints.
fn run(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_capsule-ledger")).args(arguments).output().expect("it runs");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

fn run_with_input(arguments: &[&str], input: &str) -> (bool, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// Commands by which the ledger knows of somebody in every way that it can.
async fn meet(client: &Client, name: &str, user: &str, personal: &Value) {
    visits(client, &[visit_of(&format!("i-{name}"), user, personal)]).await;
    let at = "2026-10-05T08:00:00Z";
    for (collection, command, data) in [
        ("sign_ups", "record", json!({"user_id": user, "occurred_at": at, "personal": personal})),
        (
            "leads",
            "capture",
            json!({"user_id": user, "channel": "search", "source": "sales", "occurred_at": at, "personal": personal}),
        ),
        ("surveys", "answer", json!({"user_id": user, "kind": "nps", "score": 9, "occurred_at": at, "personal": personal})),
    ] {
        let (status, answer) = client.command(collection, name, command, data).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
    }
}

/// Of those who were met: every figure that counts them, and every row of the read models that they are in.
async fn figures(client: &Client, postgres: &mut PgConnection) -> Value {
    let mut figures = vec![client.get("/v1/north-star?from=2026-10&to=2026-10").await["data"].clone()];
    for kpi in ["active_capsule_interactions", "time_to_value", "nps", "mql_to_sql_conversion"] {
        let series = client.get(&format!("/v1/kpis/{kpi}?grain=month&from=2026-10&to=2026-10")).await;
        figures.push(series["data"].clone());
    }
    for view in ["interactions", "members", "daily_counts", "sign_up_facts", "lead_facts", "survey_facts"] {
        let rows = format!("SELECT count(*), md5(string_agg(v::text, ',' ORDER BY v::text)) FROM read.{view} AS v");
        let (count, hash): (i64, Option<String>) = sqlx::query_as(&rows).fetch_one(&mut *postgres).await.expect("rows");
        figures.push(json!([view, count, hash]));
    }
    json!(figures)
}
