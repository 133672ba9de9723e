//! docs/analysts.md, run: every statement in it, as an analyst's own login.

use std::process::Command;

use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::program::{Client, answer_of, up};
use crate::servers::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_of_the_analysts_guide_runs_and_finds_something() {
    let (program, client, place, _directory) = up().await;
    client.open_capsule("c1").await;
    let line = json!({"id": "i1", "capsule_id": "c1", "user_id": "u1", "session_id": "s1", "kind": "interaction",
                      "occurred_at": "2026-10-05T12:00:00Z", "feature": "quiz", "response_ms": 700});
    let (_, body) = client.post_interactions(&[line]).await;
    assert_eq!(client.total(body["token"].as_str()).await, 1);
    send_deals(&client).await;

    let mut analyst = PgConnection::connect(&login(&place, "demo")).await.expect("the analyst's login works");
    let guide = include_str!("../../docs/analysts.md");
    let statements: Vec<&str> = guide.split("```").filter_map(|block| block.strip_prefix("sql\n")).collect();
    assert!(statements.len() >= 10, "the guide has its statements");
    for statement in statements {
        let rows = analyst.fetch_all(statement).await.unwrap_or_else(|error| panic!("{error} in\n{statement}"));
        // As known on a day before today, what was recorded today is not there.
        assert_eq!(rows.is_empty(), statement.contains("recorded_day <="), "{statement}");
    }

    // Another tenant's analyst sees nothing of it, whatever is asked; and nobody writes, or reads what is not theirs.
    let mut other = PgConnection::connect(&login(&place, "other")).await.expect("the other analyst's login works");
    for view in ["read.interactions", "read.figures", "read.deal_facts", "kpi.win_rate", "read.distincts"] {
        let statement = format!("SELECT count(*) FROM {view}");
        let own: i64 = sqlx::query_scalar(&statement).fetch_one(&mut analyst).await.expect("a count");
        let others: i64 = sqlx::query_scalar(&statement).fetch_one(&mut other).await.expect("a count");
        assert!(own > 0 && others == 0, "{view}: {own} and {others}");
    }
    for forbidden in [
        "SELECT count(*) FROM ledger.events",
        "SELECT count(*) FROM vault.pseudonyms",
        "SELECT * FROM projections.analysts",
        "SET default_transaction_read_only = off; UPDATE generation_1.capsules SET title = 'x'",
        "SET default_transaction_read_only = off; CREATE TABLE read.mine (n integer)",
        "SET ROLE postgres",
    ] {
        assert!(sqlx::raw_sql(forbidden).execute(&mut other).await.is_err(), "{forbidden}");
    }
    assert!(program.stop().await, "it stops well");
}

/// One of two deals is won in October, and its figures are made.
async fn send_deals(client: &Client) {
    let value = json!({"amount": "1000.00", "currency": "USD"});
    let opened = json!({"account_id": "a1", "team": "smb", "annual_value": value, "expected_close": "2026-10-31",
                        "occurred_at": "2026-09-01T12:00:00Z"});
    let quota = json!({"quarter": "2026-10-01", "amount": {"amount": "900000.00", "currency": "USD"},
                       "occurred_at": "2026-09-01T12:00:00Z"});
    let line = |collection: &str, id: &str, command: &str, data: &Value| {
        format!("{}\n", json!({"collection": collection, "id": id, "command": command, "data": data}))
    };
    let closed = json!({"occurred_at": "2026-10-20T12:00:00Z"});
    let body = [
        line("quotas", "q1", "set", &quota),
        line("deals", "d1", "open", &opened),
        line("deals", "d2", "open", &opened),
        line("deals", "d1", "win", &closed),
        line("deals", "d2", "lose", &closed),
    ];
    let (_, body) = answer_of(client.ndjson("/v1/commands", body.concat())).await;
    assert_eq!(body["rejected"], 0, "{body}");
    let token = body["token"].as_str().expect("a token");
    for id in ["win_rate", "average_deal_size", "pipeline_coverage"] {
        let series = client.get(&format!("/v1/kpis/{id}?after={token}")).await;
        assert_eq!(series["due"], false, "{series}");
    }
}

/// A login as an operator makes it.
fn login(place: &Place, tenant: &str) -> String {
    let role = format!("analyst_{}_{tenant}", uuid::Uuid::new_v4().simple());
    let made = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"))
        .args(["analysts", "create", "--json", "--tenant", tenant, "--role", &role])
        .env("DATABASE_URL", &place.database_url)
        .output()
        .expect("the program runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    made["database_url"].as_str().expect("an address").to_owned()
}
