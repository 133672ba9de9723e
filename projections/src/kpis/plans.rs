//! The plans that were adopted, and which of them is in force at a moment.

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::TenantId;
use domain::plan::{Plan, month_number};
use serde_json::{Map, Value, json};
use sqlx::{PgConnection, Row};

use super::query::Known;
use crate::error::Error;
use crate::north_star::first_month_in;

/// Every plan that a tenant adopted, and the company's first month, by what is known.
#[derive(Debug, Clone)]
pub struct Plans {
    known: Known,
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
    pub async fn load(connection: &mut PgConnection, schema: &str, tenant: &TenantId, known: Known) -> Result<Self, Error> {
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
        let first_interaction_month = first_month_in(connection, schema, tenant, known).await?;
        Ok(Self { known, adopted, carried: Plan::carried(), first_interaction_month })
    }

    /// As far as it is known.
    pub(crate) fn first_interaction_month(&self) -> Option<NaiveDate> {
        self.first_interaction_month
    }

    pub fn known(&self) -> Known {
        self.known
    }

    /// Whether what is known makes these plans hold as the others do, in every period.
    pub(super) fn are_those_of(&self, other: &Self) -> bool {
        let known = |plans: &Self| plans.adopted.iter().filter(|adoption| plans.known.holds(adoption.recorded_at)).count();
        known(self) == known(other) && self.first_interaction_month == other.first_interaction_month
    }

    /// The one adopted last before a moment; where there is none, the plan that the project carries.
    pub fn in_force(&self, at: DateTime<Utc>) -> InForce<'_> {
        self.known_in_force(at, self.known)
    }

    /// The one that was known to be in force at that moment.
    pub(super) fn in_force_at_close(&self, at: DateTime<Utc>) -> InForce<'_> {
        self.known_in_force(at, Known::Before(at))
    }

    fn known_in_force(&self, at: DateTime<Utc>, known: Known) -> InForce<'_> {
        let is_known = |adoption: &&Adoption| known.holds(adoption.recorded_at);
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
