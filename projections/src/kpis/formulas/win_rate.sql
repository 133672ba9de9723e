WITH parts AS (
    SELECT segment, 'deal:' || deal_id AS part, is_won::integer AS numerator, 1 AS denominator, is_won, annual_value
        /*: , CASE WHEN is_won THEN 'won' ELSE 'lost' END AS note, events,
        jsonb_build_object('won_value', CASE WHEN is_won THEN annual_value END, 'closed_value', annual_value) AS amounts */
    FROM ({deals}) AS deals CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
    WHERE closed_at >= p.starts AND closed_at < p.ends
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator)::numeric / nullif(sum(denominator), 0) AS value,
    jsonb_build_object(
        'won_value', coalesce(sum(annual_value) FILTER (WHERE is_won), 0),
        'closed_value', coalesce(sum(annual_value), 0),
        'by_value', round(coalesce(sum(annual_value) FILTER (WHERE is_won), 0) / nullif(sum(annual_value), 0), 6)
    ) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT segment, 'deal:' || deal_id AS part, 'still open' AS reason, events
FROM ({deals}) AS deals CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
WHERE closed_at IS NULL
