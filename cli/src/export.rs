//! `export`: the ledger's events as NDJSON, byte for byte as `GET /v1/events` shows them; or figures: a KPI's series, or a report.

mod figures;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use indicatif::HumanCount;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::client::{ApiArguments, Client, EventsQuery};
use crate::progress::{Length, Progress};
use crate::signals::cancel_on_signal;

const PAGE: u32 = 1_000;

#[derive(Debug, clap::Args)]
pub(crate) struct ExportArguments {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    figures: figures::FiguresOptions,
    #[command(flatten)]
    api: ApiArguments,
    /// Print a summary as JSON, on standard error
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Options {
    /// Where to write; without it, standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Only this partition
    #[arg(long, value_name = "NUMBER")]
    pub(crate) partition: Option<u16>,
    /// Only events of this collection, such as `capsules`
    #[arg(long)]
    pub(crate) collection: Option<String>,
    /// Only events of the aggregate with this id
    #[arg(long, requires = "collection", value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Only events of this type, such as `InteractionRecorded`
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) event_type: Option<String>,
    /// Only events that this API key caused, by its id; or `operator` or `program`
    #[arg(long = "of-key", value_name = "ID")]
    pub(crate) of_key: Option<String>,
    /// Only what was recorded from this day or moment on, as 2026-10-31 or 2026-10-31T12:00, UTC; of figures: the first
    /// period, by a month or day in it
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Only what was recorded before this day or moment; of figures: the last period
    #[arg(long)]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    pub(crate) events: u64,
    pub(crate) seconds: f64,
    /// Not all events were written, as asked by who interrupted or stopped reading.
    pub(crate) interrupted: bool,
}

/// An error if interrupted; who stops reading standard output has had what they wanted.
pub(crate) async fn run(arguments: ExportArguments) -> Result<()> {
    if let Some(path) = arguments.figures.path() {
        let client = arguments.api.client("analyst")?;
        return figures::export(&client, &path, &arguments.figures, &arguments.options).await;
    }
    let client = arguments.api.client("auditor")?;
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let summary = export(&client, &arguments.options, &cancel).await?;
    if arguments.json {
        eprintln!("{}", serde_json::to_string(&summary).context("the summary is not JSON")?);
    } else if arguments.options.output.is_some() {
        eprintln!("{} events in {:.1} s", HumanCount(summary.events), summary.seconds);
    }
    anyhow::ensure!(!cancel.is_cancelled() || !summary.interrupted, "interrupted before the end");
    Ok(())
}

/// Writes all events that the options name. A file appears under its name only when it is whole.
pub(crate) async fn export(client: &Client, options: &Options, cancel: &CancellationToken) -> Result<Summary> {
    let Some(path) = &options.output else {
        let shown = if io::stdout().is_terminal() { None } else { Some(Progress::new("export", Length::Unknown)) };
        return write(client, options, &mut BufWriter::new(io::stdout()), shown, cancel).await;
    };
    let unfinished = path.with_added_extension("part");
    let failed = |path: &Path| format!("cannot write {}", path.display());
    let file = std::fs::File::create(&unfinished).with_context(|| failed(&unfinished))?;
    let progress = Progress::new("export", Length::Unknown);
    let summary = write(client, options, &mut BufWriter::new(file), Some(progress), cancel).await?;
    if !summary.interrupted {
        std::fs::rename(&unfinished, path).with_context(|| failed(path))?;
    }
    Ok(summary)
}

async fn write(
    client: &Client,
    options: &Options,
    output: &mut (impl Write + Send),
    mut progress: Option<Progress>,
    cancel: &CancellationToken,
) -> Result<Summary> {
    let started = std::time::Instant::now();
    let client = client.clone().giving_up_on(cancel.clone());
    let mut query = EventsQuery {
        partition: options.partition,
        collection: options.collection.clone(),
        aggregate_id: options.id.clone(),
        event_type: options.event_type.clone(),
        key: options.of_key.clone(),
        from: options.from.clone(),
        to: options.to.clone(),
        limit: Some(PAGE),
        cursor: None,
    };
    let mut summary = Summary { events: 0, seconds: 0.0, interrupted: true };
    while !cancel.is_cancelled() {
        let page = client.events(&query).await.context("the events could not be read")?;
        for event in &page.data {
            if !line(output, event.get())? {
                return Ok(summary);
            }
        }
        summary.events += page.data.len() as u64;
        if let Some(progress) = &mut progress {
            progress.set(summary.events, summary.events);
        }
        query.cursor = page.next;
        if query.cursor.is_none() {
            summary.interrupted = false;
            break;
        }
    }
    summary.interrupted |= !is_read(output.flush())?;
    summary.seconds = started.elapsed().as_secs_f64();
    if let Some(progress) = progress {
        progress.finish();
    }
    Ok(summary)
}

/// False once nobody reads any more, as with `| head`.
fn line(output: &mut impl Write, json: &str) -> Result<bool> {
    is_read(output.write_all(json.as_bytes()).and_then(|()| output.write_all(b"\n")))
}

fn is_read(written: io::Result<()>) -> Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(error).context("cannot write the events"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::fake::{FakeApi, Reply};

    fn options() -> Options {
        let (event_type, of_key, from) = (Some("CapsuleCreated".into()), Some("k1".into()), Some("2026-10-01".into()));
        Options { output: None, partition: Some(3), collection: None, id: None, event_type, of_key, from, to: None }
    }

    #[tokio::test]
    async fn all_pages_are_written_as_they_came() {
        let api = FakeApi::scripted([
            Reply::new(200, r#"{"data":[{"position": 0},{"position": 1}],"next":"n/2"}"#),
            Reply::new(200, r#"{"data":[{"position":2}],"next":null}"#),
        ])
        .await;
        let client = Client::new(&api.url(), "key").expect("a client");
        let mut output = Vec::new();
        let summary = write(&client, &options(), &mut output, None, &CancellationToken::new()).await.expect("written");
        assert_eq!(String::from_utf8(output).expect("UTF-8"), "{\"position\": 0}\n{\"position\": 1}\n{\"position\":2}\n");
        assert_eq!((summary.events, summary.interrupted), (3, false));
        let asked: Vec<_> = api.requests().iter().map(|asked| asked.line.clone()).collect();
        assert_eq!(asked[0], "GET /v1/events?partition=3&type=CapsuleCreated&key=k1&from=2026-10-01&limit=1000 HTTP/1.1");
        assert_eq!(
            asked[1],
            "GET /v1/events?partition=3&type=CapsuleCreated&key=k1&from=2026-10-01&limit=1000&cursor=n%2F2 HTTP/1.1"
        );
    }

    #[tokio::test]
    async fn who_stops_reading_ends_it_quietly() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let api = FakeApi::scripted([Reply::new(200, r#"{"data":[{}],"next":"n"}"#)]).await;
        let client = Client::new(&api.url(), "key").expect("a client");
        let summary = write(&client, &options(), &mut Closed, None, &CancellationToken::new()).await.expect("ended");
        assert!(summary.interrupted);
    }
}
