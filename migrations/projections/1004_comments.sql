-- Says of every column what it is, where the files before did not: who reads the tables need not guess.
COMMENT ON COLUMN projections.generations.created_at IS 'When it was made, empty.';

COMMENT ON COLUMN projections.progress.generation IS 'The generation''s number.';
COMMENT ON COLUMN projections.progress.projection IS 'read_models: all tables of a generation go together.';
COMMENT ON COLUMN projections.progress.partition IS 'The ledger''s partition, from 0.';

COMMENT ON COLUMN projections.projection_faults.generation IS 'The generation''s number.';
COMMENT ON COLUMN projections.projection_faults.partition IS 'The ledger''s partition that stands still, from 0.';

COMMENT ON COLUMN projections.analysts.role_name IS 'The PostgreSQL role that logs in.';
COMMENT ON COLUMN projections.analysts.tenant IS 'Whose rows it sees.';
COMMENT ON COLUMN projections.analysts.created_at IS 'When it was first made.';
