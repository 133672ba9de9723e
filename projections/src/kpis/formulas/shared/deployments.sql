-- Every deployment that reached production before p.at, with what it brought.
SELECT deployment_id, occurred_at AS finished_at, reason, changes /*: , {event} AS events */
FROM {read}.deployment_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
  AND event_type = 'DeploymentFinished' AND environment = 'production' AND result = 'succeeded'
