//! Rebuilding every read model from Kafka: a new generation, filled from position 0.

use std::time::{Duration, Instant};

use event_log::Reader;
use event_log::consumer::Settings as LogSettings;
use projections::{BoxError, Generation, PartitionBatch, Runner, Settings, Source, SourceBatch, Sourced};
use tokio_util::sync::CancellationToken;

use crate::http;
use crate::report::{Report, median, rate};
use crate::servers::Servers;

const TURNS: usize = 3;
const TOPIC: &str = "rebuild";

pub(crate) async fn from_kafka(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    // The program fills the log as its users do.
    let program = http::Program::start(servers, TOPIC).await?;
    program.fill(60).await?;
    drop(program);

    let pool = event_store::connect(&servers.url_of(TOPIC), 8).await?;
    let heads = event_store::Store::open(pool.clone(), event_store::Settings::default()).await?.heads().await?;
    let events: u64 = heads.iter().map(|head| head.0).sum();
    let mut rates = Vec::new();
    for _ in 0..TURNS {
        let generation = Generation::create_building(&pool).await?;
        let started = Instant::now();
        let log = LogSettings::new(servers.kafka_brokers(), TOPIC, "rebuild");
        let source = Log(Reader::start(&log, &heads)?);
        let settings = Settings { batch_events_max: 50_000, writers: 2, ..Settings::default() };
        Runner::run(pool.clone(), generation.clone(), source, settings, CancellationToken::new()).await?;
        generation.finish_loading(&pool).await?;
        #[allow(clippy::cast_precision_loss)]
        rates.push(events as f64 / started.elapsed().as_secs_f64());
        let live = Generation::live(&pool).await?;
        let differences = projections::compare(&pool, &live, &generation).await?;
        anyhow::ensure!(differences.is_empty(), "the rebuilt read models differ: {differences:?}");
        generation.remove(&pool).await?;
        println!("   {events} events at {}", rate(rates[rates.len() - 1]));
    }
    report.add("rebuild of all read models from Kafka, indexes included", rate(median(&rates)), "≥ 80,000/s");
    Ok(())
}

struct Log(Reader);

impl Source for Log {
    async fn next_batch(&mut self, events_max: usize, wait_max: Duration) -> Result<SourceBatch, BoxError> {
        let Some(batch) = self.0.next_batch(events_max, wait_max).await? else {
            return Ok(SourceBatch { ended: true, ..SourceBatch::default() });
        };
        if let Some(fault) = batch.faults.first() {
            return Err(format!("{fault:?}").into());
        }
        let partition = |batch: event_log::PartitionBatch| PartitionBatch {
            partition: batch.partition,
            events: batch.events.into_iter().map(|one| Sourced { event: one.event, offset: Some(one.offset + 1) }).collect(),
        };
        Ok(SourceBatch { partitions: batch.partitions.into_iter().map(partition).collect(), ..SourceBatch::default() })
    }
}
