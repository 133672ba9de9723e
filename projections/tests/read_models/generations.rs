//! Building all read models anew beside the live ones, comparing, cutting over.

use domain::Grain;
use projections::{
    Error, Filling, Generation, GenerationStatus, Held, Purpose, Runner, Settings, Stopped, compare, cut_over_is_noted,
    cut_overs_to_note, marks,
};
use tokio_util::sync::CancellationToken;

use crate::database::{apply, cut_over, with_database};
use crate::figures::{assert_figures, query, small};
use crate::generate::{Ledger, tenant};
use crate::memory::Memory;

#[test]
fn a_rebuild_says_the_same_and_takes_the_live_ones_place() {
    with_database(async |pool| {
        let first = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(31, &small());
        apply(&pool, &first, &ledger.events, 1000).await;
        let second = Generation::create_building(&pool).await.unwrap();
        assert_eq!((second.number, second.status), (2, GenerationStatus::Building));
        assert!(matches!(compare(&pool, &first, &second).await, Err(Error::ProgressDiffers { left: 1, right: 2 })));

        let held = Held::live(&pool).await.unwrap();
        assert_eq!(held.events(), ledger.count() as u64);
        apply(&pool, &second, &ledger.events, 2000).await;
        assert_eq!(held.compare(&pool, &first, &second, None).await.unwrap().differences, []);

        // A role that every server has.
        sqlx::raw_sql(
            "CREATE VIEW public.mine AS SELECT count(*) AS n FROM read.capsules; GRANT SELECT ON read.capsules TO pg_monitor",
        )
        .execute(&pool)
        .await
        .unwrap();
        cut_over(&pool, &second).await.unwrap();
        assert_eq!(Generation::live(&pool).await.unwrap().number, 2);
        let shown: String = sqlx::query_scalar("SELECT pg_get_viewdef('read.interactions')").fetch_one(&pool).await.unwrap();
        assert!(shown.contains("generation_2") && !shown.contains("generation_1"), "{shown}");
        let granted: bool = sqlx::query_scalar("SELECT has_table_privilege('pg_monitor', 'read.capsules', 'SELECT')")
            .fetch_one(&pool)
            .await
            .unwrap();
        assert!(granted, "a cut-over keeps what readers were granted, and their own views");
        assert_eq!(sqlx::query_scalar::<_, i64>("SELECT n FROM public.mine").fetch_one(&pool).await.unwrap(), 12);
        assert_figures(&pool, &ledger, &tenant("demo"), query(Grain::Month)).await;

        // What took over is to be noted, and kept until it is.
        let to_note = cut_overs_to_note(&pool).await.unwrap();
        assert_eq!(
            to_note.iter().map(|entry| (entry.to_generation, entry.events)).collect::<Vec<_>>(),
            [(2, ledger.count() as u64)]
        );
        let third = Generation::create_building(&pool).await.unwrap();
        apply(&pool, &third, &ledger.events, 2000).await;
        cut_over(&pool, &third).await.unwrap();
        let is_done_with = async |number| Generation::find(&pool, number).await.unwrap().is_done_with();
        assert!(is_done_with(1).await && !is_done_with(2).await && !is_done_with(3).await);
        cut_over_is_noted(&pool, &to_note[0]).await.unwrap();
        assert!(is_done_with(2).await && cut_overs_to_note(&pool).await.unwrap()[0].to_generation == 3);

        // The runner of the one before finds out, and the one before can go.
        let source = Memory::of(&ledger.events, 100);
        let stopped = Runner::run(pool.clone(), first.clone(), source, Settings::default(), CancellationToken::new()).await;
        assert_eq!(stopped.unwrap(), Stopped::GenerationRetired);
        assert!(matches!(cut_over(&pool, &first).await, Err(Error::NotBuilding(1))));
        first.remove(&pool).await.unwrap();
        assert!(matches!(third.remove(&pool).await, Err(Error::NotBuilding(3))));
        assert_figures(&pool, &ledger, &tenant("demo"), query(Grain::Day)).await;
    });
}

#[test]
fn a_row_that_somebody_changed_is_named() {
    with_database(async |pool| {
        let first = Generation::live(&pool).await.unwrap();
        let ledger = Ledger::generate(32, &small());
        apply(&pool, &first, &ledger.events, 1000).await;
        let second = Generation::create_building(&pool).await.unwrap();
        apply(&pool, &second, &ledger.events, 3000).await;
        let tamper = "WITH one AS (SELECT ctid FROM generation_1.monthly_counts WHERE kind = 'conversion' LIMIT 1)
                      UPDATE generation_1.monthly_counts SET count = count + 1000 WHERE ctid IN (SELECT ctid FROM one);
                      UPDATE generation_1.interactions SET kind = 'view'
                      WHERE (partition, position) IN (SELECT partition, position FROM generation_1.interactions WHERE kind <> 'view' LIMIT 1)";
        sqlx::raw_sql(tamper).execute(&pool).await.unwrap();
        let differences = compare(&pool, &first, &second).await.unwrap();
        let views: Vec<&str> = differences.iter().map(|difference| difference.view.as_str()).collect();
        assert_eq!(views, ["interactions", "monthly_counts"]);
        for difference in differences {
            assert_eq!((difference.only_left.len(), difference.only_right.len()), (1, 1));
            assert_eq!(difference.left_rows, difference.right_rows);
        }
    });
}

#[test]
fn many_processes_that_start_at_once_make_one_generation() {
    with_database(async |pool| {
        sqlx::raw_sql("DROP SCHEMA projections, read, kpi, generation_1 CASCADE; DROP TABLE _sqlx_migrations")
            .execute(&pool)
            .await
            .unwrap();
        let all = futures::future::join_all((0..4).map(|_| projections::migrate(&pool))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!(Generation::all(&pool).await.unwrap().len(), 1);
        assert_eq!(marks(&pool).await.unwrap(), []);
    });
}

#[test]
fn of_two_builds_that_cut_over_at_once_one_ends_up_live() {
    with_database(async |pool| {
        let (second, third) = tokio::join!(Generation::create_building(&pool), Generation::create_building(&pool));
        let (second, third) = (second.unwrap(), third.unwrap());
        assert_ne!(second.number, third.number);
        let (left, right) = tokio::join!(cut_over(&pool, &second), cut_over(&pool, &third));
        assert!(left.is_ok() && right.is_ok(), "{left:?} {right:?}");
        let live = Generation::live(&pool).await.unwrap();
        let shown: String = sqlx::query_scalar("SELECT pg_get_viewdef('read.capsules')").fetch_one(&pool).await.unwrap();
        assert!(shown.contains(&live.schema), "{shown}");
    });
}

#[test]
fn a_generation_is_begun_while_whoever_removed_the_one_before_still_has_the_lock_on_it() {
    with_database(async |pool| {
        let request = || Purpose::Replay("check".to_owned());
        let removed = Filling::resume(&pool, request()).await.unwrap();
        removed.generation.remove(&pool).await.unwrap();
        let begun = Filling::resume(&pool, request()).await.unwrap();
        assert!(!begun.is_resumed && begun.generation.number > removed.generation.number, "{begun:?} after {removed:?}");
        removed.leave().await.unwrap();
        begun.remove(&pool).await.unwrap();
    });
}

#[test]
fn a_live_generation_that_was_made_without_comments_gets_them() {
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        let silent = async || -> i64 {
            sqlx::query_scalar(
                "SELECT count(*) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0
                 WHERE relnamespace = $1::regnamespace AND relkind = 'r' AND col_description(attrelid, attnum) IS NULL",
            )
            .bind(&live.schema)
            .fetch_one(&pool)
            .await
            .unwrap()
        };
        assert_eq!(silent().await, 0);
        sqlx::query(&format!("COMMENT ON COLUMN {}.deal_facts.stage IS NULL", live.schema)).execute(&pool).await.unwrap();
        assert_eq!(silent().await, 1);
        projections::migrate(&pool).await.unwrap();
        assert_eq!(silent().await, 0);
        assert_eq!(Generation::all(&pool).await.unwrap(), [live], "words alone make no new generation");
    });
}
