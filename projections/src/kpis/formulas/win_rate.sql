WITH closed AS (
    SELECT team, is_won, annual_value FROM ({deals}) AS deals WHERE closed_at >= p.starts AND closed_at < p.ends
)
SELECT
    segment,
    count(*) FILTER (WHERE is_won) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    count(*) FILTER (WHERE is_won)::numeric / nullif(count(*), 0) AS value,
    jsonb_build_object(
        'won_value', coalesce(sum(annual_value) FILTER (WHERE is_won), 0),
        'closed_value', coalesce(sum(annual_value), 0),
        'by_value', round(coalesce(sum(annual_value) FILTER (WHERE is_won), 0) / nullif(sum(annual_value), 0), 6)
    ) AS parts
FROM closed CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
GROUP BY segment
