SELECT stored.partition, stored.position
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS wanted (aggregate_type, aggregate_id, version)
CROSS JOIN LATERAL (
    SELECT events.partition, events.position
    FROM ledger.events AS events
    WHERE events.aggregate_type = wanted.aggregate_type AND events.aggregate_id = wanted.aggregate_id
      AND events.sequence <= wanted.version
    OFFSET 0
) AS stored
LIMIT $4
