SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM ledger.events
WHERE tenant = $1 AND partition = $2 AND position = $3
