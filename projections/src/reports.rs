//! What is looked at in reviews: figures of the register side by side with the plan, and the registers behind them.
//!
//! Worked out from kept figures, the plan in force and the facts; there is nothing of its own to fold.

pub mod budget;
pub mod funnels;
pub mod gates;
pub mod headcount;
pub mod key_results;
pub mod retention;
pub mod risks;
pub mod service_levels;
pub mod unit_economics;

use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};
use domain::kpis::{Kpi, find};
use domain::plan::Contradiction;
use domain::{Grain, TenantId};
use sqlx::PgPool;

use crate::error::Error;
use crate::kpis::evaluate::Terms;
use crate::kpis::plans::InForce;
use crate::kpis::query::Known;
use crate::kpis::series::{Segments, Series, SeriesQuery, series_by};

/// Who asks, and as of when.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub tenant: &'a TenantId,
    /// As it was known at the end of this day, UTC; default: as known now.
    pub as_of: Option<NaiveDate>,
    pub now: DateTime<Utc>,
}

/// A report, and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Report<T> {
    pub data: T,
    /// The version of the plan in force at the moment asked for.
    pub plan_version: u16,
    /// All money is in it.
    pub currency: String,
    /// Where that plan contradicts itself about the report's figures.
    pub notes: Vec<Contradiction>,
    /// When the oldest of its figures was made; none: for this question, or there is none.
    pub computed_at: Option<DateTime<Utc>>,
    /// Facts have come in that it does not show yet.
    pub is_due: bool,
    /// So it is with figures that were made some time ago.
    pub is_stale: bool,
}

impl Asked<'_> {
    /// The moment that the report is about.
    fn at(&self) -> DateTime<Utc> {
        self.known().moment(self.now)
    }

    /// The last day of it.
    fn last_day(&self) -> NaiveDate {
        (self.at() - TimeDelta::microseconds(1)).date_naive()
    }

    /// What was recorded from this moment on is not known.
    fn known_before(&self) -> Option<DateTime<Utc>> {
        self.known().before()
    }

    fn known(&self) -> Known {
        Known::of(self.as_of)
    }
}

/// One report in the making.
struct Reading<'a> {
    pool: &'a PgPool,
    asked: Asked<'a>,
    terms: Terms,
    kpis: Vec<&'static str>,
    computed_at: Option<DateTime<Utc>>,
    is_due: bool,
    is_stale: bool,
}

impl<'a> Reading<'a> {
    async fn begin(pool: &'a PgPool, asked: Asked<'a>) -> Result<Self, Error> {
        let terms = Terms::load(&mut *pool.acquire().await?, "read", asked.tenant, asked.known()).await?;
        Ok(Self { pool, asked, terms, kpis: Vec::new(), computed_at: None, is_due: false, is_stale: false })
    }

    fn in_force(&self) -> InForce<'_> {
        self.terms.in_force(self.asked.now)
    }

    /// Figures of a KPI from the period that holds `from` to the one that holds `to`.
    async fn figures(
        &mut self,
        id: &'static str,
        (grain, from, to): (Grain, NaiveDate, NaiveDate),
        segments: Segments,
    ) -> Result<(&'static Kpi, Series), Error> {
        let kpi = find(id).expect("a test asks the register for every KPI that a report shows");
        let Asked { tenant, as_of, now } = self.asked;
        let query = SeriesQuery { grain, from, to, segments, as_of, definition: None, after: None, limit: None, now };
        let series = Box::pin(series_by(self.pool, tenant, &self.terms, kpi, &query)).await?;
        let series = series.expect("the definition in force is there");
        self.kpis.push(id);
        self.is_due |= series.is_due;
        self.is_stale |= series.is_stale(now);
        self.computed_at = match (self.computed_at, series.computed_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Ok((kpi, series))
    }

    fn end<T>(self, data: T) -> Report<T> {
        let plan = self.in_force().plan;
        let mut notes = plan.contradictions();
        notes.retain(|note| note.kpis.iter().any(|kpi| self.kpis.contains(kpi)));
        Report {
            data,
            plan_version: plan.version,
            currency: plan.currency.as_str().to_owned(),
            notes,
            computed_at: self.computed_at,
            is_due: self.is_due,
            is_stale: self.is_stale,
        }
    }
}

/// The first day of the company's `month`, its first being 1.
fn first_day_of(first_month: NaiveDate, month: u32) -> NaiveDate {
    first_month + Months::new(month.saturating_sub(1))
}
