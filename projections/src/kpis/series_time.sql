SELECT
    (SELECT computed_at FROM read.figure_times WHERE tenant = $1 AND kpi = $2) AS computed_at,
    (SELECT in_other_currencies FROM read.figure_times WHERE tenant = $1 AND kpi = $2) AS in_other_currencies,
    EXISTS (SELECT FROM read.figures_due WHERE tenant = $1 AND (kpi = $2 OR fact = ANY($3))) AS is_due
