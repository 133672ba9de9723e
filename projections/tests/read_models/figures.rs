//! What the queries answer, held against a plain recount of the events.

use chrono::{Days, NaiveDate, NaiveTime};
use domain::Grain;
use domain::north_star::DEFINITION_1;
use domain::{CapsuleId, TenantId};
use projections::kpis::shown::Status;
use projections::north_star::{SeriesQuery, series};
use projections::{Generation, capsules, interactions, stages};
use sqlx::PgPool;

use crate::database::{apply, with_database};
use crate::generate::{Ledger, Shape, tenant, time};
use crate::recount::{Figures, recount};

pub(crate) fn small() -> Shape {
    Shape {
        tenants: vec!["demo", "other"],
        capsules: 12,
        users: 40,
        interactions: 2500,
        void_one_in: 6,
        days: 75,
        late_days_max: 30,
    }
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

pub(crate) fn query(grain: Grain) -> SeriesQuery {
    SeriesQuery { grain, from: None, to: None, as_of: None, definition: &DEFINITION_1, today: day("2026-10-15") }
}

/// Holds every period of the series against the recount, both ways.
pub(crate) async fn assert_figures(pool: &PgPool, ledger: &Ledger, tenant: &TenantId, query: SeriesQuery) {
    let known_before = query.as_of.map(|day| (day + Days::new(1)).and_time(NaiveTime::MIN).and_utc());
    let mut expected = recount(&ledger.events, tenant, query.grain, known_before);
    let from = query.from.or(expected.keys().next().copied());
    for period in series(pool, tenant, &SeriesQuery { from, ..query }).await.unwrap() {
        let found = Figures {
            active: period.active,
            total: period.total,
            kinds: period.kinds,
            active_users: period.active_users,
            active_capsules: period.active_capsules,
            active_sessions: period.active_sessions,
            users: period.users,
        };
        let expected = expected.remove(&period.start).unwrap_or_else(|| Figures {
            kinds: domain::interaction::Kind::ALL.iter().map(|kind| (kind.as_str(), 0)).collect(),
            ..Figures::default()
        });
        assert_eq!(found, expected, "{tenant} in {}", period.period);
    }
    assert!(expected.is_empty(), "periods are missing: {expected:?}");
}

#[test]
fn every_figure_is_what_a_plain_recount_gives() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(11, &small());
        apply(&pool, &live, &ledger.events, 700).await;
        for name in ["demo", "other"] {
            for grain in Grain::ALL {
                assert_figures(&pool, &ledger, &tenant(name), query(grain)).await;
            }
        }
    });
}

#[test]
fn a_figure_as_of_a_day_is_what_was_known_at_its_end() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(12, &small());
        apply(&pool, &live, &ledger.events, 5000).await;
        for as_of in ["2026-07-20", "2026-08-31", "2026-09-10", "2026-10-14"] {
            for grain in Grain::ALL {
                let query = SeriesQuery { as_of: Some(day(as_of)), ..query(grain) };
                // A late interaction may lie before the first month that was known then.
                assert_figures(
                    &pool,
                    &ledger,
                    &tenant("demo"),
                    SeriesQuery { from: Some(day("2026-06-01")), to: Some(day("2026-10-15")), ..query },
                )
                .await;
            }
        }
    });
}

#[test]
fn days_add_up_to_their_months() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(13, &small());
        apply(&pool, &live, &ledger.events, 900).await;
        let demo = tenant("demo");
        let months = series(&pool, &demo, &query(Grain::Month)).await.unwrap();
        let days = series(&pool, &demo, &query(Grain::Day)).await.unwrap();
        for month in months {
            let of_month = || days.iter().filter(|day| Grain::Month.start(day.start) == month.start);
            assert_eq!(of_month().map(|day| day.active).sum::<u64>(), month.active);
            assert_eq!(of_month().map(|day| day.total).sum::<u64>(), month.total);
            assert!(of_month().map(|day| day.active_users).max() <= Some(month.active_users));
            assert!(of_month().map(|day| day.active_sessions).sum::<u64>() >= month.active_sessions);
        }
    });
}

#[test]
fn a_month_is_held_against_its_stages_target() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let demo = tenant("demo");
        assert_eq!(series(&pool, &demo, &query(Grain::Month)).await.unwrap(), []);
        let ledger = Ledger::generate(14, &small());
        apply(&pool, &live, &ledger.events, 5000).await;
        let months = series(&pool, &demo, &query(Grain::Month)).await.unwrap();
        assert!(months.iter().all(|month| month.target == Some(100_000)), "all in stage 1");
        let (last, closed) = months.split_last().unwrap();
        assert_eq!((last.status, last.partial), (Some(Status::InProgress), true));
        assert!(closed.iter().all(|month| (month.status, month.partial) == (Some(Status::Missed), false)));
        // The company's first month is its first with an interaction.
        let first = months.first().unwrap();
        let standing = stages::standing(&pool, &demo, day("2026-10-15"), None).await.unwrap();
        assert_eq!(standing.first_month.as_deref(), Some(first.period.as_str()));
        assert_eq!((standing.last_complete_month.as_str(), standing.planned_stage), ("2026-09", Some(1)));
        let september = &closed.last().unwrap();
        assert_eq!((standing.users, standing.interactions), (september.active_users, september.active));
        let share = standing.stages[0].interactions.share;
        assert!((share - september.active as f64 / 100_000.0).abs() < 1e-9, "{share}");
    });
}

#[test]
fn capsules_and_interactions_are_found_page_by_page_and_only_by_their_tenant() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(15, &small());
        apply(&pool, &live, &ledger.events, 1000).await;
        let (demo, other) = (tenant("demo"), tenant("other"));
        let all = capsules::list(&pool, &demo, None, 100).await.unwrap();
        assert_eq!(all.len(), 6);
        let first = capsules::list(&pool, &demo, None, 4).await.unwrap();
        let after = CapsuleId::parse(first.last().unwrap().id.clone()).unwrap();
        let second = capsules::list(&pool, &demo, Some(&after), 4).await.unwrap();
        assert_eq!([first, second].concat(), all);
        assert_eq!(capsules::by_id(&pool, &demo, &after).await.unwrap().unwrap().version, 2);
        assert_eq!(capsules::by_id(&pool, &other, &after).await.unwrap(), None, "another tenant's is not found");
        let months = series(&pool, &demo, &query(Grain::Month)).await.unwrap();
        assert_eq!(
            all.iter().map(|capsule| capsule.interactions).sum::<u64>(),
            months.iter().map(|month| month.total).sum::<u64>()
        );
        assert_eq!(all.iter().map(|capsule| capsule.active).sum::<u64>(), months.iter().map(|month| month.active).sum::<u64>());

        let filter = interactions::Filter {
            from: time("2026-08-01T00:00:00Z"),
            to: time("2026-09-01T00:00:00Z"),
            capsule_id: None,
            kinds: vec!["interaction".to_owned(), "content_access".to_owned(), "conversion".to_owned()],
            actors: vec!["human".to_owned()],
            with_voided: false,
        };
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = interactions::page(&pool, &demo, &filter, cursor, 100).await.unwrap();
            let Some(last) = page.last() else { break };
            cursor = Some(interactions::Cursor::from(last));
            found.extend(page);
        }
        let august = months.iter().find(|month| month.period == "2026-08").unwrap();
        assert_eq!(found.len() as u64, august.active, "the events behind the figure are as many as it says");
        assert!(found.windows(2).all(|pair| pair[0].occurred_at <= pair[1].occurred_at));
        let id = domain::InteractionId::parse(found[0].id.clone()).unwrap();
        assert_eq!(interactions::by_id(&pool, &demo, &id).await.unwrap().as_ref(), Some(&found[0]));
        assert_eq!(interactions::by_id(&pool, &other, &id).await.unwrap(), None);
    });
}
