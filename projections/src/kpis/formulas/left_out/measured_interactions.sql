-- Interactions that measured something, but not for people, or that were voided.
SELECT 'interaction:' || interaction_id AS part,
    CASE WHEN void_recorded_at < p.known THEN 'voided' ELSE 'its actor does not count: ' || actor END AS reason,
    {event_and_void} AS events
FROM {read}.interactions
WHERE tenant = p.tenant AND recorded_at < p.known AND (coalesce(void_recorded_at < p.known, false) OR actor <> 'human')
  AND occurred_at >= p.at - interval '720 hours' AND occurred_at < p.at
