SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM ledger.events
WHERE tenant = $1
    AND aggregate_type = ANY ($2) AND aggregate_id = $3
    -- Anything else may be named like a capsule, and is then keyed like it.
    AND ($4::text IS NULL OR (partition_key = $4 AND aggregate_type IN ('capsule', 'interaction')))
    AND ($5::text IS NULL OR strpos(payload::text, $5) > 0)
    AND ($6::text IS NULL OR event_type = $6)
    AND ($13::text IS NULL OR metadata ->> 'key' = $13)
    AND ($7::timestamptz IS NULL OR recorded_at >= $7)
    AND ($8::timestamptz IS NULL OR recorded_at < $8)
    AND ($9::timestamptz IS NULL OR (recorded_at, partition, position) < ($9, $10, $11))
ORDER BY recorded_at DESC, partition DESC, position DESC
LIMIT $12
