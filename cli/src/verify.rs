//! `verify`: holds both copies of the ledger against what was signed, and against each other, and names the first place that
//! differs; then the read models against a fold of the log. Changes nothing, and takes nobody's word but that of the verifier key.

mod copies;
mod log;
mod pace;
mod read_models;
mod report;
mod state;
pub(crate) mod watch;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail};
use clap::Args;
use domain::Partition;
use event_store::trees::Trees;
use event_store::{PgPool, Store};
use indicatif::HumanCount;
use proof::audit::{Fault, PartitionAudit, SoundLog};
use proof::checkpoint::VerifierKey;
use tokio_util::sync::CancellationToken;

use self::copies::Copies;
use self::pace::Pace;
use self::report::{Copy, Finding, Report};
use self::state::State;
use crate::config::{DataDirArguments, LedgerArguments};
use crate::connection::Connection;
use crate::progress::{Length, Progress};
use crate::signals::cancel_on_signal;

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// The verifier key that you trust, as you noted it when the ledger was made; may be given again [default: the one in
    /// connection.json]
    #[arg(long = "verifier-key", value_name = "KEY")]
    verifier_keys: Vec<String>,
    /// A checkpoint that you kept: the ledger must still begin with what it covers; may be given again
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Leave the read models alone: fold nothing anew
    #[arg(long)]
    copies_only: bool,
    /// Go on from where the last verification that was given this file came to, and write down there how far this one comes. What
    /// was found sound before is not read again
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Go on for ever: verify what is signed as it comes, and all from the first event on once a day; end at the first finding.
    /// Leaves the read models alone
    #[arg(long)]
    watch: bool,
    /// With --watch: the share of one core's time that it takes at most
    #[arg(long, value_name = "SHARE", default_value_t = watch::SHARE, value_parser = watch::parse_share)]
    share: f64,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Where the ledger is: as `up` wrote it down, or as said.
#[derive(Debug, Clone, Args)]
pub(crate) struct PlaceArguments {
    /// The ledger's PostgreSQL [default: that of --data-dir]
    #[arg(long, global = true, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Kafka's brokers, as HOST:PORT,HOST:PORT [default: those of --data-dir]
    #[arg(long, global = true, env = "KAFKA_BROKERS")]
    kafka_brokers: Option<String>,
    /// The Kafka topic that the ledger is published to [default: that of --data-dir]
    #[arg(long, global = true, env = "LEDGER_TOPIC")]
    topic: Option<String>,
    #[command(flatten)]
    data_dir: DataDirArguments,
}

/// The servers of a ledger, and what its data directory says of it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) database_url: String,
    pub(crate) kafka_brokers: String,
    pub(crate) topic: String,
    pub(crate) verifier_key: Option<String>,
    /// Where checkpoints are published to.
    pub(crate) checkpoints: Option<PathBuf>,
}

impl Place {
    /// Of a ledger whose servers are known.
    pub(crate) fn of(ledger: &LedgerArguments, checkpoints: Option<PathBuf>) -> Self {
        Self {
            database_url: ledger.database_url.clone(),
            kafka_brokers: ledger.kafka_brokers.clone(),
            topic: ledger.shape.topic.clone(),
            verifier_key: None,
            checkpoints,
        }
    }

    /// The verifier keys that were given; where none was, the one that the data directory names.
    pub(crate) fn trusted(&self, given: &[String]) -> anyhow::Result<Vec<VerifierKey>> {
        let keys = if given.is_empty() { self.verifier_key.as_slice() } else { given };
        Ok(keys.iter().map(|key| VerifierKey::parse(key)).collect::<Result<_, _>>()?)
    }
}

impl PlaceArguments {
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir.data_dir
    }

    pub(crate) fn place(&self) -> anyhow::Result<Place> {
        let data_dir = &self.data_dir.data_dir;
        let known = match (&self.database_url, &self.kafka_brokers) {
            // Servers of one's own: what a data directory says is of another ledger.
            (Some(_), Some(_)) => None,
            _ => Connection::read(data_dir)?,
        };
        let of = |given: &Option<String>, known: Option<&String>, flag: &str| {
            let missing = || format!("no ledger in {}: give --data-dir, or {flag}", data_dir.display());
            given.clone().or_else(|| known.cloned()).with_context(missing)
        };
        let topic = self.topic.clone().or_else(|| known.as_ref().map(|known| known.topic.clone()));
        Ok(Place {
            database_url: of(&self.database_url, known.as_ref().map(|known| &known.database_url), "--database-url")?,
            kafka_brokers: of(&self.kafka_brokers, known.as_ref().map(|known| &known.kafka_brokers), "--kafka-brokers")?,
            topic: topic.unwrap_or_else(|| "capsule-ledger.events".to_owned()),
            verifier_key: known.as_ref().map(|known| known.verifier_key.clone()).filter(|key| !key.is_empty()),
            checkpoints: known.is_some().then(|| data_dir.join("checkpoints")),
        })
    }
}

pub(crate) async fn run(arguments: VerifyArguments) -> anyhow::Result<()> {
    let place = arguments.place.place()?;
    let trusted = place.trusted(&arguments.verifier_keys)?;
    let read = |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let brought = arguments.checkpoints.iter().map(read).collect::<anyhow::Result<Vec<String>>>()?;
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let report = if arguments.watch {
        let settings = watch::Settings { state: arguments.resume, trusted, brought, ..watch::Settings::of(arguments.share) };
        watch::until_found(place, settings, cancel).await?
    } else {
        let asked = Asked { trusted, brought, copies_only: arguments.copies_only, resume: arguments.resume };
        verify(&place, &asked, &cancel).await.map(Some)?
    };
    let Some(report) = report else { return Ok(()) };
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    if report.ok { Ok(()) } else { bail!("the ledger is not what was signed") }
}

struct Asked {
    trusted: Vec<VerifierKey>,
    brought: Vec<String>,
    copies_only: bool,
    resume: Option<PathBuf>,
}

/// Everything, from the first event on or from where the last one came to.
async fn verify(place: &Place, asked: &Asked, cancel: &CancellationToken) -> anyhow::Result<Report> {
    let started = Instant::now();
    let pool = event_store::connect(&place.database_url, 4).await.context("cannot reach PostgreSQL; is the ledger running?")?;
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let mut report = Report::default();
    let last = asked.resume.as_deref().map(State::read).transpose()?.flatten();
    let mut brought = asked.brought.clone();
    brought.extend(last.iter().map(|state| state.checkpoint.clone()));
    let log = log::audit(place, &pool, &asked.trusted, &brought, &mut report).await?;
    if let Some(log) = log.and_then(|log| log.sound().ok()) {
        if let Some(last) = &last {
            last.expect(&log.checkpoint.origin, log.partitions)?;
            report.events.sound_before = last.events();
        }
        let reading = Reading { place, pool: &pool, resume: asked.resume.as_deref(), cancel };
        reading.partitions(&store, &log, last, &mut report).await?;
        // What follows from a copy that is wrong says nothing.
        if !asked.copies_only && report.findings.is_empty() {
            eprintln!("verify: folding the read models anew …");
            read_models::audit(place, &pool, log.partitions, cancel, &mut report).await?;
        }
    }
    store.shutdown().await;
    report.seconds = started.elapsed().as_secs_f64();
    report.ok = report.findings.is_empty();
    Ok(report)
}

/// Between two looks at what was found out, so many events of a partition are read at most.
const PIECE: u64 = 100_000;

struct Reading<'a> {
    place: &'a Place,
    pool: &'a PgPool,
    resume: Option<&'a Path>,
    cancel: &'a CancellationToken,
}

impl Reading<'_> {
    async fn partitions(&self, store: &Store, log: &SoundLog, last: Option<State>, report: &mut Report) -> anyhow::Result<()> {
        let Self { place, pool, .. } = *self;
        if log.partitions != store.partitions() {
            let what =
                format!("the database says that there are {} partitions, the log {}", store.partitions(), log.partitions);
            report.find(Copy::Postgres, None, None, what);
        }
        if let Some((partition, position)) = event_store::copy::stray(pool, log.partitions).await? {
            let what = format!("event {partition}-{position} is in a partition that the ledger does not have");
            report.find(Copy::Postgres, None, None, what);
        }
        let total: u64 = store.heads().await?.iter().map(|head| head.0).sum();
        let done = report.events.sound_before;
        let mut progress = Progress::new("verify", Length::Things(total.saturating_sub(done)));
        let whole_at = last.as_ref().and_then(|last| last.whole_at);
        let mut partitions = last.map_or_else(|| vec![Default::default(); log.marks.len()], |last| last.partitions);
        let mut read = 0;
        for (number, marks) in (0..log.partitions).zip(&log.marks) {
            let partition = Partition(number);
            let from = std::mem::take(&mut partitions[usize::from(number)]);
            let mut copies = Copies::new(place, pool, partition, marks, Some(from));
            let before = copies.next();
            // Kafka's end is known before PostgreSQL's, so that it cannot be ahead by chance.
            copies.open_kafka().await?;
            let head = store.heads().await?.get(usize::from(number)).map_or(0, |head| head.0);
            let (mut until, mut more) = (before, true);
            while more {
                until += PIECE;
                more = copies.read(until, Pace::FULL).await?;
                progress.set(read + copies.next() - before, read + copies.next() - before);
                partitions[usize::from(number)] = copies.state();
                self.keep(log, whole_at, &partitions)?;
                if self.cancel.is_cancelled() {
                    let how = self
                        .resume
                        .map_or("--resume FILE would have kept how far it came", |_| "the next one goes on from here");
                    bail!("stopped after {} events; {how}", count(read + copies.next() - before));
                }
            }
            copies.end();
            if copies.postgres().fault().is_none() && copies.postgres().next() < head {
                let position = copies.postgres().next();
                copies.postgres_mut().fail(Fault::Short { position, signed: head });
            }
            copies.narrow(place, pool).await?;
            read += copies.next() - before;
            report.events.postgres += copies.postgres().next();
            report.events.kafka += copies.kafka().next();
            report.events.signed += copies.postgres().signed();
            found(report, partition, &copies);
        }
        progress.finish();
        let is_whole = report.findings.is_empty();
        self.keep(log, if is_whole { whole_at.or_else(|| Some(chrono::Utc::now())) } else { whole_at }, &partitions)
    }

    fn keep(
        &self,
        log: &SoundLog,
        whole_at: Option<chrono::DateTime<chrono::Utc>>,
        partitions: &[state::PartitionState],
    ) -> anyhow::Result<()> {
        let Some(path) = self.resume else { return Ok(()) };
        State::new(log.note.clone(), whole_at, partitions.to_vec()).write(path)
    }
}

fn found(report: &mut Report, partition: Partition, copies: &Copies) {
    let (kafka, postgres) = (copies.kafka(), copies.postgres());
    for (copy, audit) in [(Copy::Postgres, postgres), (Copy::Kafka, kafka)] {
        if let Some(fault) = audit.fault() {
            report.find(copy, Some(partition), Some(fault.position()), fault.to_string());
        }
    }
    if kafka.fault().is_some() || postgres.fault().is_some() {
        return;
    }
    if kafka.next() > postgres.next() {
        let what = format!("Kafka holds {} events and PostgreSQL {}", kafka.next(), postgres.next());
        report.find(Copy::Postgres, Some(partition), Some(postgres.next()), what);
    }
    if let Some(position) = first_difference(kafka, postgres) {
        let what =
            format!("position {position} differs between the copies; it is not signed yet, so neither is known to be right");
        report.find(Copy::Both, Some(partition), Some(position), what);
    }
}

/// Among what is not signed yet.
fn first_difference(kafka: &PartitionAudit, postgres: &PartitionAudit) -> Option<u64> {
    let ((from, one), (_, other)) = (kafka.unsigned_leaves(), postgres.unsigned_leaves());
    let first = one.iter().zip(other).position(|(one, other)| one != other)?;
    Some(from + first as u64)
}

/// What the report shows of a count.
fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// Entries of the log, all of them.
async fn stored_entries(trees: &Trees) -> Result<Vec<String>, event_store::Error> {
    let mut entries = Vec::new();
    loop {
        let more = trees.entries(entries.len() as u64, 10_000).await?;
        if more.is_empty() {
            return Ok(entries);
        }
        entries.extend(more);
    }
}

impl Report {
    fn find(&mut self, copy: Copy, partition: Option<Partition>, position: Option<u64>, what: String) {
        self.findings.push(Finding { copy, partition: partition.map(|partition| partition.0), position, what });
    }
}
