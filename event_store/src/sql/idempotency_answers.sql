SELECT given.ordinal, stored.request_hash, stored.version, stored.partition, stored.next_position, stored.event_types
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS given (tenant, key, ordinal)
JOIN ledger.idempotency_keys AS stored ON stored.tenant = given.tenant AND stored.key = given.key
