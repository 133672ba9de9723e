-- Each employment as it stood at p.at, by what was known then, and when it ended, if it had.
SELECT
    employment_id,
    min(occurred_at) FILTER (WHERE event_type = 'Departed') AS departed_at,
    (array_agg(function ORDER BY occurred_at DESC, sequence DESC) FILTER (WHERE event_type <> 'Departed'))[1] AS function,
    (array_agg(level ORDER BY occurred_at DESC, sequence DESC) FILTER (WHERE event_type <> 'Departed'))[1] AS level,
    (array_agg(fte_percent ORDER BY occurred_at DESC, sequence DESC) FILTER (WHERE event_type <> 'Departed'))[1] AS fte_percent
    /*: , {events} AS events */
FROM {read}.employment_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
GROUP BY employment_id
