WITH parts AS (
    SELECT 'all' AS segment, 'deployment:' || deployment_id AS part, 1 AS numerator /*: , events */
    FROM ({deployments}) AS deployments
    WHERE finished_at >= p.starts
)
-- The figure
SELECT
    'all' AS segment,
    count(*) AS numerator,
    NULL::numeric AS denominator,
    count(*) AS n,
    count(*) AS value,
    jsonb_build_object('per_day', round(count(*) / (nullif(extract(epoch FROM p.at - p.starts), 0)::numeric / 86400), 6)) AS parts
FROM parts
-- Zero once there was any deployment to production, no data before.
HAVING p.at > p.starts AND EXISTS (
    SELECT FROM {read}.deployment_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
      AND event_type = 'DeploymentFinished' AND environment = 'production'
)
-- Left out
{left_out_deployments}
