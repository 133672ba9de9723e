//! The definitions that were adopted, each a version of what a KPI means.

use std::collections::BTreeMap;

use domain::TenantId;
use domain::kpis::Kpi;
use serde_json::Value;
use sqlx::{PgConnection, Row};

use crate::error::Error;

/// By KPI and version, the parameters of its formula.
#[derive(Debug, Clone, Default)]
pub struct Definitions(BTreeMap<String, BTreeMap<u16, Value>>);

impl Definitions {
    pub async fn load(connection: &mut PgConnection, schema: &str, tenant: &TenantId) -> Result<Self, Error> {
        let statement = format!("SELECT kpi, version, parameters FROM {schema}.definition_facts WHERE tenant = $1");
        let rows = sqlx::query(&statement).bind(tenant.as_str()).fetch_all(connection).await?;
        let mut definitions = Self::default();
        for row in &rows {
            let version = u16::try_from(row.try_get::<i64, _>("version")?).unwrap_or(u16::MAX);
            definitions.0.entry(row.try_get("kpi")?).or_default().insert(version, row.try_get("parameters")?);
        }
        Ok(definitions)
    }

    /// A version of a KPI's definition and its parameters; none: the one adopted last, else the register's.
    pub fn of(&self, kpi: &Kpi, version: Option<u16>) -> Option<(u16, Value)> {
        let adopted = self.0.get(kpi.id);
        let latest = adopted.and_then(|versions| versions.keys().next_back().copied()).unwrap_or(kpi.definition);
        let version = version.unwrap_or(latest);
        if version == kpi.definition {
            return Some((version, kpi.default_definition()));
        }
        adopted.and_then(|versions| versions.get(&version)).map(|parameters| (version, parameters.clone()))
    }

    /// Every version of a KPI's definition there is.
    pub fn versions(&self, kpi: &Kpi) -> Vec<u16> {
        let adopted = self.0.get(kpi.id).into_iter().flat_map(|versions| versions.keys().copied());
        std::iter::once(kpi.definition).chain(adopted).collect()
    }
}
