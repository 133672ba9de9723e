SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM ledger.events
WHERE partition = $1 AND position >= $2
ORDER BY position
LIMIT $3
