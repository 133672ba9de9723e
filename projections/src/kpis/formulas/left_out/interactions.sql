-- Interactions that are not active, as known, and why.
SELECT 'interaction:' || interaction_id AS part,
    CASE
        WHEN void_recorded_at < p.known THEN 'voided'
        WHEN kind NOT IN ('interaction', 'content_access', 'conversion') THEN 'its kind does not count: ' || kind
        ELSE 'its actor does not count: ' || actor
    END AS reason,
    {event_and_void} AS events
FROM {read}.interactions
WHERE tenant = p.tenant AND recorded_at < p.known AND (coalesce(void_recorded_at < p.known, false) OR NOT ({is_active}))
