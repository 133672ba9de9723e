CREATE OR REPLACE VIEW {views}.daily_counts AS
SELECT tenant, occurred_day, recorded_day, kind, actor, sum(count)::bigint AS count
FROM {generation}.daily_counts
GROUP BY tenant, occurred_day, recorded_day, kind, actor
HAVING sum(count) <> 0;
COMMENT ON VIEW {views}.daily_counts IS 'Interactions by the day they occurred and the day the ledger took them. Summed over recorded_day up to a day: the figure as known at its end. A void is -1 on the day it was recorded.';
COMMENT ON COLUMN {views}.daily_counts.tenant IS 'Whose they are.';
COMMENT ON COLUMN {views}.daily_counts.occurred_day IS 'The day they happened, UTC.';
COMMENT ON COLUMN {views}.daily_counts.recorded_day IS 'The day the ledger took them or their void, UTC.';
COMMENT ON COLUMN {views}.daily_counts.kind IS 'view, interaction, content_access or conversion.';
COMMENT ON COLUMN {views}.daily_counts.actor IS 'human, bot, preview or test.';
COMMENT ON COLUMN {views}.daily_counts.count IS 'Recorded less voided.';
