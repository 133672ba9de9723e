//! docs/analysts.md, run: every statement in it.

use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::program::up;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_of_the_analysts_guide_runs_and_finds_something() {
    let (program, client, place, _directory) = up().await;
    client.open_capsule("c1").await;
    let line = json!({"id": "i1", "capsule_id": "c1", "user_id": "u1", "session_id": "s1", "kind": "interaction",
                      "occurred_at": "2026-10-05T12:00:00Z", "feature": "quiz", "response_ms": 700});
    let (_, body) = client.post_interactions(&[line]).await;
    assert_eq!(client.total(body["token"].as_str()).await, 1);

    let mut postgres = PgConnection::connect(&place.database_url).await.expect("PostgreSQL answers");
    let guide = include_str!("../../docs/analysts.md");
    let statements: Vec<&str> = guide.split("```").filter_map(|block| block.strip_prefix("sql\n")).collect();
    assert!(statements.len() >= 5, "the guide has its statements");
    for statement in statements {
        let rows = postgres.fetch_all(statement).await.unwrap_or_else(|error| panic!("{error} in\n{statement}"));
        // As known on a day before today, what was recorded today is not there.
        assert_eq!(rows.is_empty(), statement.contains("recorded_day <="), "{statement}");
    }
    assert!(program.stop().await, "it stops well");
}
