SELECT
    events.partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM unnest($2::integer[], $3::bigint[], $4::bigint[]) AS range (partition, least, most)
JOIN ledger.events ON events.partition = range.partition AND position >= least AND position < most
WHERE tenant = $1
    -- Anything else may be named like a capsule, and is then keyed like it.
    AND ($5::text IS NULL OR (partition_key = $5 AND aggregate_type IN ('capsule', 'interaction')))
    AND ($6::text IS NULL OR strpos(payload::text, $6) > 0)
    AND ($7::text IS NULL OR aggregate_type = $7)
    AND ($8::text IS NULL OR event_type = $8)
    AND ($10::text IS NULL OR metadata ->> 'key' = $10)
ORDER BY recorded_at DESC, events.partition DESC, position DESC
LIMIT $9
