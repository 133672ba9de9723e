-- By both days, so that any period can be shown as it was known on any day. A void is -1 on the day it was recorded.
CREATE TABLE daily_counts (
    tenant       text COLLATE "C" NOT NULL,
    partition    integer NOT NULL,
    occurred_day date    NOT NULL,
    recorded_day date    NOT NULL,
    kind         text COLLATE "C" NOT NULL CONSTRAINT daily_counts_kind_known
        CHECK (kind IN ('view', 'interaction', 'content_access', 'conversion')),
    actor        text COLLATE "C" NOT NULL CONSTRAINT daily_counts_actor_known
        CHECK (actor IN ('human', 'bot', 'preview', 'test')),
    count        bigint  NOT NULL,
    CONSTRAINT daily_counts_pkey PRIMARY KEY (tenant, occurred_day, recorded_day, partition, kind, actor)
) WITH (fillfactor = 70);
COMMENT ON TABLE daily_counts IS 'Interactions by the day they occurred and the day that was recorded; one row a partition.';
