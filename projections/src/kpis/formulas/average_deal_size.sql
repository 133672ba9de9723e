WITH won AS (
    SELECT team, annual_value FROM ({deals}) AS deals
    WHERE is_won AND closed_at >= p.starts AND closed_at < p.ends AND annual_value IS NOT NULL
)
SELECT
    segment,
    sum(annual_value) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    sum(annual_value) / nullif(count(*), 0) AS value,
    jsonb_build_object('median', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY annual_value)::numeric, 2)) AS parts
FROM won CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
GROUP BY segment
