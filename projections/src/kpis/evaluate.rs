//! A KPI's figures over some periods, each against its target.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use domain::kpis::Kpi;
use domain::period::midnight;
use domain::{Grain, TenantId};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::definitions::Definitions;
use super::plans::Plans;
use super::query::{Known, Question, figures};
use super::shown::Shown;
use crate::error::Error;

/// What every figure of a tenant is made and judged by.
#[derive(Debug, Clone)]
pub struct Terms {
    pub plans: Plans,
    pub definitions: Definitions,
}

impl Terms {
    /// From the views of one schema.
    pub async fn load(connection: &mut PgConnection, schema: &str, tenant: &TenantId) -> Result<Self, Error> {
        let plans = Plans::load(connection, schema, tenant).await?;
        Ok(Self { plans, definitions: Definitions::load(connection, schema, tenant).await? })
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
    pub known: Known,
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
            known: self.known,
            plans: &self.terms.plans,
            definition: &parameters,
        };
        let found = figures(connection, self.schema, &question).await?;
        let mut at_close = self.at_close(connection, &question).await?;
        let shown = |figure: super::query::Figure| {
            let in_force = self.terms.plans.in_force(midnight(grain.next(figure.period)).min(self.now), self.known);
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
        let closed: Vec<NaiveDate> = question.periods.iter().filter(is_closed).copied().collect();
        if closed.is_empty() {
            return Ok(BTreeMap::new());
        }
        let question = Question { periods: &closed, known: Known::AtClose, ..question.clone() };
        let found = figures(connection, self.schema, &question).await?;
        Ok(found.into_iter().filter_map(|figure| Some(((figure.period, figure.segment), figure.value?))).collect())
    }
}
