//! `plan`: look for a plan's contradictions, and adopt it.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use domain::plan::Plan;
use serde_json::json;

use crate::client::ApiArguments;

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(subcommand)]
    command: PlanCommand,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum PlanCommand {
    /// Print where the plan's own figures contradict each other; they stand as written
    Check {
        /// A plan in TOML, as schemas/plan.toml; default: the one that the program carries
        file: Option<PathBuf>,
    },
    /// Put a plan in force, from now on or from --from on; a later version replaces it
    Adopt {
        /// A plan in TOML, as schemas/plan.toml; default: the one that the program carries
        file: Option<PathBuf>,
        /// The company's month 1, as 2026-01; default: the month of its first interaction
        #[arg(long, value_name = "MONTH")]
        first_month: Option<String>,
        /// From when on it holds, as 2026-01-31; default: now
        #[arg(long, value_name = "DAY")]
        from: Option<NaiveDate>,
        #[command(flatten)]
        api: ApiArguments,
    },
}

pub(crate) async fn run(arguments: PlanArguments) -> Result<()> {
    match arguments.command {
        PlanCommand::Check { file } => check(&read(file)?, arguments.json),
        PlanCommand::Adopt { file, first_month, from, api } => {
            let plan = read(file)?;
            let mut data = json!({ "plan": plan });
            if let Some(month) = first_month {
                let day: Result<NaiveDate, _> = format!("{month}-01").parse();
                ensure!(day.is_ok(), "--first-month is {month:?}, not a month such as 2026-01");
                data["first_month"] = format!("{month}-01").into();
            }
            if let Some(day) = from {
                data["occurred_at"] = format!("{day}T00:00:00Z").into();
            }
            api.client("admin")?.command("plans", "plan", "adopt", &data).await.context("the plan was not adopted")?;
            if arguments.json {
                println!("{}", json!({ "adopted": plan.version }));
            } else {
                println!("Version {} of {:?} is adopted.", plan.version, plan.name.as_str());
            }
            Ok(())
        }
    }
}

fn read(file: Option<PathBuf>) -> Result<Plan> {
    let Some(path) = file else { return Ok(Plan::carried()) };
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    Plan::from_toml(&text).with_context(|| format!("{} is not a plan", path.display()))
}

fn check(plan: &Plan, as_json: bool) -> Result<()> {
    let found = plan.contradictions();
    if as_json {
        println!("{}", serde_json::to_string(&found).context("the contradictions are not JSON")?);
        return Ok(());
    }
    if found.is_empty() {
        println!("No contradiction was found in {:?}.", plan.name.as_str());
    }
    for contradiction in found {
        println!("Stage {}: {} ({})", contradiction.stage, contradiction.detail, contradiction.kpis.join(", "));
    }
    Ok(())
}
