WITH parts AS (
    SELECT 'all' AS segment, 'deployment:' || deployment_id AS part, (reason IS NOT DISTINCT FROM 'incident')::integer AS numerator, 1 AS denominator
        /*: , CASE WHEN reason = 'incident' THEN 'because of an incident' END AS note, events */
    FROM ({deployments}) AS deployments
    WHERE finished_at >= p.starts
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator)::numeric / nullif(sum(denominator), 0) AS value,
    '{}'::jsonb AS parts
FROM parts
GROUP BY segment
-- Left out
{left_out_deployments}
