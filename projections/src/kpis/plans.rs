//! The plans that were adopted, and which of them is in force at a moment.

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::plan::{Plan, month_number};
use domain::{Grain, TenantId};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, Row};

use super::query::Known;
use crate::error::Error;

/// Every plan that a tenant adopted, and the company's first month.
#[derive(Debug, Clone)]
pub struct Plans {
    adopted: Vec<Adoption>,
    carried: Plan,
    /// The month of the first interaction; counts where a plan names no other.
    first_interaction_month: Option<NaiveDate>,
}

#[derive(Debug, Clone)]
struct Adoption {
    occurred_at: DateTime<Utc>,
    recorded_at: DateTime<Utc>,
    first_month: Option<NaiveDate>,
    plan: Plan,
}

/// The plan that holds in a period.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    pub plan: &'a Plan,
    /// The company's month 1; none: it has not begun.
    pub first_month: Option<NaiveDate>,
    /// Which month of the company the period ends in; 0 before its first.
    pub month: u32,
}

impl Plans {
    pub async fn load(connection: &mut PgConnection, schema: &str, tenant: &TenantId) -> Result<Self, Error> {
        let statement = format!(
            "SELECT occurred_at, recorded_at, first_month, to_jsonb(plan_facts) AS columns FROM {schema}.plan_facts
             WHERE tenant = $1 ORDER BY occurred_at, plan_id, sequence"
        );
        let rows = sqlx::query(&statement).bind(tenant.as_str()).fetch_all(&mut *connection).await?;
        let mut adopted = Vec::with_capacity(rows.len());
        for row in &rows {
            adopted.push(Adoption {
                occurred_at: row.try_get("occurred_at")?,
                recorded_at: row.try_get("recorded_at")?,
                first_month: row.try_get("first_month")?,
                plan: plan(row.try_get("columns")?)?,
            });
        }
        let statement = format!("SELECT min(month) FROM {schema}.monthly_counts WHERE tenant = $1");
        let first_interaction_month = sqlx::query_scalar(&statement).bind(tenant.as_str()).fetch_one(connection).await?;
        Ok(Self { adopted, carried: Plan::carried(), first_interaction_month })
    }

    /// The same with the company's first month as far as it was known: interactions of an earlier one may have come in since.
    pub async fn as_known(
        mut self,
        connection: &mut PgConnection,
        schema: &str,
        tenant: &TenantId,
        known: Known,
    ) -> Result<Self, Error> {
        let Known::Before(moment) = known else { return Ok(self) };
        let recorded = format!(
            "FROM {schema}.daily_counts
             WHERE tenant = $1 AND recorded_day::timestamp AT TIME ZONE 'UTC' < $2 AND occurred_day >= $3"
        );
        let next = format!("SELECT occurred_day {recorded} ORDER BY occurred_day LIMIT 1");
        // All of a month's interactions may have been voided by then.
        let counts =
            format!("SELECT EXISTS (SELECT {recorded} AND occurred_day < $4 GROUP BY kind, actor HAVING sum(count) <> 0)");
        let mut from = NaiveDate::from_ymd_opt(1, 1, 1).expect("a day");
        self.first_interaction_month = loop {
            let day: Option<NaiveDate> = sqlx::query_scalar(&next)
                .bind(tenant.as_str())
                .bind(moment)
                .bind(from)
                .fetch_optional(&mut *connection)
                .await?;
            let Some(month) = day.map(|day| Grain::Month.start(day)) else { break None };
            from = Grain::Month.next(month);
            let count = sqlx::query_scalar(&counts).bind(tenant.as_str()).bind(moment).bind(month).bind(from);
            if count.fetch_one(&mut *connection).await? {
                break Some(month);
            }
        };
        Ok(self)
    }

    /// The one adopted last before a moment, by what is known; where there is none, the plan that the project carries.
    pub fn in_force(&self, at: DateTime<Utc>, known: Known) -> InForce<'_> {
        let is_known = |adoption: &&Adoption| match known {
            Known::Now => true,
            Known::Before(moment) => adoption.recorded_at < moment,
            Known::AtClose => adoption.recorded_at < at,
        };
        let adoption = self.adopted.iter().filter(is_known).rfind(|adoption| adoption.occurred_at < at);
        let first_month = adoption.and_then(|adoption| adoption.first_month).or(self.first_interaction_month);
        let last_day = at.date_naive() - Days::new(1);
        InForce {
            plan: adoption.map_or(&self.carried, |adoption| &adoption.plan),
            first_month,
            month: first_month.map_or(0, |first| month_number(first, last_day)),
        }
    }
}

impl InForce<'_> {
    /// What formulas may read of it, as `p.plan`.
    pub(crate) fn for_formulas(&self) -> Value {
        let stage = (self.month > 0).then(|| self.plan.stage_in_month(self.month)).flatten();
        json!({ "month": self.month, "stage": stage, "gate_items": self.plan.gate_items, "service_levels": self.plan.service_levels })
    }
}

/// The columns of a row of facts hold the plan's fields with their prefix.
fn plan(columns: Value) -> Result<Plan, Error> {
    let fields: Map<String, Value> = match columns {
        Value::Object(columns) => columns
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("plan_")?.to_owned(), value)))
            .filter(|(name, _)| name != "id")
            .collect(),
        _ => Map::new(),
    };
    serde_json::from_value(fields.into()).map_err(|source| Error::Plan(Box::new(source)))
}
