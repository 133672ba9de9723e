//! Kill -9 of everything there is, under load, in fixed rounds: nothing acknowledged is lost or counted twice.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use devstack::{Devstack, Options};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::audit::ledger_is_whole;
use crate::program::{Client, Directory, Program, SOON, eventually, start_up, up};
use crate::servers::Place;

const ROUNDS: u32 = 3;
const BATCH: usize = 25;

/// Clients that send interactions without end, each batch again and again until it is acknowledged.
struct Load {
    acknowledged: Arc<Mutex<BTreeSet<String>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Load {
    fn start(directory: &Path, capsules: usize) -> Self {
        let load = Self { acknowledged: Arc::default(), stop: CancellationToken::new(), tasks: TaskTracker::new() };
        for worker in 0..6 {
            let (acknowledged, stop, directory) = (load.acknowledged.clone(), load.stop.clone(), directory.to_owned());
            load.tasks.spawn(async move {
                let mut number = 0;
                while !stop.is_cancelled() {
                    let ids: Vec<String> = (0..BATCH).map(|n| format!("w{worker}-{number}-{n}")).collect();
                    number += 1;
                    let lines: Vec<Value> = ids
                        .iter()
                        .enumerate()
                        .map(|(n, id)| {
                            json!({"id": id, "capsule_id": format!("c{}", n % capsules), "kind": "interaction",
                                   "user_id": format!("user-{}", n % 40), "occurred_at": "2026-03-01T08:00:00Z"})
                        })
                        .collect();
                    send_until_acknowledged(&directory, &lines).await;
                    acknowledged.lock().expect("no panic holds it").extend(ids);
                }
            });
        }
        load.tasks.close();
        load
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().expect("no panic holds it").len()
    }

    /// Waits until so many more batches have been acknowledged: the ledger is working.
    async fn goes_on(&self, batches: usize) {
        let before = self.count();
        eventually("the ledger takes interactions", SOON * 2, async || {
            (self.count() >= before + batches * BATCH).then_some(())
        })
        .await;
    }

    /// Lets every worker finish its batch.
    async fn finish(self) -> BTreeSet<String> {
        self.stop.cancel();
        tokio::time::timeout(SOON * 2, self.tasks.wait()).await.expect("every batch is acknowledged in the end");
        self.acknowledged.lock().expect("no panic holds it").clone()
    }
}

/// A client as good as ours: the address read anew for each try, and tries until it has an answer.
async fn send_until_acknowledged(directory: &Path, lines: &[Value]) {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).build().expect("a client");
    let started = Instant::now();
    while try_to_send(&http, directory, &body).await.is_none() {
        assert!(started.elapsed() < SOON * 3, "a batch was not acknowledged in time");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn try_to_send(http: &reqwest::Client, directory: &Path, body: &str) -> Option<()> {
    let connection: Value = serde_json::from_slice(&std::fs::read(directory.join("connection.json")).ok()?).ok()?;
    let request = http
        .post(format!("{}/v1/interactions", connection["api"].as_str()?))
        .bearer_auth(connection["api_keys"]["writer"].as_str()?)
        .header("content-type", "application/x-ndjson")
        .body(body.to_owned());
    let answer = request.send().await.ok()?;
    let status = answer.status();
    let body: Value = answer.json().await.ok()?;
    if status == StatusCode::OK {
        assert_eq!(body["rejected"], 0, "{body}");
        return Some(());
    }
    // Anything but "not now" would be a wrong answer to good input.
    assert!(matches!(status.as_u16(), 429 | 500..=599) || rejected_for_now(&body), "{status}: {body}");
    None
}

/// In a 207 every event that was not accepted must say that it may be sent again.
fn rejected_for_now(body: &Value) -> bool {
    body["results"].as_array().is_some_and(|results| {
        results.iter().all(|result| {
            matches!(result["code"].as_str(), Some("unavailable" | "too_busy")) || result["status"] == "duplicate"
        })
    })
}

async fn open_capsules(client: &Client, capsules: usize) {
    for n in 0..capsules {
        client.open_capsule(&format!("c{n}")).await;
    }
}

/// A program on servers of this test's own, which it may kill.
pub async fn on_own_servers() -> (Devstack, Program, Client, Place, Directory, Directory) {
    let servers_directory = Directory::new();
    let servers = Devstack::start(Options::new(servers_directory.path())).await.expect("the servers start");
    let place = Place {
        database_url: servers.database_url().to_owned(),
        kafka_brokers: servers.kafka_brokers().to_owned(),
        topic: "faults".to_owned(),
    };
    let directory = Directory::new();
    let program = start_up(&directory, Some(&place), &[]);
    let client = Client::of(directory.path()).await;
    open_capsules(&client, 12).await;
    (servers, program, client, place, directory, servers_directory)
}

fn kill(pid: u32) {
    let done = std::process::Command::new("kill").args(["-KILL", &pid.to_string()]).status().expect("kill runs");
    assert!(done.success(), "process {pid} runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kafka_is_killed_under_load() {
    let (servers, program, client, place, directory, _own) = on_own_servers().await;
    let load = Load::start(directory.path(), 12);
    for _ in 0..ROUNDS {
        load.goes_on(20).await;
        kill(servers.kafka_pid().expect("Kafka runs"));
        // Without Kafka, interactions are accepted still.
        load.goes_on(20).await;
        eventually("Kafka runs again", SOON, async || servers.kafka_pid()).await;
    }
    let acknowledged = load.finish().await;
    ledger_is_whole(&place, &client, &acknowledged).await;
    assert!(program.stop().await, "it stops well");
    servers.stop().await.expect("the servers stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_killed_under_load() {
    let (servers, program, client, place, directory, _own) = on_own_servers().await;
    let load = Load::start(directory.path(), 12);
    for _ in 0..ROUNDS {
        load.goes_on(20).await;
        kill(servers.postgres_pid().expect("Postgres runs"));
        load.goes_on(20).await;
    }
    let acknowledged = load.finish().await;
    ledger_is_whole(&place, &client, &acknowledged).await;
    assert!(program.stop().await, "it stops well");
    servers.stop().await.expect("the servers stop");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_whole_program_is_killed_under_load() {
    let directory = Directory::new();
    let mut program = start_up(&directory, None, &[]);
    let client = Client::of(directory.path()).await;
    open_capsules(&client, 12).await;
    let load = Load::start(directory.path(), 12);
    for _ in 0..ROUNDS {
        load.goes_on(10).await;
        program.kill();
        drop(program);
        program = start_up(&directory, None, &[]);
        load.goes_on(10).await;
    }
    let acknowledged = load.finish().await;
    let client = Client::of(directory.path()).await;
    let connection: Value =
        serde_json::from_slice(&std::fs::read(directory.path().join("connection.json")).expect("the file")).expect("JSON");
    let text = |name: &str| connection[name].as_str().expect("a text").to_owned();
    let place = Place { database_url: text("database_url"), kafka_brokers: text("kafka_brokers"), topic: text("topic") };
    ledger_is_whole(&place, &client, &acknowledged).await;
    assert!(program.stop().await, "it stops well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_and_projectors_are_killed_in_the_middle_of_their_work() {
    let (program, client, place, directory) = up().await;
    open_capsules(&client, 12).await;
    assert!(program.stop().await, "it stops well");

    // The same ledger again, each role a process of its own.
    let serve = crate::roles::serve(&directory, &place).await;
    let role = |name: &str| Program::spawn(directory.path(), Some(&place), &[name]);
    let (mut relay, mut project) = (role("relay"), role("project"));
    let load = Load::start(directory.path(), 12);
    for round in 0..ROUNDS * 2 {
        load.goes_on(10).await;
        // A different moment each round, so that the blow falls before, between and after sends and commits.
        tokio::time::sleep(Duration::from_millis(u64::from(round) * 37 % 100)).await;
        relay.kill();
        project.kill();
        (relay, project) = (role("relay"), role("project"));
    }
    let acknowledged = load.finish().await;
    ledger_is_whole(&place, &client_at(&serve.1, &client), &acknowledged).await;
    for program in [relay, project, serve.0] {
        assert!(program.stop().await, "it stops well");
    }
}

/// The same keys at another address.
pub fn client_at(api: &str, client: &Client) -> Client {
    Client { api: api.to_owned(), ..client.clone() }
}

/// A stop is no fault: whatever the API has taken, it answers first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_asked_to_stop_answers_what_it_accepted() {
    let (program, client, place, directory) = up().await;
    open_capsules(&client, 12).await;
    let (mut recorded, mut refused) = (BTreeSet::new(), 0);
    let requests: Vec<_> = (0..24)
        .map(|request| {
            let client = client.clone();
            tokio::spawn(async move {
                let ids: Vec<String> = (0..2_000).map(|n| format!("s{request}-{n}")).collect();
                let line = |(n, id): (usize, &String)| {
                    json!({"id": id, "capsule_id": format!("c{}", n % 12), "kind": "view", "occurred_at": "2026-03-01T08:00:00Z"})
                        .to_string()
                };
                let body = ids.iter().enumerate().map(line).collect::<Vec<_>>().join("\n");
                let answer = client.ndjson("/v1/interactions", body).send().await;
                (ids, answer)
            })
        })
        .collect();
    // The first is answered, the others are on their way.
    while !requests.iter().any(tokio::task::JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(program.stop().await, "it stops well");
    for request in requests {
        let (ids, answer) = request.await.expect("a request does not panic");
        match answer {
            Ok(answer) if answer.status() == StatusCode::OK => recorded.extend(ids),
            Ok(answer) => {
                assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "answered, if not now");
                refused += 1;
            }
            Err(error) => {
                assert!(error.is_connect(), "what was accepted was not answered: {error:?}");
                refused += 1;
            }
        }
    }
    println!("{} recorded, {refused} requests refused", recorded.len());

    let program = start_up(&directory, Some(&place), &[]);
    let client = Client::of(directory.path()).await;
    ledger_is_whole(&place, &client, &recorded).await;
    assert!(program.stop().await, "it stops well");
}
