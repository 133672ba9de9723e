-- A partition's streams that name somebody, whole: what follows on their sign-up or their lead is of them, too.
WITH streams AS (
    SELECT DISTINCT aggregate_type, aggregate_id
    FROM ledger.events
    WHERE tenant = $1 AND partition = $3 AND strpos(payload::text, $2) > 0 AND ledger.person_in(payload) = $2
)
SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM streams
JOIN ledger.events USING (aggregate_type, aggregate_id)
ORDER BY position
