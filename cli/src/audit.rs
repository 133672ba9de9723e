//! `audit export`: who did what with the ledger, and when, as NDJSON or CSV; each line names its event, which `prove` proves.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand, ValueEnum};

use crate::client::{ApiArguments, Client};

#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Write the entries of the audit log, the newest first
    Export(ExportArguments),
}

#[derive(Debug, Args)]
struct ExportArguments {
    /// From this day or moment on, as 2026-10-31 or 2026-10-31T12:00, UTC
    #[arg(long)]
    from: Option<String>,
    /// Before this day or moment
    #[arg(long)]
    to: Option<String>,
    /// Only entries of this type, such as `AccessDenied`
    #[arg(long)]
    action: Option<String>,
    /// Only of this API key's id; or `operator` or `program`
    #[arg(long = "of-key", value_name = "ID")]
    of_key: Option<String>,
    #[arg(long, default_value = "ndjson")]
    format: Format,
    /// Where to write; without it, standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Ndjson,
    Csv,
}

pub(crate) async fn run(arguments: AuditArguments) -> Result<()> {
    let AuditCommand::Export(options) = arguments.command;
    let client = options.api.client("auditor")?;
    let Some(path) = &options.output else {
        return write(&client, &options, &mut BufWriter::new(std::io::stdout())).await;
    };
    // A file appears under its name only when it is whole.
    let unfinished = path.with_added_extension("part");
    let failed = |path: &Path| format!("cannot write {}", path.display());
    let file = std::fs::File::create(&unfinished).with_context(|| failed(&unfinished))?;
    write(&client, &options, &mut BufWriter::new(file)).await?;
    std::fs::rename(&unfinished, path).with_context(|| failed(path))
}

async fn write(client: &Client, options: &ExportArguments, output: &mut (impl Write + Send)) -> Result<()> {
    let given = [("from", &options.from), ("to", &options.to), ("action", &options.action), ("key", &options.of_key)];
    let format = if options.format == Format::Csv { "csv" } else { "ndjson" };
    let mut cursor: Option<String> = None;
    loop {
        let filters = given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let place = cursor.as_deref().map(|cursor| ("cursor", cursor));
        let query: Vec<(&str, &str)> = filters.chain([("format", format)]).chain(place).collect();
        let (page, next) = client.page(&["v1", "audit"], &query).await.context("the audit log could not be read")?;
        // Every page of a CSV begins with the names of the columns.
        let lines = match (options.format, &cursor) {
            (Format::Csv, Some(_)) => page.iter().position(|byte| *byte == b'\n').map_or(&page[..], |end| &page[end + 1..]),
            _ => &page[..],
        };
        output.write_all(lines).context("cannot write the audit log")?;
        cursor = next;
        if cursor.is_none() {
            return output.flush().context("cannot write the audit log");
        }
    }
}
