//! A KPI's series or a report as the API answers it, as a file: CSV, Parquet or JSON.

use std::io::{IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::client::Client;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FiguresOptions {
    /// A KPI's series instead of events, by its id, such as `win_rate`
    #[arg(long, value_name = "ID", group = "figures", conflicts_with_all = ["partition", "collection", "id", "event_type"])]
    kpi: Option<String>,
    /// A report instead of events
    #[arg(long, value_name = "NAME", group = "figures", conflicts_with_all = ["partition", "collection", "id", "event_type"])]
    report: Option<Report>,
    /// Of figures: in which form
    #[arg(long, requires = "figures", default_value = "csv")]
    format: Format,
    /// Of a KPI: `day`, `week`, `month` or `quarter`; default: its own
    #[arg(long, requires = "kpi")]
    grain: Option<String>,
    /// Of figures: the first period, by a month or day in it
    #[arg(long, requires = "figures")]
    from: Option<String>,
    /// Of figures: the last period
    #[arg(long, requires = "figures")]
    to: Option<String>,
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

    fn query(&self) -> Vec<(&'static str, &str)> {
        let given = [
            ("grain", &self.grain),
            ("from", &self.from),
            ("to", &self.to),
            ("segment", &self.segment),
            ("as_of", &self.as_of),
            ("definition", &self.definition),
        ];
        let limit = (self.kpi.is_some() && self.format == Format::Json).then_some(("limit", "10000"));
        given.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).chain(limit).collect()
    }
}

/// Writes the figures to a file, or to standard output.
pub(super) async fn export(client: &Client, path: &[String], options: &FiguresOptions, output: Option<&Path>) -> Result<()> {
    let bytes =
        client.figures(path, &options.query(), options.format.media()).await.context("the figures could not be read")?;
    if options.format == Format::Json {
        let page: serde_json::Value = serde_json::from_slice(&bytes).context("the answer is not JSON")?;
        ensure!(
            page["next"].is_null(),
            "there are more figures than JSON is given for at once: ask for csv or parquet, or for less"
        );
    }
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
