-- That read models took over is noted in the audit log, which is appended to elsewhere. So it is written down here in the transaction
-- that makes them live: whoever is killed between the two, the next one to start notes it.
ALTER TABLE projections.generations ADD COLUMN cut_over_to_note jsonb;
COMMENT ON COLUMN projections.generations.cut_over_to_note IS 'The entry that the audit log is still to have of its taking over; null: it has one, or it never took over.';
