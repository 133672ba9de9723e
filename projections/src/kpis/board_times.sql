SELECT kpi, computed_at, in_other_currencies FROM read.figure_times WHERE tenant = $1
