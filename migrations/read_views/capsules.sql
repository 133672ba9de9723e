CREATE OR REPLACE VIEW {views}.capsules AS
SELECT tenant, capsule_id, title, state, created_at, published_at, archived_at, version, interactions, active, partition,
       last_position
FROM {generation}.capsules;
COMMENT ON VIEW {views}.capsules IS 'One row a capsule: its state and how much it is used.';
COMMENT ON COLUMN {views}.capsules.tenant IS 'Whose it is.';
COMMENT ON COLUMN {views}.capsules.capsule_id IS 'As its clients name it.';
COMMENT ON COLUMN {views}.capsules.title IS 'Its present title.';
COMMENT ON COLUMN {views}.capsules.state IS 'draft, open (takes interactions) or closed (archived).';
COMMENT ON COLUMN {views}.capsules.created_at IS 'When it was created, in business time.';
COMMENT ON COLUMN {views}.capsules.published_at IS 'When it was opened; null: never.';
COMMENT ON COLUMN {views}.capsules.archived_at IS 'When it was closed; null: it is not.';
COMMENT ON COLUMN {views}.capsules.version IS 'The number of its own events.';
COMMENT ON COLUMN {views}.capsules.interactions IS 'Recorded, not voided interactions of every kind by anybody.';
COMMENT ON COLUMN {views}.capsules.active IS 'Active interactions among them, by definition 1.';
COMMENT ON COLUMN {views}.capsules.partition IS 'The partition of its events.';
COMMENT ON COLUMN {views}.capsules.last_position IS 'The position of the last event that changed this row.';
