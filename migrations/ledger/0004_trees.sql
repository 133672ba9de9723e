-- The trees over the events and the ledger's own log of their heads, so that what is here can be proved to strangers. All of it
-- follows from the events, but for the signatures.

CREATE TABLE ledger.trees (
    tree integer NOT NULL,
    size bigint  NOT NULL,
    root bytea   NOT NULL,
    CONSTRAINT trees_pkey PRIMARY KEY (tree),
    CONSTRAINT trees_size CHECK (size >= 0),
    CONSTRAINT trees_root CHECK (octet_length(root) = 32)
);
COMMENT ON TABLE ledger.trees IS 'How far each tree has grown; its lock.';
COMMENT ON COLUMN ledger.trees.tree IS 'A partition''s number; -1: the log.';
COMMENT ON COLUMN ledger.trees.size IS 'How many leaves it has: of a partition, events.';
COMMENT ON COLUMN ledger.trees.root IS 'RFC 6962.';

CREATE TABLE ledger.tiles (
    tree   integer  NOT NULL,
    level  smallint NOT NULL,
    index  bigint   NOT NULL,
    hashes bytea    NOT NULL,
    CONSTRAINT tiles_pkey PRIMARY KEY (tree, level, index),
    CONSTRAINT tiles_hashes CHECK (octet_length(hashes) BETWEEN 32 AND 8192 AND octet_length(hashes) % 32 = 0)
);
-- Hashes do not compress.
ALTER TABLE ledger.tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;
COMMENT ON TABLE ledger.tiles IS 'The trees'' hashes, 256 a tile. A tile only grows.';
COMMENT ON COLUMN ledger.tiles.tree IS 'As in trees.';
COMMENT ON COLUMN ledger.tiles.level IS '0: leaves; each level above: the roots of whole tiles below.';
COMMENT ON COLUMN ledger.tiles.index IS 'Its place in its level, from 0.';
COMMENT ON COLUMN ledger.tiles.hashes IS '32 bytes each.';

CREATE TABLE ledger.log_entries (
    index bigint NOT NULL,
    entry text COLLATE "C" NOT NULL,
    CONSTRAINT log_entries_pkey PRIMARY KEY (index)
);
COMMENT ON TABLE ledger.log_entries IS 'The log: what the ledger is, which keys sign, and the heads of all partitions every few seconds. Its tree is signed.';
COMMENT ON COLUMN ledger.log_entries.index IS 'Its place in the log, from 0.';
COMMENT ON COLUMN ledger.log_entries.entry IS 'Canonical JSON; its bytes are the leaf''s data.';

CREATE TABLE ledger.checkpoints (
    size bigint NOT NULL,
    note text COLLATE "C" NOT NULL,
    CONSTRAINT checkpoints_pkey PRIMARY KEY (size)
);
COMMENT ON TABLE ledger.checkpoints IS 'Signed heads of the log.';
COMMENT ON COLUMN ledger.checkpoints.size IS 'How many entries the log had.';
COMMENT ON COLUMN ledger.checkpoints.note IS 'A C2SP checkpoint: a signed note.';

-- What was said of keys is looked for from the end; between two such entries may be millions of heads.
CREATE INDEX log_entries_keys ON ledger.log_entries (index) WHERE entry NOT LIKE '{"kind":"heads"%';
