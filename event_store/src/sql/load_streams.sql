SELECT given.ordinal, stored.sequence, stored.event_type, stored.event_version, stored.payload, stored.partition,
       stored.position, stored.partition_key
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (aggregate_type, aggregate_id, ordinal)
CROSS JOIN LATERAL (
    SELECT events.sequence, events.event_type, events.event_version, convert_to(events.payload::text, 'UTF8') AS payload,
           events.partition, events.position, events.partition_key
    FROM ledger.events AS events
    WHERE events.aggregate_type = given.aggregate_type AND events.aggregate_id = given.aggregate_id
    ORDER BY events.sequence
    OFFSET 0
) AS stored
ORDER BY given.ordinal, stored.sequence
