//! The program under test as a process, and a client that speaks to it as users do.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::servers::Place;

/// How long anything may take that should take a moment.
pub const SOON: Duration = Duration::from_secs(60);

/// Waits until `condition` gives something; fails with `what` when it is not so soon enough.
pub async fn eventually<T, F: AsyncFnMut() -> Option<T>>(what: &str, within: Duration, mut condition: F) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(started.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A directory that goes with the test.
#[derive(Debug)]
pub struct Directory(pub PathBuf);

impl Directory {
    pub fn new() -> Self {
        let path = std::env::temp_dir().join(format!("capsule-ledger-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// One running process of the program. Killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    pub log: PathBuf,
}

impl Program {
    pub fn spawn(directory: &Path, place: Option<&Place>, arguments: &[&str]) -> Self {
        Self::spawn_with(directory, place, arguments, &[])
    }

    /// With more set in its environment.
    pub fn spawn_with(directory: &Path, place: Option<&Place>, arguments: &[&str], set: &[(&str, &str)]) -> Self {
        let log = directory.join(format!("log-{}.txt", uuid::Uuid::new_v4().simple()));
        let mut command = Command::new(env!("CARGO_BIN_EXE_capsule-ledger"));
        command.args(arguments).env_remove("DATABASE_URL").env_remove("KAFKA_BROKERS").env("RUST_LOG", "info,sqlx=warn");
        if let Some(place) = place {
            command
                .env("DATABASE_URL", &place.database_url)
                .env("KAFKA_BROKERS", &place.kafka_brokers)
                .env("LEDGER_TOPIC", &place.topic)
                .env("DATABASE_CONNECTIONS", "10");
        }
        command.envs(set.iter().copied());
        let file = std::fs::File::create(&log).expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self { child, log }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        self.child.kill().expect("our own child can be killed");
        self.child.wait().expect("our own child can be waited for");
    }

    /// Asks it to stop, as Ctrl-C does, and waits until it has; true if it ended well.
    pub async fn stop(mut self) -> bool {
        self.signal("INT");
        let status = eventually("the program stops", SOON, async || self.child.try_wait().expect("our own child")).await;
        status.success()
    }

    /// Waits until it ends; true if it ended well.
    pub async fn stop_by_itself(mut self) -> bool {
        let status = eventually("the program ends", SOON, async || self.child.try_wait().expect("our own child")).await;
        status.success()
    }

    pub fn signal(&self, signal: &str) {
        let done = Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status().expect("kill runs");
        assert!(done.success(), "the program runs still");
    }

    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- {} said, at the end:\n{}", self.log.display(), tail(&self.said(), 40));
        }
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The API as its users reach it.
#[derive(Debug, Clone)]
pub struct Client {
    pub http: reqwest::Client,
    pub api: String,
    pub keys: Value,
}

impl Client {
    /// Waits for `connection.json` of an `up` on this directory, and until it is ready.
    pub async fn of(directory: &Path) -> Self {
        let client = Self::of_any(directory).await;
        client.ready().await;
        client
    }

    /// The same, ready or not.
    pub async fn of_any(directory: &Path) -> Self {
        let connection: Value = eventually("connection.json names the API", SOON * 2, async || {
            let bytes = std::fs::read(directory.join("connection.json")).ok()?;
            let connection: Value = serde_json::from_slice(&bytes).ok()?;
            connection["api"].as_str().is_some_and(|api| !api.is_empty()).then_some(connection)
        })
        .await;
        Self {
            http: reqwest::Client::new(),
            api: connection["api"].as_str().expect("checked").to_owned(),
            keys: connection["api_keys"].clone(),
        }
    }

    pub async fn ready(&self) {
        eventually("/readyz says 200", SOON, async || {
            let answer = self.http.get(format!("{}/readyz", self.api)).send().await.ok()?;
            (answer.status() == StatusCode::OK).then_some(())
        })
        .await;
    }

    pub fn key(&self, role: &str) -> &str {
        self.keys[role].as_str().unwrap_or_else(|| panic!("a key for {role}"))
    }

    pub fn request(&self, role: &str, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.api)).bearer_auth(self.key(role))
    }

    /// GET as an admin; the body of a 200. What is not to be seen yet is asked for again, as the problem says.
    pub async fn get(&self, path: &str) -> Value {
        eventually(&format!("{path} is to be seen"), 3 * SOON, async || {
            let answer = self.request("admin", Method::GET, path).send().await.expect("an answer");
            let status = answer.status();
            let body = answer.text().await.expect("a body");
            if status == StatusCode::SERVICE_UNAVAILABLE && body.contains("\"not_yet_visible\"") {
                return None;
            }
            assert_eq!(status, StatusCode::OK, "GET {path}: {body}");
            Some(serde_json::from_str(&body).expect("JSON"))
        })
        .await
    }

    /// A command as a writer: status and body.
    pub async fn command(&self, collection: &str, id: &str, command: &str, data: Value) -> (StatusCode, Value) {
        let request = self.request("writer", Method::POST, &format!("/v1/{collection}/{id}/{command}")).json(&data);
        answer_of(request).await
    }

    /// A capsule that takes interactions.
    pub async fn open_capsule(&self, id: &str) {
        let (status, body) = self.command("capsules", id, "create", json!({"title": id})).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let (status, body) = self.command("capsules", id, "publish", json!({})).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    /// Interactions as NDJSON.
    pub async fn post_interactions(&self, lines: &[Value]) -> (StatusCode, Value) {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        answer_of(self.ndjson("/v1/interactions", body)).await
    }

    pub fn ndjson(&self, path: &str, body: String) -> RequestBuilder {
        self.request("writer", Method::POST, path).header("content-type", "application/x-ndjson").body(body)
    }

    /// All interactions that the read models count, over all months, once they have seen `token`.
    pub async fn total(&self, token: Option<&str>) -> u64 {
        let after = token.map(|token| format!("&after={token}")).unwrap_or_default();
        let series = self.get(&format!("/v1/north-star?from=2000-01&to=2030-12{after}")).await;
        series["data"].as_array().expect("periods").iter().map(|period| period["total"].as_u64().expect("a count")).sum()
    }
}

/// Status and JSON body.
pub async fn answer_of(request: RequestBuilder) -> (StatusCode, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status();
    let body = answer.text().await.expect("a body");
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

/// What an `up` on this directory wrote down of its ledger.
pub fn connection(directory: &Directory) -> Value {
    let connection = std::fs::read(directory.path().join("connection.json")).expect("connection.json");
    serde_json::from_slice(&connection).expect("JSON")
}

/// Whoever trusts this one holds the ledger to what it signed.
pub fn verifier_key(directory: &Directory) -> String {
    connection(directory)["verifier_key"].as_str().expect("a key").to_owned()
}

/// A program with everything in one process, on shared servers.
pub async fn up() -> (Program, Client, Place, Directory) {
    let place = crate::servers::fresh_place().await;
    let directory = Directory::new();
    let program = start_up(&directory, Some(&place), &[]);
    let client = Client::of(directory.path()).await;
    (program, client, place, directory)
}

pub fn start_up(directory: &Directory, place: Option<&Place>, more: &[&str]) -> Program {
    let path = directory.path().to_str().expect("a path in UTF-8");
    let arguments = [&["up", "--data-dir", path, "--listen", "127.0.0.1:0"], more].concat();
    Program::spawn(directory.path(), place, &arguments)
}
