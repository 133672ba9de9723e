SELECT date_trunc($4, occurred_day::timestamp)::date AS period, kind, actor, sum(count)::bigint AS count
FROM {read}.daily_counts
WHERE tenant = $1 AND occurred_day >= $2 AND occurred_day < $3 AND ($5::date IS NULL OR recorded_day <= $5)
GROUP BY 1, 2, 3
