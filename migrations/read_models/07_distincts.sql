-- Partial sums: only the whole over all partitions means something.
CREATE TABLE distincts (
    period          date    NOT NULL,
    partition       integer NOT NULL,
    grain           "char"  NOT NULL CONSTRAINT distincts_grain_known CHECK (grain IN ('d', 'm')),
    tenant          text COLLATE "C" NOT NULL,
    users           bigint  NOT NULL,
    active_users    bigint  NOT NULL,
    capsules        bigint  NOT NULL,
    active_capsules bigint  NOT NULL,
    sessions        bigint  NOT NULL,
    active_sessions bigint  NOT NULL,
    CONSTRAINT distincts_pkey PRIMARY KEY (tenant, grain, period, partition)
) WITH (fillfactor = 70);
COMMENT ON TABLE distincts IS 'How many members each period has; one row a partition.';
