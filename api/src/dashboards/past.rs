//! Figures as they were known at the end of a past day. They follow from what was recorded until then, so they never change
//! again: each is made once and kept for an hour, and a page that asks for many says how far they are until all are there.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::response::Response;
use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::kpis::Kpi;
use domain::period::midnight;
use domain::{Grain, Partition, Position, TenantId};
use projections::kpis::evaluate::Terms;
use projections::kpis::late::{Since, since as beside};
use projections::kpis::query::Known;
use projections::kpis::series::{Beside, BoardQuery, Segments, Series, SeriesQuery, board_queries, series_by};
use projections::kpis::shown::Shown;
use projections::stages::{self, Standing};
use tokio::sync::OnceCell;

use super::card::headline;
use super::making::{Making, PROBLEM_KEPT_FOR, SOON, WAIT_MAX};
use super::view::View;
use crate::auth::{Caller, Read};
use crate::kpis::late;
use crate::problem::{Problem, TIMED_OUT, TOO_BUSY};
use crate::state::{Api, Shared};

/// A series that a page shows.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) kpi: &'static Kpi,
    pub(super) query: SeriesQuery,
}

/// What was made of past days.
#[derive(Debug, Default)]
pub(crate) struct Past {
    kept: Mutex<HashMap<Key, Kept<Series>>>,
    /// What somebody is making.
    claimed: Mutex<HashSet<Key>>,
    /// What could not be made, for some seconds: a page that asks again is told, and does not have it tried for ever.
    problems: Mutex<HashMap<Key, (Problem, Instant)>>,
    standings: Mutex<HashMap<(TenantId, NaiveDate), Kept<Standing>>>,
    /// What has become of figures since: of each period's first day, for a minute.
    since: Mutex<HashMap<(Key, NaiveDate), (Since, Instant)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    kpi: &'static str,
    /// Which version it was made by: another may be adopted.
    definition: u16,
    as_of: NaiveDate,
    grain: Grain,
    from: NaiveDate,
    to: NaiveDate,
    segments: Segments,
}

#[derive(Debug)]
struct Kept<T> {
    made: T,
    until: Instant,
}

impl<T: Clone> Kept<T> {
    /// Not for long where the read models were behind, so that it may lack what was recorded in time; not for ever, as they may have been
    /// wrong, and mended since.
    fn of(made: T, is_behind: bool) -> Self {
        Self { made, until: Instant::now() + if is_behind { KEPT_WHILE_BEHIND } else { KEPT_FOR } }
    }

    fn made(&self) -> Option<T> {
        (self.until > Instant::now()).then(|| self.made.clone())
    }
}

/// Some 2 KB each.
const KEPT_MAX: usize = 8_000;
const STANDINGS_MAX: usize = 1_000;
const SINCE_KEPT_FOR: Duration = Duration::from_secs(60);
const KEPT_FOR: Duration = Duration::from_secs(3_600);
const KEPT_WHILE_BEHIND: Duration = Duration::from_secs(60);
/// What is being done when a page of a past day takes long.
pub(super) const OF_A_PAST_DAY: &str = "What was known then is made from the facts, once, and kept.";
/// So many series are made at once, or wait for it.
const CLAIMED_MAX: usize = 2_000;

impl Key {
    fn of(tenant: &TenantId, terms: &Terms, Wanted { kpi, query }: &Wanted) -> Option<Self> {
        let (definition, _) = terms.definitions.of(kpi, query.definition)?;
        Some(Self {
            tenant: tenant.clone(),
            kpi: kpi.id,
            definition,
            as_of: query.as_of?,
            grain: query.grain,
            from: query.from,
            to: query.to,
            segments: query.segments.clone(),
        })
    }
}

impl Past {
    fn kept(&self) -> MutexGuard<'_, HashMap<Key, Kept<Series>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claimed(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn problem(&self, key: &Key) -> Option<Problem> {
        let problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.get(key).filter(|(_, until)| *until > Instant::now()).map(|(problem, _)| problem.clone())
    }

    fn fail(&self, key: Key, problem: Problem) {
        let now = Instant::now();
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        problems.retain(|_, (_, until)| *until > now);
        problems.insert(key, (problem, now + PROBLEM_KEPT_FOR));
    }

    fn find(&self, key: &Key) -> Option<Series> {
        self.kept().get(key)?.made()
    }

    fn keep(&self, key: Key, series: Series, is_behind: bool) {
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, Kept::of(series, is_behind));
    }
}

/// A series as of a past day, kept or made now.
pub(super) async fn series(api: &Api, tenant: &TenantId, terms: &Terms, wanted: &Wanted) -> Result<Series, Problem> {
    let key = Key::of(tenant, terms, wanted);
    if let Some(found) = key.as_ref().and_then(|key| api.past.find(key)) {
        return Ok(found);
    }
    let is_behind = wanted.query.as_of.is_some_and(|day| is_behind(api, day, wanted.query.now));
    let made = series_by(&api.read_pool, tenant, terms, wanted.kpi, &wanted.query).await?;
    let made = made.ok_or_else(|| Problem::parameter("definition", "does not exist"))?;
    if let Some(key) = key {
        api.past.keep(key, made.clone(), is_behind);
    }
    Ok(made)
}

/// Whether something may not be projected yet that was recorded by the end of a day. Asked before the figures are made: what was not
/// projected then may be lacking in them.
fn is_behind(api: &Api, day: NaiveDate, now: DateTime<Utc>) -> bool {
    !api.progression.seen().freshness().has_seen_all_since(now - midnight(day + Days::new(1)))
}

/// How the company stands, or stood by what was known at the end of a past day; that is kept or made now.
pub(super) async fn standing(api: &Api, tenant: &TenantId, view: &View) -> Result<Standing, Problem> {
    let Some(day) = view.as_of else { return Ok(stages::standing(&api.read_pool, tenant, view.today(), None).await?) };
    let kept = || api.past.standings.lock().unwrap_or_else(PoisonError::into_inner);
    let key = (tenant.clone(), day);
    if let Some(found) = kept().get(&key).and_then(Kept::made) {
        return Ok(found);
    }
    let is_behind = is_behind(api, day, view.now);
    let made = stages::standing(&api.read_pool, tenant, view.today(), Some(day)).await?;
    let mut kept = kept();
    if kept.len() >= STANDINGS_MAX {
        kept.clear();
    }
    kept.insert(key, Kept::of(made.clone(), is_behind));
    Ok(made)
}

/// The figures over all of many KPIs, at present or as of a past day.
pub(super) async fn board(
    api: &Api,
    tenant: &TenantId,
    kpis: &[&'static Kpi],
    query: &BoardQuery,
) -> Result<(Terms, Vec<Beside>), Problem> {
    if query.as_of.is_none() {
        return Ok(projections::kpis::series::board(&api.read_pool, tenant, kpis, query).await?);
    }
    let terms = terms(api, tenant, query.as_of).await?;
    let mut board = Vec::with_capacity(kpis.len());
    for wanted in wanted(kpis, query) {
        let series = series(api, tenant, &terms, &wanted).await?;
        board.push(Beside { kpi: wanted.kpi, grain: wanted.query.grain, series });
    }
    Ok((terms, board))
}

/// A figure of a past day that is another one now, and what it is.
#[derive(Debug, Clone)]
pub(super) struct Changed {
    pub(super) kpi: &'static Kpi,
    pub(super) grain: Grain,
    pub(super) then: Shown,
    pub(super) since: Since,
}

/// Of the figures over all that a board is about, those that are others now. Nothing where the board is of the present.
pub(super) async fn changed(
    api: &Api,
    tenant: &TenantId,
    (terms, board): (&Terms, &[Beside]),
    query: &BoardQuery,
) -> Result<Vec<Changed>, Problem> {
    if query.as_of.is_none() {
        return Ok(Vec::new());
    }
    let kpis: Vec<&'static Kpi> = board.iter().map(|beside| beside.kpi).collect();
    let present = BoardQuery { as_of: None, ..*query };
    let (_, present) = projections::kpis::series::board(&api.read_pool, tenant, &kpis, &present).await?;
    let wanted = wanted(&kpis, query);
    let first_late = OnceCell::new();
    let mut changed = Vec::new();
    for ((then, now), wanted) in board.iter().zip(&present).zip(&wanted).filter(|((then, _), _)| then.kpi.has_total) {
        let figures: Vec<&Shown> = then.series.figures.iter().collect();
        let Some(about) = headline(then.kpi, &figures) else { continue };
        let is_same =
            |shown: &&Shown| shown.figure.period == about.figure.period && shown.figure.segment == about.figure.segment;
        if now.series.figures.iter().find(is_same).and_then(|shown| shown.figure.value) == about.figure.value {
            continue;
        }
        if let Some(since) = since(api, tenant, (terms, &first_late), (wanted, about)).await? {
            changed.push(Changed { kpi: then.kpi, grain: then.grain, then: about.clone(), since });
        }
    }
    Ok(changed)
}

/// What one figure of a past day is now.
async fn since(
    api: &Api,
    tenant: &TenantId,
    (terms, first_late): (&Terms, &OnceCell<Vec<(Partition, Position)>>),
    (wanted, then): (&Wanted, &Shown),
) -> Result<Option<Since>, Problem> {
    let Some(key) = Key::of(tenant, terms, wanted) else { return Ok(None) };
    let day = key.as_of;
    let key = (key, then.figure.period);
    let kept = || api.past.since.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    if let Some((since, _)) = kept().get(&key).filter(|(_, until)| *until > now) {
        return Ok(Some(since.clone()));
    }
    let series = Series {
        figures: vec![then.clone()],
        has_more: false,
        definition: then.definition,
        computed_at: None,
        is_due: false,
        currency: terms.currency(wanted.query.now),
        in_other_currencies: 0,
    };
    let asked = (wanted.kpi, &wanted.query);
    let first_late = first_late.get_or_try_init(|| late::first_late(api, day)).await?;
    let found = beside(&api.read_pool, tenant, terms, asked, &series, first_late).await?.pop();
    let mut kept = kept();
    kept.retain(|_, (_, until)| *until > now);
    if let Some(since) = found.clone().filter(|_| kept.len() < KEPT_MAX) {
        kept.insert(key, (since, now + SINCE_KEPT_FOR));
    }
    Ok(found)
}

pub(super) async fn terms(api: &Api, tenant: &TenantId, as_of: Option<NaiveDate>) -> Result<Terms, Problem> {
    let mut connection = api.read_pool.acquire().await.map_err(projections::Error::from)?;
    Ok(Terms::load(&mut connection, "read", tenant, Known::of(as_of)).await?)
}

pub(super) fn wanted(kpis: &[&'static Kpi], query: &BoardQuery) -> Vec<Wanted> {
    board_queries(kpis, query).into_iter().map(|(kpi, query)| Wanted { kpi, query }).collect()
}

/// Has all of it made that is not there yet; a page that says how far it is where that takes long.
pub(super) async fn prepare(
    api: &Shared,
    caller: &Caller<Read>,
    (view, title): (&View, &str),
    wanted: Vec<Wanted>,
) -> Result<Option<Response>, Problem> {
    if view.as_of.is_none() {
        return Ok(None);
    }
    let tenant = caller.tenant();
    let terms = Arc::new(terms(api, tenant, view.as_of).await?);
    // Each once: a page may show one in two places.
    let mut keys = HashSet::new();
    let of = wanted.into_iter().filter_map(|wanted| Some((Key::of(tenant, &terms, &wanted)?, wanted)));
    let of: Vec<(Key, Wanted)> = of.filter(|(key, _)| keys.insert(key.clone())).collect();
    let missing: Vec<(Key, Wanted)> = of.iter().filter(|(key, _)| api.past.find(key).is_none()).cloned().collect();
    if missing.is_empty() {
        return Ok(None);
    }
    if let Some(problem) = missing.iter().find_map(|(key, _)| api.past.problem(key)) {
        return Err(problem);
    }
    let mine: Vec<(Key, Wanted)> = {
        let mut claimed = api.past.claimed();
        if claimed.len() >= CLAIMED_MAX {
            return Err(Problem::new(&TOO_BUSY, format!("{} figures of past days are being made", claimed.len())));
        }
        missing.iter().filter(|(key, _)| claimed.insert(key.clone())).cloned().collect()
    };
    let wait = if mine.len() == missing.len() { SOON } else { WAIT_MAX };
    if !mine.is_empty() {
        let claims = Claims { api: Arc::clone(api), keys: mine.iter().map(|(key, _)| key.clone()).collect() };
        let (tenant, terms) = (tenant.clone(), Arc::clone(&terms));
        tokio::spawn(async move {
            let make = async {
                for (key, wanted) in mine {
                    if let Err(problem) = series(&claims.api, &tenant, &terms, &wanted).await {
                        tracing::error!(
                            kpi = wanted.kpi.id,
                            problem = problem.detail,
                            "figures of a past day could not be made"
                        );
                        claims.api.past.fail(key, problem);
                        return;
                    }
                    claims.api.past.claimed().remove(&key);
                }
            };
            claims.api.stopping.run_until_cancelled(make).await;
        });
    }
    let until = Instant::now() + wait;
    loop {
        // In this order: what is made is kept before its claim goes.
        let claimed = api.past.claimed().clone();
        let missing = of.iter().filter(|(key, _)| api.past.find(key).is_none());
        let (made, left): (Vec<_>, Vec<_>) = missing.partition(|(key, _)| !claimed.contains(key));
        if !made.is_empty() {
            return Err(made.iter().find_map(|(key, _)| api.past.problem(key)).unwrap_or_else(not_made));
        }
        if left.is_empty() {
            return Ok(None);
        }
        if Instant::now() > until {
            let progress = (of.len() - left.len(), of.len());
            let about = String::new();
            let making = Making { view, title, about, what: OF_A_PAST_DAY, progress: Some(progress) };
            return making.page(api, caller).map(Some);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

fn not_made() -> Problem {
    Problem::new(&TIMED_OUT, "the figures of that day were not made; the server's log says why")
}

/// However the making ends, nothing stays claimed, and what was not made is known.
struct Claims {
    api: Shared,
    keys: Vec<Key>,
}

impl Drop for Claims {
    fn drop(&mut self) {
        let mut claimed = self.api.past.claimed();
        // The first that is left is the one that was not to be made, though nothing may have been said, as of a fault of ours.
        if let Some(key) = self.keys.iter().find(|key| claimed.contains(*key))
            && self.api.past.problem(key).is_none()
        {
            self.api.past.fail(key.clone(), not_made());
        }
        for key in &self.keys {
            claimed.remove(key);
        }
    }
}
