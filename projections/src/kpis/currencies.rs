//! Money in another currency than the plan's: figures leave it out, and how much of it there is stands beside them.

use chrono::{DateTime, Utc};
use domain::TenantId;
use domain::kpis::Kpi;
use domain::money::Currency;
use sqlx::PgConnection;

use super::formula::formula;
use crate::error::Error;
use crate::facts::columns::{aggregate_types, currency_columns, table_name};

/// Reads deals, but not what they are worth.
const NOT_OF_MONEY: [&str; 1] = ["sales_cycle_length"];

/// How many facts the figures of a KPI leave out because they are in another currency, of those recorded before a moment.
pub(super) async fn in_others(
    connection: &mut PgConnection,
    schema: &str,
    (tenant, kpi): (&TenantId, &Kpi),
    currency: Currency,
    known_before: Option<DateTime<Utc>>,
) -> Result<i64, Error> {
    let counts: Vec<String> = left_out(kpi)
        .iter()
        .map(|(table, column)| {
            format!(
                "(SELECT count(*) FROM {schema}.{table} WHERE tenant = $1 AND event_type = ANY($2) AND {column} <> $3
                  AND recorded_at < coalesce($4::timestamptz, 'infinity'))"
            )
        })
        .collect();
    if counts.is_empty() {
        return Ok(0);
    }
    let statement = format!("SELECT {}", counts.join(" + "));
    let count = sqlx::query_scalar(&statement)
        .bind(tenant.as_str())
        .bind(kpi.facts)
        .bind(currency.as_str())
        .bind(known_before)
        .fetch_one(connection)
        .await?;
    Ok(count)
}

/// The tables of facts and their columns whose currency decides whether a KPI's formula counts a fact, as the formula says.
fn left_out(kpi: &Kpi) -> Vec<(String, String)> {
    let formula = formula(kpi, "read");
    if !formula.contains("p.currency") || NOT_OF_MONEY.contains(&kpi.id) {
        return Vec::new();
    }
    let is_read = |(table, column): &(String, String)| formula.contains(&format!("read.{table}")) && formula.contains(column);
    let all =
        aggregate_types().flat_map(|kind| currency_columns(kind).into_iter().map(move |column| (table_name(kind), column)));
    all.filter(is_read).collect()
}

#[cfg(test)]
mod tests {
    use domain::kpis::{Unit, find, register};

    use super::*;

    #[test]
    fn every_figure_in_money_leaves_other_currencies_out() {
        for kpi in register().filter(|kpi| kpi.unit == Unit::Money) {
            assert!(!left_out(kpi).is_empty(), "{}", kpi.id);
        }
    }

    #[test]
    fn what_a_formula_reads_without_its_money_is_not_left_out() {
        let of = |id| left_out(find(id).unwrap());
        let column = |table: &str, column: &str| (table.to_owned(), column.to_owned());
        assert_eq!(of("sales_cycle_length"), []);
        assert_eq!(of("nps"), []);
        assert_eq!(of("customer_health_score"), [column("subscription_facts", "monthly_currency")]);
        assert_eq!(of("cac"), [column("spend_facts", "amount_currency"), column("subscription_facts", "monthly_currency")]);
    }
}
