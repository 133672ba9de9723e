-- A number is never used twice: whoever removes a generation holds the lock on its number a moment longer than anybody sees the
-- generation, and the consumer group that read for it keeps its name.
CREATE SEQUENCE projections.generation_numbers AS integer OWNED BY projections.generations.number;
SELECT setval('projections.generation_numbers', coalesce(max(number), 0) + 1, false) FROM projections.generations;
COMMENT ON COLUMN projections.generations.number IS 'Counted from 1; never used twice.';
