SELECT occurred_day AS period, kind, actor, count
FROM {read}.daily_totals
WHERE tenant = $1 AND occurred_day >= $2 AND occurred_day < $3
