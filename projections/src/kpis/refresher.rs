//! Keeps figures up to the facts: takes what has changed, works out which periods' figures that may change, and makes
//! those anew by the formulas.
//!
//! One refresher leads in each lane; it holds an advisory lock. A figure lags behind the facts by about a second; one that is dear
//! to make, by thirty times as long as that took, so that it takes a thirtieth of one core's time, but by two minutes at most. Those
//! that take longest have a lane of their own, so that the others do not wait for them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::kpis::{self, Kpi, Window};
use domain::{Grain, TenantId};
use sqlx::{Connection, Executor, PgConnection, PgPool, Row};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::currencies::in_others;
use super::evaluate::{Evaluation, Terms};
use super::notes::{Firsts, note_changes, note_days, note_formulas, note_moments};
use super::query::Known;
use super::shown::Shown;
use crate::error::Error;
use crate::generations::{Generation, show};

/// How a refresher works.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The least time between two looks at what has changed.
    pub pause: Duration,
    /// So many times as long as the work took, it rests.
    pub rest: u32,
    /// So many times as long as a KPI took, it is left alone.
    pub rest_of_kpi: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: Duration::from_secs(1), rest: 1, rest_of_kpi: 30 }
    }
}

impl Pace {
    /// Everything at once, for whoever waits for it.
    pub const AT_ONCE: Self = Self { pause: Duration::ZERO, rest: 0, rest_of_kpi: 0 };
}

/// Which KPIs a refresher makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    All,
    /// Those that are made in moments. This lane also notes what has changed.
    Quick,
    /// Those that look at all history whenever something happens, and so take longer the more there is.
    Slow,
}

impl Lane {
    const SLOW: [&str; 1] = ["time_to_value"];

    fn makes(self, kpi: &Kpi) -> bool {
        match self {
            Self::All => true,
            Self::Quick => !Self::SLOW.contains(&kpi.id),
            Self::Slow => Self::SLOW.contains(&kpi.id),
        }
    }

    /// Held by the refresher that leads in the lane; whoever makes all holds that of the quick one.
    fn lock(self) -> i64 {
        match self {
            Self::All | Self::Quick => 0x6361_7073_6669_6775,
            Self::Slow => 0x6361_7073_736c_6f77,
        }
    }
}

/// Makes the live generation's figures until cancelled.
#[derive(Debug)]
pub struct Refresher {
    pool: PgPool,
    pace: Pace,
    lane: Lane,
    /// Its own, with the lane's lock: it leads as long as it has one.
    leading: Option<PgConnection>,
    /// What it has seen of which generation.
    seen: Option<Seen>,
    /// When each KPI may be made again.
    rests: BTreeMap<(String, &'static str), Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    generation: i32,
    today: NaiveDate,
}

/// How often one that does not lead looks whether it can.
const FOLLOWER_PAUSE: Duration = Duration::from_secs(5);

/// After the longest work too, it looks again so soon.
const REST_MAX: Duration = Duration::from_secs(5);

/// A KPI is left alone for no longer, however long it took: a whole history that was brought in at once is made once.
const REST_OF_KPI_MAX: Duration = Duration::from_secs(120);

/// No period is older: a fact with a wrong year must not ask for figures of centuries.
const YEARS_MAX: u32 = 10;

impl Refresher {
    pub fn new(pool: PgPool, pace: Pace, lane: Lane) -> Self {
        Self { pool, pace, lane, leading: None, seen: None, rests: BTreeMap::new() }
    }

    /// Runs until cancelled. What fails is said, and tried again.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut failing = false;
        while !cancel.is_cancelled() {
            let started = Instant::now();
            // What is under way is left where it is: nothing half-made is committed.
            let Some(refreshed) = cancel.run_until_cancelled(self.refresh()).await else { return };
            let rest = match refreshed {
                Ok(false) => FOLLOWER_PAUSE,
                Ok(true) => {
                    if std::mem::take(&mut failing) {
                        info!("Figures are made again");
                    }
                    (started.elapsed() * self.pace.rest).min(REST_MAX)
                }
                Err(source) => {
                    self.leading = None;
                    if !std::mem::replace(&mut failing, true) {
                        error!(error = &source as &dyn std::error::Error, "Figures could not be made; trying again");
                    }
                    Duration::from_secs(2)
                }
            };
            tokio::select! {
                () = cancel.cancelled() => {}
                () = tokio::time::sleep(rest.max(self.pace.pause)) => {}
            }
        }
    }

    /// Brings figures up to the facts once, if no other process does; true if it was done here.
    pub async fn refresh(&mut self) -> Result<bool, Error> {
        let Some(mut connection) = self.lead().await? else { return Ok(false) };
        let generation = Generation::live(&self.pool).await?;
        self.bring_up(&mut connection, &generation, "read", &Moments::default()).await?;
        self.leading = Some(connection);
        Ok(true)
    }

    /// The connection that holds the lane's lock; none: another process holds it.
    async fn lead(&mut self) -> Result<Option<PgConnection>, Error> {
        if let Some(connection) = self.leading.take() {
            return Ok(Some(connection));
        }
        // A connection of its own: the lock is the session's, and goes with it whatever happens.
        let mut connection = self.pool.acquire().await?.detach();
        let leads: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(self.lane.lock()).fetch_one(&mut connection).await?;
        if leads {
            return Ok(Some(connection));
        }
        connection.close().await?;
        Ok(None)
    }

    /// Makes all figures of a generation that is being built, as they stood at these moments; others as they stand now.
    pub async fn build(pool: &PgPool, generation: &Generation, moments: &Moments) -> Result<(), Error> {
        let mut connection = pool.acquire().await?.detach();
        let mut transaction = connection.begin().await?;
        let views = format!("{}_views", generation.schema);
        (&mut *transaction).execute(format!("CREATE SCHEMA {views}").as_str()).await?;
        show(&mut transaction, generation, &views).await?;
        let mut refresher = Self::new(pool.clone(), Pace::AT_ONCE, Lane::All);
        refresher.bring_up(&mut transaction, generation, &views, moments).await?;
        (&mut *transaction).execute(format!("DROP SCHEMA {views} CASCADE").as_str()).await?;
        transaction.commit().await?;
        connection.close().await?;
        Ok(())
    }

    /// Makes those anew that changed facts concern, or that were made at another moment than these say: for a generation that nobody else
    /// refreshes, in the caller's transaction.
    pub async fn follow(
        pool: &PgPool,
        connection: &mut PgConnection,
        (generation, views): (&Generation, &str),
        moments: &Moments,
    ) -> Result<(), Error> {
        let mut refresher = Self::new(pool.clone(), Pace::AT_ONCE, Lane::All);
        // Formulas and days are those that it was built with.
        refresher.seen = Some(Seen { generation: generation.number, today: clock(connection).await?.date_naive() });
        refresher.bring_up(connection, generation, views, moments).await
    }

    async fn bring_up(
        &mut self,
        connection: &mut PgConnection,
        generation: &Generation,
        views: &str,
        moments: &Moments,
    ) -> Result<(), Error> {
        let set = format!("SET search_path = {}", generation.schema);
        connection.execute(set.as_str()).await?;
        let seen = Seen { generation: generation.number, today: clock(connection).await?.date_naive() };
        let firsts = match self.lane {
            Lane::Slow => Firsts::load(connection).await?,
            Lane::All | Lane::Quick => self.note(connection, seen, moments).await?,
        };
        // After what was noted: so a figure counts whatever made it be noted.
        let now = clock(connection).await?;
        let mut terms: BTreeMap<TenantId, Terms> = BTreeMap::new();
        for pending in pending(connection).await?.into_iter().filter(|pending| self.lane.makes(pending.kpi)) {
            let rest = (pending.tenant.as_str().to_owned(), pending.kpi.id);
            let started = Instant::now();
            if self.rests.get(&rest).is_some_and(|until| *until > started) {
                continue;
            }
            if !terms.contains_key(&pending.tenant) {
                terms.insert(pending.tenant.clone(), Terms::load(connection, views, &pending.tenant, Known::Now).await?);
            }
            let first_day = firsts.of(pending.tenant.as_str(), pending.kpi).unwrap_or(seen.today);
            let moment = moments.of(&rest).unwrap_or(now);
            pending.make(connection, views, &terms[&pending.tenant], first_day, moment).await?;
            let left_alone = (started.elapsed() * self.pace.rest_of_kpi).min(REST_OF_KPI_MAX);
            self.rests.insert(rest, Instant::now() + left_alone);
        }
        self.seen = Some(seen);
        Ok(())
    }
}

/// One clock for all processes: the database's.
async fn clock(connection: &mut PgConnection) -> Result<DateTime<Utc>, Error> {
    Ok(sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(connection).await?)
}

/// When a generation's figures were made, by tenant and KPI: so another one's can be made as they stood at the same moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moments(BTreeMap<(String, &'static str), DateTime<Utc>>);

impl Moments {
    pub async fn of_figures(connection: &mut PgConnection, generation: &Generation) -> Result<Self, Error> {
        let statement = format!("SELECT tenant, kpi, computed_at FROM {}.figure_times", generation.schema);
        let mut moments = BTreeMap::new();
        for row in &sqlx::query(&statement).fetch_all(connection).await? {
            let Some(kpi) = kpis::find(row.try_get("kpi")?) else { continue };
            moments.insert((row.try_get("tenant")?, kpi.id), row.try_get("computed_at")?);
        }
        Ok(Self(moments))
    }

    /// One for all KPIs of these tenants.
    pub fn all_at(tenants: &[TenantId], moment: DateTime<Utc>) -> Self {
        let of =
            |tenant: &TenantId| kpis::register().map(|kpi| ((tenant.as_str().to_owned(), kpi.id), moment)).collect::<Vec<_>>();
        Self(tenants.iter().flat_map(of).collect())
    }

    fn of(&self, of: &(String, &'static str)) -> Option<DateTime<Utc>> {
        self.0.get(of).copied()
    }

    /// Tenants, KPIs and moments.
    pub(super) fn columns(&self) -> (Vec<&str>, Vec<&str>, Vec<DateTime<Utc>>) {
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for ((tenant, kpi), moment) in &self.0 {
            columns.0.push(tenant.as_str());
            columns.1.push(*kpi);
            columns.2.push(*moment);
        }
        columns
    }
}

impl Refresher {
    /// Notes which KPIs are to be made anew, and why: facts, formulas, that a day has passed, or another moment.
    async fn note(&self, connection: &mut PgConnection, seen: Seen, moments: &Moments) -> Result<Firsts, Error> {
        let firsts = note_changes(connection, seen.today).await?;
        if self.seen.is_none_or(|before| before.generation != seen.generation) {
            note_formulas(connection, &firsts, seen.today).await?;
        }
        if self.seen != Some(seen) {
            note_days(connection, &firsts, seen.today).await?;
        }
        note_moments(connection, moments, seen.today).await?;
        Ok(firsts)
    }
}

/// A KPI of a tenant, some of whose days have changed.
#[derive(Debug)]
struct Pending {
    tenant: TenantId,
    kpi: &'static Kpi,
    from_day: NaiveDate,
    to_day: NaiveDate,
    /// How often something had been noted when this was read.
    notes: i64,
}

impl Pending {
    /// Makes the figures of every period that the changes may concern, and of the present one, so that all that are not over are of one
    /// moment; and takes the note away, in one transaction; what is noted meanwhile stays.
    async fn make(
        &self,
        connection: &mut PgConnection,
        views: &str,
        terms: &Terms,
        first_day: NaiveDate,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut transaction = connection.begin().await?;
        let evaluation = Evaluation { schema: views, tenant: &self.tenant, kpi: self.kpi, terms, definition: None, now };
        let today = now.date_naive();
        let oldest = Grain::Month.before(Grain::Month.start(today), 12 * YEARS_MAX);
        let (first, last) = concerned(self.kpi, (self.from_day, self.to_day), first_day.max(oldest + Days::new(1)), today);
        for grain in self.kpi.grains {
            let mut periods: Vec<NaiveDate> = if first > last { Vec::new() } else { grain.between(first, last).collect() };
            let present = grain.start(today);
            if first_day <= today && periods.last() != Some(&present) {
                periods.push(present);
            }
            for periods in periods.chunks(200) {
                let shown = evaluation.over(&mut transaction, *grain, periods).await?;
                self.write(&mut transaction, *grain, periods, &shown).await?;
            }
        }
        let currency = terms.plans.in_force(now).plan.currency;
        let in_other_currencies = in_others(&mut transaction, views, (&self.tenant, self.kpi), currency, None).await?;
        sqlx::query(
            "WITH made AS (DELETE FROM pending_figures WHERE tenant = $1 AND kpi = $2 AND notes = $4)
             INSERT INTO figure_times (tenant, kpi, computed_at, in_other_currencies) VALUES ($1, $2, $3, $5)
             ON CONFLICT ON CONSTRAINT figure_times_pkey DO UPDATE
                 SET computed_at = excluded.computed_at, in_other_currencies = excluded.in_other_currencies",
        )
        .bind(self.tenant.as_str())
        .bind(self.kpi.id)
        .bind(now)
        .bind(self.notes)
        .bind(in_other_currencies)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    async fn write(
        &self,
        connection: &mut PgConnection,
        grain: Grain,
        periods: &[NaiveDate],
        shown: &[Shown],
    ) -> Result<(), Error> {
        sqlx::query("DELETE FROM figures WHERE tenant = $1 AND kpi = $2 AND grain = $3 AND period = ANY($4)")
            .bind(self.tenant.as_str())
            .bind(self.kpi.id)
            .bind(grain.as_str())
            .bind(periods)
            .execute(&mut *connection)
            .await?;
        sqlx::query(include_str!("add_figures.sql"))
            .bind(self.tenant.as_str())
            .bind(self.kpi.id)
            .bind(grain.as_str())
            .bind(shown.iter().map(|shown| i32::from(shown.definition)).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.figure.period).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.figure.segment.as_str()).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.figure.numerator).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.figure.denominator).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.figure.n).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.figure.value).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.figure.parts.clone()).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.target).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.status.as_str()).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| i32::from(shown.plan_version)).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.is_partial).collect::<Vec<_>>())
            .bind(shown.iter().map(|shown| shown.restated_from).collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// The first and last day whose periods' figures of a KPI may be others, where facts of some days have changed.
pub(super) fn concerned(
    kpi: &Kpi,
    (from_day, to_day): (NaiveDate, NaiveDate),
    first_day: NaiveDate,
    today: NaiveDate,
) -> (NaiveDate, NaiveDate) {
    // What is told at midnight may stand for the day before, as a probe does.
    let (first_day, from_day) = (first_day - Days::new(1), from_day - Days::new(1));
    let first = if kpi.looks_ahead() { first_day } else { from_day.max(first_day) };
    let is_interaction = |fact: &&str| fact.starts_with("Interaction");
    let last = match kpi.window {
        // After the first fact there is a figure for every period, if only zero.
        _ if from_day <= first_day => today,
        // What an interaction changes ends with the window that it is in; what another fact changes may hold for ever.
        Window::Period if kpi.facts.iter().all(&is_interaction) => to_day,
        Window::TrailingDays(days) if kpi.facts.iter().all(|fact| is_interaction(fact) || *fact == "PlanAdopted") => {
            to_day + Days::new(days.into())
        }
        _ => today,
    };
    (first, last.min(today))
}

async fn pending(connection: &mut PgConnection) -> Result<Vec<Pending>, Error> {
    let rows = sqlx::query("SELECT tenant, kpi, from_day, to_day, notes FROM pending_figures ORDER BY tenant, kpi")
        .fetch_all(connection)
        .await?;
    let mut pending = Vec::with_capacity(rows.len());
    for row in &rows {
        let tenant = TenantId::parse(row.try_get::<String, _>("tenant")?).expect("a tenant's name was one when it was stored");
        let Some(kpi) = kpis::find(row.try_get("kpi")?) else { continue };
        pending.push(Pending {
            tenant,
            kpi,
            from_day: row.try_get("from_day")?,
            to_day: row.try_get("to_day")?,
            notes: row.try_get("notes")?,
        });
    }
    Ok(pending)
}
