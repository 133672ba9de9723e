//! `replay`: folds the log anew beside the live read models, holds the two against each other, and puts the new ones in their place;
//! or, up to a moment of the past, shows what was known then.

mod report;
mod until;

use anyhow::{Context as _, bail, ensure};
use chrono::{NaiveDate, Utc};
use clap::{Args, ValueEnum};
use domain::audit::CutOverReason;
use domain::{Grain, TenantId};
use event_store::{PgPool, Store};
use projections::past::{PastQuery, as_of, past, tenants};
use projections::{Filling, Generation, GenerationStatus, Only, Purpose, remove_left};
use serde::Serialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::report::{Outcome, Report};
use self::until::Until;
use crate::refold::{Log, Refold, make_up_for_cut_overs};
use crate::signals::cancel_on_signal;
use crate::verify::{Place, PlaceArguments};

const CONNECTIONS: u32 = 12;

#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Which copy of the log to read
    #[arg(long, value_enum, default_value = "kafka")]
    from: From,
    /// Only so far, and show what was known then: a token as the API gives it, or a time or day in UTC, for what was recorded before it
    #[arg(long, value_name = "TOKEN|TIME", conflicts_with_all = ["only", "accept_differences"])]
    until: Option<String>,
    /// With --until, the month whose KPIs are shown, as YYYY-MM [default: that of the day before]
    #[arg(long, requires = "until", value_parser = month)]
    period: Option<NaiveDate>,
    /// With --until, whose figures are shown; may be given again [default: every tenant's]
    #[arg(long = "tenant", requires = "until")]
    tenants: Vec<String>,
    /// Report only: change nothing, and remove what was folded
    #[arg(long)]
    check_only: bool,
    /// Fold and compare one read model alone, by its name in schema read; report only
    #[arg(long, value_name = "READ_MODEL", conflicts_with = "accept_differences")]
    only: Option<String>,
    /// Cut over even where the live read models are not what follows from the log: so they are mended
    #[arg(long, conflicts_with = "check_only")]
    accept_differences: bool,
    /// Begin anew, and remove what earlier replays left
    #[arg(long)]
    fresh: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
enum From {
    Kafka,
    Postgres,
}

fn month(text: &str) -> Result<NaiveDate, String> {
    format!("{text}-01").parse().map_err(|_| "is not YYYY-MM".to_owned())
}

pub(crate) async fn run(arguments: ReplayArguments) -> anyhow::Result<()> {
    let cancel = CancellationToken::new();
    cancel_on_signal(&cancel)?;
    let place = arguments.place.place()?;
    let pool = event_store::connect(&place.database_url, CONNECTIONS)
        .await
        .context("cannot reach PostgreSQL; is the ledger running?")?;
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let replayed = replay(&arguments, &place, &pool, &store, &cancel).await;
    store.shutdown().await;
    let report = replayed?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    match report.outcome {
        Outcome::Differs => bail!("the live read models are not what follows from the log"),
        Outcome::Same | Outcome::CutOver | Outcome::Past => Ok(()),
    }
}

async fn replay(
    arguments: &ReplayArguments,
    place: &Place,
    pool: &PgPool,
    store: &Store,
    cancel: &CancellationToken,
) -> anyhow::Result<Report> {
    ensure!(
        Generation::live(pool).await?.is_of_this_build(),
        "the read models are of another version of the program; start `up` or `project` of this one: it rebuilds them"
    );
    let only = arguments.only.as_deref().map(Only::of).transpose()?;
    let until = match &arguments.until {
        Some(text) => Some(Until::parse(text, store).await?),
        None => None,
    };
    let request =
        json!({ "from": arguments.from, "only": arguments.only, "until": until.as_ref().map(|until| &until.positions) });
    let filling = begin(pool, arguments.fresh, request.to_string()).await?;
    let log = match arguments.from {
        From::Kafka => Log::Kafka { brokers: place.kafka_brokers.clone(), topic: place.topic.clone() },
        From::Postgres => Log::Postgres(store.clone()),
    };
    let partitions = store.partitions();
    let refold = Refold { pool, log: &log, partitions, filling: &filling, only: only.as_ref(), what: "replay", cancel };
    let mut report = Report::of(&filling, arguments.from);
    let done = match &until {
        Some(until) => show_past(arguments, &refold, until, &mut report).await,
        None => compare(arguments, &refold, store, &mut report).await,
    };
    // Whatever went wrong, what was folded is there for the same request to go on with.
    if let Err(error) = done {
        filling.leave().await?;
        return Err(error);
    }
    let is_kept = match report.outcome {
        Outcome::CutOver => true,
        // So that it can be accepted without folding it all again.
        Outcome::Differs => !arguments.check_only && only.is_none(),
        Outcome::Same | Outcome::Past => false,
    };
    report.is_kept = is_kept && report.outcome != Outcome::CutOver;
    if is_kept {
        filling.leave().await?
    } else {
        filling.remove(pool).await?
    }
    Ok(report)
}

/// The generation of the same request that was left, else a new one.
async fn begin(pool: &PgPool, fresh: bool, request: String) -> anyhow::Result<Filling> {
    make_up_for_cut_overs(pool).await?;
    let is_replay = |left: &Generation| matches!(left.purpose, Some(Purpose::Replay(_)));
    remove_left(pool, |left| is_replay(left) && (fresh || !left.is_of_this_build())).await?;
    let filling = Filling::resume(pool, Purpose::Replay(request)).await?;
    let own = filling.generation.number;
    if filling.is_resumed {
        eprintln!("replay: going on with generation {own}");
    }
    for left in Generation::all(pool).await? {
        if left.status == GenerationStatus::Building && is_replay(&left) && left.number != own {
            eprintln!(
                "replay: generation {} is there too, of a replay with other arguments: those go on with it, --fresh removes it",
                left.number
            );
        }
    }
    Ok(filling)
}

async fn compare(arguments: &ReplayArguments, refold: &Refold<'_>, store: &Store, report: &mut Report) -> anyhow::Result<()> {
    report.folded(refold.build().await?);
    eprintln!("replay: holding the live read models against it …");
    let comparison = refold.compare().await?;
    let is_same = comparison.differences.is_empty();
    let rows = comparison.differences.iter().map(|difference| u64::try_from(difference.rows).unwrap_or(0)).sum();
    report.comparison = Some(comparison);
    report.outcome = if is_same { Outcome::Same } else { Outcome::Differs };
    if arguments.check_only || arguments.only.is_some() || !(is_same || arguments.accept_differences) {
        return Ok(());
    }
    refold.cut_over(store, CutOverReason::Replay, Some(rows)).await?;
    report.outcome = Outcome::CutOver;
    Ok(())
}

async fn show_past(arguments: &ReplayArguments, refold: &Refold<'_>, until: &Until, report: &mut Report) -> anyhow::Result<()> {
    report.folded(refold.fold_to(&until.positions).await?);
    refold.or_cancelled(refold.filling.generation.finish_loading(refold.pool)).await?;
    let day = as_of(until.before);
    let month = arguments.period.unwrap_or_else(|| Grain::Month.start(day));
    let asked = arguments.tenants.iter().map(|tenant| TenantId::parse(tenant.clone()).context("--tenant"));
    let tenants = match &arguments.tenants[..] {
        [] => tenants(refold.pool).await?,
        _ => asked.collect::<anyhow::Result<_>>()?,
    };
    for tenant in &tenants {
        let query = PastQuery { tenant, until: &until.positions, before: until.before, month, now: Utc::now() };
        report.past.push(refold.or_cancelled(past(refold.pool, &refold.filling.generation, &query)).await?);
    }
    report.until(until, day);
    Ok(())
}
