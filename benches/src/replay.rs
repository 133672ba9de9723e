//! A replay of a million events beside the live read models: its rate, what it costs those who read meanwhile, and that every figure
//! is the same afterwards; also when it is killed ten times, each time at another moment. Takes some twenty minutes; runs only when it is
//! named. Bounded by the fold's writes to PostgreSQL, and by both cores: readers share them with it.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rand::Rng as _;
use serde_json::Value;

use crate::http::{self, Program};
use crate::kpis::{every_figure_is_made, questions, with_demo};
use crate::report::{Report, percentile, rate};
use crate::servers::Servers;

/// Some 1.1 million interactions, and the demo's other facts.
const SCALE: &str = "0.2";
const NAME: &str = "replay";
const KILLS: usize = 10;
/// Readers do not ask without a pause.
const PAUSE: Duration = Duration::from_millis(10);
const ALONE: Duration = Duration::from_secs(20);

/// What people and programs ask for, with something of each kind.
const READS: [&str; 6] = [
    "/v1/north-star",
    "/v1/capsules/demo-complete",
    "/v1/kpis/win_rate",
    "/v1/kpis/active_capsule_interactions?segment=kind",
    "/v1/stages",
    "/dashboards",
];

pub(crate) async fn of_a_million(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let program = with_demo(servers, NAME, SCALE).await?;
    // Nothing comes any more: what is still open, such as who has not come to value yet, stays as it is.
    let program = Arc::new(program.again(servers, NAME).await?);
    every_figure_is_made(&program).await?;
    let before = figures(&program).await?;
    let mut alone = read_until(&program, |started| started.elapsed() > ALONE).await?;

    let mut replaying = replay(servers, true)?;
    let mut during = read_until(&program, |_| !matches!(replaying.try_wait(), Ok(None))).await?;
    let told = outcome(replaying)?;
    report.add(
        &format!("replay of {} events from Kafka, read models only", told["events"]),
        format!(
            "{}, then figures, comparison and cut-over: {:.0} s in all",
            rate(told["events_per_second"].as_f64().context("a rate")?),
            during.took.as_secs_f64()
        ),
        "≥ 80,000/s",
    );
    report.add(
        &format!("{} reads during it, against {} alone", during.times.len(), alone.times.len()),
        format!(
            "p50 {:.1} ms against {:.1}, p95 {:.1} ms against {:.1}, the slowest {:.0} ms against {:.0}",
            percentile(&mut during.times, 50),
            percentile(&mut alone.times, 50),
            percentile(&mut during.times, 95),
            percentile(&mut alone.times, 95),
            percentile(&mut during.times, 100),
            percentile(&mut alone.times, 100),
        ),
        "live reads unharmed",
    );
    same(&before, &figures(&program).await?)?;

    let mut moments = Vec::new();
    for _ in 0..KILLS {
        // Early ones above all: the fold is the first part of it, and each waits.
        let moment = during.took.mul_f64(rand::rng().random_range(0.1_f64..0.95).powi(3));
        let mut replaying = replay(servers, false)?;
        tokio::time::sleep(moment).await;
        replaying.kill()?;
        replaying.wait()?;
        moments.push(format!("{:.1}", moment.as_secs_f64()));
        println!("   killed after {:.1} s", moment.as_secs_f64());
    }
    let told = outcome(replay(servers, true)?)?;
    anyhow::ensure!(told["comparison"]["differences"] == serde_json::json!([]), "{told}");
    same(&before, &figures(&program).await?)?;
    report.add(
        &format!("{} figures before, after, and after {KILLS} kills", before.values().map(Vec::len).sum::<usize>()),
        format!("identical (killed after {} s)", moments.join(", ")),
        "identical",
    );
    Ok(())
}

/// Every figure of periods that are over, by the question that it answers.
async fn figures(program: &Program) -> anyhow::Result<BTreeMap<String, Vec<Value>>> {
    let register = program.get_json("/v1/kpis").await?;
    let mut answers = BTreeMap::new();
    for question in questions(register["data"].as_array().context("the register")?)? {
        // Reports say what is now.
        if question.starts_with("/v1/kpis/") {
            let answer = program.get_json(&question).await?;
            let figures = answer["data"].as_array().context("figures")?;
            answers.insert(question, figures.iter().filter(|figure| figure["partial"] == false).cloned().collect());
        }
    }
    let north_star = program.get_json("/v1/north-star?grain=day&from=2025-07-01&to=2025-09-30").await?;
    answers.insert("north star".to_owned(), north_star["data"].as_array().context("days")?.clone());
    anyhow::ensure!(answers.values().map(Vec::len).sum::<usize>() > 1_000, "the demo has figures");
    Ok(answers)
}

fn same(before: &BTreeMap<String, Vec<Value>>, after: &BTreeMap<String, Vec<Value>>) -> anyhow::Result<()> {
    for (question, figures) in before {
        anyhow::ensure!(
            after.get(question) == Some(figures),
            "{question} has another answer: {figures:?} {:?}",
            after.get(question)
        );
    }
    Ok(())
}

struct Asked {
    times: Vec<Duration>,
    took: Duration,
}

async fn read_until(program: &Program, mut is_over: impl FnMut(Instant) -> bool) -> anyhow::Result<Asked> {
    let (started, mut times) = (Instant::now(), Vec::new());
    for question in READS.iter().cycle() {
        let asked = Instant::now();
        program.get(question).await?;
        times.push(asked.elapsed());
        if is_over(started) {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(Asked { times, took: started.elapsed() })
}

fn replay(servers: &Servers, is_told: bool) -> anyhow::Result<Child> {
    Ok(Command::new(http::program()?)
        .args(["replay", "--json", "--database-url", &servers.url_of(NAME), "--kafka-brokers", servers.kafka_brokers()])
        .args(["--topic", NAME])
        .stdin(Stdio::null())
        .stdout(if is_told { Stdio::piped() } else { Stdio::null() })
        .stderr(Stdio::null())
        .spawn()?)
}

/// What it says when it is through; all that is little enough to wait in the pipe.
fn outcome(replaying: Child) -> anyhow::Result<Value> {
    let output = replaying.wait_with_output()?;
    let told: Value = serde_json::from_slice(&output.stdout).context("a report")?;
    anyhow::ensure!(output.status.success() && told["outcome"] == "cut_over", "{told}");
    Ok(told)
}
