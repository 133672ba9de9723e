WITH judged AS (
    SELECT deployment_id, causes.deployment_id IS NOT NULL AS has_caused, rolled_back.deployment_id IS NOT NULL AS is_rolled_back
    FROM ({deployments}) AS deployments
    -- Once, however many incidents it caused.
    LEFT JOIN (SELECT DISTINCT deployment_id FROM ({causes}) AS latest) AS causes USING (deployment_id)
    LEFT JOIN (
        SELECT DISTINCT deployment_id FROM {read}.deployment_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'DeploymentRolledBack'
    ) AS rolled_back USING (deployment_id)
    WHERE finished_at >= p.starts
)
SELECT
    'all' AS segment,
    count(*) FILTER (WHERE has_caused OR is_rolled_back) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    count(*) FILTER (WHERE has_caused OR is_rolled_back)::numeric / nullif(count(*), 0) AS value,
    jsonb_build_object(
        'caused_incidents', count(*) FILTER (WHERE has_caused),
        'rolled_back', count(*) FILTER (WHERE is_rolled_back)
    ) AS parts
FROM judged
HAVING count(*) > 0
