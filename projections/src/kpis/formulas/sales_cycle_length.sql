WITH won AS (
    SELECT team, extract(epoch FROM closed_at - opened_at)::numeric / 86400 AS days FROM ({deals}) AS deals
    WHERE is_won AND closed_at >= p.starts AND closed_at < p.ends
)
SELECT
    segment,
    sum(days) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY days)::numeric AS value,
    jsonb_build_object('mean', round(avg(days), 6)) AS parts
FROM won CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
GROUP BY segment
