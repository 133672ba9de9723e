//! Verification that never ends: what is signed is held against both copies as it comes, and once a day everything anew, since
//! what was found sound may have been changed later. It takes a small share of a core, and says what it finds to whoever asks
//! about the ledger's health.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use domain::Partition;
use event_store::PgPool;
use event_store::trees::Trees;
use metrics::{counter, gauge};
use proof::audit::{LogAudit, LogFault};
use proof::checkpoint::VerifierKey;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::copies::Copies;
use super::pace::Pace;
use super::report::{Copy, Report};
use super::state::State;
use super::{Place, count, found, log};

/// Of one core's time, unless somebody says otherwise.
pub(crate) const SHARE: f64 = 0.1;
const ROUND: Duration = Duration::from_secs(5);
/// Of a partition in one round: the others have their turn, too.
const ROUND_EVENTS_MAX: u64 = 20_000;
/// Entries of the log in one round.
const ENTRIES_MAX: usize = 10_000;
const WHOLE_EVERY: TimeDelta = TimeDelta::hours(24);
/// How often it is written down how far it is.
const KEEP_EVERY: Duration = Duration::from_secs(30);
const SAY_EVERY: Duration = Duration::from_secs(60);
/// So long it may fail to read before the ledger's health is not known.
const SILENCE_MAX: Duration = Duration::from_secs(900);

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where it is written down how far it is.
    pub(crate) state: Option<PathBuf>,
    /// Keys to trust; none: the one that the log names first.
    pub(crate) trusted: Vec<VerifierKey>,
    /// Checkpoints that were kept elsewhere.
    pub(crate) brought: Vec<String>,
    /// Of one core's time, above 0 and up to 1.
    pub(crate) share: f64,
}

impl Settings {
    pub(crate) fn of(share: f64) -> Self {
        Self { state: None, trusted: Vec::new(), brought: Vec::new(), share }
    }
}

pub(super) fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        _ => Err("a share is above 0, and 1 at most".to_owned()),
    }
}

/// What was found out so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// What is wrong, until all was read again and nothing was.
    findings: Vec<String>,
    /// Why nothing can be read, and since when.
    failing: Option<(Instant, String)>,
    /// Events that are sound in both copies.
    sound: u64,
    signed: u64,
    whole_at: Option<DateTime<Utc>>,
}

impl Status {
    /// For `/readyz`.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(first) = self.findings.first() {
            let more = self.findings.len() - 1;
            let more = if more == 0 { String::new() } else { format!(", and {more} more") };
            return Err(format!("the ledger is not what was signed: {first}{more}; see capsule-ledger verify"));
        }
        match &self.failing {
            Some((since, reason)) if since.elapsed() > SILENCE_MAX => {
                Err(format!("nothing could be verified for {} s: {reason}", since.elapsed().as_secs()))
            }
            _ => Ok(()),
        }
    }

    /// For who looks on.
    fn words(&self) -> String {
        if let Some((_, reason)) = &self.failing {
            return format!("nothing can be verified; trying again: {reason}");
        }
        let whole = self.whole_at.map_or("for the first time".to_owned(), |at| format!("after {}", at.format("%F %T UTC")));
        format!("{} of {} signed events are sound; all were read {whole}", count(self.sound), count(self.signed))
    }
}

/// Until something is found, whose report it gives; none: cancelled before. What cannot be read at the very first ends it, too.
pub(super) async fn until_found(place: Place, settings: Settings, cancel: CancellationToken) -> anyhow::Result<Option<Report>> {
    let pool = event_store::connect(&place.database_url, 4).await.context("cannot reach PostgreSQL; is the ledger running?")?;
    let (status, seen) = watch::channel(Status::default());
    let mut watch = Watch::new(place, pool, settings, status)?;
    let started = Instant::now();
    let (mut said, mut was_failing) = (Instant::now(), false);
    eprintln!("verify: watching; Ctrl-C ends it");
    let mut found = watch.round(&cancel).await?;
    loop {
        if let Some(mut report) = found {
            report.seconds = started.elapsed().as_secs_f64();
            return Ok(Some(report));
        }
        let is_failing = seen.borrow().failing.is_some();
        if is_failing != was_failing || said.elapsed() > SAY_EVERY {
            (said, was_failing) = (Instant::now(), is_failing);
            eprintln!("verify: {}", seen.borrow().words());
        }
        tokio::select! {
            () = cancel.cancelled() => {
                watch.keep()?;
                return Ok(None);
            }
            () = tokio::time::sleep(ROUND) => {}
        }
        found = watch.round_or_again(&cancel).await;
    }
}

/// Runs until cancelled, whatever is found.
pub(crate) async fn run(
    place: Place,
    pool: PgPool,
    settings: Settings,
    status: watch::Sender<Status>,
    cancel: CancellationToken,
) -> anyhow::Result<()> {
    let mut watch = Watch::new(place, pool, settings, status)?;
    while !cancel.is_cancelled() {
        watch.round_or_again(&cancel).await;
        tokio::select! {
            () = cancel.cancelled() => {}
            () = tokio::time::sleep(ROUND) => {}
        }
    }
    watch.keep()
}

struct Watch {
    place: Place,
    pool: PgPool,
    settings: Settings,
    status: watch::Sender<Status>,
    /// What goes on from what was found sound; and from time to time one that begins with the first event and takes its place.
    scans: VecDeque<Box<Scan>>,
    /// Kept from the last run, until it is gone on from.
    last: Option<State>,
    whole_at: Option<DateTime<Utc>>,
    kept_at: Instant,
}

/// The whole ledger, as far as it was read.
struct Scan {
    log: LogAudit,
    note: String,
    copies: Vec<Copies>,
    signed: u64,
    is_whole: bool,
}

impl Watch {
    fn new(place: Place, pool: PgPool, settings: Settings, status: watch::Sender<Status>) -> anyhow::Result<Self> {
        let last = settings.state.as_deref().map(State::read).transpose()?.flatten();
        let whole_at = last.as_ref().and_then(|last| last.whole_at);
        Ok(Self { place, pool, settings, status, scans: VecDeque::new(), last, whole_at, kept_at: Instant::now() })
    }

    /// Whatever is in memory may be of servers that are no longer there.
    fn begin_again(&mut self) {
        if let Some(scan) = self.scans.front().filter(|scan| scan.is_sound()) {
            self.last = Some(scan.state(self.whole_at));
        }
        self.scans.clear();
    }

    /// One round; where something cannot be read, the next one begins again.
    async fn round_or_again(&mut self, cancel: &CancellationToken) -> Option<Report> {
        match self.round(cancel).await {
            Ok(found) => {
                if found.is_none() {
                    self.status.send_modify(|status| status.failing = None);
                }
                found
            }
            Err(error) => {
                let reason = format!("{error:#}");
                // Once is nothing: servers start, and a new ledger's log is not published yet.
                match self.status.borrow().failing {
                    Some(_) => tracing::warn!(reason, "nothing can be verified; trying again"),
                    None => tracing::debug!(reason, "nothing can be verified yet; trying again"),
                }
                self.begin_again();
                self.status.send_modify(|status| {
                    let since = status.failing.as_ref().map_or_else(Instant::now, |(since, _)| *since);
                    status.failing = Some((since, reason));
                });
                None
            }
        }
    }

    /// One look at what is new, and on at what is old. What is wrong, if anything: all is then read anew.
    async fn round(&mut self, cancel: &CancellationToken) -> anyhow::Result<Option<Report>> {
        let is_due = self.whole_at.is_none_or(|at| Utc::now() - at > WHOLE_EVERY);
        if self.scans.is_empty() || is_due && self.scans.len() == 1 && !self.scans[0].is_whole {
            let last = self.last.clone().filter(|_| self.scans.is_empty());
            match self.begin(last, cancel).await? {
                Begun::Scan(scan) => {
                    self.last = None;
                    self.scans.push_back(scan);
                }
                Begun::Nothing => return Ok(None),
                Begun::Found(report) => return self.found(*report).map(Some),
            }
        }
        // Each copy has half of it.
        let pace = Pace::share(self.settings.share / 2.0);
        for scan in &mut self.scans {
            if let Some(report) = scan.step(&self.place, &self.pool, pace, cancel).await? {
                return self.found(report).map(Some);
            }
        }
        if self.scans.back().is_some_and(|scan| scan.is_whole && scan.is_through()) {
            self.whole_at = Some(Utc::now());
            self.scans.drain(..self.scans.len() - 1);
            self.scans[0].is_whole = false;
            counter!("verify_whole_total").increment(1);
            self.status.send_modify(|status| status.findings.clear());
            self.keep()?;
        }
        if self.kept_at.elapsed() > KEEP_EVERY || cancel.is_cancelled() {
            self.keep()?;
        }
        let (sound, signed) = self.scans.front().map_or((0, 0), |scan| (scan.sound(), scan.signed));
        #[allow(clippy::cast_precision_loss)] // people read them
        {
            gauge!("verify_sound_events").set(sound as f64);
            gauge!("verify_lag_events").set(signed.saturating_sub(sound) as f64);
            gauge!("verify_findings").set(self.status.borrow().findings.len() as f64);
        }
        let whole_at = self.whole_at;
        self.status.send_modify(|status| (status.sound, status.signed, status.whole_at) = (sound, signed, whole_at));
        Ok(None)
    }

    /// What is wrong counts only if it still is at a second look, as in [`Scan::step`].
    async fn begin(&self, last: Option<State>, cancel: &CancellationToken) -> anyhow::Result<Begun> {
        let begun = self.begin_once(last.clone()).await?;
        if !matches!(begun, Begun::Found(_)) {
            return Ok(begun);
        }
        match before_second_look(cancel).await {
            Some(()) => self.begin_once(last).await,
            None => Ok(Begun::Nothing),
        }
    }

    async fn begin_once(&self, last: Option<State>) -> anyhow::Result<Begun> {
        let mut report = Report::default();
        let mut brought = self.settings.brought.clone();
        brought.extend(last.iter().map(|last| last.checkpoint.clone()));
        let log = log::audit(&self.place, &self.pool, &self.settings.trusted, &brought, &mut report).await?;
        let Some((mut log, sound)) = log.and_then(|log| Some((log.clone(), log.sound().ok()?))) else {
            let is_empty = report.findings.iter().all(|finding| finding.what == LogFault::Empty.to_string());
            return Ok(if is_empty { Begun::Nothing } else { Begun::Found(Box::new(report)) });
        };
        if !report.findings.is_empty() {
            return Ok(Begun::Found(Box::new(report)));
        }
        if let Some(last) = &last {
            last.expect(&sound.checkpoint.origin, sound.partitions)?;
        }
        let is_whole = last.is_none() || last.as_ref().is_some_and(|last| last.whole_at.is_none());
        let mut from = last.map(|last| last.partitions.into_iter());
        let copies = (0..sound.partitions).map(Partition).zip(log.take_marks()).map(|(partition, marks)| {
            let from = from.as_mut().and_then(Iterator::next);
            Copies::new(&self.place, &self.pool, partition, &marks, from)
        });
        let mut copies: Vec<Copies> = copies.collect();
        for (number, copies) in (0..).zip(&mut copies).filter(|(_, copies)| copies.is_faulty()) {
            copies.narrow(&self.place, &self.pool).await?;
            found(&mut report, Partition(number), copies);
        }
        if !report.findings.is_empty() {
            return Ok(Begun::Found(Box::new(report)));
        }
        let signed = copies.iter().map(|copies| copies.postgres().signed()).sum();
        Ok(Begun::Scan(Box::new(Scan { log, note: sound.note, copies, signed, is_whole })))
    }

    fn found(&mut self, report: Report) -> anyhow::Result<Report> {
        self.scans.clear();
        self.whole_at = None;
        self.last = None;
        // Whoever is started next reads all anew, too: what was found may be before where this one was.
        if let Some(path) = &self.settings.state
            && let Some(state) = State::read(path)?
        {
            state.begun_anew().write(path)?;
        }
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        gauge!("verify_findings").set(findings.len() as f64);
        for finding in findings.iter().filter(|finding| !self.status.borrow().findings.contains(finding)) {
            tracing::error!(finding, "the ledger is not what was signed");
        }
        self.status.send_modify(|status| status.findings = findings);
        Ok(report)
    }

    fn keep(&mut self) -> anyhow::Result<()> {
        self.kept_at = Instant::now();
        if let (Some(path), Some(scan)) = (&self.settings.state, self.scans.front().filter(|scan| scan.is_sound())) {
            scan.state(self.whole_at).write(path)?;
        }
        Ok(())
    }
}

enum Begun {
    Scan(Box<Scan>),
    /// Nothing was signed yet, or it was cancelled.
    Nothing,
    Found(Box<Report>),
}

impl Scan {
    /// What is wrong, if it still is at a second look: a server that starts again may answer with less than it holds.
    async fn step(
        &mut self,
        place: &Place,
        pool: &PgPool,
        pace: Pace,
        cancel: &CancellationToken,
    ) -> anyhow::Result<Option<Report>> {
        let mut report = Report::default();
        let before = self.log.clone();
        if self.follow_log(pool).await?.is_err() {
            self.log = before;
            if before_second_look(cancel).await.is_some()
                && let Err(fault) = self.follow_log(pool).await?
            {
                report.find(Copy::Postgres, None, None, fault.to_string());
            }
        }
        for (number, copies) in (0..).zip(&mut self.copies) {
            let until = copies.postgres().signed().min(copies.next() + ROUND_EVENTS_MAX);
            if cancel.is_cancelled() || copies.next() >= until {
                continue;
            }
            if !read(copies, until, pace).await? {
                continue;
            }
            // Whatever ends the second look, what was sound before the first stays so.
            *copies = copies.again(place, pool);
            if before_second_look(cancel).await.is_some() && read(copies, until, pace).await? {
                copies.narrow(place, pool).await?;
                found(&mut report, Partition(number), copies);
            }
        }
        self.signed = self.copies.iter().map(|copies| copies.postgres().signed()).sum();
        Ok((!report.findings.is_empty()).then_some(report))
    }

    /// What more was signed, by PostgreSQL's log; Kafka's is looked at when all is.
    async fn follow_log(&mut self, pool: &PgPool) -> anyhow::Result<Result<(), LogFault>> {
        let trees = Trees::new(pool.clone());
        let size = trees.log_size().await?;
        if size < self.log.size() {
            return Ok(Err(LogFault::RolledBack { size, signed: self.log.size() }));
        }
        // All that are over what was read: each key is trusted by a checkpoint of the one before.
        let entries = trees.entries(self.log.size(), ENTRIES_MAX).await?;
        let end = self.log.size() + entries.len() as u64;
        let checkpoints = trees.checkpoints(Some(end + 1), entries.len() + 1).await?;
        let checkpoints: Vec<String> = checkpoints.into_iter().map(|(_, note)| note).collect();
        if let Err(fault) = self.log.take_all(&entries, &checkpoints) {
            return Ok(Err(fault));
        }
        match self.log.sound() {
            Ok(sound) => self.note = sound.note,
            Err(fault) => return Ok(Err(fault)),
        }
        for (copies, marks) in self.copies.iter_mut().zip(self.log.take_marks()) {
            copies.marked(&marks);
        }
        Ok(Ok(()))
    }

    fn sound(&self) -> u64 {
        self.copies.iter().map(|copies| copies.postgres().sound().size().min(copies.kafka().sound().size())).sum()
    }

    fn is_sound(&self) -> bool {
        self.copies.iter().all(|copies| !copies.is_faulty())
    }

    fn is_through(&self) -> bool {
        self.sound() == self.signed
    }

    fn state(&self, whole_at: Option<DateTime<Utc>>) -> State {
        State::new(self.note.clone(), whole_at, self.copies.iter().map(Copies::state).collect())
    }
}

/// None: cancelled meanwhile.
async fn before_second_look(cancel: &CancellationToken) -> Option<()> {
    counter!("verify_second_looks_total").increment(1);
    cancel.run_until_cancelled(tokio::time::sleep(ROUND)).await
}

/// Whether something is wrong up to there: it was signed, so all of it must be there.
async fn read(copies: &mut Copies, until: u64, pace: Pace) -> anyhow::Result<bool> {
    copies.read(until, pace).await?;
    if copies.kafka().fault().is_none() && copies.kafka().next() < until {
        // It was opened before the last of them came, and read to the end that it had then.
        copies.open_kafka().await?;
        copies.read(until, pace).await?;
    }
    copies.must_reach(until);
    Ok(copies.is_faulty())
}
