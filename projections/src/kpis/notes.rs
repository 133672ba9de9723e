//! What is to be made anew, and why: facts that have changed, formulas, a day that has passed. Noted in `pending_figures`.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::AggregateType;
use domain::kpis::{self, Kpi};
use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection, Row};

use super::formula::formula;
use super::refresher::Moments;
use crate::error::Error;

/// Of the figures that are made of a sample of facts; a test holds it. So they are made anew also where not a formula was changed, but
/// what is done with what it gives.
const FIGURES: &str = include_str!("figures.sha256");

/// Before any fact.
const FIRST_DAY: NaiveDate = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a day");

/// The day of each tenant's first fact of each kind.
#[derive(Debug, Default)]
pub(super) struct Firsts(BTreeMap<String, BTreeMap<String, NaiveDate>>);

impl Firsts {
    pub(super) async fn load(connection: &mut PgConnection) -> Result<Self, Error> {
        let rows = sqlx::query("SELECT tenant, fact, first_day FROM first_facts").fetch_all(connection).await?;
        let mut firsts = Self::default();
        for row in &rows {
            let of_tenant = firsts.0.entry(row.try_get("tenant")?).or_default();
            of_tenant.insert(row.try_get("fact")?, row.try_get("first_day")?);
        }
        Ok(firsts)
    }

    /// The day of the first fact that a KPI follows from; none: there is no such fact, and no figure.
    pub(super) fn of(&self, tenant: &str, kpi: &Kpi) -> Option<NaiveDate> {
        // A plan makes no figure, but of the gates: what they need is known from it.
        let makes = |fact: &str| fact != "definition" && (fact != "plan" || kpi.id == "gate_readiness");
        let days = self.0.get(tenant)?.iter().filter(|(fact, _)| makes(fact) && kinds(kpi).contains(fact.as_str()));
        days.map(|(_, day)| *day).min()
    }
}

/// The kinds of aggregates that a KPI follows from.
fn kinds(kpi: &Kpi) -> BTreeSet<&'static str> {
    let all = AggregateType::ALL.iter();
    all.filter(|kind| kind.events().iter().any(|event| kpi.facts.contains(&event.name))).map(|kind| kind.as_str()).collect()
}

/// A plan or definition is what figures are held against and made by: it concerns all of them, at all times.
fn concerns_all(fact: &str) -> bool {
    ["plan", "definition"].contains(&fact)
}

/// Turns changed days into KPIs to be made, in one transaction.
pub(super) async fn note_changes(connection: &mut PgConnection, today: NaiveDate) -> Result<Firsts, Error> {
    let mut transaction = connection.begin().await?;
    let changed = sqlx::query(
        "WITH gone AS (DELETE FROM changes RETURNING tenant, fact, day),
         changed AS (SELECT tenant, fact, min(day) AS from_day, max(day) AS to_day FROM gone GROUP BY tenant, fact),
         firsts AS (
             INSERT INTO first_facts AS kept (tenant, fact, first_day) SELECT tenant, fact, from_day FROM changed
             ON CONFLICT ON CONSTRAINT first_facts_pkey DO UPDATE SET first_day = least(kept.first_day, excluded.first_day)
         )
         SELECT tenant, fact, from_day, to_day FROM changed",
    )
    .fetch_all(&mut *transaction)
    .await?;
    let firsts = Firsts::load(&mut transaction).await?;
    for row in &changed {
        let (tenant, fact): (&str, &str) = (row.try_get("tenant")?, row.try_get("fact")?);
        let days = if concerns_all(fact) { (FIRST_DAY, today) } else { (row.try_get("from_day")?, row.try_get("to_day")?) };
        let concerned = |kpi: &&Kpi| concerns_all(fact) || kinds(kpi).contains(fact);
        note(&mut transaction, &firsts, Some(tenant), &kpis::register().filter(concerned).collect::<Vec<_>>(), days).await?;
    }
    transaction.commit().await?;
    Ok(firsts)
}

/// Has the figures of KPIs made anew whose formula is another one than that they were made by.
pub(super) async fn note_formulas(connection: &mut PgConnection, firsts: &Firsts, today: NaiveDate) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    for kpi in kpis::register() {
        let digest = Sha256::digest(format!("{kpi:?}\n{}\n{}\n{FIGURES}", kpi.default_definition(), formula(kpi, "read")));
        let changed = sqlx::query(
            "INSERT INTO figure_formulas AS kept (kpi, sha256) VALUES ($1, $2)
             ON CONFLICT ON CONSTRAINT figure_formulas_pkey DO UPDATE SET sha256 = excluded.sha256
             WHERE kept.sha256 <> excluded.sha256",
        )
        .bind(kpi.id)
        .bind(&digest[..])
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() > 0 {
            note(&mut transaction, firsts, None, &[kpi], (FIRST_DAY, today)).await?;
        }
    }
    let ids: Vec<&str> = kpis::register().map(|kpi| kpi.id).collect();
    for table in ["figure_formulas", "figures", "figure_times", "pending_figures"] {
        let statement = format!("DELETE FROM {table} WHERE kpi <> ALL($1)");
        sqlx::query(&statement).bind(&ids).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Has the figures made anew of the days since the oldest were made: periods end and begin without any fact.
pub(super) async fn note_days(connection: &mut PgConnection, firsts: &Firsts, today: NaiveDate) -> Result<(), Error> {
    let mut transaction = connection.begin().await?;
    let oldest: Option<DateTime<Utc>> =
        sqlx::query_scalar("SELECT min(computed_at) FROM figure_times").fetch_one(&mut *transaction).await?;
    let from_day = oldest.map_or(today, |oldest| oldest.date_naive()) - Days::new(1);
    note(&mut transaction, firsts, None, &kpis::register().collect::<Vec<_>>(), (from_day.min(today), today)).await?;
    transaction.commit().await?;
    Ok(())
}

/// Has figures made anew that were made at another moment than these say.
pub(super) async fn note_moments(connection: &mut PgConnection, moments: &Moments, today: NaiveDate) -> Result<(), Error> {
    let (tenants, kpis, times) = moments.columns();
    sqlx::query(
        "INSERT INTO pending_figures AS kept (tenant, kpi, from_day, to_day)
         SELECT tenant, kpi, $4, $5 FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS asked (tenant, kpi, computed_at)
         JOIN figure_times AS made USING (tenant, kpi) WHERE made.computed_at <> asked.computed_at
         ON CONFLICT ON CONSTRAINT pending_figures_pkey DO UPDATE SET from_day = excluded.from_day, to_day = excluded.to_day",
    )
    .bind(tenants)
    .bind(kpis)
    .bind(times)
    .bind(FIRST_DAY)
    .bind(today)
    .execute(connection)
    .await?;
    Ok(())
}

/// Of one tenant, or of all: whichever have facts that the KPIs follow from.
async fn note(
    connection: &mut PgConnection,
    firsts: &Firsts,
    tenant: Option<&str>,
    kpis: &[&Kpi],
    (from_day, to_day): (NaiveDate, NaiveDate),
) -> Result<(), Error> {
    let tenants = firsts.0.keys().map(String::as_str).filter(|known| tenant.is_none_or(|tenant| tenant == *known));
    let rows: Vec<(&str, &str)> = tenants
        .flat_map(|tenant| kpis.iter().filter(move |kpi| firsts.of(tenant, kpi).is_some()).map(move |kpi| (tenant, kpi.id)))
        .collect();
    sqlx::query(
        "INSERT INTO pending_figures AS kept (tenant, kpi, from_day, to_day)
         SELECT tenant, kpi, $3, $4 FROM unnest($1::text[], $2::text[]) AS asked (tenant, kpi)
         ON CONFLICT ON CONSTRAINT pending_figures_pkey DO UPDATE
             SET from_day = least(kept.from_day, excluded.from_day), to_day = greatest(kept.to_day, excluded.to_day),
                 notes = kept.notes + 1",
    )
    .bind(rows.iter().map(|(tenant, _)| *tenant).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, kpi)| *kpi).collect::<Vec<_>>())
    .bind(from_day)
    .bind(to_day)
    .execute(connection)
    .await?;
    Ok(())
}
