//! Adds counts to `daily_counts`, `daily_totals` and `monthly_counts`: one statement each.

use chrono::NaiveDate;
use rustc_hash::FxHashMap;
use sqlx::PgConnection;

use super::fold::{Cell, Counts};
use crate::delta::Tenants;
use domain::Grain;

pub(crate) async fn add(connection: &mut PgConnection, tenants: &Tenants, counts: &Counts) -> Result<(), sqlx::Error> {
    let days = || counts.by_day.iter().filter(|(_, count)| **count != 0);
    if days().next().is_some() {
        let cells = Cells::of(tenants, days().map(|((_, _, cell), _)| cell));
        sqlx::query(include_str!("add_days.sql"))
            .bind(cells.tenants)
            .bind(cells.partitions)
            .bind(days().map(|((occurred, _, _), _)| *occurred).collect::<Vec<_>>())
            .bind(days().map(|((_, recorded, _), _)| *recorded).collect::<Vec<_>>())
            .bind(cells.kinds)
            .bind(cells.actors)
            .bind(days().map(|(_, count)| *count).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    add_totals(connection, tenants, include_str!("add_totals.sql"), &counts.totals(Grain::Day)).await?;
    add_totals(connection, tenants, include_str!("add_months.sql"), &counts.totals(Grain::Month)).await
}

async fn add_totals(
    connection: &mut PgConnection,
    tenants: &Tenants,
    statement: &'static str,
    totals: &FxHashMap<(NaiveDate, Cell), i64>,
) -> Result<(), sqlx::Error> {
    if totals.is_empty() {
        return Ok(());
    }
    let cells = Cells::of(tenants, totals.keys().map(|(_, cell)| cell));
    sqlx::query(statement)
        .bind(cells.tenants)
        .bind(cells.partitions)
        .bind(totals.keys().map(|(period, _)| *period).collect::<Vec<_>>())
        .bind(cells.kinds)
        .bind(cells.actors)
        .bind(totals.values().copied().collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// The columns that the tables share.
#[derive(Default)]
struct Cells<'a> {
    tenants: Vec<&'a str>,
    partitions: Vec<i32>,
    kinds: Vec<&'static str>,
    actors: Vec<&'static str>,
}

impl<'a> Cells<'a> {
    fn of<'b>(tenants: &'a Tenants, cells: impl Iterator<Item = &'b Cell>) -> Self {
        let mut columns = Self::default();
        for cell in cells {
            columns.tenants.push(tenants.name(cell.tenant));
            columns.partitions.push(i32::from(cell.partition.0));
            columns.kinds.push(cell.kind.as_str());
            columns.actors.push(cell.actor.as_str());
        }
        columns
    }
}
