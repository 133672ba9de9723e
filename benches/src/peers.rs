//! The peers' sides of the comparisons, used as their documentation says.

use std::sync::Arc;

use domain::collections::Context;
use domain::{Capsule, Interaction, Title};
use postgres_es::PostgresCqrs;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor as _, PgPool};

use crate::servers::Servers;

/// Stock postgres-es with its own table, deciding the same commands for the same aggregate.
pub(crate) async fn postgres_es(servers: &Servers, connections: u32) -> anyhow::Result<(PostgresCqrs<Interaction>, PgPool)> {
    let url = servers.database("postgres_es").await?;
    let pool = PgPoolOptions::new().max_connections(connections).connect(&url).await?;
    pool.execute(
        "CREATE TABLE events (
            aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
            event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
            PRIMARY KEY (aggregate_type, aggregate_id, sequence));
         CREATE TABLE snapshots (
            aggregate_type text NOT NULL, aggregate_id text NOT NULL, last_sequence bigint CHECK (last_sequence >= 0) NOT NULL,
            current_snapshot bigint CHECK (current_snapshot >= 0) NOT NULL, payload json NOT NULL,
            PRIMARY KEY (aggregate_type, aggregate_id, last_sequence));",
    )
    .await?;
    let capsule = Arc::new(Capsule::Open { title: Title::parse("Open").expect("a title") });
    let context = Context { now: chrono::Utc::now(), capsule };
    Ok((postgres_es::postgres_cqrs(pool.clone(), vec![], context), pool))
}
