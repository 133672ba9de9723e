-- The ledger: events in partitions of dense positions, and what an append needs to stay correct.
-- Columns and primary key of `events` are a superset of postgres-es's, so its tools still read it.

CREATE SCHEMA ledger;

CREATE TABLE ledger.ledgers (
    only_one   boolean     NOT NULL DEFAULT true,
    ledger_id  uuid        NOT NULL DEFAULT gen_random_uuid(),
    partitions integer     NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ledgers_pkey PRIMARY KEY (only_one),
    CONSTRAINT ledgers_only_one CHECK (only_one),
    CONSTRAINT ledgers_partitions CHECK (partitions BETWEEN 1 AND 1024)
);
COMMENT ON TABLE ledger.ledgers IS 'What was fixed when the ledger was created; one row.';
COMMENT ON COLUMN ledger.ledgers.partitions IS 'How many partitions there are. Fixed for ever: it decides where every key lives.';

CREATE TABLE ledger.partition_heads (
    partition        integer     NOT NULL,
    next_position    bigint      NOT NULL DEFAULT 0,
    last_recorded_at timestamptz NOT NULL DEFAULT '-infinity',
    CONSTRAINT partition_heads_pkey PRIMARY KEY (partition),
    CONSTRAINT partition_heads_next_position CHECK (next_position >= 0)
) WITH (fillfactor = 10); -- updated by every append: room for heap-only updates
COMMENT ON TABLE ledger.partition_heads IS 'The lock that gives positions out, a row a partition.';
COMMENT ON COLUMN ledger.partition_heads.next_position IS 'The position the next event takes; so also how many events there are.';
COMMENT ON COLUMN ledger.partition_heads.last_recorded_at IS 'recorded_at never goes back within a partition, even where the clock does.';

CREATE TABLE ledger.events (
    aggregate_type text        COLLATE "C" NOT NULL,
    aggregate_id   text        COLLATE "C" NOT NULL,
    sequence       bigint      NOT NULL,
    event_type     text        COLLATE "C" NOT NULL,
    event_version  text        COLLATE "C" NOT NULL,
    payload        json        NOT NULL,
    metadata       json        NOT NULL,
    tenant         text        COLLATE "C" NOT NULL,
    partition      integer     NOT NULL,
    position       bigint      NOT NULL,
    partition_key  text        COLLATE "C" NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    CONSTRAINT events_pkey PRIMARY KEY (aggregate_type, aggregate_id, sequence),
    CONSTRAINT events_partition_position_key UNIQUE (partition, position)
);
COMMENT ON TABLE ledger.events IS 'Every event there is. Rows are only ever inserted, by ledger.append.';
COMMENT ON COLUMN ledger.events.aggregate_id IS 'TENANT/ID, unique among all tenants.';
COMMENT ON COLUMN ledger.events.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN ledger.events.payload IS 'json, not jsonb: these exact bytes are published, hashed and proved.';
COMMENT ON COLUMN ledger.events.metadata IS 'Who caused it, with which request; these exact bytes are published, hashed and proved.';
COMMENT ON COLUMN ledger.events.position IS 'The event''s place in its partition: dense from 0, in commit order.';
COMMENT ON COLUMN ledger.events.partition_key IS 'What decides the partition: the capsule''s id for capsules and interactions, else the aggregate''s.';
COMMENT ON COLUMN ledger.events.occurred_at IS 'Business time.';
COMMENT ON COLUMN ledger.events.recorded_at IS 'When the event was appended; one time a batch.';

CREATE TABLE ledger.tenants (
    tenant     text        COLLATE "C" NOT NULL,
    vault_key  bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tenants_pkey PRIMARY KEY (tenant),
    CONSTRAINT tenants_vault_key CHECK (length(vault_key) = 32)
);
COMMENT ON TABLE ledger.tenants IS 'Whose events, rows and keys there are.';
COMMENT ON COLUMN ledger.tenants.vault_key IS 'The key of the tenant''s HMAC over user ids. Without it no user id can be matched with a pseudonym.';

CREATE TABLE ledger.pseudonyms (
    tenant     text        COLLATE "C" NOT NULL,
    subject    bytea       NOT NULL,
    pseudonym  uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pseudonyms_pkey PRIMARY KEY (tenant, subject),
    CONSTRAINT pseudonyms_tenant_pseudonym_key UNIQUE (tenant, pseudonym),
    CONSTRAINT pseudonyms_tenant_fkey FOREIGN KEY (tenant) REFERENCES ledger.tenants (tenant)
);
COMMENT ON TABLE ledger.pseudonyms IS 'The vault: what the ledger knows a user by. The only link between a person and their events.';
COMMENT ON COLUMN ledger.pseudonyms.subject IS 'HMAC-SHA-256 of the user''s id under the tenant''s vault key; the id itself is stored nowhere.';

CREATE TABLE ledger.idempotency_keys (
    tenant         text        COLLATE "C" NOT NULL,
    key            text        COLLATE "C" NOT NULL,
    request_hash   bytea       NOT NULL,
    version        bigint      NOT NULL,
    partition      integer     NOT NULL,
    next_position  bigint      NOT NULL,
    event_types    text[]      COLLATE "C" NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant, key),
    CONSTRAINT idempotency_keys_request_hash CHECK (length(request_hash) = 32)
);
COMMENT ON TABLE ledger.idempotency_keys IS 'What a request with an Idempotency-Key was answered; written with its events, in one transaction.';
COMMENT ON COLUMN ledger.idempotency_keys.version IS 'The stream''s version in that answer.';
COMMENT ON COLUMN ledger.idempotency_keys.next_position IS 'The position after the last event of that answer.';
COMMENT ON COLUMN ledger.idempotency_keys.event_types IS 'The events it appended, at the positions right before next_position; empty: nothing more happened.';

CREATE TABLE ledger.api_keys (
    id            text        COLLATE "C" NOT NULL,
    tenant        text        COLLATE "C" NOT NULL,
    role          text        COLLATE "C" NOT NULL,
    name          text        NOT NULL,
    secret_sha256 bytea       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_tenant_fkey FOREIGN KEY (tenant) REFERENCES ledger.tenants (tenant),
    CONSTRAINT api_keys_role CHECK (role IN ('admin', 'writer', 'analyst', 'auditor')),
    CONSTRAINT api_keys_secret_sha256 CHECK (length(secret_sha256) = 32)
);
COMMENT ON TABLE ledger.api_keys IS 'Who may speak to the API. Keys are revoked, never deleted: events name them.';
COMMENT ON COLUMN ledger.api_keys.secret_sha256 IS 'Of the secret part; the secret itself is shown once and stored nowhere.';
