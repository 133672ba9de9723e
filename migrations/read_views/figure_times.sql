CREATE OR REPLACE VIEW {views}.figure_times AS SELECT tenant, kpi, computed_at, in_other_currencies FROM {generation}.figure_times;
COMMENT ON VIEW {views}.figure_times IS 'When each KPI''s figures were last made. They are made anew soon after a fact that they follow from.';
COMMENT ON COLUMN {views}.figure_times.tenant IS 'Whose they are.';
COMMENT ON COLUMN {views}.figure_times.kpi IS 'The KPI''s id in the register.';
COMMENT ON COLUMN {views}.figure_times.computed_at IS 'When they were last made.';
COMMENT ON COLUMN {views}.figure_times.in_other_currencies IS 'How many facts they leave out, in another currency than that of the plan in force.';
