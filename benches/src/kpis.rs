//! Reads of every KPI and report at a million interactions and the demo's other facts: with nothing else going on, and under
//! ingest. Bounded by two to six small queries to PostgreSQL a read, and by what the answer weighs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::http::Program;
use crate::report::{Report, percentile};
use crate::servers::Servers;
use crate::visible::Load;

/// Twice the demo's own volume: some 1.1 million interactions.
const SCALE: &str = "0.2";
const READS: usize = 100;
const WARM_UP: usize = 10;
const LOADED_WITHIN: Duration = Duration::from_secs(900);
const REPORTS: [&str; 6] = ["unit-economics", "budget", "headcount", "gates", "risks", "service-levels"];

pub(crate) async fn reads_of_every_kpi(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let program = Arc::new(with_demo(servers, "kpis", SCALE).await?);
    let register = program.get_json("/v1/kpis").await?;
    let questions = questions(register["data"].as_array().context("the register")?)?;
    for (when, is_loaded) in [("alone", false), ("under ingest of 2,000/s", true)] {
        let load = is_loaded.then(|| Load::start(&program));
        let mut worst = Vec::new();
        for question in &questions {
            let mut times = Vec::with_capacity(READS);
            for number in 0..READS + WARM_UP {
                let asked = Instant::now();
                program.get(question).await?;
                if number >= WARM_UP {
                    times.push(asked.elapsed());
                }
            }
            worst.push((percentile(&mut times, 95), percentile(&mut times, 50), question));
        }
        if let Some(load) = load {
            load.stop().await?;
        }
        worst.sort_by(|one, other| other.0.total_cmp(&one.0));
        for (p95, p50, question) in worst.iter().take(8) {
            println!("   {question}: p50 {p50:.1} ms, p95 {p95:.1} ms");
        }
        let within = worst.iter().filter(|(p95, ..)| *p95 < 20.0).count();
        let (p95, _, question) = worst.first().context("a question")?;
        report.add(
            &format!("each of {} reads of KPIs and reports, {when}", questions.len()),
            format!("{within} with p95 < 20 ms; the slowest p95 {p95:.1} ms ({question})"),
            "p95 < 20 ms",
        );
    }
    Ok(())
}

/// A program with the demo's history, all its figures made.
pub(crate) async fn with_demo(servers: &Servers, name: &str, scale: &str) -> anyhow::Result<Program> {
    let program = Program::start_with(servers, name, &["--demo", "--demo-scale", scale]).await?;
    let started = Instant::now();
    until("the demo is there", async || program.get("/v1/capsules/demo-complete").await.is_ok()).await?;
    println!("   the demo was loaded after {:.0} s", started.elapsed().as_secs_f64());
    every_figure_is_made(&program).await?;
    println!("   every figure was made after {:.0} s", started.elapsed().as_secs_f64());
    Ok(program)
}

/// Of all that was recorded until now.
pub(crate) async fn every_figure_is_made(program: &Program) -> anyhow::Result<()> {
    let asked_at = Utc::now();
    let register = program.get_json("/v1/kpis").await?;
    for kpi in register["data"].as_array().context("the register")? {
        let address = format!("/v1/kpis/{}", kpi["id"].as_str().context("an id")?);
        let is_made = async || {
            let Ok(series) = program.get_json(&address).await else { return false };
            let computed_at = series["computed_at"].as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
            series["due"] == false || computed_at.is_some_and(|made| made > asked_at)
        };
        until(&format!("{address} is made"), is_made).await?;
    }
    Ok(())
}

/// Every KPI over all and by each of its dimensions, and every report.
pub(crate) fn questions(kpis: &[Value]) -> anyhow::Result<Vec<String>> {
    let mut questions = Vec::new();
    for kpi in kpis {
        let id = kpi["id"].as_str().context("an id")?;
        questions.push(format!("/v1/kpis/{id}"));
        for dimension in kpi["dimensions"].as_array().context("dimensions")? {
            questions.push(format!("/v1/kpis/{id}?segment={}", dimension.as_str().context("a dimension")?));
        }
    }
    questions.extend(REPORTS.map(|name| format!("/v1/{name}")));
    Ok(questions)
}

async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
    let started = Instant::now();
    while !is_so().await {
        anyhow::ensure!(started.elapsed() < LOADED_WITHIN, "{what}: not within {} s", LOADED_WITHIN.as_secs());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
