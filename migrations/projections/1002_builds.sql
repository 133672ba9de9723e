-- Which form of the read models a generation holds: another program may need another one, and then makes it beside this.
ALTER TABLE projections.generations ADD COLUMN build text;
COMMENT ON COLUMN projections.generations.build IS 'What its tables and folds were made by; null: before this was written down.';
