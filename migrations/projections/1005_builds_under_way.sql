-- What a generation is being filled for, and how far that is: so that whoever was stopped is gone on with by the same request and
-- by no other, and people see how long it will take.
ALTER TABLE projections.generations
    ADD COLUMN purpose         text CONSTRAINT generations_purpose_known CHECK (purpose IN ('rebuild', 'replay', 'verify')),
    ADD COLUMN request         text,
    ADD COLUMN target_events   bigint,
    ADD COLUMN resumed_events  bigint,
    ADD COLUMN resumed_at      timestamptz;
COMMENT ON COLUMN projections.generations.purpose IS 'What it was made for: rebuild (another version of the program), replay or verify; null: it was live from the start, or nobody goes on with it.';
COMMENT ON COLUMN projections.generations.request IS 'What a replay was asked for: only the same goes on with it.';
COMMENT ON COLUMN projections.generations.target_events IS 'How many events it is being filled with.';
COMMENT ON COLUMN projections.generations.resumed_events IS 'How many of them were in it when it was last gone on with.';
COMMENT ON COLUMN projections.generations.resumed_at IS 'When that was.';
