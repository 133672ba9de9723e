-- Says of every column what it is, where 0001 did not: who reads the tables need not guess.
COMMENT ON COLUMN ledger.ledgers.only_one IS 'Always true: it keeps the table to one row.';
COMMENT ON COLUMN ledger.ledgers.ledger_id IS 'Random; made with the ledger and never changed.';
COMMENT ON COLUMN ledger.ledgers.created_at IS 'When the ledger was made.';

COMMENT ON COLUMN ledger.partition_heads.partition IS 'Counted from 0.';

COMMENT ON COLUMN ledger.events.aggregate_type IS 'The kind of aggregate, such as capsule or deal.';
COMMENT ON COLUMN ledger.events.event_type IS 'What happened, such as DealWon.';
COMMENT ON COLUMN ledger.events.event_version IS 'The version of the payload''s form; its JSON Schema is published under both names.';
COMMENT ON COLUMN ledger.events.tenant IS 'Whose it is.';
COMMENT ON COLUMN ledger.events.partition IS 'The partition it is in, from 0; decided by tenant and partition_key.';

COMMENT ON COLUMN ledger.tenants.tenant IS 'Its name, as in aggregate_id.';
COMMENT ON COLUMN ledger.tenants.created_at IS 'When its first key was made.';

COMMENT ON COLUMN ledger.pseudonyms.tenant IS 'Whose user it is.';
COMMENT ON COLUMN ledger.pseudonyms.pseudonym IS 'Random; what events and figures know the user by.';
COMMENT ON COLUMN ledger.pseudonyms.created_at IS 'When the user was first met.';

COMMENT ON COLUMN ledger.idempotency_keys.tenant IS 'Whose request it was.';
COMMENT ON COLUMN ledger.idempotency_keys.key IS 'The request''s Idempotency-Key, or its line''s idempotency_key.';
COMMENT ON COLUMN ledger.idempotency_keys.request_hash IS 'SHA-256 of the request: the same key with another one is refused.';
COMMENT ON COLUMN ledger.idempotency_keys.partition IS 'The partition of its aggregate''s events.';
COMMENT ON COLUMN ledger.idempotency_keys.created_at IS 'When it was first answered.';

COMMENT ON COLUMN ledger.api_keys.id IS 'The public part of the key; events name it in their metadata.';
COMMENT ON COLUMN ledger.api_keys.tenant IS 'Whose rows it reads and writes.';
COMMENT ON COLUMN ledger.api_keys.role IS 'What it may do: admin, writer, analyst or auditor.';
COMMENT ON COLUMN ledger.api_keys.name IS 'What it is for, as whoever made it called it.';
COMMENT ON COLUMN ledger.api_keys.created_at IS 'When it was made.';
COMMENT ON COLUMN ledger.api_keys.expires_at IS 'From when on it is refused; null: never.';
COMMENT ON COLUMN ledger.api_keys.revoked_at IS 'When it was revoked; null: it is not.';
