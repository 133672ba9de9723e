//! A KPI's series as the API answers it, as a file: CSV, Parquet or JSON.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::client::Client;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KpiOptions {
    /// A KPI's series instead of events, by its id, such as `win_rate`
    #[arg(long, value_name = "ID", conflicts_with_all = ["partition", "collection", "id", "event_type"])]
    pub(crate) kpi: Option<String>,
    /// Of the KPI: `csv`, `parquet` or `json`
    #[arg(long, requires = "kpi", default_value = "csv")]
    format: Format,
    /// Of the KPI: `day`, `week`, `month` or `quarter`; default: its own
    #[arg(long, requires = "kpi")]
    grain: Option<String>,
    /// Of the KPI: the first period, by a month or day in it
    #[arg(long, requires = "kpi")]
    from: Option<String>,
    /// Of the KPI: the last period
    #[arg(long, requires = "kpi")]
    to: Option<String>,
    /// Of the KPI: a dimension such as `team`, or one segment such as `team:smb`
    #[arg(long, requires = "kpi")]
    segment: Option<String>,
    /// Of the KPI: as it was known at the end of this day, UTC
    #[arg(long, requires = "kpi", value_name = "DAY")]
    as_of: Option<String>,
    /// Of the KPI: the version of its definition
    #[arg(long, requires = "kpi", value_name = "VERSION")]
    definition: Option<String>,
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

impl KpiOptions {
    fn query(&self) -> Vec<(&'static str, &str)> {
        let given = [
            ("grain", &self.grain),
            ("from", &self.from),
            ("to", &self.to),
            ("segment", &self.segment),
            ("as_of", &self.as_of),
            ("definition", &self.definition),
        ];
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }
}

/// Writes the series to a file, or to standard output.
pub(super) async fn export(client: &Client, kpi: &str, options: &KpiOptions, output: Option<&Path>) -> Result<()> {
    let bytes = client.kpi(kpi, &options.query(), options.format.media()).await.context("the figures could not be read")?;
    match output {
        Some(path) => {
            std::fs::write(path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
            eprintln!("{} written", path.display());
        }
        None => {
            let mut stdout = std::io::stdout();
            let is_shown = stdout.is_terminal() && options.format == Format::Parquet;
            ensure!(!is_shown, "Parquet is not for a terminal: name a file by --output");
            super::is_read(stdout.write_all(&bytes).and_then(|()| stdout.flush()))?;
        }
    }
    Ok(())
}
