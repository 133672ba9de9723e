WITH parts AS (
    SELECT segment, 'deal:' || deal_id AS part, annual_value AS numerator, 1 AS denominator /*: , events */
    FROM ({deals}) AS deals CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
    WHERE is_won AND closed_at >= p.starts AND closed_at < p.ends AND annual_value IS NOT NULL
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator) / nullif(sum(denominator), 0) AS value,
    jsonb_build_object('median', round(percentile_cont(0.5) WITHIN GROUP (ORDER BY numerator)::numeric, 2)) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'deal:' || deal_id AS part, CASE WHEN currency IS NULL THEN 'of no value' ELSE 'in another currency' END AS reason, events
FROM ({deals}) AS deals
WHERE is_won AND closed_at >= p.starts AND closed_at < p.ends AND annual_value IS NULL
