-- An auditor reads what is there: a time that no event can have must not end the reading.
SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key,
    CASE WHEN occurred_at BETWEEN '0001-01-01T00:00:00Z BC' AND '9999-12-31T23:59:59.999999Z' THEN occurred_at END AS occurred_at,
    CASE WHEN recorded_at BETWEEN '0001-01-01T00:00:00Z BC' AND '9999-12-31T23:59:59.999999Z' THEN recorded_at END AS recorded_at,
    payload::text AS payload, metadata::text AS metadata
FROM ledger.events
WHERE partition = $1 AND position > $2
ORDER BY position
LIMIT $3
