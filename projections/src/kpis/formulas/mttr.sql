WITH resolved AS (
    SELECT
        incident_id,
        severity,
        CASE WHEN deployment_id IS NULL THEN 'none' ELSE 'deployment' END AS cause,
        extract(epoch FROM resolution.occurred_at - resolution.opened_at)::numeric / 3600 AS hours
        /*: , concat_ws(' ', opening.events, resolution.events, causes.events) AS events */
    FROM (
        SELECT incident_id, opened_at, occurred_at /*: , {event} AS events */ FROM {read}.incident_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'IncidentResolved'
          AND occurred_at >= p.starts AND occurred_at < p.at
    ) AS resolution
    JOIN (
        SELECT incident_id, severity /*: , {event} AS events */ FROM {read}.incident_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'IncidentOpened'
    ) AS opening USING (incident_id)
    LEFT JOIN ({causes}) AS causes USING (incident_id)
),
parts AS (
    SELECT segment, 'incident:' || incident_id AS part, hours AS numerator, 1 AS denominator, hours AS value /*: , events */
    FROM resolved CROSS JOIN LATERAL (VALUES ('all'), ('cause:' || cause), ('severity:' || severity)) AS split (segment)
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY value)::numeric AS value,
    jsonb_build_object('mean', round(avg(value), 6)) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'incident:' || incident_id AS part, 'not resolved by then' AS reason, {events} AS events
FROM {read}.incident_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
GROUP BY incident_id
HAVING bool_or(event_type = 'IncidentOpened') AND NOT bool_or(event_type = 'IncidentResolved')
