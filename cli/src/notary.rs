//! The notary: grows the trees right behind the relay, and every few seconds signs how far they are.
//!
//! It signs only what Kafka has confirmed, so that whatever a checkpoint covers is in both copies. One leads at a time, by a lease;
//! a second one for a moment is harmless, as the trees' rows tell it that it was overtaken. What it signs is stored first, then
//! published to Kafka and to a folder, which both go on from what they hold; before it signs anything, the log must hold that too.

mod folder;
mod handed;
pub(crate) mod key_file;
mod publish;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chrono::Utc;
use domain::{Partition, Position};
use event_log::relay::RelayStatus;
use event_store::Store;
use event_store::lease::Leases;
use event_store::trees::{GrowError, Growth, Tile, TileId, TreeHead, TreeId, Trees};
use metrics::{counter, gauge};
use proof::Hash;
use proof::checkpoint::VerifierKey;
use proof::leaf::leaf;
use proof::notary::{LogState, Notary, Sealed, SigningKeys, key_of};
use proof::tree::{Head, TileData, TilePlace, Tree};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use self::handed::Handed;
use self::key_file::KeyFile;
use self::publish::Publisher;
use crate::config::LedgerArguments;

/// How often it looks for what has grown; a lease asks for about as much.
const ROUND: Duration = Duration::from_secs(2);
/// Events that one round takes at most: a ledger that grew without a notary is sealed piece by piece.
const ROUND_EVENTS_MAX: u64 = 200_000;
const READ_MAX: u64 = 5_000;
/// So long it may fail to sign what is there before the ledger is not well.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What a notary needs beside the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where its keys are.
    pub(crate) signing_key: PathBuf,
    /// The folder that checkpoints are published to.
    pub(crate) checkpoints: Option<PathBuf>,
}

/// How it is doing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// Why nothing is signed, and since when.
    pub(crate) failing: Option<(Instant, String)>,
}

impl Status {
    /// For `/readyz`.
    pub(crate) fn check(&self) -> Result<(), String> {
        match &self.failing {
            Some((since, reason)) if since.elapsed() > SILENCE_MAX => {
                Err(format!("nothing has been signed for {} s: {reason}", since.elapsed().as_secs()))
            }
            _ => Ok(()),
        }
    }
}

/// Runs until cancelled.
pub(crate) async fn run(
    ledger: &LedgerArguments,
    store: Store,
    settings: Settings,
    relayed: watch::Receiver<RelayStatus>,
    status: watch::Sender<Status>,
    cancel: CancellationToken,
) -> anyhow::Result<()> {
    let handed = Handed::new(store.partitions());
    tokio::select! {
        ended = lead(ledger, &store, (settings, handed.clone()), relayed, status, cancel) => ended,
        // Without a store that appends there is nothing to hand over, for ever.
        () = async { handed.follow(store.committed()).await; std::future::pending().await } => unreachable!("it never ends"),
    }
}

async fn lead(
    ledger: &LedgerArguments,
    store: &Store,
    (settings, handed): (Settings, Handed),
    relayed: watch::Receiver<RelayStatus>,
    status: watch::Sender<Status>,
    cancel: CancellationToken,
) -> anyhow::Result<()> {
    let mut leases = Leases::join(&ledger.database_url, "notary").await.context("cannot join the notaries")?;
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut desk: Option<Desk> = None;
    loop {
        tokio::select! {
            () = cancel.cancelled() => return Ok(()),
            _ = rounds.tick() => {}
        }
        let worked = async {
            if leases.balance(1).await?.is_empty() {
                desk = None;
                return Ok(());
            }
            if desk.is_none() {
                desk = Some(Desk::open(ledger, store.clone(), (settings.clone(), handed.clone()), relayed.clone()).await?);
            }
            desk.as_mut().expect("it was opened").round(&cancel).await
        };
        match worked.await {
            Ok(()) => {
                status.send_if_modified(|status| status.failing.take().is_some());
            }
            Err(error) => {
                // Whatever is in memory may be ahead of what is stored.
                desk = None;
                let reason = format!("{error:#}");
                tracing::warn!(reason, "the notary signs nothing; trying again");
                counter!("notary_errors_total").increment(1);
                status.send_modify(|status| {
                    let since = status.failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                    status.failing = Some((since, reason));
                });
            }
        }
    }
}

/// A leading notary with all that it works on.
struct Desk {
    ledger: LedgerArguments,
    store: Store,
    trees: Trees,
    relayed: watch::Receiver<RelayStatus>,
    keys: KeyFile,
    notary: Notary,
    publisher: Publisher,
    handed: Handed,
}

impl Desk {
    async fn open(
        ledger: &LedgerArguments,
        store: Store,
        (settings, handed): (Settings, Handed),
        relayed: watch::Receiver<RelayStatus>,
    ) -> anyhow::Result<Self> {
        let trees = Trees::new(store.pool().clone());
        let heads = trees.heads().await?;
        let mut partitions = Vec::with_capacity(usize::from(store.partitions()));
        for partition in 0..store.partitions() {
            partitions.push(resume(&trees, &heads, TreeId::Partition(partition)).await?);
        }
        let key = signed_by(&trees).await?;
        let ledger_id = trees.ledger_id().await?;
        let keys = KeyFile::open(settings.signing_key, &ledger_id, key.as_ref())?;
        let log = LogState { tree: resume(&trees, &heads, TreeId::Log).await?, key };
        let log_size = log.tree.size();
        let publisher = Publisher::open(ledger, trees.clone(), settings.checkpoints, log_size).await?;
        let notary = Notary::new(ledger_id, partitions, log);
        Ok(Self { ledger: ledger.clone(), store, trees, relayed, keys, notary, publisher, handed })
    }

    /// Signs all that Kafka has confirmed.
    async fn round(&mut self, cancel: &CancellationToken) -> anyhow::Result<()> {
        let mut more = true;
        while more && !cancel.is_cancelled() {
            let published = self.published().await?;
            let mut left = ROUND_EVENTS_MAX;
            for (partition, published) in published.iter().enumerate() {
                self.grow(partition, *published, &mut left).await?;
            }
            let behind: u64 = published.iter().enumerate().map(|(at, end)| end.0.saturating_sub(self.notary.next(at))).sum();
            #[allow(clippy::cast_precision_loss)] // it is read by people
            gauge!("notary_lag_events").set(behind as f64);
            more = behind > 0 && left == 0;
            let keys: &SigningKeys = self.keys.current()?;
            if let Some(sealed) = self.notary.seal(keys, Utc::now())? {
                let growth = growth(&sealed);
                match self.trees.grow(&growth).await {
                    Ok(()) => {}
                    Err(GrowError::Moved(tree)) => bail!("{tree} has grown meanwhile: another notary is at work"),
                    Err(GrowError::Store(error)) => return Err(error.into()),
                }
                gauge!("notary_log_size").set(sealed.log_head.size as f64);
                self.publisher.took(sealed);
            }
            self.publisher.publish().await?;
        }
        Ok(())
    }

    async fn grow(&mut self, partition: usize, end: Position, left: &mut u64) -> anyhow::Result<()> {
        let number = Partition(u16::try_from(partition).expect("as many as a ledger has"));
        while *left > 0 && self.notary.next(partition) < end.0 {
            let from = self.notary.next(partition);
            let handed = self.handed.leaves(partition, from, end.0);
            if !handed.is_empty() {
                *left = left.saturating_sub(handed.len() as u64);
                self.notary.extend(partition, handed);
                continue;
            }
            let count = (end.0 - from).min(READ_MAX).min(*left);
            let events = self.store.read(number, Position(from), usize::try_from(count).unwrap_or(usize::MAX)).await?;
            if events.len() as u64 != count {
                bail!("partition {number} ends at {}, and Kafka has confirmed {end}", from + events.len() as u64);
            }
            // Hashing a few thousand events takes a few milliseconds of a core.
            let leaves: Vec<Hash> = tokio::task::spawn_blocking(move || events.iter().map(leaf).collect()).await?;
            self.notary.extend(partition, leaves);
            *left -= count;
        }
        Ok(())
    }

    /// The next position of each partition in Kafka: by the relay of this process, or by asking Kafka.
    async fn published(&self) -> anyhow::Result<Vec<Position>> {
        let mut published = Vec::with_capacity(usize::from(self.store.partitions()));
        for partition in (0..self.store.partitions()).map(Partition) {
            let known = self.relayed.borrow().published(partition);
            published.push(match known {
                Some(position) => position,
                None => {
                    let last =
                        event_log::last_position(&self.ledger.kafka_brokers, &self.ledger.shape.topic, partition).await?;
                    last.map_or(Position(0), Position::next)
                }
            });
        }
        Ok(published)
    }
}

/// Publishes all of the log that Kafka lacks. How many entries there are.
pub(crate) async fn publish_log(ledger: &LedgerArguments, trees: Trees) -> anyhow::Result<u64> {
    let size = trees.log_size().await?;
    Publisher::open(ledger, trees, None, size).await?.publish().await?;
    Ok(size)
}

/// The key that the log says is signing.
pub(crate) async fn signed_by(trees: &Trees) -> anyhow::Result<Option<VerifierKey>> {
    Ok(key_of(trees.newest_but_heads().await?.as_slice())?)
}

/// A tree as it is stored.
async fn resume(trees: &Trees, heads: &[TreeHead], tree: TreeId) -> anyhow::Result<Tree> {
    let head = heads.iter().find(|head| head.tree == tree);
    let head = head.map_or(Head::EMPTY, |head| Head { size: head.size, root: Hash(head.root) });
    let places = Tree::edge_places(head.size);
    let wanted: Vec<TileId> = places.iter().map(|place| tile_id(tree, *place)).collect();
    let tiles: Vec<TileData> = trees.tiles(&wanted).await?.into_iter().map(tile_data).collect();
    Tree::resume(head, &tiles).with_context(|| format!("{tree} cannot be gone on with"))
}

pub(crate) fn tile_id(tree: TreeId, place: TilePlace) -> TileId {
    TileId { tree, level: place.level, index: place.index }
}

pub(crate) fn tile_data(tile: Tile) -> TileData {
    TileData { place: TilePlace { level: tile.id.level, index: tile.id.index }, hashes: tile.hashes }
}

fn growth(sealed: &Sealed) -> Growth {
    let partition = |at: usize| TreeId::Partition(u16::try_from(at).expect("as many as a ledger has"));
    let tile = |tree, tile: &TileData| Tile { id: tile_id(tree, tile.place), hashes: tile.hashes.clone() };
    let head = |tree, head: Head| TreeHead { tree, size: head.size, root: head.root.0 };
    let heads = sealed.heads.iter().map(|(at, from, to)| (*from, head(partition(*at), *to)));
    let tiles = sealed.tiles.iter().map(|(at, data)| tile(partition(*at), data));
    Growth {
        heads: heads.chain([(sealed.log_from, head(TreeId::Log, sealed.log_head))]).collect(),
        tiles: tiles.chain(sealed.log_tiles.iter().map(|data| tile(TreeId::Log, data))).collect(),
        entries: sealed.entries.clone(),
        checkpoint: Some(sealed.checkpoint.clone()),
    }
}
