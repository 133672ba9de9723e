SELECT
    (SELECT computed_at FROM read.figure_times WHERE tenant = $1 AND kpi = $2) AS computed_at,
    EXISTS (SELECT FROM read.figures_due WHERE tenant = $1 AND (kpi = $2 OR fact = ANY($3))) AS is_due
