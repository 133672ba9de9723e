//! A KPI's figures over some periods, each against its target.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use domain::kpis::Kpi;
use domain::money::Currency;
use domain::period::midnight;
use domain::{Grain, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::definitions::Definitions;
use super::formula::formula;
use super::plans::{InForce, Plans};
use super::query::{Known, Question, figures};
use super::shown::Shown;
use crate::error::Error;
use crate::facts::columns::{aggregate_types, table_name};

/// What every figure of a tenant is made and judged by, as far as it is known.
#[derive(Debug, Clone)]
pub struct Terms {
    pub plans: Plans,
    pub definitions: Definitions,
}

impl Terms {
    /// From the views of one schema, by what is known.
    pub async fn load(connection: &mut PgConnection, schema: &str, tenant: &TenantId, known: Known) -> Result<Self, Error> {
        let plans = Plans::load(connection, schema, tenant, known).await?;
        Ok(Self { plans, definitions: Definitions::load(connection, schema, tenant).await? })
    }

    /// The moment that a question asked now is about.
    pub fn moment(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        self.plans.known().moment(now)
    }

    /// The plan in force at that moment.
    pub fn in_force(&self, now: DateTime<Utc>) -> InForce<'_> {
        self.plans.in_force(self.moment(now))
    }

    /// Its currency.
    pub fn currency(&self, now: DateTime<Utc>) -> Currency {
        self.in_force(now).plan.currency
    }
}

/// What is to be evaluated.
#[derive(Debug, Clone, Copy)]
pub struct Evaluation<'a> {
    /// Where the views are.
    pub schema: &'a str,
    pub tenant: &'a TenantId,
    pub kpi: &'static Kpi,
    pub terms: &'a Terms,
    /// The version of the definition; default: the one adopted last.
    pub definition: Option<u16>,
    pub now: DateTime<Utc>,
}

impl Evaluation<'_> {
    /// In order of period and segment.
    pub async fn over(&self, connection: &mut PgConnection, grain: Grain, periods: &[NaiveDate]) -> Result<Vec<Shown>, Error> {
        let Some((version, parameters)) = self.terms.definitions.of(self.kpi, self.definition) else {
            return Ok(Vec::new());
        };
        let question = Question {
            tenant: self.tenant,
            kpi: self.kpi,
            grain,
            periods,
            now: self.now,
            plans: &self.terms.plans,
            at_close: false,
            definition: &parameters,
        };
        let found = figures(connection, self.schema, &question).await?;
        let mut at_close = self.at_close(connection, &question).await?;
        let shown = |figure: super::query::Figure| {
            let in_force = self.terms.plans.in_force(midnight(grain.next(figure.period)).min(self.now));
            let before = at_close.remove(&(figure.period, figure.segment.clone()));
            Shown::of(self.kpi, grain, self.now, in_force, figure, (version, before))
        };
        Ok(found.into_iter().map(shown).collect())
    }

    /// What closed periods were known to be when they closed.
    async fn at_close(
        &self,
        connection: &mut PgConnection,
        question: &Question<'_>,
    ) -> Result<BTreeMap<(NaiveDate, String), Decimal>, Error> {
        let is_closed = |start: &&NaiveDate| midnight(question.grain.next(**start)) <= self.now;
        let mut closed: Vec<NaiveDate> = question.periods.iter().filter(is_closed).copied().collect();
        if closed.is_empty() {
            return Ok(BTreeMap::new());
        }
        // Where history was brought in later, most periods had closed before anything was known.
        let first_known = self.first_known(connection).await?;
        closed.retain(|start| first_known.is_some_and(|moment| moment < midnight(question.grain.next(*start))));
        let question = Question { periods: &closed, at_close: true, ..question.clone() };
        let found = figures(connection, self.schema, &question).await?;
        Ok(found.into_iter().filter_map(|figure| Some(((figure.period, figure.segment), figure.value?))).collect())
    }

    /// No fact that the formula reads was recorded before this moment; none: there is no fact.
    async fn first_known(&self, connection: &mut PgConnection) -> Result<Option<DateTime<Utc>>, Error> {
        let (schema, formula) = (self.schema, formula(self.kpi, "read"));
        let is_read = |table: &String| formula.contains(&format!("read.{table}"));
        let interactions = ["read.interactions", "read.daily_counts"].iter().any(|table| formula.contains(table)).then(|| {
            format!("(SELECT min(recorded_day)::timestamp AT TIME ZONE 'UTC' FROM {schema}.daily_counts WHERE tenant = $1)")
        });
        let firsts: Vec<String> = aggregate_types()
            .map(table_name)
            .filter(is_read)
            .map(|table| format!("(SELECT min(recorded_at) FROM {schema}.{table} WHERE tenant = $1)"))
            .chain(interactions)
            .collect();
        assert!(!firsts.is_empty(), "{} reads facts", self.kpi.id);
        let statement = format!("SELECT least({})", firsts.join(", "));
        Ok(sqlx::query_scalar(&statement).bind(self.tenant.as_str()).fetch_one(connection).await?)
    }
}
