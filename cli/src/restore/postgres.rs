//! PostgreSQL's events from Kafka, and the trees over them: they must lead to the roots that were signed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use domain::{Partition, Position, RecordedEvent};
use event_log::checkpoints::LogRecord;
use event_store::restore::Restore;
use event_store::trees::{Growth, Tile, TreeHead, TreeId, Trees};
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::HumanCount;
use proof::audit::{Fault, LogFault, SoundLog, audit_log};
use proof::entry::{self, Entry};
use proof::tree::{Head, TileData, TilePlace, Tree};
use uuid::Uuid;

use super::copy::FromKafka;
use crate::notary::tile_id;
use crate::progress::{Length, Progress};
use crate::verify::Place;

const CONNECTIONS: u32 = 6;
/// Partitions side by side: about one a core of a small machine.
const SIDE_BY_SIDE: usize = 2;
/// Events in one transaction.
const BATCH_EVENTS: usize = 10_000;
const ENTRIES: usize = 20_000;

#[derive(Debug, Args)]
pub(super) struct PostgresOptions {
    /// Where the events come from; there is no other place
    #[arg(long)]
    from_kafka: bool,
    /// The verifier key that you trust; may be given again [default: the one in connection.json]
    #[arg(long = "verifier-key", value_name = "KEY")]
    verifier_keys: Vec<String>,
    /// How many partitions the ledger has, where nothing was signed that says so
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    partitions: u16,
}

pub(super) async fn restore(place: &Place, options: &PostgresOptions) -> anyhow::Result<()> {
    let started = Instant::now();
    let log = read_log(place, options).await?;
    let partitions = log.sound.as_ref().map_or(options.partitions, |sound| sound.partitions);
    let pool = event_store::connect(&place.database_url, CONNECTIONS).await.context("cannot reach PostgreSQL")?;
    event_store::migrate(&pool, partitions).await.context("cannot prepare the ledger in PostgreSQL")?;
    let restore = Restore::begin(pool.clone(), &place.topic, log.ledger_id).await?;
    if restore.is_resumed {
        eprintln!("restore: going on with what an earlier run began");
    }
    let heads = restore.heads().await?;
    let trees = Trees::new(pool);
    let (mut copies, mut total) = (Vec::new(), 0);
    for partition in (0..partitions).map(Partition) {
        let marks = log.sound.as_ref().map_or_else(Vec::new, |sound| sound.marks[usize::from(partition.0)].clone());
        copies.push((partition, FromKafka::open(place, partition, marks).await?));
        let last = event_log::last_position(&place.kafka_brokers, &place.topic, partition).await?;
        total += last.map_or(0, |last| last.next().0);
    }
    let bar = Bar::of(total);
    let faults: Vec<Option<(Partition, Fault)>> = futures::stream::iter(copies)
        .map(|(partition, copy)| {
            let at = usize::from(partition.0);
            let back = Back { restore: &restore, trees: &trees, bar: &bar, partition, head: heads[at], sealed: log.sealed(at) };
            back.bring(copy)
        })
        .buffer_unordered(SIDE_BY_SIDE)
        .try_collect()
        .await?;
    bar.finish();
    let faults: Vec<_> = faults.into_iter().flatten().collect();
    for (partition, fault) in &faults {
        println!("✕ Kafka, event {partition}-{}: {fault}", fault.position());
    }
    if !faults.is_empty() {
        bail!("what Kafka holds is not what was signed; the ledger is not whole, and takes no commands");
    }
    bring_log(&trees, &log).await?;
    let events: u64 = restore.heads().await?.iter().map(|head| head.0).sum();
    restore.finish().await?;
    say(&log, events, started);
    Ok(())
}

/// What Kafka holds of the ledger's own log.
struct Log {
    ledger_id: Option<Uuid>,
    records: Vec<LogRecord>,
    /// None: nothing was signed.
    sound: Option<SoundLog>,
    /// What the log says last of each partition, signed or not yet: its tree is kept so far.
    last: Vec<Head>,
}

impl Log {
    fn sealed(&self, partition: usize) -> u64 {
        self.last.get(partition).map_or(0, |head| head.size)
    }
}

async fn read_log(place: &Place, options: &PostgresOptions) -> anyhow::Result<Log> {
    // Where there is no such topic there is an empty one from now on.
    event_log::checkpoints::ensure(&place.kafka_brokers, &place.topic).await.context("cannot reach Kafka")?;
    let records = event_log::checkpoints::read_all(&place.kafka_brokers, &place.topic).await?;
    let trusted = place.trusted(&options.verifier_keys)?;
    let entries: Vec<String> = records.iter().map(|record| record.entry.clone()).collect();
    let notes: Vec<String> = records.iter().filter_map(|record| record.checkpoint.clone()).collect();
    let sound = match audit_log(&entries, &notes, &trusted) {
        Ok(sound) => Some(sound),
        Err(LogFault::Empty) => None,
        Err(fault) => return Err(fault).context("the checkpoints in Kafka cannot be relied on"),
    };
    let (mut ledger_id, mut last) = (None, Vec::new());
    for entry in &entries {
        match Entry::parse(entry)? {
            Entry::Ledger { ledger_id: id, .. } => ledger_id = Some(id.parse().context("the ledger's id")?),
            Entry::Heads { partitions, .. } => last = partitions.iter().map(Head::from).collect(),
            Entry::Key { .. } => {}
        }
    }
    Ok(Log { ledger_id, records, sound, last })
}

/// One bar for partitions side by side.
struct Bar(Mutex<(Progress, u64)>);

impl Bar {
    fn of(events: u64) -> Self {
        Self(Mutex::new((Progress::new("restore", Length::Things(events)), 0)))
    }

    fn add(&self, events: u64) {
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bar.1 += events;
        let done = bar.1;
        bar.0.set(done, done);
    }

    fn finish(self) {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).0.finish();
    }
}

/// One partition on its way back.
struct Back<'a> {
    restore: &'a Restore,
    trees: &'a Trees,
    bar: &'a Bar,
    partition: Partition,
    /// What comes before is there already.
    head: Position,
    /// How many leaves its tree has by the log.
    sealed: u64,
}

impl Back<'_> {
    /// What is wrong with it, if anything.
    async fn bring(self, mut copy: FromKafka) -> anyhow::Result<Option<(Partition, Fault)>> {
        let (mut tree, mut tiles) = (Tree::default(), BTreeMap::new());
        let mut waiting: VecDeque<RecordedEvent> = VecDeque::new();
        while let Some(events) = copy.next().await? {
            let count = events.len() as u64;
            let left = usize::try_from(self.sealed - tree.size()).unwrap_or(usize::MAX);
            let leaves: Vec<_> = events.iter().take(left).map(|(_, leaf)| *leaf).collect();
            tiles.extend(tree.extend(leaves).into_iter().map(|tile| (tile.place, tile.hashes)));
            waiting.extend(events.into_iter().map(|(event, _)| event).filter(|event| event.position >= self.head));
            while waiting.len() >= BATCH_EVENTS {
                self.write(waiting.drain(..BATCH_EVENTS).collect()).await?;
            }
            self.bar.add(count);
        }
        if let Some(fault) = copy.end(self.sealed) {
            return Ok(Some((self.partition, fault)));
        }
        self.write(waiting.into()).await?;
        grow(self.trees, TreeId::Partition(self.partition.0), tree.head(), tiles).await?;
        Ok(None)
    }

    async fn write(&self, events: Vec<RecordedEvent>) -> anyhow::Result<()> {
        Ok(self.restore.write(self.partition, &events).await?)
    }
}

/// A tree as it was kept before, unless an earlier run has brought it back.
async fn grow(trees: &Trees, tree: TreeId, head: Head, tiles: BTreeMap<TilePlace, Vec<u8>>) -> anyhow::Result<()> {
    if head.size == 0 || trees.heads().await?.iter().any(|known| known.tree == tree) {
        return Ok(());
    }
    let tile = |(place, hashes)| Tile { id: tile_id(tree, place), hashes };
    let growth = Growth {
        heads: vec![(0, TreeHead { tree, size: head.size, root: head.root.0 })],
        tiles: tiles.into_iter().map(tile).collect(),
        ..Growth::default()
    };
    Ok(trees.grow(&growth).await?)
}

/// The log with its tree, and the checkpoints over it.
async fn bring_log(trees: &Trees, log: &Log) -> anyhow::Result<()> {
    let known = trees.log_size().await?;
    let mut tree = Tree::default();
    for records in log.records.chunks(ENTRIES) {
        let from = tree.size();
        let filled: Vec<TileData> = tree.extend(records.iter().map(|record| entry::leaf(&record.entry)));
        let head = tree.head();
        if head.size <= known {
            continue;
        }
        let growth = Growth {
            heads: vec![(from, TreeHead { tree: TreeId::Log, size: head.size, root: head.root.0 })],
            tiles: filled.into_iter().map(|tile| Tile { id: tile_id(TreeId::Log, tile.place), hashes: tile.hashes }).collect(),
            entries: records.iter().map(|record| record.entry.clone()).collect(),
            checkpoint: None,
        };
        trees.grow(&growth).await?;
    }
    let note = |record: &LogRecord| Some((record.index + 1, record.checkpoint.clone()?));
    let notes: Vec<(u64, String)> = log.records.iter().filter_map(note).collect();
    for notes in notes.chunks(ENTRIES) {
        trees.bring_back(notes).await?;
    }
    Ok(())
}

fn say(log: &Log, events: u64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    let rate = HumanCount((events as f64 / seconds.max(0.001)) as u64);
    match &log.sound {
        Some(sound) => {
            let signed: u64 = sound.marks.iter().filter_map(|marks| marks.last()).map(|head| head.size).sum();
            println!(
                "✓ {} events are back, and lead to the roots that were signed over {} of them ({seconds:.1} s, {rate}/s)",
                HumanCount(events),
                HumanCount(signed)
            );
            println!("  Root {}", sound.checkpoint.head.root);
        }
        None => println!(
            "✓ {} events are back ({seconds:.1} s, {rate}/s); nothing was ever signed that they could be held against",
            HumanCount(events)
        ),
    }
    println!(
        "
Kafka holds the events and what was signed over them, and nothing else. These are not back:
  API keys              make new ones: `capsule-ledger keys create`; `up` makes its own
  the vault             bring the tables of schema vault back from its backup before the first key is made; without it
                        nobody's user id is matched with what they did before: each is met as a new user
  idempotency answers   a command sent again with a key used before is decided again
  the signing key       a file, not in the database: keep the one there is

The read models are folded from Kafka at the next start of `up` or `project`."
    );
}
