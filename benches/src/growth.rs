//! What a ledger of ten times the size costs: the same writes and reads at 1 and at 10 million interactions. Takes some ten
//! minutes and 15 GB; runs only when it is named: `growth` with ids that grow with time, `growth-random` with random ones.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures::stream::{StreamExt as _, TryStreamExt as _};
use sqlx::PgPool;
use uuid::Uuid;

use crate::http::Program;
use crate::report::{Report, percentile};
use crate::servers::Servers;
use crate::store::CAPSULES;
use crate::visible::Load;

const MILLION: usize = 1_000_000;
const BATCH: usize = 5_000;
const WRITES: usize = 60;
const WRITE: usize = 1_000;
const READS: usize = 300;
const WARM_UP: usize = 20;

/// What people and programs ask for.
const QUESTIONS: [(&str, &str); 7] = [
    ("north star by month", "/v1/north-star"),
    ("north star by day, a quarter", "/v1/north-star?grain=day&from=2025-07-01&to=2025-09-30"),
    ("one capsule", "/v1/capsules/c7"),
    ("a page of capsules", "/v1/capsules"),
    ("stages", "/v1/stages"),
    ("a page of events", "/v1/events"),
    ("one event", "/v1/events/3-7000"),
];

/// What the server has read and written so far.
#[derive(sqlx::FromRow)]
struct Io {
    /// Blocks of the ledger's tables and indexes that were not in shared buffers.
    blocks_read: i64,
    /// Whole pages in the write-ahead log: each page's first change after a checkpoint.
    whole_pages: i64,
    wal_bytes: i64,
}

type NewId = fn() -> Uuid;

/// Each a ledger of its own, under the name of its benchmark.
pub(crate) const IDS: [(&str, NewId); 2] = [("growth", Uuid::now_v7), ("growth-random", Uuid::new_v4)];

struct Measured {
    write_ms: f64,
    /// Of each question.
    read_p95_ms: Vec<f64>,
}

pub(crate) async fn ten_times_the_size(servers: &Servers, new_id: NewId, report: &mut Report) -> anyhow::Result<()> {
    let program = Arc::new(Program::start(servers, "growth").await?);
    pour(&program, new_id, MILLION).await?;
    let pool = PgPool::connect(&servers.url_of("growth")).await?;
    let small = measure(&program, new_id, &pool).await?;
    pour(&program, new_id, 9 * MILLION).await?;
    let large = measure(&program, new_id, &pool).await?;

    report.add(
        "a write of 1,000 interactions, at 10 M against 1 M",
        format!("{:.2}× ({:.0} ms against {:.0} ms)", large.write_ms / small.write_ms, large.write_ms, small.write_ms),
        "≤ 1.2×",
    );
    for (index, (name, _)) in QUESTIONS.iter().enumerate() {
        let (large, small) = (large.read_p95_ms[index], small.read_p95_ms[index]);
        report.add(
            &format!("{name}, under ingest, at 10 M against 1 M"),
            format!("p95 {large:.1} ms against {small:.1} ms ({:.2}×)", large / small),
            "p95 < 20 ms, ≤ 1.2×",
        );
    }
    Ok(())
}

/// So many more interactions, as fast as they are taken, until they are visible.
async fn pour(program: &Arc<Program>, new_id: NewId, count: usize) -> anyhow::Result<()> {
    let started = Instant::now();
    let tokens: Vec<String> = futures::stream::iter((0..count).step_by(BATCH))
        .map(|first| async move {
            let body: String = (first..first + BATCH).map(|number| spread(new_id(), number, count) + "\n").collect();
            let answer = program.post("/v1/interactions", body).await?;
            if first % (MILLION / 2) == 0 {
                println!("   {first} of {count} after {:.0} s", started.elapsed().as_secs_f64());
            }
            answer["token"].as_str().map(str::to_owned).context("a token")
        })
        .buffered(4)
        .try_collect()
        .await?;
    for token in tokens.iter().rev().take(4) {
        program.wait_until_visible(token).await?;
    }
    Ok(())
}

/// One of so many interactions of two years, in the order of their time: eight a session, each session a user's with a capsule.
fn spread(id: Uuid, number: usize, of: usize) -> String {
    let (session, day) = (number / 8, number * 700 / of);
    format!(
        r#"{{"id":"{id}","user_id":"user-{}","session_id":"s-{session}","capsule_id":"c{}","kind":"{}","occurred_at":"{}-{:02}-{:02}T09:00:20Z","feature":"quiz","channel":"web","device":"mobile","region":"eu","duration_ms":5300,"response_ms":840}}"#,
        session * 7_919 % 250_000,
        session % CAPSULES,
        if number.is_multiple_of(3) { "view" } else { "interaction" },
        2024 + day / 350,
        day % 350 / 30 + 1,
        day % 28 + 1,
    )
}

async fn io(pool: &PgPool) -> anyhow::Result<Io> {
    tokio::time::sleep(Duration::from_secs(2)).await; // backends report what they did when they are idle
    let query = "SELECT (SELECT sum(heap_blks_read + coalesce(idx_blks_read, 0))::bigint
                         FROM pg_statio_user_tables WHERE schemaname = 'ledger') AS blocks_read,
                        wal_fpi AS whole_pages, wal_bytes::bigint FROM pg_stat_wal";
    Ok(sqlx::query_as(query).fetch_one(pool).await?)
}

async fn measure(program: &Arc<Program>, new_id: NewId, pool: &PgPool) -> anyhow::Result<Measured> {
    let mut writes = Vec::new();
    let before = io(pool).await?;
    for number in 0..WRITES + WARM_UP {
        let body: String =
            (0..WRITE).map(|n| spread(new_id(), number * WRITE + n, WRITE * (WRITES + WARM_UP)) + "\n").collect();
        let sent = Instant::now();
        let answer = program.post("/v1/interactions", body).await?;
        if number >= WARM_UP {
            writes.push(sent.elapsed());
        }
        program.wait_until_visible(answer["token"].as_str().context("a token")?).await?;
    }
    let after = io(pool).await?;
    let each = |count: i64| count / i64::try_from(WRITES + WARM_UP).expect("few");
    println!(
        "   a write read {} blocks of the ledger's into shared buffers; to the log went {} whole pages, {} KB in all",
        each(after.blocks_read - before.blocks_read),
        each(after.whole_pages - before.whole_pages),
        each(after.wal_bytes - before.wal_bytes) / 1_024,
    );
    let load = Load::start(program);
    let mut read_p95_ms = Vec::new();
    for (name, path) in QUESTIONS {
        let mut reads = Vec::new();
        for number in 0..READS + WARM_UP {
            let asked = Instant::now();
            program.get(path).await?;
            if number >= WARM_UP {
                reads.push(asked.elapsed());
            }
        }
        read_p95_ms.push(percentile(&mut reads, 95));
        println!("   {name}: p95 {:.1} ms", read_p95_ms[read_p95_ms.len() - 1]);
    }
    load.stop().await?;
    Ok(Measured { write_ms: percentile(&mut writes, 50), read_p95_ms })
}
