CREATE OR REPLACE VIEW {views}.daily_totals AS
SELECT tenant, occurred_day, kind, actor, sum(count)::bigint AS count
FROM {generation}.daily_totals
GROUP BY tenant, occurred_day, kind, actor
HAVING sum(count) <> 0;
COMMENT ON VIEW {views}.daily_totals IS 'Recorded, not voided interactions by the day they occurred, UTC.';
COMMENT ON COLUMN {views}.daily_totals.tenant IS 'Whose they are.';
COMMENT ON COLUMN {views}.daily_totals.occurred_day IS 'The day they happened, UTC.';
COMMENT ON COLUMN {views}.daily_totals.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN {views}.daily_totals.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN {views}.daily_totals.count IS 'How many.';
