//! Adds rows to `interactions` by COPY, and to `interaction_voids`.

use sqlx::PgConnection;

use super::copy::Rows;
use super::fold::{COLUMNS, Interactions};
use crate::delta::Tenants;

/// How much is handed to the driver at once; it keeps a copy.
const COPY_CHUNK_BYTES: usize = 1 << 20;

pub(crate) async fn add(
    connection: &mut PgConnection,
    tenants: &Tenants,
    interactions: &Interactions,
) -> Result<(), sqlx::Error> {
    if !interactions.rows.is_empty() {
        let statement = format!("COPY interactions ({}) FROM STDIN (FORMAT binary)", COLUMNS.join(", "));
        let mut copy = connection.copy_in_raw(&statement).await?;
        copy.send(Rows::header()).await?;
        for chunk in interactions.rows.bytes().chunks(COPY_CHUNK_BYTES) {
            copy.send(chunk).await?;
        }
        copy.send(Rows::trailer().as_slice()).await?;
        copy.finish().await?;
    }
    if !interactions.voids.is_empty() {
        let voids = &interactions.voids;
        sqlx::query(
            "INSERT INTO interaction_voids (tenant, interaction_id, voided_at, recorded_at, position, reason)
             SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::bigint[], $6::text[])",
        )
        .bind(voids.iter().map(|void| tenants.name(void.tenant)).collect::<Vec<_>>())
        .bind(voids.iter().map(|void| void.interaction_id.as_str()).collect::<Vec<_>>())
        .bind(voids.iter().map(|void| void.voided_at).collect::<Vec<_>>())
        .bind(voids.iter().map(|void| void.recorded_at).collect::<Vec<_>>())
        .bind(voids.iter().map(|void| void.position).collect::<Vec<_>>())
        .bind(voids.iter().map(|void| void.reason).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}
