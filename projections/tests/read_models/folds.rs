//! What the folds and formulas make of a sample of events is known by a hash, and the hash is a part of the program: where it is another
//! one, read models are made anew by themselves. And figures are held against others at the moments that they were made at.

use chrono::TimeDelta;
use domain::TenantId;
use projections::kpis::refresher::{Moments, Refresher};
use projections::{Generation, changed_views, compare};
use sha2::{Digest, Sha256};
use sqlx::PgPool;

use crate::database::{apply, with_database};
use crate::figures::small;
use crate::generate::{Ledger, tenant, time};
use crate::kpis::{Recorder, fact, files, record};

const FOLDS: &str = include_str!("../../src/folds.sha256");
const FIGURES: &str = include_str!("../../src/kpis/figures.sha256");

/// No case has these: they name their definitions, and no KPI follows from a milestone.
const MORE: [&str; 2] = [
    r#"2026-02-01T00:00:00Z definitions/active_capsule_interactions/adopt {"kpi":"active_capsule_interactions","version":2,"parameters":{"kinds":["interaction"],"actors":["human"]}}"#,
    r#"2026-02-01T00:00:00Z milestones/soc-2/reach {"area":"compliance","milestone":"soc_2_type_i_certification","evidence":"report"}"#,
];

/// So many cases of every KPI, those of most facts, each a tenant of its own.
fn cases(of_each: usize) -> (Ledger, Vec<TenantId>) {
    let (mut recorder, mut tenants) = (Recorder::new(), Vec::new());
    for (kpi, mut cases) in files() {
        cases.sort_by_key(|case| std::cmp::Reverse(case.facts.len()));
        for (number, case) in cases.iter().take(of_each).enumerate() {
            let name = format!("{}-{number}", kpi.id.replace('_', "-"));
            record(&mut recorder, &name, case);
            tenants.push(tenant(&name));
        }
    }
    for line in MORE {
        recorder.take("active-capsule-interactions-0", &fact(line).unwrap()).unwrap();
    }
    (recorder.ledger, tenants)
}

/// Every view of facts and counts.
async fn views(pool: &PgPool) -> Vec<String> {
    let names = "SELECT viewname::text FROM pg_views WHERE schemaname = 'read' AND viewname NOT LIKE 'figure%' ORDER BY 1";
    sqlx::query_scalar(names).fetch_all(pool).await.unwrap()
}

/// The rows of a view, in an order of their own.
async fn rows(pool: &PgPool, view: &str) -> Vec<String> {
    let statement = format!("SELECT row::text FROM read.{view} AS row ORDER BY row::text COLLATE \"C\"");
    sqlx::query_scalar(&statement).fetch_all(pool).await.unwrap()
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_a_fold_makes_of_a_sample_is_what_the_program_is_marked_by() {
    let (mut hash, mut without_rows) = (Sha256::new(), Vec::new());
    for (ledger, has_all) in [(cases(usize::MAX).0, true), (Ledger::generate(32, &small()), false)] {
        with_database(async |pool| {
            let live = Generation::live(&pool).await.unwrap();
            apply(&pool, &live, &ledger.events, 1000).await;
            for view in views(&pool).await {
                let rows = rows(&pool, &view).await;
                if has_all && rows.is_empty() {
                    without_rows.push(view.clone());
                }
                hash.update(format!("{view}\n{}\n", rows.join("\n")));
            }
        });
    }
    assert_eq!(without_rows, Vec::<String>::new(), "the sample has rows of every view");
    assert_eq!(
        hex(hash),
        FOLDS.trim(),
        "the folds write other rows than before. If that is meant, put the left one into projections/src/folds.sha256: every ledger then \
         makes its read models anew when this version starts"
    );
}

#[test]
fn what_figures_are_made_of_a_sample_is_what_the_program_is_marked_by() {
    let (ledger, tenants) = cases(1);
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        apply(&pool, &live, &ledger.events, 1000).await;
        Refresher::build(&pool, &live, &Moments::all_at(&tenants, time("2026-10-15T09:30:00Z"))).await.unwrap();
        let mut hash = Sha256::new();
        hash.update(rows(&pool, "figures").await.join("\n"));
        assert_eq!(
            hex(hash),
            FIGURES.trim(),
            "other figures are made than before. If that is meant, put the left one into projections/src/kpis/figures.sha256: every ledger \
             then makes all its figures anew when this version starts"
        );
    });
}

#[test]
fn figures_of_yesterday_are_held_against_those_of_yesterday() {
    let (ledger, tenants) = cases(1);
    with_database(async |pool| {
        let live = Generation::live(&pool).await.unwrap();
        apply(&pool, &live, &ledger.events, 1000).await;
        // Stopped in the middle of a day, a month and a quarter, some time ago; another KPI was made last a while before that.
        let stopped = time("2026-03-11T09:30:00Z");
        Refresher::build(&pool, &live, &Moments::all_at(&tenants, stopped)).await.unwrap();
        let early = Moments::all_at(&tenants[..tenants.len() / 2], stopped - TimeDelta::hours(7));
        let mut connection = pool.acquire().await.unwrap();
        Refresher::follow(&pool, &mut connection, (&live, "read"), &early).await.unwrap();
        drop(connection);
        let partial: i64 =
            sqlx::query_scalar("SELECT count(*) FROM read.figures WHERE is_partial").fetch_one(&pool).await.unwrap();
        assert!(partial > 500, "{partial} figures of periods that are not over");

        let scratch = Generation::create_building(&pool).await.unwrap();
        apply(&pool, &scratch, &ledger.events, 3000).await;
        assert_eq!(compare(&pool, &live, &scratch).await.unwrap(), [], "whenever it was stopped");

        // Whatever is changed in a figure is found, also in one of a period that was not over.
        let mut wrong = 0;
        for kpi in ["open_risks", "deployment_frequency", "ltv", "active_capsule_interactions"] {
            for is_partial in [true, false] {
                let schema = &live.schema;
                let changed = format!(
                    "UPDATE {schema}.figures SET n = n + 1
                     WHERE ctid = (SELECT min(ctid) FROM {schema}.figures WHERE kpi = $1 AND is_partial = $2)"
                );
                let tampered = sqlx::query(&changed);
                let rows = tampered.bind(kpi).bind(is_partial).execute(&pool).await.unwrap().rows_affected();
                wrong += i64::try_from(rows).unwrap();
            }
        }
        let found = compare(&pool, &live, &scratch).await.unwrap();
        let [figures] = &found[..] else { panic!("{found:?}") };
        assert_eq!((figures.view.as_str(), figures.rows, wrong), ("figures", wrong, 8));
    });
}

#[test]
fn a_view_that_somebody_changed_is_named() {
    with_database(async |pool| {
        assert_eq!(changed_views(&pool).await.unwrap(), Vec::<String>::new());
        let body: String = sqlx::query_scalar("SELECT pg_get_viewdef('read.monthly_counts')").fetch_one(&pool).await.unwrap();
        let more = body.trim_end_matches(';');
        for statement in [
            format!("CREATE OR REPLACE VIEW read.monthly_counts AS SELECT * FROM ({more}) AS counts WHERE kind <> 'view'"),
            "DROP VIEW kpi.win_rate".to_owned(),
        ] {
            sqlx::raw_sql(&statement).execute(&pool).await.unwrap();
        }
        assert_eq!(changed_views(&pool).await.unwrap(), ["kpi.win_rate", "read.monthly_counts"]);
        projections::migrate(&pool).await.unwrap();
        assert_eq!(changed_views(&pool).await.unwrap(), Vec::<String>::new(), "a start of the program mends them");
    });
}
