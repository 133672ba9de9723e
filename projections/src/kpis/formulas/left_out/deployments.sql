-- Deployments of the period that did not reach production.
SELECT 'deployment:' || deployment_id AS part,
    CASE WHEN environment <> 'production' THEN 'not to production: ' || environment ELSE 'did not succeed: ' || result END AS reason,
    {event} AS events
FROM {read}.deployment_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.at
  AND event_type = 'DeploymentFinished' AND (environment <> 'production' OR result <> 'succeeded')
