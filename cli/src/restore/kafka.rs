//! Kafka's topics from PostgreSQL. A relay fills an empty topic by itself: this is one that ends when it is through.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::Args;
use domain::{Partition, Position};
use event_log::RelayStatus;
use event_store::Store;
use event_store::trees::Trees;
use indicatif::HumanCount;
use tokio::sync::watch;
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
/// Relays share the partitions out every second.
const SHARES_KNOWN_AFTER: Duration = Duration::from_secs(3);

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
    let settings = relay::settings(&ledger);
    let status = settings.status();
    let relay = relay::start(&ledger, settings, store.clone(), None, relaying.clone());
    let filled = async {
        let filled = cancel.run_until_cancelled(fill(place, &store, status)).await;
        // It ends once what is on its way is through. Where it fails before, nothing is waited for any longer.
        relaying.cancel();
        Ok::<_, anyhow::Error>(filled)
    };
    let ((), filled) = tokio::try_join!(relay, filled)?;
    let events = filled.context("stopped; the same command goes on")??;
    let entries = notary::publish_log(&ledger, Trees::new(pool)).await?;
    store.shutdown().await;
    println!(
        "✓ Kafka holds all {} events and {} entries of the log; `capsule-ledger verify` holds them against what was signed",
        HumanCount(events),
        HumanCount(entries)
    );
    Ok(())
}

/// Waits until Kafka holds what PostgreSQL held at the beginning, whoever fills it.
async fn fill(place: &Place, store: &Store, relay: watch::Receiver<RelayStatus>) -> anyhow::Result<u64> {
    let wanted = store.heads().await?;
    let total: u64 = wanted.iter().map(|head| head.0).sum();
    let (began, mut shown) = (Instant::now(), None);
    loop {
        // Not borrowed any longer: the relay would wait for that.
        let status = relay.borrow().clone();
        let filled = filled(place, store, &wanted, &status, began.elapsed() > SHARES_KNOWN_AFTER).await?;
        let (first, progress) =
            shown.get_or_insert_with(|| (filled.events, Progress::resumed("restore", Length::Things(total), filled.events)));
        progress.set(filled.events, filled.events.saturating_sub(*first));
        if filled.is_all {
            break;
        }
        tokio::time::sleep(LOOK_EACH).await;
    }
    if let Some((_, progress)) = shown {
        progress.finish();
    }
    Ok(total)
}

struct Filled {
    events: u64,
    is_all: bool,
}

/// How much of what is wanted is there. A topic that ends where it should may lack something before: whoever leads a partition has looked
/// for that. This relay says so itself; where another one leads, it has, once it is known who leads.
async fn filled(
    place: &Place,
    store: &Store,
    wanted: &[Position],
    relay: &RelayStatus,
    are_shares_known: bool,
) -> anyhow::Result<Filled> {
    let partitions = || (0..).map(Partition);
    let mut ends = Vec::with_capacity(wanted.len());
    for (partition, _) in partitions().zip(wanted) {
        let last = event_log::last_position(&place.kafka_brokers, &place.topic, partition).await?;
        ends.push(last.map_or(Position(0), Position::next));
    }
    // Heads only grow: read after Kafka's ends, they lie behind them.
    for ((partition, end), head) in partitions().zip(&ends).zip(store.heads().await?) {
        ensure!(
            *end <= head,
            "in partition {partition} Kafka ends before position {end}, PostgreSQL before {head}: the topic is another ledger's, or \
             PostgreSQL lacks events that `restore postgres` brings back"
        );
    }
    let mut filled = Filled { events: 0, is_all: true };
    for ((partition, end), wanted) in partitions().zip(ends).zip(wanted) {
        let published = match relay.leads.iter().find(|lead| lead.partition == partition) {
            Some(lead) => lead.published,
            None => are_shares_known.then_some(end),
        };
        filled.events += published.unwrap_or(end).min(*wanted).0;
        filled.is_all &= published.is_some_and(|published| published >= *wanted);
    }
    Ok(filled)
}
