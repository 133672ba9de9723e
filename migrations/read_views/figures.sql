CREATE OR REPLACE VIEW {views}.figures AS
SELECT tenant, kpi, definition, grain, period, segment, numerator, denominator, n, value, parts, target, status, plan_version,
       is_partial, restated_from
FROM {generation}.figures;
COMMENT ON VIEW {views}.figures IS 'Every KPI''s figures. Schema kpi has a view for each KPI.';
COMMENT ON COLUMN {views}.figures.tenant IS 'Whose it is.';
COMMENT ON COLUMN {views}.figures.kpi IS 'The KPI''s id in the register.';
COMMENT ON COLUMN {views}.figures.definition IS 'The version of the definition that it is made by.';
COMMENT ON COLUMN {views}.figures.grain IS 'day, week (ISO, from Monday), month or quarter.';
COMMENT ON COLUMN {views}.figures.period IS 'The period''s first day, UTC.';
COMMENT ON COLUMN {views}.figures.segment IS 'all, or DIMENSION:VALUE.';
COMMENT ON COLUMN {views}.figures.numerator IS 'What is counted or summed.';
COMMENT ON COLUMN {views}.figures.denominator IS 'What it is divided by or held against; null for a plain count or sum.';
COMMENT ON COLUMN {views}.figures.n IS 'How many facts it rests on.';
COMMENT ON COLUMN {views}.figures.value IS 'The figure; null: no data, which is not zero.';
COMMENT ON COLUMN {views}.figures.parts IS 'What the formula shows beside it.';
COMMENT ON COLUMN {views}.figures.target IS 'What the plan in force names for it; null: no target.';
COMMENT ON COLUMN {views}.figures.status IS 'reached, missed, in_progress (missed so far, by what is counted up to the end of a period that is not over), no_target or no_data.';
COMMENT ON COLUMN {views}.figures.plan_version IS 'The version of the plan in force at the period''s end.';
COMMENT ON COLUMN {views}.figures.is_partial IS 'The period is not over.';
COMMENT ON COLUMN {views}.figures.restated_from IS 'What the figure was when the period closed, where it has changed since; else null.';
