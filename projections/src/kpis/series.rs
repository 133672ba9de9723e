//! A KPI's series: the figures that are kept, or made for the question where they are not.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::kpis::Kpi;
use domain::money::Currency;
use domain::{AggregateType, Grain, TenantId};
use sqlx::postgres::PgRow;
use sqlx::{PgPool, Row};

use super::currencies::in_others;
use super::evaluate::{Evaluation, Terms};
use super::query::{Figure, Known};
use super::shown::{Shown, Status};
use crate::error::Error;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SeriesQuery {
    pub grain: Grain,
    /// Any day of the first period.
    pub from: NaiveDate,
    /// Any day of the last period, which is included.
    pub to: NaiveDate,
    pub segments: Segments,
    /// As it was known at the end of this day, UTC; default: as known now.
    pub as_of: Option<NaiveDate>,
    /// Version of the definition; default: the one adopted last.
    pub definition: Option<u16>,
    /// Figures that come after this one.
    pub after: Option<Place>,
    /// At most so many figures; default: all.
    pub limit: Option<u32>,
    pub now: DateTime<Utc>,
}

/// A figure's place in a series: its period's first day, and its segment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub period: NaiveDate,
    pub segment: String,
}

/// Which segments are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Segments {
    /// The figure over all, and every segment.
    All,
    /// The figure over all; of a KPI that has none, every segment.
    Total,
    /// Every segment of a dimension.
    Of(String),
    /// One, such as `team:smb`.
    One(String),
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// In order of period and segment; a period without data has no figure.
    pub figures: Vec<Shown>,
    /// There are more than were asked for.
    pub has_more: bool,
    pub definition: u16,
    /// When the figures were made; none: for this question.
    pub computed_at: Option<DateTime<Utc>>,
    /// Facts that they follow from have changed since.
    pub is_due: bool,
    /// That of the plan in force now, or at the moment of `as_of`.
    pub currency: Currency,
    /// Facts that the figures of all times leave out, in another currency.
    pub in_other_currencies: i64,
}

/// While facts come in, a figure is always a moment behind them: that alone is not worth a word.
const STALE_AFTER: TimeDelta = TimeDelta::seconds(60);

impl Series {
    /// Facts have come in that the figures do not show, and they were made some time ago.
    pub fn is_stale(&self, now: DateTime<Utc>) -> bool {
        self.is_due && self.computed_at.is_none_or(|made| now - made > STALE_AFTER)
    }
}

impl Segments {
    fn holds(&self, kpi: &Kpi, segment: &str) -> bool {
        match self {
            Self::All => true,
            Self::Total => !kpi.has_total || segment == "all",
            Self::Of(dimension) => segment.split_once(':').is_some_and(|(of, _)| of == dimension),
            Self::One(one) => segment == one,
        }
    }
}

/// None: there is no such version of the definition.
pub async fn series(pool: &PgPool, tenant: &TenantId, kpi: &'static Kpi, query: &SeriesQuery) -> Result<Option<Series>, Error> {
    let terms = Terms::load(&mut *pool.acquire().await?, "read", tenant, Known::of(query.as_of)).await?;
    series_by(pool, tenant, &terms, kpi, query).await
}

/// The same by terms that are loaded already, as they are known by the same day.
pub async fn series_by(
    pool: &PgPool,
    tenant: &TenantId,
    terms: &Terms,
    kpi: &'static Kpi,
    query: &SeriesQuery,
) -> Result<Option<Series>, Error> {
    let known = Known::of(query.as_of);
    assert_eq!(terms.plans.known(), known, "the terms are those of the day that is asked for");
    let (latest, asked) = (terms.definitions.of(kpi, None), terms.definitions.of(kpi, query.definition));
    let (Some((latest, _)), Some((definition, _))) = (latest, asked) else { return Ok(None) };
    if query.as_of.is_none() && definition == latest {
        let currency = terms.currency(query.now);
        return kept(pool, tenant, kpi, query, (definition, currency)).await.map(Some);
    }
    let now = known.moment(query.now);
    let evaluation = Evaluation { schema: "read", tenant, kpi, terms, definition: query.definition, now };
    let last_moment = (now - chrono::TimeDelta::microseconds(1)).date_naive();
    let periods: Vec<NaiveDate> = query.grain.between(query.from, query.to.min(last_moment)).collect();
    let mut figures = evaluation.over(&mut *pool.acquire().await?, query.grain, &periods).await?;
    figures.retain(|shown| query.segments.holds(kpi, &shown.figure.segment));
    if let Some(after) = &query.after {
        figures.retain(|shown| (shown.figure.period, &shown.figure.segment) > (after.period, &after.segment));
    }
    let has_more = query.cut(&mut figures);
    let currency = terms.currency(query.now);
    let in_other_currencies = in_others(&mut *pool.acquire().await?, "read", (tenant, kpi), currency, known.before()).await?;
    Ok(Some(Series { figures, has_more, definition, computed_at: None, is_due: false, currency, in_other_currencies }))
}

impl SeriesQuery {
    /// Takes away what is more than was asked for; whether there was any.
    fn cut(&self, figures: &mut Vec<Shown>) -> bool {
        let limit = self.limit.map_or(usize::MAX, |limit| limit as usize);
        let has_more = figures.len() > limit;
        figures.truncate(limit);
        has_more
    }
}

async fn kept(
    pool: &PgPool,
    tenant: &TenantId,
    kpi: &Kpi,
    query: &SeriesQuery,
    (definition, currency): (u16, Currency),
) -> Result<Series, Error> {
    let (segment, dimension) = match &query.segments {
        Segments::All => (None, None),
        Segments::Total => (kpi.has_total.then(|| "all".to_owned()), None),
        Segments::Of(dimension) => (None, Some(format!("{dimension}:"))),
        Segments::One(segment) => (Some(segment.clone()), None),
    };
    // Before the figures: one that is made in between is newer than said, never older.
    let time = sqlx::query(include_str!("series_time.sql"))
        .bind(tenant.as_str())
        .bind(kpi.id)
        .bind(facts(kpi))
        .fetch_one(pool)
        .await?;
    let rows = sqlx::query(include_str!("series.sql"))
        .bind(tenant.as_str())
        .bind(kpi.id)
        .bind(query.grain.as_str())
        .bind(query.grain.start(query.from))
        .bind(query.to)
        .bind(i32::from(definition))
        .bind(segment)
        .bind(dimension)
        .bind(query.after.as_ref().map(|after| after.period))
        .bind(query.after.as_ref().map(|after| after.segment.as_str()))
        .bind(query.limit.map(|limit| i64::from(limit) + 1))
        .fetch_all(pool)
        .await?;
    let mut figures = rows.iter().map(shown).collect::<Result<Vec<_>, _>>()?;
    let has_more = query.cut(&mut figures);
    Ok(Series {
        figures,
        has_more,
        definition,
        computed_at: time.try_get("computed_at")?,
        is_due: time.try_get("is_due")?,
        currency,
        in_other_currencies: time.try_get::<Option<i64>, _>("in_other_currencies")?.unwrap_or(0),
    })
}

/// What is asked of many KPIs at once.
#[derive(Debug, Clone, Copy)]
pub struct BoardQuery {
    /// A KPI that has no figures by it is given by month.
    pub grain: Grain,
    /// So many periods, up to the one that holds `last`.
    pub periods: u32,
    pub last: NaiveDate,
    /// As it was known at the end of this day, UTC; default: as known now.
    pub as_of: Option<NaiveDate>,
    pub now: DateTime<Utc>,
}

/// A KPI beside others.
#[derive(Debug, Clone, PartialEq)]
pub struct Beside {
    pub kpi: &'static Kpi,
    pub grain: Grain,
    pub series: Series,
}

/// What a board asks of each KPI by itself.
pub fn board_queries(kpis: &[&'static Kpi], query: &BoardQuery) -> Vec<(&'static Kpi, SeriesQuery)> {
    let of = |kpi: &'static Kpi| {
        let grain = if kpi.grains.contains(&query.grain) { query.grain } else { Grain::Month };
        let query = SeriesQuery {
            grain,
            from: grain.before(grain.start(query.last), query.periods - 1),
            to: query.last,
            segments: Segments::Total,
            as_of: query.as_of,
            definition: None,
            after: None,
            limit: None,
            now: query.now,
        };
        (kpi, query)
    };
    kpis.iter().copied().map(of).collect()
}

/// The figures over all of many KPIs; of one that has none over all, every segment.
pub async fn board(
    pool: &PgPool,
    tenant: &TenantId,
    kpis: &[&'static Kpi],
    query: &BoardQuery,
) -> Result<(Terms, Vec<Beside>), Error> {
    let terms = Terms::load(&mut *pool.acquire().await?, "read", tenant, Known::of(query.as_of)).await?;
    let asked: Vec<(&'static Kpi, Grain, NaiveDate)> =
        board_queries(kpis, query).into_iter().map(|(kpi, query)| (kpi, query.grain, query.from)).collect();
    let mut board = Vec::with_capacity(kpis.len());
    if query.as_of.is_some() {
        for (kpi, query) in board_queries(kpis, query) {
            let series = series_by(pool, tenant, &terms, kpi, &query).await?;
            board.push(Beside { kpi, grain: query.grain, series: series.expect("the definition in force is there") });
        }
        return Ok((terms, board));
    }
    // As in `kept`.
    let times = sqlx::query(include_str!("board_times.sql")).bind(tenant.as_str()).fetch_all(pool).await?;
    let due =
        sqlx::query("SELECT fact, kpi FROM read.figures_due WHERE tenant = $1").bind(tenant.as_str()).fetch_all(pool).await?;
    let rows = sqlx::query(include_str!("board.sql"))
        .bind(tenant.as_str())
        .bind(asked.iter().map(|(kpi, ..)| kpi.id).collect::<Vec<_>>())
        .bind(asked.iter().map(|(_, grain, _)| grain.as_str()).collect::<Vec<_>>())
        .bind(asked.iter().map(|(.., from)| *from).collect::<Vec<_>>())
        .bind(asked.iter().map(|(kpi, ..)| kpi.has_total).collect::<Vec<_>>())
        .bind(query.last)
        .fetch_all(pool)
        .await?;
    for (kpi, grain, _) in asked {
        let kinds = facts(kpi);
        let mut is_due = false;
        for row in &due {
            let (fact, of): (Option<&str>, Option<&str>) = (row.try_get("fact")?, row.try_get("kpi")?);
            is_due |= of == Some(kpi.id) || fact.is_some_and(|fact| kinds.contains(&fact));
        }
        let is_of_kpi = |row: &&PgRow| row.try_get::<&str, _>("kpi").is_ok_and(|id| id == kpi.id);
        let time = times.iter().find(is_of_kpi);
        let (definition, _) = terms.definitions.of(kpi, None).expect("the register has a definition of every KPI");
        let series = Series {
            figures: rows.iter().filter(is_of_kpi).map(shown).collect::<Result<_, _>>()?,
            has_more: false,
            definition,
            computed_at: time.map(|row| row.try_get("computed_at")).transpose()?,
            is_due,
            currency: terms.currency(query.now),
            in_other_currencies: time.map_or(Ok(0), |row| row.try_get("in_other_currencies"))?,
        };
        board.push(Beside { kpi, grain, series });
    }
    Ok((terms, board))
}

/// The kinds of aggregates that a KPI's figures follow from; the plan and definitions with them.
pub(crate) fn facts(kpi: &Kpi) -> Vec<&'static str> {
    let kinds = AggregateType::ALL.iter().filter(|kind| kind.events().iter().any(|event| kpi.facts.contains(&event.name)));
    kinds.map(|kind| kind.as_str()).chain(["plan", "definition"]).collect()
}

/// Whether facts have changed that a KPI's figures do not show yet.
pub async fn is_due(pool: &PgPool, tenant: &TenantId, kpi: &Kpi) -> Result<bool, Error> {
    let time = sqlx::query(include_str!("series_time.sql"))
        .bind(tenant.as_str())
        .bind(kpi.id)
        .bind(facts(kpi))
        .fetch_one(pool)
        .await?;
    Ok(time.try_get("is_due")?)
}

fn shown(row: &PgRow) -> Result<Shown, Error> {
    let number = |column: &str| -> Result<u16, Error> { Ok(u16::try_from(row.try_get::<i32, _>(column)?).unwrap_or(u16::MAX)) };
    let status: &str = row.try_get("status")?;
    Ok(Shown {
        figure: Figure {
            period: row.try_get("period")?,
            segment: row.try_get("segment")?,
            numerator: row.try_get("numerator")?,
            denominator: row.try_get("denominator")?,
            n: row.try_get("n")?,
            value: row.try_get("value")?,
            parts: row.try_get("parts")?,
        },
        definition: number("definition")?,
        target: row.try_get("target")?,
        status: Status::ALL.into_iter().find(|known| known.as_str() == status).expect("a constraint allows none but these"),
        plan_version: number("plan_version")?,
        is_partial: row.try_get("is_partial")?,
        restated_from: row.try_get("restated_from")?,
    })
}
