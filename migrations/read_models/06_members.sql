-- Who and what is in a period, so that distinct figures are kept and never counted when they are read. The key is compact:
-- it is the largest table after interactions, and every batch of events touches it.
CREATE TABLE members (
    period date   NOT NULL,
    total  integer NOT NULL,
    active integer NOT NULL,
    grain  "char" NOT NULL CONSTRAINT members_grain_known CHECK (grain IN ('d', 'm')),
    kind   "char" NOT NULL CONSTRAINT members_kind_known CHECK (kind IN ('u', 'c', 's')),
    tenant text COLLATE "C" NOT NULL,
    member uuid   NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (period, grain, kind, tenant, member)
) WITH (fillfactor = 85);
COMMENT ON TABLE members IS 'Interactions of each user (u), capsule (c) and session (s) by day (d) and month (m).';
