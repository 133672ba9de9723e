CREATE OR REPLACE VIEW {views}.interactions AS
SELECT i.tenant, i.interaction_id, i.capsule_id, i.user_id, i.session_id, i.kind, i.actor, i.occurred_at, i.recorded_at,
       i.feature, i.channel, i.device, i.region, i.duration_ms, i.response_ms, i.ai_response_ms, i.page_load_ms,
       i.attributes, i.partition, i.position, v.voided_at, v.reason AS void_reason, v.recorded_at AS void_recorded_at,
       v.position AS void_position
FROM {generation}.interactions AS i
LEFT JOIN {generation}.interaction_voids AS v ON v.tenant = i.tenant AND v.interaction_id = i.interaction_id;
COMMENT ON VIEW {views}.interactions IS 'One row a recorded interaction. Those with voided_at count in no figure.';
COMMENT ON COLUMN {views}.interactions.tenant IS 'Whose it is.';
COMMENT ON COLUMN {views}.interactions.interaction_id IS 'As its client named it; unique in a tenant.';
COMMENT ON COLUMN {views}.interactions.capsule_id IS 'The capsule that was used.';
COMMENT ON COLUMN {views}.interactions.user_id IS 'The user''s pseudonym; null: not known.';
COMMENT ON COLUMN {views}.interactions.session_id IS 'The visit to the capsule; distinct together with capsule_id.';
COMMENT ON COLUMN {views}.interactions.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN {views}.interactions.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN {views}.interactions.occurred_at IS 'When it happened; periods go by this, in UTC.';
COMMENT ON COLUMN {views}.interactions.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN {views}.interactions.feature IS 'The feature that was used.';
COMMENT ON COLUMN {views}.interactions.channel IS 'The channel it came by.';
COMMENT ON COLUMN {views}.interactions.device IS 'The kind of device.';
COMMENT ON COLUMN {views}.interactions.region IS 'The region it came from.';
COMMENT ON COLUMN {views}.interactions.duration_ms IS 'How long it lasted, milliseconds.';
COMMENT ON COLUMN {views}.interactions.response_ms IS 'How long the capsule took to answer, milliseconds.';
COMMENT ON COLUMN {views}.interactions.ai_response_ms IS 'How long the AI took to answer, milliseconds.';
COMMENT ON COLUMN {views}.interactions.page_load_ms IS 'How long the page took to load, milliseconds.';
COMMENT ON COLUMN {views}.interactions.attributes IS 'Anything else its client sent.';
COMMENT ON COLUMN {views}.interactions.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN {views}.interactions.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN {views}.interactions.voided_at IS 'When it was found not to count, in business time; null: it counts.';
COMMENT ON COLUMN {views}.interactions.void_reason IS 'mistake, fraud, bot, test or other.';
COMMENT ON COLUMN {views}.interactions.void_recorded_at IS 'When the ledger took the void.';
COMMENT ON COLUMN {views}.interactions.void_position IS 'The position of the void''s event, in the same partition.';
