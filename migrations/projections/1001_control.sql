-- What the projections keep about themselves: which builds of the read models there are, how far each has come, what it
-- stands still at. Apart from the read models, because it outlives every build of them.
CREATE SCHEMA IF NOT EXISTS projections;
CREATE SCHEMA IF NOT EXISTS read;
CREATE SCHEMA IF NOT EXISTS kpi;
COMMENT ON SCHEMA projections IS 'How far the read models have come.';
COMMENT ON SCHEMA read IS 'The read models, as of the live generation. Names and columns here are stable.';
COMMENT ON SCHEMA kpi IS 'The company''s key figures, worked out from the read models.';

CREATE TABLE projections.generations (
    number      integer     CONSTRAINT generations_pkey PRIMARY KEY CONSTRAINT generations_number_positive CHECK (number > 0),
    schema_name text        NOT NULL CONSTRAINT generations_schema_name_unique UNIQUE,
    status      text        NOT NULL CONSTRAINT generations_status_known CHECK (status IN ('building', 'live', 'retired')),
    created_at  timestamptz NOT NULL DEFAULT now(),
    live_at     timestamptz
);
-- However many processes cut over at once, at most one generation is live.
CREATE UNIQUE INDEX generations_one_live ON projections.generations (status) WHERE status = 'live';
COMMENT ON TABLE projections.generations IS 'Every build of all read models, each in a schema of its own.';
COMMENT ON COLUMN projections.generations.number IS 'Counted from 1.';
COMMENT ON COLUMN projections.generations.schema_name IS 'The Postgres schema that holds its tables.';
COMMENT ON COLUMN projections.generations.status IS 'building, live (the views in schema read show it) or retired.';
COMMENT ON COLUMN projections.generations.live_at IS 'When the views were pointed at it.';

CREATE TABLE projections.progress (
    generation        integer     NOT NULL CONSTRAINT progress_generation_fkey REFERENCES projections.generations (number),
    projection        text        NOT NULL,
    partition         integer     NOT NULL CONSTRAINT progress_partition_u16 CHECK (partition BETWEEN 0 AND 65535),
    next_position     bigint      NOT NULL CONSTRAINT progress_next_position_not_negative CHECK (next_position >= 0),
    kafka_offset_hint bigint,
    last_recorded_at  timestamptz,
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT progress_pkey PRIMARY KEY (generation, projection, partition)
) WITH (fillfactor = 50);
COMMENT ON TABLE projections.progress IS 'How far each generation has come: written in the transaction of the rows themselves.';
COMMENT ON COLUMN projections.progress.next_position IS 'Everything below is applied, nothing from here on.';
COMMENT ON COLUMN projections.progress.kafka_offset_hint IS 'Offset of the last applied event in Kafka; the position decides where it disagrees.';
COMMENT ON COLUMN projections.progress.last_recorded_at IS 'When the last applied event was recorded.';
COMMENT ON COLUMN projections.progress.updated_at IS 'When it last moved.';

CREATE TABLE projections.projection_faults (
    generation integer     NOT NULL CONSTRAINT projection_faults_generation_fkey REFERENCES projections.generations (number),
    partition  integer     NOT NULL CONSTRAINT projection_faults_partition_u16 CHECK (partition BETWEEN 0 AND 65535),
    position   bigint      NOT NULL,
    detail     text        NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT projection_faults_pkey PRIMARY KEY (generation, partition)
);
COMMENT ON TABLE projections.projection_faults IS 'Partitions that stand still, and at what. A row goes when its position is passed.';
COMMENT ON COLUMN projections.projection_faults.position IS 'The first position that is not applied.';
COMMENT ON COLUMN projections.projection_faults.detail IS 'Why it could not be.';
COMMENT ON COLUMN projections.projection_faults.since IS 'When it was first met.';
