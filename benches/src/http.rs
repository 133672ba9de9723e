//! Over HTTP, against the real program: single requests at 64 connections, and batches until they are visible.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use uuid::Uuid;

use crate::report::{Report, median, rate};
use crate::servers::Servers;
use crate::store::{CAPSULES, record};

const TURNS: usize = 5;
const CONNECTIONS: usize = 64;
const TURN: Duration = Duration::from_secs(6);
const BATCH: usize = 5_000;
const BATCHES: usize = 40;

/// A running `capsule-ledger up` on the benchmark's servers.
pub(crate) struct Program {
    child: Child,
    api: String,
    key: String,
    http: reqwest::Client,
    as_sent: reqwest::Client,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Program {
    pub(crate) async fn start(servers: &Servers, name: &str) -> anyhow::Result<Self> {
        Self::start_with(servers, name, &[]).await
    }

    pub(crate) async fn start_with(servers: &Servers, name: &str, more: &[&str]) -> anyhow::Result<Self> {
        let url = servers.database(name).await?;
        std::fs::create_dir_all(servers.directory().join(name))?;
        let program = Self::over(servers, &url, name, more).await?;
        program.open_capsules().await?;
        Ok(program)
    }

    /// Ended, and started again over what it left.
    pub(crate) async fn again(self, servers: &Servers, name: &str) -> anyhow::Result<Self> {
        drop(self);
        std::fs::remove_file(servers.directory().join(name).join("connection.json"))?;
        Self::over(servers, &servers.url_of(name), name, &[]).await
    }

    async fn over(servers: &Servers, url: &str, name: &str, more: &[&str]) -> anyhow::Result<Self> {
        let directory = servers.directory().join(name);
        let child = Command::new(program()?)
            .args(["up", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&directory)
            .args(more)
            .env("DATABASE_URL", url)
            .env("KAFKA_BROKERS", servers.kafka_brokers())
            .env("LEDGER_TOPIC", name)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let mut program = Self {
            child,
            api: String::new(),
            key: String::new(),
            http: reqwest::Client::builder().no_proxy().build()?,
            as_sent: reqwest::Client::builder().no_proxy().no_gzip().build()?,
        };
        let connection = connection(&directory).await?;
        program.api = connection["api"].as_str().context("api")?.to_owned();
        program.key = connection["api_keys"]["admin"].as_str().context("a key")?.to_owned();
        Ok(program)
    }

    async fn open_capsules(&self) -> anyhow::Result<()> {
        let commands: String = (0..CAPSULES)
            .map(|n| {
                format!(
                    "{{\"collection\":\"capsules\",\"id\":\"c{n}\",\"command\":\"create\",\"data\":{{\"title\":\"Bench\"}}}}\n\
                     {{\"collection\":\"capsules\",\"id\":\"c{n}\",\"command\":\"publish\",\"data\":{{}}}}\n"
                )
            })
            .collect();
        self.post("/v1/commands", commands).await.map(|_| ())
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.api)).bearer_auth(&self.key);
        let answer = request.header("content-type", "application/x-ndjson").body(body).send().await?;
        let status = answer.status();
        let body: Value = answer.json().await?;
        anyhow::ensure!(status == 200, "{status}: {body}");
        Ok(body)
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<bytes::Bytes> {
        let answer = self.http.get(format!("{}{path}", self.api)).bearer_auth(&self.key).send().await?;
        let status = answer.status();
        let body = answer.bytes().await?;
        anyhow::ensure!(status == 200, "{status}: {}", String::from_utf8_lossy(&body));
        Ok(body)
    }

    /// How many bytes come over the wire for a page or asset, compressed as for a browser.
    pub(crate) async fn weigh(&self, path: &str) -> anyhow::Result<usize> {
        // The other client would say how long it is uncompressed.
        let request = self.as_sent.get(format!("{}{path}", self.api)).bearer_auth(&self.key).header("accept-encoding", "gzip");
        let answer = request.send().await?;
        anyhow::ensure!(answer.status() == 200, "{path}: {}", answer.status());
        Ok(answer.bytes().await?.len())
    }

    pub(crate) async fn get_json(&self, path: &str) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.get(path).await?)?)
    }

    /// So many batches of interactions, visible in the read models when it returns.
    pub(crate) async fn fill(&self, batches: usize) -> anyhow::Result<()> {
        for batch in 0..batches {
            let body = (0..BATCH).map(|n| line(batch * BATCH + n) + "\n").collect();
            let answer = self.post("/v1/interactions", body).await?;
            self.wait_until_visible(answer["token"].as_str().context("a token")?).await?;
        }
        Ok(())
    }

    pub(crate) async fn wait_until_visible(&self, token: &str) -> anyhow::Result<()> {
        loop {
            let url = format!("{}/v1/north-star?from=2026-10&to=2026-10&after={token}", self.api);
            if self.http.get(url).bearer_auth(&self.key).send().await?.status() == 200 {
                return Ok(());
            }
        }
    }
}

/// The release program, beside this one.
pub(crate) fn program() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("capsule-ledger");
    anyhow::ensure!(program.exists(), "build the program first: cargo build --release --bin capsule-ledger");
    Ok(program)
}

async fn connection(directory: &Path) -> anyhow::Result<Value> {
    for _ in 0..600 {
        if let Ok(bytes) = std::fs::read(directory.join("connection.json")) {
            return Ok(serde_json::from_slice(&bytes)?);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("the program was not ready within a minute")
}

pub(crate) fn line(number: usize) -> String {
    let content = String::from_utf8(record(number)).expect("text");
    format!("{{\"id\":\"{}\",\"user_id\":\"user-{}\",{}", Uuid::new_v4(), number % 5_000, &content[1..])
}

pub(crate) async fn single_requests(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let program = Arc::new(Program::start(servers, "http_single").await?);
    let (mut rates, mut p95s) = (Vec::new(), Vec::new());
    // The first turn warms Kafka's JVM, and is not counted.
    for turn in 0..=TURNS {
        let stop = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|client| {
                let (program, stop) = (program.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut latencies = Vec::new();
                    let mut number = client;
                    while !stop.load(Ordering::Relaxed) {
                        let sent = Instant::now();
                        let answer = program.post("/v1/interactions", line(number)).await?;
                        latencies.push(sent.elapsed());
                        anyhow::ensure!(answer["accepted"] == 1, "{answer}");
                        number += CONNECTIONS;
                    }
                    anyhow::Ok(latencies)
                })
            })
            .collect();
        tokio::time::sleep(TURN).await;
        stop.store(true, Ordering::Relaxed);
        let mut latencies = Vec::new();
        for client in clients {
            latencies.extend(client.await??);
        }
        let seconds = started.elapsed().as_secs_f64();
        latencies.sort();
        #[allow(clippy::cast_precision_loss)]
        let reached = latencies.len() as f64 / seconds;
        let p95 = latencies[latencies.len() * 95 / 100].as_secs_f64() * 1_000.0;
        let note = if turn == 0 { " (warming up)" } else { "" };
        println!("   {} at {CONNECTIONS} connections, p95 {p95:.1} ms{note}", rate(reached));
        if turn > 0 {
            rates.push(reached);
            p95s.push(p95);
        }
    }
    report.add(
        "single-event requests over HTTP, 64 connections",
        format!("{}, p95 {:.1} ms", rate(median(&rates)), median(&p95s)),
        "≥ 8,000/s, p95 < 20 ms",
    );
    Ok(())
}

pub(crate) async fn batches_until_visible(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let program = Program::start(servers, "http_batches").await?;
    let mut rates = Vec::new();
    for turn in 0..TURNS {
        let bodies: Vec<String> =
            (0..BATCHES).map(|batch| (0..BATCH).map(|n| line(turn + batch * BATCH + n) + "\n").collect()).collect();
        let started = Instant::now();
        let mut waiting = bodies.into_iter();
        let mut tokens = Vec::new();
        loop {
            let some: Vec<String> = waiting.by_ref().take(4).collect();
            if some.is_empty() {
                break;
            }
            let answers =
                futures::future::try_join_all(some.into_iter().map(|body| program.post("/v1/interactions", body))).await?;
            for answer in answers {
                tokens.push(answer["token"].as_str().context("a token")?.to_owned());
            }
        }
        let durable = started.elapsed().as_secs_f64();
        for token in tokens.iter().rev().take(4) {
            program.wait_until_visible(token).await?;
        }
        let visible = started.elapsed().as_secs_f64();
        #[allow(clippy::cast_precision_loss)]
        let count = (BATCH * BATCHES) as f64;
        rates.push(count / visible);
        println!("   {BATCHES} × {BATCH}: durable at {}, visible at {}", rate(count / durable), rate(count / visible));
    }
    report.add("batch ingest over HTTP, until visible in the read models", rate(median(&rates)), "≥ 25,000/s");
    Ok(())
}
