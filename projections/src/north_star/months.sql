SELECT month AS period, kind, actor, count
FROM {read}.monthly_counts
WHERE tenant = $1 AND month >= $2 AND month < $3
