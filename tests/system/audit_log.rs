//! What is done with the ledger itself leaves exactly its entry in the ledger: for reviews, for auditors, and to be proved.

use std::process::Command;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{AggregateType, Metadata, NewEvent, Partition, Position, Stream, TenantId};
use event_log::copy::Copy;
use event_store::{Commit, Expected, Store};
use proof::checkpoint::VerifierKey;
use proof::event::EventProof;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::dashboards::{is_for_everybody, sign_in_as};
use crate::program::{Client, Directory, Program, SOON, answer_of, connection, eventually, start_up, up, verifier_key};
use crate::restore::restore_postgres;
use crate::servers::{Place, fresh_place};
use crate::signed::Signed;

/// A tool of the command line on this ledger; what it prints.
fn tool(place: &Place, directory: &Directory, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
        .args(arguments)
        .env("DATABASE_URL", &place.database_url)
        .env("KAFKA_BROKERS", &place.kafka_brokers)
        .env("LEDGER_TOPIC", &place.topic)
        .env("LEDGER_DATA_DIR", directory.path())
        .output()
        .expect("the program runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(said(&output.stdout)) } else { Err(said(&output.stderr)) }
}

fn done(place: &Place, directory: &Directory, arguments: &[&str]) -> Value {
    let said = tool(place, directory, arguments).unwrap_or_else(|said| panic!("{arguments:?}: {said}"));
    serde_json::from_str(&said).unwrap_or(Value::String(said))
}

async fn get_with(client: &Client, key: &str, path: &str) -> (StatusCode, Value) {
    answer_of(client.http.request(Method::GET, format!("{}{path}", client.api)).bearer_auth(key)).await
}

/// Entries that match, the oldest first.
async fn entries(client: &Client, filter: &str) -> Vec<Value> {
    let (status, page) = answer_of(client.request("auditor", Method::GET, &format!("/v1/audit?limit=1000&{filter}"))).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["data"].as_array().expect("entries").iter().rev().cloned().collect()
}

/// Its public part.
fn id_of(key: &str) -> &str {
    key.split('_').nth(1).expect("cl_ID_SECRET")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_thing_that_is_done_leaves_exactly_its_entry_though_the_program_is_killed_right_after() {
    let (mut program, client, place, directory) = up().await;
    let made = done(&place, &directory, &["keys", "create", "--role", "analyst", "--name", "a", "--json"]);
    let (id, secret) = (made["id"].as_str().expect("an id"), made["key"].as_str().expect("a key"));
    assert_eq!(get_with(&client, secret, "/v1/kpis/win_rate?format=csv").await.0, StatusCode::OK);
    assert_eq!(get_with(&client, secret, "/v1/events").await.0, StatusCode::FORBIDDEN);
    done(&place, &directory, &["keys", "revoke", id, "--json"]);
    assert_eq!(done(&place, &directory, &["tenants", "list", "--json"]), json!([{"tenant": "demo", "region": null}]));
    done(&place, &directory, &["tenants", "set-region", "demo", "eu-central-1", "--json"]);
    done(&place, &directory, &["checkpoint", "rotate-key"]);
    client.open_capsule("c1").await;
    let line = |id: &str, user: &str| json!({"id": id, "capsule_id": "c1", "kind": "interaction", "user_id": user});
    client.post_interactions(&[line("i1", "ann@example.org"), line("i2", "ann-marie@example.org")]).await;
    let search = client.request("auditor", Method::GET, "/dashboards/ledger?subject=ann@example.org");
    assert_eq!(search.send().await.expect("an answer").status(), StatusCode::OK);
    for path in ["/v1/events?limit=1", "/v1/events?limit=1&cursor=0-0", "/v1/kpis/win_rate"] {
        answer_of(client.request("auditor", Method::GET, path)).await;
    }
    let risks = client.request("auditor", Method::GET, "/v1/risks").header("accept", "text/csv");
    assert_eq!(answer_of(risks).await.0, StatusCode::OK);
    let (asked, by_tool) = (erase_by_request(&client).await, erase_by_tool(&place, &directory));
    // What is queued beside the requests' way comes within moments.
    eventually("the key's use and refusal are noted", SOON, async || {
        (entries(&client, &format!("key={id}")).await.len() == 5).then_some(())
    })
    .await;
    program.kill();
    // A program that was killed leaves its address behind.
    let path = directory.path().join("connection.json");
    let mut connection = connection(&directory);
    connection["api"] = json!("");
    std::fs::write(path, connection.to_string()).expect("written");

    let program = start_up(&directory, Some(&place), &["--retention-every", "1"]);
    let client = Client::of(directory.path()).await;
    erase_by_retention(&client, &place).await;
    let of_key = entries(&client, &format!("key={id}")).await;
    let mut did: Vec<(&str, &str)> =
        of_key.iter().map(|entry| (entry["action"].as_str().expect("text"), entry["who"].as_str().expect("text"))).collect();
    did.sort_unstable();
    let expected =
        [("AccessDenied", id), ("DataExported", id), ("KeyCreated", "operator"), ("KeyRevoked", "operator"), ("KeyUsed", id)];
    assert_eq!(did, expected);
    let details = |entries: &[Value], action: &str| {
        let found: Vec<_> = entries.iter().filter(|entry| entry["action"] == action).collect();
        assert_eq!(found.len(), 1, "{action}: {found:?}");
        found[0]["details"].clone()
    };
    let denied = details(&of_key, "AccessDenied");
    assert_eq!(denied, json!({"key_id": id, "role": "analyst", "reason": "role", "route": "GET /v1/events"}));
    assert_eq!(details(&of_key, "DataExported")["name"], "win_rate");

    let all = entries(&client, "").await;
    let auditor = id_of(client.key("auditor"));
    let exports: Vec<_> = all.iter().filter(|entry| entry["action"] == "DataExported" && entry["who"] == auditor).collect();
    let what: Vec<_> = exports.iter().map(|entry| entry["details"]["what"].as_str().expect("text")).collect();
    assert_eq!(what, ["events", "report"], "a JSON answer is read, not exported; of pages the first counts");
    let read = details(&all, "PersonalDataRead");
    assert_eq!(read["purpose"], "lookup");
    assert!(!json!(all).to_string().contains("ann@"), "nobody's id is in the audit log");
    assert_eq!(details(&all, "TenantRegionSet"), json!({"region": "eu-central-1"}));
    assert!(all.iter().all(|entry| entry["region"] == "eu-central-1"));
    let rotated = details(&all, "SigningKeyRotated");
    assert_ne!(rotated["old_key"], rotated["new_key"]);
    let made_by_up = entries(&client, "action=KeyCreated&key=program").await;
    assert_eq!(made_by_up.len(), 4, "those of the first start, once");
    erasures_are_there(&client, &place, &directory, [&asked, &by_tool]).await;
    what_a_key_sent_is_exported(&client, &place, &directory).await;
    assert!(program.stop().await, "it stops well");
}

/// Each with the event that says so.
async fn erase_by_request(client: &Client) -> Value {
    let path = "/v1/subjects/ann%40example.org/erase";
    let ask = || answer_of(client.request("admin", Method::POST, path).header("Idempotency-Key", "e1"));
    let (status, erased) = ask().await;
    assert_eq!((status, &ask().await.1), (StatusCode::OK, &erased), "told again");
    erased
}

fn erase_by_tool(place: &Place, directory: &Directory) -> Value {
    done(place, directory, &["erase", "ann-marie@example.org", "--yes", "--json"])
}

/// Somebody of whom nothing was ever recorded.
async fn erase_by_retention(client: &Client, place: &Place) {
    let mut postgres = crate::signed::connect(&place.database_url).await;
    let nobody = "INSERT INTO vault.pseudonyms (tenant, subject, pseudonym, key, created_at)
                  VALUES ('demo', '\\x00', gen_random_uuid(), sha512(''), now() - interval '2 days')";
    sqlx::query(nobody).execute(&mut postgres).await.expect("entered");
    let rule = client.request("admin", Method::POST, "/v1/retention_rules/r1/set").json(&json!({"after_days": 1}));
    assert_eq!(answer_of(rule).await.0, StatusCode::OK);
    eventually("the rule is applied", SOON, async || {
        (!entries(client, "action=SubjectErased&key=program").await.is_empty()).then_some(())
    })
    .await;
}

/// In the API's answer, in the export and on the page: each once, with who did it, and without whom it was.
async fn erasures_are_there(client: &Client, place: &Place, directory: &Directory, asked: [&Value; 2]) {
    let admin = id_of(client.key("admin"));
    let erased = entries(client, "action=SubjectErased").await;
    let said: Vec<_> =
        erased.iter().map(|entry| (entry["who"].as_str().expect("text"), entry["details"]["reason"].clone())).collect();
    assert_eq!(said, [(admin, json!("request")), (admin, json!("request")), ("program", json!("retention"))]);
    for (entry, answer) in erased.iter().zip(asked) {
        assert_eq!((&entry["event"], &entry["details"]["subject"]), (&answer["event"], &answer["subject"]));
    }
    let api = ["--api", client.api.as_str(), "--key", client.key("auditor")];
    let exported = tool(place, directory, &[&["audit", "export"], &api[..]].concat()).expect("exported");
    let request = client.request("auditor", Method::GET, "/dashboards/audit?action=SubjectErased");
    let page = request.send().await.expect("an answer").text().await.expect("a page");
    for entry in &erased {
        let event = entry["event"].as_str().expect("an event");
        let lines = exported.lines().filter(|line| line.contains(&format!(r#""event":"{event}""#)));
        assert_eq!(lines.count(), 1, "{event}: {exported}");
        assert_eq!(page.matches(&format!("/dashboards/ledger/events/{event}\"")).count(), 1, "{event}: {page}");
    }
    assert!(page.contains("as was asked for") && page.contains("as a retention rule says"), "{page}");
    let shown = [exported, page].concat();
    assert!(!shown.contains("ann@") && !shown.contains("ann-marie"), "nobody is named");
}

/// Commands are events of the ledger: by key and time they are exported, too.
async fn what_a_key_sent_is_exported(client: &Client, place: &Place, directory: &Directory) {
    let api = ["--api", client.api.as_str(), "--key", client.key("auditor")];
    let export = |filters: &[&str]| {
        let lines = tool(place, directory, &[&["export"], filters, &api[..]].concat()).expect("exported");
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>()
    };
    let writer = id_of(client.key("writer"));
    let time =
        |event: &Value| event["recorded_at"].as_str().and_then(|time| time.parse::<DateTime<Utc>>().ok()).expect("a time");
    let mut sent = export(&["--of-key", writer]);
    sent.sort_by_key(time);
    let of_writer = |event: &Value| event["metadata"]["key"] == writer;
    assert!(sent.iter().all(of_writer), "{sent:?}");
    let mut types: Vec<_> = sent.iter().map(|event| event["type"].as_str().expect("text")).collect();
    types.sort_unstable();
    let expected = ["CapsuleCreated", "CapsulePublished", "InteractionRecorded", "InteractionRecorded", "KeyUsed"];
    assert_eq!(types, expected);
    let from = time(&sent[1]);
    let since = export(&["--of-key", writer, "--from", sent[1]["recorded_at"].as_str().expect("a time")]);
    assert_eq!(since.len(), sent.iter().filter(|event| time(event) >= from).count());
    assert_eq!(export(&["--of-key", writer, "--from", "2020-01-01", "--to", "2020-02-01"]), [] as [Value; 0]);
    let noted = entries(client, &format!("action=DataExported&key={}", id_of(client.key("auditor")))).await;
    let of_events = noted.iter().filter(|entry| entry["details"]["what"] == "events");
    assert_eq!(of_events.count(), 1 + 3, "each filter is another export: {noted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_refusals_of_an_hour_are_one_entry_and_other_tenants_see_nothing() {
    let (program, client, place, directory) = up().await;
    let began = Utc::now();
    for _ in 0..20 {
        let asking = (0..50).map(|number| {
            let path = format!("/v1/events/{}-{number}", number % 8);
            answer_of(client.request("analyst", Method::GET, &path))
        });
        for (status, problem) in futures::future::join_all(asking).await {
            assert_eq!((status, &problem["code"]), (StatusCode::FORBIDDEN, &json!("role_forbidden")), "{problem}");
        }
    }
    let hours = 1 + usize::try_from(Utc::now().timestamp() / 3_600 - began.timestamp() / 3_600).expect("forwards");
    let denied = eventually("a refusal is noted", SOON, async || {
        let found = entries(&client, "action=AccessDenied").await;
        (!found.is_empty()).then_some(found)
    })
    .await;
    assert!(denied.len() <= hours, "{denied:?}");
    assert_eq!(denied[0]["details"]["route"], "GET /v1/events/{id}", "never what stood in a path");
    assert_eq!(denied[0]["who"], id_of(client.key("analyst")));
    assert!(program.said().contains("denied"), "and it is in the log");

    // Among many commands too.
    let rule = json!({"collection": "retention_rules", "id": "default", "command": "set", "data": {"after_days": 30}});
    let (status, answer) = answer_of(client.ndjson("/v1/commands", rule.to_string())).await;
    assert_eq!((status.as_u16(), &answer["rejected"]), (207, &json!(1)), "{answer}");
    eventually("the writer's refusal is noted", SOON, async || {
        let found = entries(&client, "action=AccessDenied").await;
        found.iter().any(|entry| entry["who"] == id_of(client.key("writer"))).then_some(())
    })
    .await;

    let other =
        done(&place, &directory, &["keys", "create", "--role", "auditor", "--name", "o", "--tenant", "other", "--json"]);
    let key = other["key"].as_str().expect("a key");
    let (status, page) = get_with(&client, key, "/v1/audit").await;
    assert_eq!((status, &page["tenant"], &page["region"]), (StatusCode::OK, &json!("other"), &Value::Null), "{page}");
    let data = page["data"].as_array().expect("entries");
    assert!(data.iter().all(|entry| entry["tenant"] == "other" && entry["action"] != "AccessDenied"), "{data:?}");
    let of_others = get_with(&client, key, &format!("/v1/audit?key={}", id_of(client.key("analyst")))).await.1;
    assert_eq!(of_others["data"], json!([]));
    for role in ["writer", "analyst"] {
        let (status, _) = answer_of(client.request(role, Method::GET, "/v1/audit")).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{role}");
    }
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_holds_what_is_asked_for_and_each_line_can_be_proved() {
    let (program, client, place, directory) = up().await;
    for region in ["eu-west-1", "eu-west-2", "eu-west-3"] {
        done(&place, &directory, &["tenants", "set-region", "demo", region, "--json"]);
    }
    let path = directory.path().join("audit.ndjson");
    let file = path.to_str().expect("a path");
    let auditor = ["--api", client.api.as_str(), "--key", client.key("auditor")];
    done(&place, &directory, &[&["audit", "export", "--output", file], &auditor[..]].concat());
    let text = std::fs::read_to_string(&path).expect("the file");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() > 4 + 3, "keys, regions and the export itself: {text}");
    let exported = lines.iter().find(|line| line["action"] == "DataExported").expect("its own entry comes first");
    assert_eq!((&exported["details"]["what"], &exported["details"]["format"]), (&json!("audit_log"), &json!("ndjson")));
    let key = VerifierKey::parse(&verifier_key(&directory)).expect("a key");
    for line in &lines {
        let event = line["event"].as_str().expect("an event");
        let proof = eventually("the entry is signed", SOON, async || {
            let address = format!("/v1/events/{event}/proof");
            let (status, proof) = answer_of(client.request("auditor", Method::GET, &address)).await;
            (status == StatusCode::OK).then_some(proof)
        })
        .await;
        let proved =
            EventProof::parse(&proof.to_string()).expect("a proof").check(std::slice::from_ref(&key)).expect("it holds");
        assert_eq!(proved.header.event_type, line["action"].as_str().expect("text"));
    }

    let csv = [&["audit", "export", "--format", "csv", "--action", "TenantRegionSet"], &auditor[..]].concat();
    let csv = tool(&place, &directory, &csv).expect("exported");
    let rows: Vec<&str> = csv.lines().collect();
    assert!(rows[0].starts_with("event,recorded_at,occurred_at,who,action,details,tenant,region,"), "{csv}");
    assert_eq!(rows.len(), 1 + 3, "{csv}");
    assert!(rows[1].contains("eu-west-3") && rows[1].contains(",operator,TenantRegionSet,"), "the newest first: {csv}");
    let before = entries(&client, "to=2020-01-01").await;
    assert!(before.is_empty(), "{before:?}");
    assert!(program.stop().await, "it stops well");
}

/// An event as no build of this program knows it, in the ledger as any other.
async fn record_what_nobody_knows(place: &Place) {
    let pool = event_store::connect(&place.database_url, 2).await.expect("PostgreSQL answers");
    let store = Store::open(pool, event_store::Settings::default()).await.expect("a store");
    let metadata =
        Metadata { key: "elsewhere".into(), command: "deals/land".into(), correlation_id: "c".into(), received_at: Utc::now() };
    let stream = Stream {
        tenant: TenantId::parse("demo").expect("a tenant"),
        aggregate_type: AggregateType::Deal,
        id: "apollo".to_owned(),
    };
    let event = NewEvent {
        event_type: "MoonLanded",
        event_version: "1.0",
        occurred_at: Utc::now(),
        payload: r#"{"type":"MoonLanded"}"#.to_owned(),
    };
    let metadata: Arc<str> = metadata.json();
    let partition_key = "apollo".to_owned();
    let commit = Commit {
        stream,
        partition_key,
        expected: Expected::Any,
        events: vec![event],
        metadata,
        guard: None,
        idempotency: None,
        people_as_of: None,
    };
    store.append(vec![commit]).await.pop().expect("an answer").expect("appended");
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_is_skipped_is_left_out_by_every_fold_and_the_ledger_says_why() {
    let (program, client, place, directory) = up().await;
    record_what_nobody_knows(&place).await;
    let status = || done(&place, &directory, &["projection", "status", "--json"]);
    let fault = eventually("a partition stands still", SOON, async || {
        let status = status();
        let partitions = status["partitions"].as_array()?.clone();
        partitions.into_iter().find(|partition| !partition["fault"].is_null())
    })
    .await;
    let event = fault["fault"]["event"].as_str().expect("an event").to_owned();
    assert!(fault["fault"]["detail"].as_str().expect("text").contains("MoonLanded"), "{fault}");
    // The API looks at the read models' progress on its own.
    eventually("/readyz says so", SOON, async || {
        let (status, _) = answer_of(client.http.get(format!("{}/readyz", client.api))).await;
        (status == StatusCode::SERVICE_UNAVAILABLE).then_some(())
    })
    .await;

    let partition = fault["partition"].as_u64().expect("a number");
    let others = [format!("{partition}-99999"), format!("{}-0", (partition + 1) % 8)];
    for other in &others {
        let said = tool(&place, &directory, &["projection", "skip", other, "--reason", "x"]).expect_err("not there");
        assert!(said.contains("stand"), "{said}");
    }
    assert!(tool(&place, &directory, &["projection", "skip", &event, "--reason", " "]).is_err(), "a reason is given");
    done(&place, &directory, &["projection", "skip", &event, "--reason", "of a build that was never released"]);
    // The same deal, right behind it in the same partition.
    let (code, answer) = client.command("tickets", "apollo", "open", json!({"account_id": "acme"})).await;
    assert_eq!(code, StatusCode::OK, "{answer}");
    client.ready().await;
    client.get(&format!("/v1/kpis/win_rate?after={}", answer["token"].as_str().expect("a token"))).await;
    let status = status();
    assert_eq!(status["skipped"], json!([event]));
    assert!(status["partitions"].as_array().expect("partitions").iter().all(|one| one["fault"].is_null()), "{status}");
    let skips = entries(&client, "action=EventSkipped").await;
    assert_eq!(skips.len(), 1);
    let expected = json!({"event": event, "projection": "read_models", "reason": "of a build that was never released"});
    assert_eq!((&skips[0]["details"], &skips[0]["who"]), (&expected, &json!("operator")));

    assert!(program.stop().await, "it stops well");
    // Both copies are what was signed, and a fold from the first event on comes to the same rows.
    let program = start_up(&directory, Some(&place), &[]);
    Client::of(directory.path()).await;
    let report = done(&place, &directory, &["verify", "--json", "--verifier-key", &verifier_key(&directory)]);
    assert_eq!((&report["ok"], &report["read_models_compared"]), (&json!(true), &json!(true)), "{report}");
    assert!(program.stop().await, "it stops well");
}

/// Whether Kafka has a record of this event.
async fn holds(place: &Place, partition: Partition, position: Position) -> bool {
    let mut copy = Copy::open(&place.kafka_brokers, &place.topic, partition, None).await.expect("Kafka answers");
    while let Some(records) = copy.next().await {
        let mut events = records.expect("records").into_iter().map(|record| record.event.expect("an event"));
        if events.any(|event| event.position == position) {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_kafka_lacks_is_not_skipped_and_is_folded_once_the_relay_has_filled_the_gap() {
    let signed = Signed::new().await;
    let whole = Place { database_url: fresh_place().await.database_url, ..signed.place.clone() };
    restore_postgres(&whole, &["--verifier-key", &signed.key]).expect("read models that are still to be folded");
    let mut records = signed.records();
    records[1].remove(7);
    let place = Place { database_url: whole.database_url, ..signed.with_kafka(&records, &signed.log).await };
    let role = |name: &str| Program::spawn(signed.directory.path(), Some(&place), &[name, "--partitions", "2"]);
    let status = || -> Option<Value> {
        let said = tool(&place, &signed.directory, &["projection", "status", "--json"]).ok()?;
        Some(serde_json::from_str(&said).expect("JSON"))
    };

    let project = role("project");
    let fault = eventually("the partition stands still", SOON, async || {
        let fault = status()?["partitions"][1]["fault"].clone();
        (!fault.is_null()).then_some(fault)
    })
    .await;
    assert_eq!((&fault["event"], &fault["kind"]), (&json!("1-7"), &json!("missing")), "{fault}");
    let skip = ["projection", "skip", "1-7", "--reason", "it does not come"];
    let said = tool(&place, &signed.directory, &skip).expect_err("it is a sound event, which comes yet");
    assert!(said.contains("did not come from Kafka"), "{said}");
    assert!(project.stop().await, "it stops well");

    let relay = role("relay");
    eventually("the gap is filled", SOON, async || holds(&place, Partition(1), Position(7)).await.then_some(())).await;
    let project = role("project");
    let last = eventually("all is folded", SOON, async || {
        let status = status()?;
        status["partitions"].as_array()?.iter().all(|one| one["lag"] == json!(0)).then_some(status)
    })
    .await;
    assert_eq!((&last["partitions"][1]["fault"], &last["skipped"]), (&Value::Null, &json!([])), "{last}");
    for program in [relay, project] {
        assert!(program.stop().await, "it stops well");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_shows_auditors_who_did_what_and_refusals_stand_out() {
    let Some(browser) = Browser::open().await else { return };
    let (program, client, place, directory) = up().await;
    done(&place, &directory, &["tenants", "set-region", "demo", "eu-central-1", "--json"]);
    for path in ["/v1/kpis/win_rate?format=csv", "/v1/events"] {
        answer_of(client.request("analyst", Method::GET, path)).await;
    }
    answer_of(client.request("auditor", Method::GET, "/v1/events")).await;
    answer_of(client.request("auditor", Method::GET, &format!("/dashboards/ledger?subject={}", uuid::Uuid::nil()))).await;
    done(&place, &directory, &["checkpoint", "rotate-key"]);
    browser.go(&format!("{}/dashboards/audit", client.api)).await;
    sign_in_as(&browser, &client, "analyst", "/dashboards/audit").await;
    let text =
        async || browser.run("return document.getElementById('main').innerText").await.as_str().unwrap_or_default().to_owned();
    assert!(text().await.contains("Events are for auditors"), "{}", text().await);
    browser.said().await; // that it was refused
    browser.go(&format!("{}/dashboards/sign-in?next=/dashboards/audit", client.api)).await;
    sign_in_as(&browser, &client, "auditor", "/dashboards/audit").await;
    let analyst = id_of(client.key("analyst"));
    eventually("refusals are noted", SOON, async || {
        browser.go(&format!("{}/dashboards/audit", client.api)).await;
        text().await.contains("GET /v1/events: role analyst may not").then_some(())
    })
    .await;
    let shown = text().await;
    assert!(shown.contains("data are to reside in eu-central-1") && shown.contains("kpi win_rate as csv, 0 rows"), "{shown}");
    is_for_everybody(&browser, &client, "/dashboards/audit").await;

    // Filters stand in the address, and the form shows them.
    let rows = async |search: &str| {
        browser.go(&format!("{}/dashboards/audit?{search}", client.api)).await;
        let rows =
            browser.run("return [...document.querySelectorAll('tbody tr')].map(row => row.cells[0].innerText.trim())").await;
        rows.as_array().expect("rows").iter().map(|row| row.as_str().expect("text").to_owned()).collect::<Vec<_>>()
    };
    let denied = rows(&format!("action=AccessDenied&key={analyst}")).await;
    assert!(!denied.is_empty() && denied.iter().all(|action| action == "✕ Access denied"), "{denied:?}");
    assert_eq!(browser.run("return document.querySelector('#action').value").await, "AccessDenied");
    assert_eq!(browser.run("return document.querySelectorAll('tbody .status.missed').length").await, json!(denied.len()));
    assert!(rows("to=2020-01-01").await.is_empty() && text().await.contains("Nothing of this was noted"));
    let commands = rows(&format!("key={analyst}")).await;
    assert!(commands.contains(&"Key used".to_owned()), "{commands:?}");
    browser.click("tbody tr:first-child td:last-child a").await;
    eventually("the entry's event", SOON, async || {
        browser.address().await.contains("/dashboards/ledger/events/").then_some(())
    })
    .await;
    assert!(program.stop().await, "it stops well");
}
