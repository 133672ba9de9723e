SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM ledger.events
WHERE tenant = $1
    AND (partition, position) >= ($2, $3) AND (partition, position) < ($4, $5)
    AND ($6::text IS NULL OR aggregate_type = $6)
    AND ($7::text IS NULL OR aggregate_id = $7)
    AND ($8::text IS NULL OR event_type = $8)
    AND ($9::text IS NULL OR metadata ->> 'key' = $9)
ORDER BY partition, position
LIMIT $10
