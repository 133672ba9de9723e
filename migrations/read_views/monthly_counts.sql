CREATE OR REPLACE VIEW {views}.monthly_counts AS
SELECT tenant, month, kind, actor, sum(count)::bigint AS count
FROM {generation}.monthly_counts
GROUP BY tenant, month, kind, actor
HAVING sum(count) <> 0;
COMMENT ON VIEW {views}.monthly_counts IS 'Recorded, not voided interactions by the calendar month they occurred, UTC.';
COMMENT ON COLUMN {views}.monthly_counts.tenant IS 'Whose they are.';
COMMENT ON COLUMN {views}.monthly_counts.month IS 'The month''s first day.';
COMMENT ON COLUMN {views}.monthly_counts.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN {views}.monthly_counts.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN {views}.monthly_counts.count IS 'How many.';
