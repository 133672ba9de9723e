//! The read models: folded anew from Kafka's log into a scratch generation, and held against the live one row for row.

use anyhow::{Context as _, bail};
use event_store::PgPool;
use projections::{Comparison, Difference, Filling, Generation, Purpose, changed_views, remove_left};
use tokio_util::sync::CancellationToken;

use super::Place;
use super::report::{Copy, Report};
use crate::refold::{Log, Refold};

/// So much of a row is shown.
const SHOWN_MAX: usize = 2_000;

pub(super) async fn audit(
    place: &Place,
    pool: &PgPool,
    partitions: u16,
    cancel: &CancellationToken,
    report: &mut Report,
) -> anyhow::Result<()> {
    remove_left(pool, |left| left.purpose == Some(Purpose::Verify))
        .await
        .context("what a killed one left cannot be removed")?;
    let live = Generation::live(pool).await?;
    if !live.is_of_this_build() {
        let what = "the read models are of another version of the program; verify with that one".to_owned();
        report.find(Copy::ReadModels, None, None, what);
        return Ok(());
    }
    for view in changed_views(pool).await.context("the views that readers see cannot be held against the program's")? {
        let what = format!("{view} is not the view that the program makes: who reads it is told something else");
        report.find(Copy::ReadModels, None, None, what);
    }
    let scratch = Filling::create(pool, Purpose::Verify).await?;
    let log = Log::Kafka { brokers: place.kafka_brokers.clone(), topic: place.topic.clone() };
    let refold = Refold { pool, log: &log, partitions, filling: &scratch, only: None, what: "verify", cancel };
    let compared = compare(&refold).await;
    let removed = scratch.remove(pool).await.context("the scratch read models could not be removed");
    if cancel.is_cancelled() {
        bail!("stopped while the read models were folded; the copies are what was signed");
    }
    let compared = compared?;
    removed?;
    for difference in &compared.differences {
        report.find(Copy::ReadModels, None, None, words(difference));
    }
    report.figures_left_out = compared.figures_left_out.iter().map(|(tenant, kpi)| format!("{tenant}/{kpi}")).collect();
    report.read_models_compared = true;
    Ok(())
}

async fn compare(refold: &Refold<'_>) -> anyhow::Result<Comparison> {
    refold.build().await?;
    refold.compare().await
}

fn words(difference: &Difference) -> String {
    let Difference { view, left_rows, right_rows, only_left, only_right, .. } = difference;
    let shown = |rows: &[String]| rows.first().map_or("none".to_owned(), |row| row.chars().take(SHOWN_MAX).collect());
    format!(
        "read.{view} is not the fold of the log: it has {left_rows} rows, the fold {right_rows}; a row that only it has: {}; that only \
         the fold has: {}",
        shown(only_left),
        shown(only_right)
    )
}
