//! What a ledger of ten times the size costs: the same writes and reads in one of 1 and one of 10 million interactions, in
//! turns. Takes some ten minutes and 15 GB; runs only when it is named: `growth` with ids that grow with time,
//! `growth-random` with random ones.

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
const READS: usize = 100;
const TURNS: usize = 3;
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

type NewId = fn() -> Uuid;

/// The benchmarks, and what ids their interactions have.
pub(crate) const IDS: [(&str, NewId); 2] = [("growth", Uuid::now_v7), ("growth-random", Uuid::new_v4)];

/// One of the two ledgers, each with a program of its own.
struct Side {
    program: Arc<Program>,
    pool: PgPool,
    new_id: NewId,
    writes: Vec<Duration>,
    /// Blocks of the ledger's tables and indexes that these writes did not find in shared buffers.
    blocks_read: i64,
    /// Of each question.
    reads: Vec<Vec<Duration>>,
}

impl Side {
    async fn fill(servers: &Servers, name: &str, new_id: NewId, interactions: usize) -> anyhow::Result<Self> {
        let program = Arc::new(Program::start(servers, name).await?);
        pour(&program, new_id, interactions).await?;
        let pool = PgPool::connect(&servers.url_of(name)).await?;
        let reads = QUESTIONS.iter().map(|_| Vec::new()).collect();
        Ok(Self { program, pool, new_id, writes: Vec::new(), blocks_read: 0, reads })
    }

    async fn write(&mut self, number: usize) -> anyhow::Result<()> {
        let of = WRITE * (WRITES + WARM_UP);
        let body: String = (0..WRITE).map(|n| spread((self.new_id)(), number * WRITE + n, of) + "\n").collect();
        let sent = Instant::now();
        let answer = self.program.post("/v1/interactions", body).await?;
        if number >= WARM_UP {
            self.writes.push(sent.elapsed());
        }
        self.program.wait_until_visible(answer["token"].as_str().context("a token")?).await
    }

    async fn read(&mut self, question: usize) -> anyhow::Result<()> {
        let load = Load::start(&self.program);
        for number in 0..READS + WARM_UP {
            let asked = Instant::now();
            self.program.get(QUESTIONS[question].1).await?;
            if number >= WARM_UP {
                self.reads[question].push(asked.elapsed());
            }
        }
        load.stop().await
    }

    async fn blocks_read(&self) -> anyhow::Result<i64> {
        let query = "SELECT sum(heap_blks_read + coalesce(idx_blks_read, 0))::bigint
                     FROM pg_statio_user_tables WHERE schemaname = 'ledger'";
        Ok(sqlx::query_scalar(query).fetch_one(&self.pool).await?)
    }
}

pub(crate) async fn ten_times_the_size(
    servers: &Servers,
    name: &str,
    new_id: NewId,
    report: &mut Report,
) -> anyhow::Result<()> {
    let prefix = name.replace('-', "_");
    let mut sides = [
        Side::fill(servers, &format!("{prefix}_small"), new_id, MILLION).await?,
        Side::fill(servers, &format!("{prefix}_large"), new_id, 10 * MILLION).await?,
    ];
    settle(&sides[1].pool).await?;
    println!("   {} writes of {WRITE} to each in turn, each until visible", WRITES + WARM_UP);
    for side in &mut sides {
        side.blocks_read = -side.blocks_read().await?;
    }
    for number in 0..WRITES + WARM_UP {
        for side in &mut sides {
            side.write(number).await?;
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await; // backends report what they did when they are idle
    for side in &mut sides {
        side.blocks_read += side.blocks_read().await?;
    }
    for _ in 0..TURNS {
        for question in 0..QUESTIONS.len() {
            for side in &mut sides {
                side.read(question).await?;
            }
        }
    }

    let [small, large] = &mut sides;
    let (small_ms, large_ms) = (percentile(&mut small.writes, 50), percentile(&mut large.writes, 50));
    let blocks = |side: &Side| side.blocks_read / i64::try_from(WRITES + WARM_UP).expect("few");
    println!("   blocks not found in shared buffers by a write: {} against {}", blocks(large), blocks(small));
    report.add(
        &format!("{name}: a write of 1,000 interactions, at 10 M against 1 M"),
        format!("{:.2}× ({large_ms:.0} ms against {small_ms:.0} ms)", large_ms / small_ms),
        "≤ 1.2×",
    );
    for (question, (what, _)) in QUESTIONS.iter().enumerate() {
        let (large, small) = (&mut large.reads[question], &mut small.reads[question]);
        let ratio = percentile(large, 50) / percentile(small, 50);
        report.add(
            &format!("{name}: {what}, under ingest, at 10 M against 1 M"),
            format!("{ratio:.2}×, p95 {:.1} ms against {:.1} ms", percentile(large, 95), percentile(small, 95)),
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

/// Measured from a checkpoint on, with what vacuum had to do after so many rows done.
async fn settle(pool: &PgPool) -> anyhow::Result<()> {
    let vacuums = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'";
    while sqlx::query_scalar::<_, i64>(vacuums).fetch_one(pool).await? > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    sqlx::query("CHECKPOINT").execute(pool).await?;
    Ok(())
}
