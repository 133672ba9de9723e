//! `projection`: how far the read models are, what they stand still at, and leaving an event out of them.

use anyhow::{Context as _, bail, ensure};
use chrono::Utc;
use clap::{Args, Subcommand};
use domain::audit::EventSkipped;
use domain::{EventRef, Label, Partition, Position, Reason};
use event_store::audit::Who;
use event_store::{PgPool, Store};
use projections::{Fault, FaultKind, Mark, RebuildTurn, faults, marks};
use serde_json::{Value, json};

use crate::config::DatabaseArguments;
use crate::keys::database_url;
use crate::roles::skips::skipped;

#[derive(Debug, Args)]
pub(crate) struct ProjectionArguments {
    #[command(subcommand)]
    command: ProjectionCommand,
    #[command(flatten)]
    database: DatabaseArguments,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum ProjectionCommand {
    /// How far the read models are in each partition, and what one stands still at
    Status,
    /// Leave the event at which a partition stands still out of the read models, for ever; an entry of the audit log says so
    Skip {
        /// The event, as PARTITION-POSITION
        event: EventRef,
        /// Why; it stays in the ledger, so name nobody
        #[arg(long)]
        reason: String,
    },
}

pub(crate) async fn run(arguments: ProjectionArguments) -> anyhow::Result<()> {
    let pool = event_store::connect(&database_url(&arguments.database)?, 4).await.context("cannot reach PostgreSQL")?;
    let store = Store::open(pool.clone(), event_store::Settings::default()).await?;
    let done = match arguments.command {
        ProjectionCommand::Status => status(&pool, &store, arguments.json).await,
        ProjectionCommand::Skip { event, reason } => skip(&pool, &store, event, reason, arguments.json).await,
    };
    store.shutdown().await;
    done
}

/// One partition of the live read models.
struct Row {
    partition: Partition,
    head: Position,
    mark: Option<Mark>,
    fault: Option<Fault>,
}

impl Row {
    fn next(&self) -> Position {
        self.mark.as_ref().map_or(Position(0), |mark| mark.next_position)
    }

    fn lag(&self) -> u64 {
        self.head.0.saturating_sub(self.next().0)
    }

    fn shown(&self) -> Value {
        json!({
            "partition": self.partition, "head": self.head, "mark": self.next(), "lag": self.lag(),
            "last_recorded_at": self.mark.as_ref().and_then(|mark| mark.last_recorded_at),
            "fault": self.fault.as_ref().map(|fault| json!({
                "event": fault_event(fault).to_string(), "kind": fault.kind, "detail": fault.detail, "since": fault.since,
            })),
        })
    }
}

async fn status(pool: &PgPool, store: &Store, json: bool) -> anyhow::Result<()> {
    // The marks first: so no lag is below what it was.
    let (marks, faults, heads) = (marks(pool).await?, faults(pool).await?, store.heads().await?);
    let skipped = skipped(pool).await?;
    let rows = (0..store.partitions()).zip(heads).map(|(number, head)| {
        let partition = Partition(number);
        let mark = marks.iter().find(|mark| mark.partition == partition).cloned();
        let fault = faults.iter().find(|fault| fault.partition == partition).cloned();
        Row { partition, head, mark, fault }
    });
    let rows: Vec<Row> = rows.collect();
    let skipped: Vec<String> = skipped
        .iter()
        .map(|(partition, position)| EventRef { partition: *partition, position: *position }.to_string())
        .collect();
    if json {
        println!("{}", json!({"partitions": rows.iter().map(Row::shown).collect::<Vec<_>>(), "skipped": skipped}));
        return Ok(());
    }
    println!("{:<10} {:>12} {:>12} {:>12}  STATE", "PARTITION", "EVENTS", "APPLIED", "LAG");
    for row in &rows {
        let state = match &row.fault {
            Some(fault) => format!(
                "stands still at {} since {}: {}",
                fault_event(fault),
                fault.since.format("%Y-%m-%dT%H:%M:%SZ"),
                fault.detail
            ),
            None if row.lag() == 0 => "up to date".to_owned(),
            None => "behind".to_owned(),
        };
        println!("{:<10} {:>12} {:>12} {:>12}  {state}", row.partition, row.head.0, row.next().0, row.lag());
    }
    if !skipped.is_empty() {
        println!("\nLeft out of the read models: {}", skipped.join(", "));
    }
    Ok(())
}

async fn skip(pool: &PgPool, store: &Store, event: EventRef, reason: String, json: bool) -> anyhow::Result<()> {
    let reason = Reason::parse(reason.trim()).context("--reason")?;
    // Nobody folds the log meanwhile without knowing of it: a rebuild or a verification comes first or after.
    let turn = RebuildTurn::take(pool).await?;
    let skipped = skip_in_turn(pool, store, event, reason).await;
    turn.end().await?;
    skipped?;
    if json {
        println!("{}", json!({"skipped": event}));
    } else {
        println!("Event {event} is left out of the read models from now on; a running projector goes on within seconds.");
    }
    Ok(())
}

async fn skip_in_turn(pool: &PgPool, store: &Store, event: EventRef, reason: Reason) -> anyhow::Result<()> {
    let standing = faults(pool).await?.into_iter().find(|fault| fault.partition == event.partition);
    let Some(fault) = standing else { bail!("partition {} does not stand still: there is nothing to skip", event.partition) };
    ensure!(
        fault_event(&fault) == event,
        "partition {} stands still at {}, not at {event}",
        event.partition,
        fault_event(&fault)
    );
    ensure!(
        fault.kind == FaultKind::Refused,
        "event {event} did not come from Kafka ({}): that is no event to skip; the relay fills a gap by itself, and `restore kafka \
         --recreate` mends records that are no events",
        fault.detail
    );
    let tenant =
        event_store::audit::tenant_of(pool, event).await?.with_context(|| format!("the ledger has no event {event}"))?;
    let projection = Label::parse("read_models").expect("a label");
    let entry = EventSkipped { event, projection, reason, occurred_at: Utc::now() };
    store.record(&tenant, entry, &Who::operator()).await.context("nothing was skipped: it could not be noted")?;
    Ok(())
}

fn fault_event(fault: &Fault) -> EventRef {
    EventRef { partition: fault.partition, position: fault.position }
}
