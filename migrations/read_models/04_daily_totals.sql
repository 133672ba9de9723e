-- daily_counts without the day of recording: what is asked for most is read from the fewest rows.
CREATE TABLE daily_totals (
    tenant       text COLLATE "C" NOT NULL,
    partition    integer NOT NULL,
    occurred_day date    NOT NULL,
    kind         text COLLATE "C" NOT NULL CONSTRAINT daily_totals_kind_known
        CHECK (kind IN ('view', 'interaction', 'content_access', 'conversion')),
    actor        text COLLATE "C" NOT NULL CONSTRAINT daily_totals_actor_known
        CHECK (actor IN ('human', 'bot', 'preview', 'test')),
    count        bigint  NOT NULL,
    CONSTRAINT daily_totals_pkey PRIMARY KEY (tenant, occurred_day, partition, kind, actor)
) WITH (fillfactor = 50);
COMMENT ON TABLE daily_totals IS 'Interactions by the day they occurred; one row a partition.';
