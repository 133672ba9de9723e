WITH parts AS (
    SELECT
        'all' AS segment,
        'deployment:' || deployment_id AS part,
        causes.deployment_id IS NOT NULL AS has_caused,
        rolled_back.deployment_id IS NOT NULL AS is_rolled_back,
        (coalesce(causes.deployment_id, rolled_back.deployment_id) IS NOT NULL)::integer AS numerator,
        1 AS denominator
        /*: , nullif(concat_ws(', ',
            CASE WHEN causes.deployment_id IS NOT NULL THEN 'caused an incident' END,
            CASE WHEN rolled_back.deployment_id IS NOT NULL THEN 'rolled back' END
        ), '') AS note,
        concat_ws(' ', deployments.events, causes.events, rolled_back.events) AS events */
    FROM ({deployments}) AS deployments
    -- Once, however many incidents it caused.
    LEFT JOIN (
        SELECT deployment_id /*: , string_agg(events, ' ') AS events */ FROM ({causes}) AS latest GROUP BY deployment_id
    ) AS causes USING (deployment_id)
    LEFT JOIN (
        SELECT deployment_id /*: , {events} AS events */ FROM {read}.deployment_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'DeploymentRolledBack'
        GROUP BY deployment_id
    ) AS rolled_back USING (deployment_id)
    WHERE finished_at >= p.starts
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator)::numeric / nullif(sum(denominator), 0) AS value,
    jsonb_build_object(
        'caused_incidents', count(*) FILTER (WHERE has_caused),
        'rolled_back', count(*) FILTER (WHERE is_rolled_back)
    ) AS parts
FROM parts
GROUP BY segment
-- Left out
{left_out_deployments}
