CREATE OR REPLACE VIEW {views}.figures_due AS
SELECT tenant, fact, NULL::text AS kpi FROM {generation}.changes
UNION ALL
SELECT tenant, NULL, kpi FROM {generation}.pending_figures;
COMMENT ON VIEW {views}.figures_due IS 'What figures do not show yet: kinds of facts that have changed, and KPIs that are to be made anew. Mostly empty.';
COMMENT ON COLUMN {views}.figures_due.tenant IS 'Whose it is.';
COMMENT ON COLUMN {views}.figures_due.fact IS 'The kind of aggregate whose facts have changed; null: of a KPI.';
COMMENT ON COLUMN {views}.figures_due.kpi IS 'The KPI that is to be made anew; null: of a fact.';
