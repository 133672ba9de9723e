//! Commands through the event store, in process, against stock postgres-es: the same command, the same aggregate.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use domain::interaction::InteractionCommand;
use domain::{AggregateType, Command, Metadata};
use event_store::{Request, Store};
use uuid::Uuid;

use crate::peers;
use crate::report::{Report, median, rate};
use crate::servers::{Servers, tenant};

pub(crate) const TURNS: usize = 5;
const TURN: Duration = Duration::from_secs(4);
pub(crate) const CAPSULES: usize = 400;

pub(crate) fn record(capsule: usize) -> Vec<u8> {
    format!(
        r#"{{"capsule_id":"c{}","session_id":"s-{}","kind":"interaction","occurred_at":"2026-10-05T09:00:20Z","feature":"quiz","channel":"web","device":"mobile","region":"eu","duration_ms":5300,"response_ms":840}}"#,
        capsule % CAPSULES,
        capsule % 10_000
    )
    .into_bytes()
}

pub(crate) fn command(capsule: usize) -> Command {
    Command::parse(AggregateType::Interaction, "record", &record(capsule)).expect("a good command")
}

pub(crate) fn metadata() -> Arc<Metadata> {
    Arc::new(Metadata {
        key: "bench".to_owned(),
        command: "interactions/record".to_owned(),
        correlation_id: Uuid::new_v4().to_string(),
        received_at: chrono::Utc::now(),
    })
}

pub(crate) fn request(id: String, command: Command, metadata: &Arc<Metadata>) -> Request {
    Request { tenant: tenant(), id, command, expected_version: None, metadata: metadata.clone(), idempotency: None }
}

/// The capsules that the interactions belong to.
pub(crate) async fn open_capsules(store: &Store) -> anyhow::Result<()> {
    let about = metadata();
    for step in [("create", r#"{"title":"Bench"}"#), ("publish", "{}")] {
        let requests = (0..CAPSULES).map(|n| {
            let command = Command::parse(AggregateType::Capsule, step.0, step.1.as_bytes()).expect("a good command");
            request(format!("c{n}"), command, &about)
        });
        for outcome in store.execute_many(requests.collect()).await {
            outcome?;
        }
    }
    Ok(())
}

/// Commands a second that `writers` tasks get through, each sending its next when the last is durable.
pub(crate) async fn turn<F: Future<Output = ()> + Send>(
    writers: usize,
    one: impl Fn(usize) -> F + Send + Sync + Clone + 'static,
) -> f64 {
    let (done, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let started = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let (done, stop, one) = (done.clone(), stop.clone(), one.clone());
            tokio::spawn(async move {
                let mut number = writer;
                while !stop.load(Ordering::Relaxed) {
                    one(number).await;
                    done.fetch_add(1, Ordering::Relaxed);
                    number += writers;
                }
            })
        })
        .collect();
    tokio::time::sleep(TURN).await;
    stop.store(true, Ordering::Relaxed);
    let (count, seconds) = (done.load(Ordering::Relaxed), started.elapsed().as_secs_f64());
    for task in tasks {
        task.await.expect("a writer does not panic");
    }
    #[allow(clippy::cast_precision_loss)]
    {
        count as f64 / seconds
    }
}

pub(crate) async fn against_postgres_es(servers: &Servers, report: &mut Report) -> anyhow::Result<()> {
    let (store, _pool, _url) = servers.ledger("store").await?;
    open_capsules(&store).await?;
    let (cqrs, _peer_pool) = peers::postgres_es(servers, 64).await?;
    let cqrs = Arc::new(cqrs);
    for (writers, wanted) in [(64, "≥ 8×"), (1_024, "≥ 25×")] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let (store, about) = (store.clone(), metadata());
            ours.push(
                turn(writers, move |number| {
                    let (store, about) = (store.clone(), about.clone());
                    async move {
                        let outcome = store.execute(request(Uuid::new_v4().to_string(), command(number), &about)).await;
                        assert!(!outcome.expect("recorded").appended.is_empty());
                    }
                })
                .await,
            );
            let cqrs = cqrs.clone();
            theirs.push(
                turn(writers, move |number| {
                    let cqrs = cqrs.clone();
                    async move {
                        let Command::Interaction(command @ InteractionCommand::Record(_)) = command(number) else {
                            unreachable!()
                        };
                        cqrs.execute_with_metadata(&Uuid::new_v4().to_string(), command, HashMap::new())
                            .await
                            .expect("recorded");
                    }
                })
                .await,
            );
            println!("   {writers} writers: {} against {}", rate(ours[ours.len() - 1]), rate(theirs[theirs.len() - 1]));
        }
        let (ours, theirs) = (median(&ours), median(&theirs));
        report.add(
            &format!("commands through the store, {writers} writers, against postgres-es"),
            format!("{:.1}× ({} against {})", ours / theirs, rate(ours), rate(theirs)),
            wanted,
        );
    }
    store.shutdown().await;
    Ok(())
}
