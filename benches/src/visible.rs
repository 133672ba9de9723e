//! How soon what was recorded can be read, under moderate load: one client writes an interaction, then asks for the north star
//! with its token, while others write 2,000 interactions a second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::http::{Program, line};
use crate::report::{Report, percentile};
use crate::servers::Servers;

const PROBES: usize = 400;
const BATCH: usize = 100;
const BATCHES_PER_SECOND: u32 = 20;
const WARM_UP: usize = 40;

pub(crate) async fn after_a_write(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let program = Arc::new(Program::start(servers, "visible").await?);
    let load = Load::start(&program);
    let mut waits = Vec::new();
    for probe in 0..PROBES + WARM_UP {
        let answer = program.post("/v1/interactions", line(probe)).await?;
        let recorded = Instant::now();
        program.wait_until_visible(answer["token"].as_str().context("a token")?).await?;
        if probe >= WARM_UP {
            waits.push(recorded.elapsed());
        }
    }
    load.stop().await?;
    report.add(
        "recorded until visible, at 2,000 interactions/s",
        format!("p50 {:.0} ms, p95 {:.0} ms", percentile(&mut waits, 50), percentile(&mut waits, 95)),
        "p95 < 250 ms",
    );
    Ok(())
}

/// Batches at an even pace, from its start to its stop.
pub(crate) struct Load {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Load {
    pub(crate) fn start(program: &Arc<Program>) -> Self {
        let stop = CancellationToken::new();
        let (program, stopped) = (program.clone(), stop.clone());
        let task = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_secs(1) / BATCHES_PER_SECOND);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut number = 0;
            while !stopped.is_cancelled() {
                pace.tick().await;
                let body = (number..number + BATCH).map(|n| line(n) + "\n").collect();
                program.post("/v1/interactions", body).await?;
                number += BATCH;
            }
            Ok(())
        });
        Self { stop, task }
    }

    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await?
    }
}
