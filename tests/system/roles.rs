//! The roles as processes of their own, several of each: they share the work, and take over from one that dies.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::program::{Client, Directory, Program, SOON, answer_of, eventually, start_up, up};
use crate::servers::Place;
use crate::signed::all_figures_are_made;

/// Within this time the others take over.
const TAKE_OVER: Duration = Duration::from_secs(15);

/// Starts a `serve` and writes its address into the directory's connection.json.
pub async fn serve(directory: &Directory, place: &Place) -> (Program, String) {
    let program = Program::spawn(directory.path(), Some(place), &["serve", "--listen", "127.0.0.1:0"]);
    let api = eventually("serve says where it listens", SOON, async || {
        program.said().lines().find_map(|line| line.strip_prefix("Listening on ").map(str::to_owned))
    })
    .await;
    let path = directory.path().join("connection.json");
    let mut connection: Value = serde_json::from_slice(&std::fs::read(&path).expect("an earlier up wrote it")).expect("JSON");
    connection["api"] = json!(api);
    std::fs::write(&path, connection.to_string()).expect("written");
    (program, api)
}

async fn interactions(client: &Client, first: usize, count: usize) -> BTreeSet<String> {
    let ids: Vec<String> = (first..first + count).map(|n| format!("i{n}")).collect();
    let lines: Vec<Value> = ids
        .iter()
        .enumerate()
        .map(|(n, id)| json!({"id": id, "capsule_id": format!("c{}", n % 24), "kind": "conversion", "occurred_at": "2026-02-01T00:00:00Z"}))
        .collect();
    let (status, body) = client.post_interactions(&lines).await;
    assert_eq!((status.as_u16(), &body["accepted"]), (200, &json!(count)), "{body}");
    ids.into_iter().collect()
}

/// Partitions that a relay or projector said it works on, from its last word about it.
fn share(program: &Program) -> usize {
    let said = program.said();
    said.lines()
        .rev()
        .find_map(|line| line.split_once("working on partitions [")?.1.split_once(']').map(|(list, _)| list.to_owned()))
        .map_or(0, |list| list.split(',').filter(|item| !item.trim().is_empty()).count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_each_role_share_the_work_and_take_over() {
    let (program, client, place, directory) = up().await;
    for n in 0..24 {
        client.open_capsule(&format!("c{n}")).await;
    }
    assert!(program.stop().await, "it stops well");

    let (serve_1, api_1) = serve(&directory, &place).await;
    let (serve_2, api_2) = serve(&directory, &place).await;
    let role = |name: &str| Program::spawn(directory.path(), Some(&place), &[name]);
    let mut relays = [role("relay"), role("relay")];
    let mut projectors = [role("project"), role("project")];
    let first = Client { api: api_1, ..client.clone() };
    let second = Client { api: api_2, ..client };
    first.ready().await;
    second.ready().await;

    for (what, pair) in [("relays", &relays), ("projectors", &projectors)] {
        eventually(&format!("two {what} have four partitions each"), SOON, async || {
            (share(&pair[0]) == 4 && share(&pair[1]) == 4).then_some(())
        })
        .await;
    }

    let mut sent = interactions(&first, 0, 500).await;
    sent.extend(interactions(&second, 500, 500).await);
    seen_by(&second, 1000).await;

    // The first of each dies; the second serves everything alone.
    let mut serve_1 = serve_1;
    serve_1.kill();
    relays[0].kill();
    let died = Instant::now();
    sent.extend(interactions(&second, 1000, 500).await);
    seen_by(&second, 1500).await;
    assert!(died.elapsed() < TAKE_OVER, "the other relay took over in {:?}", died.elapsed());

    projectors[0].kill();
    let died = Instant::now();
    sent.extend(interactions(&second, 1500, 500).await);
    seen_by(&second, 2000).await;
    assert!(died.elapsed() < TAKE_OVER, "the other projector took over in {:?}", died.elapsed());

    crate::audit::ledger_is_whole(&place, &second, &sent).await;
    let [_, relay] = relays;
    let [_, projector] = projectors;
    for program in [serve_2, relay, projector] {
        assert!(program.stop().await, "it stops well");
    }
}

async fn seen_by(client: &Client, count: u64) {
    eventually(&format!("{count} interactions are counted"), SOON, async || (client.total(None).await == count).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn read_models_that_another_build_left_are_rebuilt_and_then_serve() {
    let (program, client, place, directory) = up().await;
    for n in 0..24 {
        client.open_capsule(&format!("c{n}")).await;
    }
    interactions(&client, 0, 50).await;
    seen_by(&client, 50).await;
    let risk = json!({"category": "financial", "risk": "runway under a year", "likelihood": 3, "impact": 5});
    let (status, body) = client.command("risks", "runway", "raise", risk).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let token = body["token"].as_str().expect("a token").to_owned();
    let risks = format!("/v1/risks?after={token}");
    let before = (client.total(Some(&token)).await, client.get(&risks).await["data"].clone());
    assert_eq!((before.0, before.1.as_array().expect("risks").len()), (50, 1));
    assert!(program.stop().await, "it stops well");

    let pool = sqlx::PgPool::connect(&place.database_url).await.expect("PostgreSQL answers");
    let old = as_if_of_another_build(&pool).await;
    sqlx::query(&format!("DELETE FROM {old}.risk_facts")).execute(&pool).await.expect("deleted");

    let program = start_up(&directory, Some(&place), &[]);
    let client = Client::of(directory.path()).await;
    let rebuilt = eventually("the rebuilt read models are live", SOON, async || {
        let found = live(&pool).await;
        (found != old).then_some(found)
    })
    .await;
    assert_eq!((client.total(Some(&token)).await, client.get(&risks).await["data"].clone()), before);
    let left = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'generation%' ORDER BY 1";
    eventually("the old ones are removed", SOON, async || {
        let schemas: Vec<String> = sqlx::query_scalar(left).fetch_all(&pool).await.ok()?;
        (schemas == [rebuilt.clone()]).then_some(())
    })
    .await;
    // Figures were made with them.
    let series = client.get("/v1/kpis/open_risks").await;
    assert_eq!((&series["data"][0]["value"], &series["due"]), (&json!(1), &json!(false)), "{series}");
    assert!(program.stop().await, "it stops well");
}

/// The schema of the live generation.
async fn live(pool: &sqlx::PgPool) -> String {
    let live = sqlx::query_scalar("SELECT schema_name FROM projections.generations WHERE status = 'live'");
    live.fetch_one(pool).await.expect("a live generation")
}

/// The live generation as another build would have left it: under its own name. Its schema.
async fn as_if_of_another_build(pool: &sqlx::PgPool) -> String {
    let named = "UPDATE projections.generations SET build = 'another' WHERE status = 'live'";
    sqlx::query(named).execute(pool).await.expect("set");
    live(pool).await
}

/// What `/readyz` answers.
async fn readiness(client: &Client) -> (StatusCode, Value) {
    answer_of(client.request("admin", reqwest::Method::GET, "/readyz")).await
}

/// Partitions of `/readyz` in that state.
fn in_state(readiness: &Value, state: &str) -> usize {
    readiness["partitions"].as_array().expect("partitions").iter().filter(|one| one["state"] == state).count()
}

/// What the KPI says of the month that [`interactions`] are of.
async fn figure(client: &Client) -> Value {
    let month = "/v1/kpis/active_capsule_interactions?grain=month&from=2026-02-01&to=2026-02-01";
    client.get(month).await["data"][0]["value"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_that_is_killed_is_gone_on_with_and_readiness_says_how_far_it_is() {
    let (program, client, place, directory) = up().await;
    for n in 0..24 {
        client.open_capsule(&format!("c{n}")).await;
    }
    for batch in 0..12 {
        interactions(&client, batch * 5_000, 5_000).await;
    }
    seen_by(&client, 60_000).await;
    all_figures_are_made(&place).await;
    assert_eq!(figure(&client).await, json!(60_000));
    assert!(program.stop().await, "it stops well");
    let pool = sqlx::PgPool::connect(&place.database_url).await.expect("PostgreSQL answers");
    let old = as_if_of_another_build(&pool).await;

    let (serve, api) = serve(&directory, &place).await;
    let client = Client { api, ..client };
    let role = |name: &str| Program::spawn(directory.path(), Some(&place), &[name]);
    let relay = role("relay");
    interactions(&client, 60_000, 100).await;
    let said = eventually("without a projector they stand still", SOON, async || {
        let (status, said) = readiness(&client).await;
        (status == StatusCode::SERVICE_UNAVAILABLE && in_state(&said, "stalled") > 0).then_some(said)
    })
    .await;
    assert_eq!(said["underway"], Value::Null, "{said}");
    assert_eq!((client.total(None).await, figure(&client).await), (60_000, json!(60_000)), "those before serve");

    // Of two that find them, one rebuilds. Both are killed.
    let mut projectors = [role("project"), role("project")];
    let (status, said) = eventually("a part of it is done", 2 * SOON, async || {
        let (status, said) = readiness(&client).await;
        let done = said["underway"]["done_events"].as_u64()?;
        (done > 0 && done < said["underway"]["target_events"].as_u64()?).then_some((status, said))
    })
    .await;
    assert_eq!((status, &said["underway"]["state"]), (StatusCode::OK, &json!("moving")), "{said}");
    assert_eq!((in_state(&said, "stalled"), said["underway"]["purpose"].as_str()), (0, Some("rebuild")), "{said}");
    assert!(in_state(&said, "rebuilding") > 0 && said["underway"]["seconds_left"].is_u64(), "{said}");
    assert_eq!((client.total(None).await, figure(&client).await), (60_000, json!(60_000)), "those before serve");
    projectors.iter_mut().for_each(Program::kill);
    let left = eventually("nobody is at it", SOON, async || {
        let (status, said) = readiness(&client).await;
        (status == StatusCode::SERVICE_UNAVAILABLE && said["underway"]["state"] == "left").then_some(said)
    })
    .await;
    assert!(left["underway"]["done_events"].as_u64() > Some(0), "{left}");

    let projectors = [role("project"), role("project")];
    seen_by(&client, 60_100).await;
    assert_ne!(live(&pool).await, old);
    let gone_on = projectors.iter().filter(|one| one.said().contains("Going on with rebuilding")).count();
    assert_eq!(gone_on, 1, "one goes on with what was done, the other waits");
    eventually("both project what took over", SOON, async || {
        (share(&projectors[0]) == 4 && share(&projectors[1]) == 4).then_some(())
    })
    .await;
    interactions(&client, 60_100, 100).await;
    seen_by(&client, 60_200).await;
    all_figures_are_made(&place).await;
    assert_eq!(figure(&client).await, json!(60_200));
    let (status, said) = readiness(&client).await;
    assert_eq!((status, &said["underway"]), (StatusCode::OK, &Value::Null), "{said}");
    let [first, second] = projectors;
    for program in [serve, relay, first, second] {
        assert!(program.stop().await, "it stops well");
    }
}
