INSERT INTO ledger.idempotency_keys (tenant, key, request_hash, version, partition, next_position, event_types)
VALUES ($1, $2, $3, $4, $5, $6, '{}')
ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO NOTHING
