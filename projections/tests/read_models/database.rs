//! A database for one test, gone when the test is.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use chrono::Utc;
use domain::audit::{CutOverReason, GenerationCutOver};
use domain::{Partition, RecordedEvent};
use projections::kpis::refresher::{Moments, Refresher};
use projections::{Error, Generation, Held, Runner, Settings, Stopped};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Executor, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::memory::Memory;

/// Runs a test on a database of its own, with one empty live generation.
pub(crate) fn with_database<F: Future<Output = ()>>(test: impl FnOnce(PgPool) -> F) {
    let url = std::env::var("TEST_DATABASE_URL")
        .unwrap_or_else(|_| panic!("TEST_DATABASE_URL must hold the URL of a PostgreSQL superuser: `make test` sets it"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let server = PgConnectOptions::from_str(&url).unwrap().disable_statement_logging();
        let name = format!("projections_test_{}", Uuid::new_v4().simple());
        let mut admin = server.connect().await.unwrap();
        sqlx::raw_sql(&format!("CREATE DATABASE {name} TEMPLATE template0")).execute(&mut admin).await.unwrap();
        let dropped = Dropped { server: server.clone(), name: name.clone() };
        let pool = PgPoolOptions::new()
            .max_connections(8)
            .acquire_timeout(Duration::from_secs(30))
            .connect_with(server.database(&name))
            .await
            .unwrap();
        projections::migrate(&pool).await.unwrap();
        test(pool.clone()).await;
        pool.close().await;
        drop(dropped);
    });
}

/// Drops the database also where the test panics.
struct Dropped {
    server: PgConnectOptions,
    name: String,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let drop = async move {
            let mut admin = server.connect().await.unwrap();
            admin.execute(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)").as_str()).await.unwrap();
        };
        // A runtime of its own: this one may be unwinding.
        std::thread::spawn(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(drop))
            .join()
            .ok();
    }
}

/// Applies these events to a generation in batches of at most so many.
pub(crate) async fn apply(
    pool: &PgPool,
    generation: &Generation,
    events: &BTreeMap<Partition, Vec<RecordedEvent>>,
    batch_events_max: usize,
) {
    let source = Memory::of(events, batch_events_max);
    let settings = Settings { writers: 2, ..Settings::default() };
    let stopped = Runner::run(pool.clone(), generation.clone(), source, settings, CancellationToken::new()).await.unwrap();
    assert_eq!(stopped, Stopped::SourceEnded);
}

/// Makes a generation ready to serve and puts it in the live one's place, as the program does.
pub(crate) async fn cut_over(pool: &PgPool, next: &Generation) -> Result<(), Error> {
    next.finish_loading(pool).await?;
    Refresher::build(pool, next, &Moments::default()).await?;
    let held = Held::live(pool).await?;
    let entry = GenerationCutOver {
        from_generation: None,
        to_generation: u32::try_from(next.number).unwrap(),
        events: held.events(),
        differences: None,
        reason: CutOverReason::Replay,
        occurred_at: Utc::now(),
    };
    held.cut_over(next, &entry).await
}
