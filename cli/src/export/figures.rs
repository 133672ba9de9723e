//! A KPI's series or a report as the API answers it, as a file: CSV, Parquet or JSON.

use anyhow::{Context, Result, ensure};
use std::io::{IsTerminal, Write};

use super::Options;
use crate::client::Client;

/// What only events are asked for by.
const OF_EVENTS: [&str; 5] = ["partition", "collection", "id", "event_type", "of_key"];

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FiguresOptions {
    /// A KPI's series instead of events, by its id, such as `win_rate`
    #[arg(long, value_name = "ID", group = "figures", conflicts_with_all = OF_EVENTS)]
    kpi: Option<String>,
    /// A report instead of events
    #[arg(long, value_name = "NAME", group = "figures", conflicts_with_all = OF_EVENTS)]
    report: Option<Report>,
    /// Of figures: in which form
    #[arg(long, requires = "figures", default_value = "csv")]
    format: Format,
    /// Of a KPI: `day`, `week`, `month` or `quarter`; default: its own
    #[arg(long, requires = "kpi")]
    grain: Option<String>,
    /// Of a KPI: a dimension such as `team`, or one segment such as `team:smb`
    #[arg(long, requires = "kpi")]
    segment: Option<String>,
    /// Of figures: as they were known at the end of this day, UTC
    #[arg(long, requires = "figures", value_name = "DAY")]
    as_of: Option<String>,
    /// Of a KPI: the version of its definition
    #[arg(long, requires = "kpi", value_name = "VERSION")]
    definition: Option<String>,
}

/// The reports of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Report {
    UnitEconomics,
    Budget,
    Headcount,
    Gates,
    Risks,
    ServiceLevels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Csv,
    Parquet,
    Json,
}

impl Format {
    fn media(self) -> &'static str {
        match self {
            Self::Csv => "text/csv",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Json => "application/json",
        }
    }
}

impl FiguresOptions {
    /// Where the API answers what is asked for; none: it is events.
    pub(super) fn path(&self) -> Option<Vec<String>> {
        let report = self.report.and_then(|report| clap::ValueEnum::to_possible_value(&report));
        let kpi = self.kpi.as_ref().map(|id| vec!["v1".to_owned(), "kpis".to_owned(), id.clone()]);
        kpi.or_else(|| Some(vec!["v1".to_owned(), report?.get_name().to_owned()]))
    }

    fn query<'a>(&'a self, options: &'a Options) -> Vec<(&'static str, &'a str)> {
        let given = [
            ("grain", &self.grain),
            ("from", &options.from),
            ("to", &options.to),
            ("segment", &self.segment),
            ("as_of", &self.as_of),
            ("definition", &self.definition),
        ];
        let limit = (self.kpi.is_some() && self.format == Format::Json).then_some(("limit", "10000"));
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).chain(limit).collect()
    }
}

/// Writes the figures to a file, or to standard output.
pub(super) async fn export(client: &Client, path: &[String], figures: &FiguresOptions, options: &Options) -> Result<()> {
    let bytes =
        client.bytes(path, &figures.query(options), figures.format.media()).await.context("the figures could not be read")?;
    if figures.format == Format::Json {
        let page: serde_json::Value = serde_json::from_slice(&bytes).context("the answer is not JSON")?;
        ensure!(
            page["next"].is_null(),
            "there are more figures than JSON is given for at once: ask for csv or parquet, or for less"
        );
    }
    match &options.output {
        Some(path) => {
            std::fs::write(path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
            eprintln!("{} written", path.display());
        }
        None => {
            let mut stdout = std::io::stdout();
            let is_shown = stdout.is_terminal() && figures.format == Format::Parquet;
            ensure!(!is_shown, "Parquet is not for a terminal: name a file by --output");
            super::is_read(stdout.write_all(&bytes).and_then(|()| stdout.flush()))?;
        }
    }
    Ok(())
}
