//! Appending against the limit: a plain binary COPY of the same rows into a table with the same columns and indexes.

use std::time::Instant;

use domain::{AggregateType, Command};
use sqlx::postgres::PgPoolCopyExt as _;
use sqlx::{Executor as _, PgPool};
use uuid::Uuid;

use crate::report::{Report, median, rate};
use crate::servers::Servers;
use crate::store::{metadata, open_capsules, record, request};

const TURNS: usize = 5;
const ROWS: usize = 100_000;
/// As many events as a bulk request may hold.
const BULK: usize = 10_000;

pub(crate) async fn append_against_copy(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let (store, pool, _url) = servers.ledger("append_limit").await?;
    open_capsules(&store).await?;
    pool.execute("CREATE TABLE public.copied (LIKE ledger.events INCLUDING ALL)").await?;
    let (mut ours, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let from: i64 = sqlx::query_scalar("SELECT count(*) FROM ledger.events").fetch_one(&pool).await?;
        ours.push(append(&store).await?);
        copied.push(copy(&pool, from).await?);
        println!("   append {} against COPY {}", rate(ours[ours.len() - 1]), rate(copied[copied.len() - 1]));
    }
    let (ours, copied) = (median(&ours), median(&copied));
    report.add(
        "append (decide, check, group, store) against plain COPY of the same rows",
        format!("{:.0} % ({} against {})", 100.0 * ours / copied, rate(ours), rate(copied)),
        "≥ 60 %",
    );
    store.shutdown().await;
    Ok(())
}

/// Events a second by two bulk requests at a time, from parsed commands to durable answers.
async fn append(store: &event_store::Store) -> anyhow::Result<f64> {
    let about = metadata();
    let batches: Vec<Vec<_>> = (0..ROWS / BULK)
        .map(|batch| {
            (0..BULK)
                .map(|n| {
                    let command = Command::parse(AggregateType::Interaction, "record", &record(batch * BULK + n))
                        .expect("a good command");
                    request(Uuid::new_v4().to_string(), command, &about)
                })
                .collect()
        })
        .collect();
    let started = Instant::now();
    let mut batches = batches.into_iter();
    while let Some(first) = batches.next() {
        let second = batches.next().unwrap_or_default();
        let (first, second) = tokio::join!(store.execute_many(first), store.execute_many(second));
        for outcome in first.into_iter().chain(second) {
            outcome?;
        }
    }
    Ok(per_second(started))
}

/// Rows a second: what the append just wrote, read out first, then copied in, in as many transactions of
/// the same size, two at a time as well.
async fn copy(pool: &PgPool, from: i64) -> anyhow::Result<f64> {
    let statement =
        format!("COPY (SELECT * FROM ledger.events ORDER BY recorded_at, partition, position OFFSET {from}) TO STDOUT");
    let mut rows: Vec<bytes::Bytes> = Vec::new();
    let mut out = pool.copy_out_raw(&statement).await?;
    while let Some(row) = futures::StreamExt::next(&mut out).await {
        rows.push(row?);
    }
    drop(out);
    let started = Instant::now();
    let mut chunks = rows.chunks(BULK);
    while let Some(first) = chunks.next() {
        let second = chunks.next().unwrap_or_default();
        tokio::try_join!(copy_in(pool, first), copy_in(pool, second))?;
    }
    Ok(per_second(started))
}

async fn copy_in(pool: &PgPool, rows: &[bytes::Bytes]) -> anyhow::Result<()> {
    let mut copy = pool.copy_in_raw("COPY public.copied FROM STDIN").await?;
    for part in rows.chunks(1_000) {
        copy.send(part.concat()).await?;
    }
    copy.finish().await?;
    Ok(())
}

#[allow(clippy::cast_precision_loss)]
fn per_second(started: Instant) -> f64 {
    ROWS as f64 / started.elapsed().as_secs_f64()
}
