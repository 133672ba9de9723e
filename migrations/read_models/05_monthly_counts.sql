CREATE TABLE monthly_counts (
    tenant    text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    month     date    NOT NULL,
    kind      text COLLATE "C" NOT NULL CONSTRAINT monthly_counts_kind_known
        CHECK (kind IN ('view', 'interaction', 'content_access', 'conversion')),
    actor     text COLLATE "C" NOT NULL CONSTRAINT monthly_counts_actor_known
        CHECK (actor IN ('human', 'bot', 'preview', 'test')),
    count     bigint  NOT NULL,
    CONSTRAINT monthly_counts_pkey PRIMARY KEY (tenant, month, partition, kind, actor)
) WITH (fillfactor = 50);
COMMENT ON TABLE monthly_counts IS 'Interactions by the month they occurred; one row a partition.';
