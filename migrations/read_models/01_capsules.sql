CREATE TABLE capsules (
    tenant        text COLLATE "C" NOT NULL,
    capsule_id    text COLLATE "C" NOT NULL,
    title         text,
    state         text COLLATE "C" CONSTRAINT capsules_state_known CHECK (state IN ('draft', 'open', 'closed')),
    created_at    timestamptz,
    published_at  timestamptz,
    archived_at   timestamptz,
    version       bigint  NOT NULL,
    interactions  bigint  NOT NULL,
    active        bigint  NOT NULL,
    partition     integer NOT NULL,
    last_position bigint  NOT NULL,
    CONSTRAINT capsules_pkey PRIMARY KEY (tenant, capsule_id)
) WITH (fillfactor = 70);
COMMENT ON TABLE capsules IS 'One row a capsule.';
