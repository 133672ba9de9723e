-- Written once, in the order of the log, and never updated: voids lie apart, so that recording one looks nothing up here
-- and the table stays dense. Needs no key of its own: progress keeps every event to one row.
CREATE TABLE interactions (
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    position       bigint      NOT NULL,
    partition      integer     NOT NULL,
    duration_ms    bigint,
    response_ms    bigint,
    ai_response_ms bigint,
    page_load_ms   bigint,
    user_id        uuid,
    tenant         text COLLATE "C" NOT NULL,
    interaction_id text COLLATE "C" NOT NULL,
    capsule_id     text COLLATE "C" NOT NULL,
    session_id     text COLLATE "C",
    kind           text COLLATE "C" NOT NULL,
    actor          text COLLATE "C" NOT NULL,
    feature        text COLLATE "C",
    channel        text COLLATE "C",
    device         text COLLATE "C",
    region         text COLLATE "C",
    attributes     jsonb
) WITH (autovacuum_vacuum_insert_scale_factor = 0.5);
COMMENT ON TABLE interactions IS 'One row a recorded interaction, voided or not.';

CREATE TABLE interaction_voids (
    tenant         text COLLATE "C" NOT NULL,
    interaction_id text COLLATE "C" NOT NULL,
    voided_at      timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    position       bigint      NOT NULL,
    reason         text COLLATE "C" NOT NULL,
    CONSTRAINT interaction_voids_pkey PRIMARY KEY (tenant, interaction_id)
);
COMMENT ON TABLE interaction_voids IS 'One row a voided interaction.';
