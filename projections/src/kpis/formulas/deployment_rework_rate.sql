SELECT
    'all' AS segment,
    count(*) FILTER (WHERE reason = 'incident') AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    count(*) FILTER (WHERE reason = 'incident')::numeric / nullif(count(*), 0) AS value,
    '{}'::jsonb AS parts
FROM ({deployments}) AS deployments
WHERE finished_at >= p.starts
HAVING count(*) > 0
