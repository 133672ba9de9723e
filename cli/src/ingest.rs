//! `ingest FILE…`: interactions, or commands for any other fact, from NDJSON or CSV, through the API like any other client.
//!
//! A thread reads and batches ([`records`], [`batches`]); a few requests are in the air at once, of commands one, for they
//! are carried out in the file's order; answers are taken in order, so that "answered up to here" is one place in the file,
//! which [`state`] remembers. Running it again after any interruption goes on from there. What is sent twice all the same
//! is a duplicate, an interaction by its id and a command by its [key](keys), and counts once.

mod batches;
mod capsules;
mod keys;
mod kind;
mod records;
mod rejected;
mod state;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{Stream, StreamExt};
use indicatif::HumanCount;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::client::{ApiArguments, BatchAnswer, Client, Encoding};
use crate::progress::{Length, Progress};
use crate::signals::cancel_on_signal;
use batches::Batch;
use kind::Kind;
use rejected::RejectedLines;
use state::{Answered, StateFile};

/// Requests in the air at once. More than a few only queue at the server.
const CONCURRENCY_MAX: usize = 64;
const BETWEEN_STATES: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub(crate) struct IngestArguments {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    api: ApiArguments,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// NDJSON or CSV, also gzipped; `-` is standard input. Of interactions, or of commands: told by the first record, and a file holds one of the two
    ///
    /// NDJSON: an interaction a line as for POST /v1/interactions, or `{"collection","id","command","data"}` as for POST
    /// /v1/commands. CSV: header names are field names, dots lead into nested fields, an empty cell says nothing. An
    /// interaction has `id,capsule_id,kind,…` and `attributes.NAME` for attributes. A command has
    /// `collection,id,command,…` and its own fields, such as `annual_value.amount`; --collection and --command name what
    /// is the same for all rows. All fields: /docs on the running program.
    #[arg(required_unless_present = "capsules", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) named: Named,
    /// First create and publish the capsules in this NDJSON file (`id`, `title`)
    #[arg(long, value_name = "FILE")]
    pub(crate) capsules: Option<PathBuf>,
    /// Requests in the air at once; of commands always one, for they are carried out in the file's order
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = concurrency)]
    pub(crate) concurrency: usize,
    /// Compress what is sent; worth it on a slow network, not on one machine
    #[arg(long)]
    pub(crate) gzip: bool,
    /// Start each file anew, whatever an interrupted run left
    #[arg(long)]
    pub(crate) restart: bool,
    /// Where to keep the state of interrupted runs and the rejected lines [default: beside each file]
    #[arg(long, value_name = "DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

/// What is the same for all rows of a CSV of commands, and so no column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
pub(crate) struct Named {
    /// The collection of every row of a CSV, such as `deals`
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) collection: Option<String>,
    /// The command of every row of a CSV, such as `open`
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<String>,
}

impl Named {
    fn is_given(&self) -> bool {
        self.collection.is_some() || self.command.is_some()
    }
}

fn concurrency(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=CONCURRENCY_MAX) => Ok(number),
        _ => Err(format!("a number from 1 to {CONCURRENCY_MAX}")),
    }
}

/// What became of all files of a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capsules: Option<capsules::Outcome>,
    pub(crate) files: Vec<FileSummary>,
    /// Stopped before the end; running it again goes on.
    pub(crate) interrupted: bool,
    pub(crate) seconds: f64,
}

/// What became of one file, counted over this run and the interrupted ones that it continued.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FileSummary {
    pub(crate) file: PathBuf,
    pub(crate) accepted: u64,
    pub(crate) duplicates: u64,
    pub(crate) rejected: u64,
    /// Events that an earlier run had sent.
    pub(crate) skipped: u64,
    pub(crate) complete: bool,
    pub(crate) events_per_second: u64,
    /// Latest token: a read given it sees the end of this file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rejected_lines: Option<PathBuf>,
    /// The first of them that this run met, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) first_rejected: Vec<String>,
}

impl Summary {
    /// Whether everything in the files is in the ledger now.
    pub(crate) fn is_success(&self) -> bool {
        !self.interrupted
            && self.files.iter().all(|file| file.rejected == 0)
            && self.capsules.as_ref().is_none_or(|capsules| capsules.rejected == 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(capsules) = &self.capsules {
            writeln!(formatter, "capsules: {capsules}")?;
        }
        for file in &self.files {
            writeln!(formatter, "{file}")?;
        }
        if self.interrupted {
            writeln!(formatter, "interrupted: run the same command again to go on from there")?;
        }
        Ok(())
    }
}

impl fmt::Display for FileSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}: {} accepted, {} duplicates, {} rejected ({}/s)",
            self.file.display(),
            HumanCount(self.accepted),
            HumanCount(self.duplicates),
            HumanCount(self.rejected),
            HumanCount(self.events_per_second),
        )?;
        if self.skipped > 0 {
            write!(formatter, ", {} of them by an earlier run", HumanCount(self.skipped))?;
        }
        if let Some(path) = &self.rejected_lines {
            write!(formatter, "; rejected lines are in {}", path.display())?;
        }
        self.first_rejected.iter().try_for_each(|line| write!(formatter, "\n  {line}"))
    }
}

/// An error unless all of the files is in the ledger in the end.
pub(crate) async fn run(arguments: IngestArguments) -> Result<()> {
    let client = arguments.api.client("writer")?;
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let summary = Box::pin(send(&client, &arguments.options, cancel)).await?;
    if arguments.json {
        println!("{}", serde_json::to_string(&summary).context("the summary is not JSON")?);
    } else {
        print!("{summary}");
    }
    match summary.is_success() {
        true => Ok(()),
        false if summary.interrupted => bail!("interrupted before the end"),
        false => bail!("some were rejected"),
    }
}

/// Sends all files, one after the other. After `cancel`, finishes what is in the air and remembers the place.
pub(crate) async fn send(client: &Client, options: &Options, cancel: CancellationToken) -> Result<Summary> {
    let started = Instant::now();
    let client = client.clone().giving_up_on(cancel.clone());
    let capsules = match &options.capsules {
        Some(path) => Some(capsules::create_and_publish(&client, path).await?),
        None => None,
    };
    let mut summary = Summary { capsules, files: Vec::new(), interrupted: false, seconds: 0.0 };
    let mut states = Vec::new();
    for path in &options.files {
        if cancel.is_cancelled() {
            summary.interrupted = true;
            break;
        }
        let mut state =
            StateFile::open(path, options, client.base()).with_context(|| format!("cannot start on {}", path.display()))?;
        let file = one_file(&client, path, options, &mut state, &cancel).await?;
        summary.interrupted |= !file.complete;
        summary.files.push(file);
        states.push(state);
    }
    if !summary.interrupted {
        // Only an interrupted run is continued: one that came to its end may be meant to be repeated.
        states.iter().try_for_each(StateFile::remove)?;
    }
    summary.seconds = started.elapsed().as_secs_f64();
    Ok(summary)
}

async fn one_file(
    client: &Client,
    path: &Path,
    options: &Options,
    state: &mut StateFile,
    cancel: &CancellationToken,
) -> Result<FileSummary> {
    let skipped = state.answered().events();
    let mut rejected = RejectedLines::open(path, options.state_dir.as_deref(), state.answered().rejected_bytes)?;
    let mut progress = Progress::new(name(path), length(path));
    if !state.answered().complete {
        let encoding = if options.gzip { Encoding::Gzip } else { Encoding::Plain };
        let (batches, reader) = batches::read(path, &options.named, state.answered().place, encoding)?;
        let mut batches = Box::pin(batches.peekable());
        let kind = batches.as_mut().peek().await.map_or(Kind::Interactions, |first| first.kind);
        let answers = answers(client, batches, kind.concurrency(options.concurrency), encoding, cancel);
        let outcome = take(answers, state, &mut rejected, &mut progress, skipped).await;
        state.save().with_context(|| format!("cannot remember how far {} is done", path.display()))?;
        // The reader ends by itself once nothing takes its batches.
        let end = reader.await.expect("the reading thread does not panic");
        if let Err(error) = outcome {
            progress.finish();
            eprintln!("{} is done up to line {}; run the same command again to go on", name(path), state.answered().place.line);
            return Err(error.context(format!("{} could not be sent", path.display())));
        }
        if end.with_context(|| format!("cannot read {}", path.display()))? == batches::End::OfFile && !cancel.is_cancelled() {
            state.complete()?;
        }
    }
    let answered = state.answered();
    let summary = FileSummary {
        file: path.to_owned(),
        accepted: answered.accepted,
        duplicates: answered.duplicates,
        rejected: answered.rejected,
        skipped,
        complete: answered.complete,
        events_per_second: progress.per_second(answered.events() - skipped),
        token: answered.token.clone(),
        rejected_lines: rejected.path(),
        first_rejected: rejected.into_first(),
    };
    progress.finish();
    Ok(summary)
}

type Sent = Result<(Batch, BatchAnswer)>;

/// The batches' answers in the batches' order, while up to `concurrency` requests are in the air.
fn answers<'a>(
    client: &'a Client,
    batches: impl Stream<Item = Batch> + 'a,
    concurrency: usize,
    encoding: Encoding,
    cancel: &'a CancellationToken,
) -> impl Stream<Item = Sent> + 'a {
    batches
        .take_until(cancel.cancelled())
        .map(move |batch| async move {
            let answer = match batch.kind {
                _ if batch.lines.is_empty() => BatchAnswer::default(),
                Kind::Interactions => client.post_interactions_ndjson(batch.wire.clone(), encoding).await?,
                Kind::Commands => client.post_commands_ndjson(batch.wire.clone(), encoding).await?,
            };
            Ok((batch, answer))
        })
        .buffered(concurrency)
}

async fn take(
    answers: impl Stream<Item = Sent>,
    state: &mut StateFile,
    rejected: &mut RejectedLines,
    progress: &mut Progress,
    skipped: u64,
) -> Result<()> {
    let mut answers = std::pin::pin!(answers);
    let mut saved = Instant::now();
    while let Some(sent) = answers.next().await {
        let (batch, answer) = sent?;
        let refused = answer.refused().count() as u64;
        let events = batch.lines.len() as u64;
        if answer.accepted + answer.duplicates + refused != events {
            bail!(
                "the API answered for {} events of the {events} that it was sent",
                answer.accepted + answer.duplicates + refused
            );
        }
        rejected.write(&batch, &answer)?;
        state.advance(Answered {
            place: batch.end,
            accepted: answer.accepted,
            duplicates: answer.duplicates,
            rejected: refused + batch.unreadable.len() as u64,
            rejected_bytes: rejected.bytes(),
            token: answer.token,
            complete: false,
        });
        if saved.elapsed() >= BETWEEN_STATES {
            state.save().context("cannot remember how far it is done")?;
            saved = Instant::now();
        }
        progress.set(batch.raw_bytes, state.answered().events() - skipped);
    }
    Ok(())
}

fn name(path: &Path) -> String {
    match path.file_name() {
        _ if is_stdin(path) => "standard input".to_owned(),
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    }
}

fn length(path: &Path) -> Length {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() && !is_stdin(path) => Length::Bytes(metadata.len()),
        _ => Length::Unknown,
    }
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// `NAME.suffix` beside the file, or in `dir`; for standard input, in `dir` or here.
fn beside(path: &Path, dir: Option<&Path>, suffix: &str) -> PathBuf {
    let mut name = match path.file_name() {
        Some(name) if !is_stdin(path) => name.to_owned(),
        _ => "stdin".into(),
    };
    name.push(suffix);
    match dir {
        Some(dir) => dir.join(name),
        None if is_stdin(path) => name.into(),
        None => path.with_file_name(name),
    }
}

#[cfg(test)]
mod tests;
