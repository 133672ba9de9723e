WITH parts AS (
    SELECT segment, 'deal:' || deal_id AS part, days AS numerator, 1 AS denominator, days AS value /*: , events */
    FROM ({deals}) AS deals
    CROSS JOIN LATERAL (SELECT extract(epoch FROM closed_at - opened_at)::numeric / 86400 AS days) AS took
    CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
    WHERE is_won AND closed_at >= p.starts AND closed_at < p.ends
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric AS value,
    jsonb_build_object('mean', round(avg(value), 6)) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT segment, 'deal:' || deal_id AS part, 'lost' AS reason, events
FROM ({deals}) AS deals CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
WHERE NOT is_won AND closed_at >= p.starts AND closed_at < p.ends
