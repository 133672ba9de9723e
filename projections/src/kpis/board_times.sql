SELECT kpi, computed_at FROM read.figure_times WHERE tenant = $1
