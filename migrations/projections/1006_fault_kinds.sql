-- Whether a partition waits for an event that did not come, or was given one that it cannot apply: only the second may ever be left
-- out. What was written down before this counts as the first; a projector that starts and stands still there says which it is.
ALTER TABLE projections.projection_faults
    ADD COLUMN kind text NOT NULL DEFAULT 'missing' CONSTRAINT projection_faults_kind_known CHECK (kind IN ('missing', 'refused'));
COMMENT ON COLUMN projections.projection_faults.kind IS 'missing: the event did not come from Kafka, whose copy is mended from PostgreSQL; refused: it came, and cannot be applied.';
