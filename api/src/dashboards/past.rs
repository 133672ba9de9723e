//! Figures as they were known at the end of a past day. They follow from what was recorded until then, so they never change
//! again: each is made once and kept, and a page that asks for many says how far they are until all are there.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use askama::Template;
use axum::response::Response;
use chrono::{Days, NaiveDate, TimeDelta};
use domain::kpis::Kpi;
use domain::period::midnight;
use domain::{Grain, TenantId};
use projections::kpis::evaluate::Terms;
use projections::kpis::series::{Beside, BoardQuery, Segments, Series, SeriesQuery, board_queries, series_by};

use super::view::View;
use super::{Frame, frame};
use crate::auth::{Caller, Read};
use crate::pages::page;
use crate::problem::{Problem, TIMED_OUT};
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
    kept: Mutex<HashMap<Key, Kept>>,
    /// What somebody is making.
    claimed: Mutex<HashSet<Key>>,
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
struct Kept {
    series: Series,
    /// The read models were behind, so that it may lack what was recorded in time.
    until: Option<Instant>,
}

/// Some 2 KB each.
const KEPT_MAX: usize = 8_000;
const KEPT_WHILE_BEHIND: Duration = Duration::from_secs(60);
/// So long a page waits before it says how far it is.
const WAIT_MAX: Duration = Duration::from_secs(3);

#[derive(Debug, Template)]
#[template(path = "making.html")]
struct MakingPage {
    frame: Frame,
    done: usize,
    of: usize,
}

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
    fn kept(&self) -> MutexGuard<'_, HashMap<Key, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claimed(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, key: &Key) -> Option<Series> {
        let kept = self.kept();
        let found = kept.get(key).filter(|kept| kept.until.is_none_or(|until| until > Instant::now()))?;
        Some(found.series.clone())
    }

    fn keep(&self, key: Key, series: Series, is_behind: bool) {
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let until = is_behind.then(|| Instant::now() + KEPT_WHILE_BEHIND);
        kept.insert(key, Kept { series, until });
    }
}

/// A series as of a past day, kept or made now.
pub(super) async fn series(api: &Api, tenant: &TenantId, terms: &Terms, wanted: &Wanted) -> Result<Series, Problem> {
    let key = Key::of(tenant, terms, wanted);
    if let Some(found) = key.as_ref().and_then(|key| api.past.find(key)) {
        return Ok(found);
    }
    // Asked before the figures are made: what was not projected then may be lacking in them.
    let ago = wanted.query.as_of.map_or(TimeDelta::zero(), |day| wanted.query.now - midnight(day + Days::new(1)));
    let is_behind = !api.progression.seen().freshness().has_seen_all_since(ago);
    let made = series_by(&api.read_pool, tenant, terms, wanted.kpi, &wanted.query).await?;
    let made = made.ok_or_else(|| Problem::parameter("definition", "does not exist"))?;
    if let Some(key) = key {
        api.past.keep(key, made.clone(), is_behind);
    }
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
    let terms = terms(api, tenant).await?;
    let mut board = Vec::with_capacity(kpis.len());
    for wanted in wanted(kpis, query) {
        let series = series(api, tenant, &terms, &wanted).await?;
        board.push(Beside { kpi: wanted.kpi, grain: wanted.query.grain, series });
    }
    Ok((terms, board))
}

pub(super) async fn terms(api: &Api, tenant: &TenantId) -> Result<Terms, Problem> {
    let mut connection = api.read_pool.acquire().await.map_err(projections::Error::from)?;
    Ok(Terms::load(&mut connection, "read", tenant).await?)
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
    let terms = Arc::new(terms(api, tenant).await?);
    let of: Vec<(Key, Wanted)> =
        wanted.into_iter().filter_map(|wanted| Some((Key::of(tenant, &terms, &wanted)?, wanted))).collect();
    let missing: Vec<(Key, Wanted)> = of.iter().filter(|(key, _)| api.past.find(key).is_none()).cloned().collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let mine: Vec<(Key, Wanted)> = {
        let mut claimed = api.past.claimed();
        missing.iter().filter(|(key, _)| claimed.insert(key.clone())).cloned().collect()
    };
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
                        return;
                    }
                    claims.api.past.claimed().remove(&key);
                }
            };
            claims.api.stopping.run_until_cancelled(make).await;
        });
    }
    let until = Instant::now() + WAIT_MAX;
    loop {
        // In this order: what is made is kept before its claim goes.
        let claimed = api.past.claimed().clone();
        let missing = of.iter().filter(|(key, _)| api.past.find(key).is_none());
        let (made, left): (Vec<_>, Vec<_>) = missing.partition(|(key, _)| !claimed.contains(key));
        if !made.is_empty() {
            return Err(Problem::new(&TIMED_OUT, "the figures of that day could not be made; the server's log says why"));
        }
        if left.is_empty() {
            return Ok(None);
        }
        if Instant::now() > until {
            let freshness = api.progression.seen().freshness();
            let frame = frame(view, caller, freshness, title);
            return page(&MakingPage { frame, done: of.len() - left.len(), of: of.len() }).map(Some);
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// However the making ends, nothing stays claimed.
struct Claims {
    api: Shared,
    keys: Vec<Key>,
}

impl Drop for Claims {
    fn drop(&mut self) {
        let mut claimed = self.api.past.claimed();
        for key in &self.keys {
            claimed.remove(key);
        }
    }
}
