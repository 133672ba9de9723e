-- An entry's id begins with the moment it was noted at, so the primary key finds those of a tenant and a time. Erasures are entries
-- by their own events, which an index of these has in the order of time. A page has so many of both at most.
SELECT
    partition, position, tenant, aggregate_type, aggregate_id, sequence, event_type, event_version, partition_key, occurred_at,
    recorded_at, payload::text AS payload, metadata::text AS metadata
FROM (
    (SELECT aggregate_id AS place, *
    FROM ledger.events
    WHERE aggregate_type = 'audit_entry'
        AND aggregate_id >= $1 AND aggregate_id < $2
        AND ($3::text[] IS NULL OR event_type = ANY ($3))
        AND ($4::text IS NULL OR metadata ->> 'key' = $4 OR payload ->> 'key_id' = $4)
        AND tenant = $5
    ORDER BY aggregate_id DESC
    LIMIT $6)
    UNION ALL
    -- As AuditPlace writes it.
    (SELECT
        tenant || to_char(recorded_at AT TIME ZONE 'UTC', '/YYYYMMDD"T"HH24MISS.US"Z-"') || substr(aggregate_id, length(tenant) + 2)
            AS place,
        *
    FROM ledger.events
    WHERE aggregate_type = 'subject'
        AND tenant = $5
        AND recorded_at >= $7 AND (recorded_at, aggregate_id) < ($8, $9)
        AND ($3::text[] IS NULL OR event_type = ANY ($3))
        AND ($4::text IS NULL OR metadata ->> 'key' = $4)
    ORDER BY recorded_at DESC, aggregate_id DESC
    LIMIT $6)
) AS noted
ORDER BY place DESC
LIMIT $6
