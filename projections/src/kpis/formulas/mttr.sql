WITH resolved AS (
    SELECT
        incident_id,
        severity,
        CASE WHEN deployment_id IS NULL THEN 'none' ELSE 'deployment' END AS cause,
        extract(epoch FROM resolution.occurred_at - resolution.opened_at)::numeric / 3600 AS hours
    FROM (
        SELECT incident_id, opened_at, occurred_at FROM {read}.incident_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'IncidentResolved'
          AND occurred_at >= p.starts AND occurred_at < p.at
    ) AS resolution
    JOIN (
        SELECT incident_id, severity FROM {read}.incident_facts
        WHERE tenant = p.tenant AND recorded_at < p.known AND event_type = 'IncidentOpened'
    ) AS opening USING (incident_id)
    LEFT JOIN ({causes}) AS causes USING (incident_id)
)
SELECT
    segment,
    sum(hours) AS numerator,
    count(*) AS denominator,
    count(*) AS n,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY hours)::numeric AS value,
    jsonb_build_object('mean', round(avg(hours), 6)) AS parts
FROM resolved CROSS JOIN LATERAL (VALUES ('all'), ('cause:' || cause), ('severity:' || severity)) AS split (segment)
GROUP BY segment
