//! Who reads the tables in SQL finds said what each of them is, and each of its columns.

use sqlx::{Connection as _, PgConnection};

use crate::program::up;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_table_view_and_column_is_explained() {
    let (program, _client, place, _directory) = up().await;
    let mut connection = PgConnection::connect(&place.database_url).await.expect("the database");
    let silent: Vec<String> = sqlx::query_scalar(
        "WITH schemas AS (
             SELECT unnest(ARRAY['ledger', 'projections', 'read', 'kpi']) AS name
             UNION ALL
             SELECT schema_name FROM projections.generations
         ), relations AS (
             SELECT oid, oid::regclass::text AS name FROM pg_class
             WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace IN (SELECT name::regnamespace FROM schemas)
         )
         SELECT name FROM relations WHERE obj_description(oid, 'pg_class') IS NULL
         UNION ALL
         SELECT format('%s.%s', name, attname)
         FROM relations JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped
         WHERE col_description(oid, attnum) IS NULL
         ORDER BY 1",
    )
    .fetch_all(&mut connection)
    .await
    .expect("the catalog");
    assert_eq!(silent, Vec::<String>::new());
    assert!(program.stop().await, "it stops well");
}
