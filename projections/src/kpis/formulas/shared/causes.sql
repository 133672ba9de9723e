-- The deployment that caused each incident, by the latest attribution. It is often found long after, so nothing is cut at p.at.
SELECT DISTINCT ON (incident_id) incident_id, caused_by AS deployment_id /*: , {event} AS events */
FROM {read}.incident_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND caused_by IS NOT NULL
ORDER BY incident_id, occurred_at DESC, sequence DESC
