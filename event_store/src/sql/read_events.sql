SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM ledger.events
WHERE tenant = $1
    AND (partition, position) > ($2, $3)
    AND ($4::integer IS NULL OR partition = $4)
    AND ($5::text IS NULL OR aggregate_type = $5)
    AND ($6::text IS NULL OR aggregate_id = $6)
    AND ($7::text IS NULL OR event_type = $7)
    AND ($9::timestamptz IS NULL OR recorded_at >= $9)
    AND ($10::timestamptz IS NULL OR recorded_at < $10)
    AND ($11::text IS NULL OR metadata ->> 'key' = $11)
ORDER BY partition, position
LIMIT $8
