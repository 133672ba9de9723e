-- A ledger whose events are brought back from Kafka takes no commands until all of them are there and are those that were signed.
CREATE TABLE ledger.restores (
    only_one    boolean     NOT NULL DEFAULT true,
    source      text        NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CONSTRAINT restores_pkey PRIMARY KEY (only_one),
    CONSTRAINT restores_only_one CHECK (only_one)
);
COMMENT ON TABLE ledger.restores IS 'That this ledger was brought back from its other copy; one row, or none.';
COMMENT ON COLUMN ledger.restores.only_one IS 'Always true: it keeps the table to one row.';
COMMENT ON COLUMN ledger.restores.source IS 'Where its events came from: the Kafka topic.';
COMMENT ON COLUMN ledger.restores.started_at IS 'When it was begun.';
COMMENT ON COLUMN ledger.restores.finished_at IS 'When all was there; null: the ledger is not whole yet, and takes no commands.';
