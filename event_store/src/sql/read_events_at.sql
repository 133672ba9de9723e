SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM unnest($2::integer[], $3::bigint[]) AS wanted (partition, position)
JOIN ledger.events USING (partition, position)
WHERE tenant = $1
ORDER BY partition, position
