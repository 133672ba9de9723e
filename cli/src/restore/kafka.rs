//! Kafka's topics from PostgreSQL. A relay fills an empty topic by itself: this is one that ends when it is through.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use domain::{Partition, Position};
use event_store::Store;
use event_store::trees::Trees;
use indicatif::HumanCount;
use tokio_util::sync::CancellationToken;

use crate::config::{LedgerArguments, ShapeArguments};
use crate::ledger::open_topic;
use crate::notary;
use crate::progress::{Length, Progress};
use crate::roles::relay;
use crate::signals::cancel_on_signal;
use crate::verify::Place;

const CONNECTIONS: u32 = 8;
const LOOK_EACH: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
pub(super) struct KafkaOptions {
    /// Delete both topics first, whatever is in them. Stop all relays and projectors before
    #[arg(long)]
    recreate: bool,
}

pub(super) async fn restore(place: &Place, options: &KafkaOptions) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let pool = event_store::connect(&place.database_url, CONNECTIONS)
        .await
        .context("cannot reach PostgreSQL; is the ledger running?")?;
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let ledger = LedgerArguments {
        database_url: place.database_url.clone(),
        kafka_brokers: place.kafka_brokers.clone(),
        shape: ShapeArguments { topic: place.topic.clone(), partitions: store.partitions(), database_connections: CONNECTIONS },
    };
    if options.recreate {
        for topic in [place.topic.clone(), event_log::checkpoints::topic_of(&place.topic)] {
            event_log::delete_topic(&place.kafka_brokers, &topic).await?;
        }
    }
    open_topic(&ledger).await?;
    let relaying = cancel.child_token();
    let relay = relay::start(&ledger, relay::settings(&ledger), store.clone(), None, relaying.clone());
    let filled = async {
        let filled = fill(place, &store).await;
        relaying.cancel();
        filled
    };
    let (relayed, filled) = tokio::join!(relay, filled_or_cancelled(filled, &cancel));
    relayed?;
    let events = filled?;
    let entries = notary::publish_log(&ledger, Trees::new(pool)).await?;
    store.shutdown().await;
    println!(
        "✓ Kafka holds all {} events and {} entries of the log; `capsule-ledger verify` holds them against what was signed",
        HumanCount(events),
        HumanCount(entries)
    );
    Ok(())
}

async fn filled_or_cancelled(
    filled: impl Future<Output = anyhow::Result<u64>>,
    cancel: &CancellationToken,
) -> anyhow::Result<u64> {
    cancel.run_until_cancelled(filled).await.context("stopped; the same command goes on")?
}

/// Waits until Kafka ends where PostgreSQL did, whoever fills it.
async fn fill(place: &Place, store: &Store) -> anyhow::Result<u64> {
    let heads = store.heads().await?;
    let total: u64 = heads.iter().map(|head| head.0).sum();
    let first = published(place, &heads).await?;
    let mut progress = Progress::resumed("restore", Length::Things(total), first);
    let mut done = first;
    while done < total {
        tokio::time::sleep(LOOK_EACH).await;
        done = published(place, &heads).await?;
        progress.set(done, done - first.min(done));
    }
    progress.finish();
    Ok(total)
}

/// How many of the events that there were Kafka holds.
async fn published(place: &Place, heads: &[Position]) -> anyhow::Result<u64> {
    let mut events = 0;
    for (partition, head) in (0..).map(Partition).zip(heads) {
        let last = event_log::last_position(&place.kafka_brokers, &place.topic, partition).await?;
        events += last.map_or(Position(0), Position::next).min(*head).0;
    }
    Ok(events)
}
