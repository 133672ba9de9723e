//! Which days' facts have changed: written with them, so that figures follow from every one.

use chrono::NaiveDate;
use rustc_hash::FxHashSet;
use sqlx::PgConnection;

use crate::delta::{TenantIndex, Tenants};

/// Tenant, kind of aggregate, day of occurrence.
#[derive(Debug, Default)]
pub(crate) struct Changes(FxHashSet<(TenantIndex, &'static str, NaiveDate)>);

impl Changes {
    pub(crate) fn note(&mut self, tenant: TenantIndex, fact: &'static str, day: NaiveDate) {
        self.0.insert((tenant, fact, day));
    }

    pub(crate) async fn add(&self, connection: &mut PgConnection, tenants: &Tenants) -> Result<(), sqlx::Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        sqlx::query("INSERT INTO changes (tenant, fact, day) SELECT * FROM unnest($1::text[], $2::text[], $3::date[])")
            .bind(self.0.iter().map(|(tenant, ..)| tenants.name(*tenant)).collect::<Vec<_>>())
            .bind(self.0.iter().map(|(_, fact, _)| *fact).collect::<Vec<_>>())
            .bind(self.0.iter().map(|(.., day)| *day).collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }
}
