WITH parts AS (
    SELECT segment, 'lead:' || mql.lead_id AS part, took, coalesce(took <= interval '90 days', false)::integer AS numerator, 1 AS denominator
        /*: , CASE WHEN took IS NULL THEN 'not qualified for sales yet' WHEN took > interval '90 days' THEN 'later than 90 days' END AS note,
        concat_ws(' ', mql.partition || '-' || mql.position, captured.partition || '-' || captured.position,
            sql.partition || '-' || sql.position) AS events */
    FROM {read}.lead_facts AS mql
    JOIN {read}.lead_facts AS captured
        ON captured.tenant = p.tenant AND captured.lead_id = mql.lead_id AND captured.recorded_at < p.known
        AND captured.event_type = 'LeadCaptured'
    LEFT JOIN {read}.lead_facts AS sql
        ON sql.tenant = p.tenant AND sql.lead_id = mql.lead_id AND sql.recorded_at < p.known AND sql.occurred_at < p.now
        AND sql.event_type = 'LeadQualified' AND sql.qualification = 'sql'
    CROSS JOIN LATERAL (SELECT sql.occurred_at - mql.occurred_at AS took) AS waited
    CROSS JOIN LATERAL (VALUES ('all'), ('channel:' || captured.channel)) AS split (segment)
    WHERE mql.tenant = p.tenant AND mql.recorded_at < p.known AND mql.occurred_at >= p.starts AND mql.occurred_at < p.at
      AND mql.event_type = 'LeadQualified' AND mql.qualification = 'mql'
)
-- The figure
SELECT
    segment,
    sum(numerator) AS numerator,
    sum(denominator) AS denominator,
    count(*) AS n,
    sum(numerator)::numeric / nullif(sum(denominator), 0) AS value,
    jsonb_build_object(
        'within_30', round(count(*) FILTER (WHERE took <= interval '30 days')::numeric / nullif(count(*), 0), 6),
        'within_60', round(count(*) FILTER (WHERE took <= interval '60 days')::numeric / nullif(count(*), 0), 6),
        'within_90', round(sum(numerator)::numeric / nullif(count(*), 0), 6),
        'complete', p.now - p.ends >= interval '90 days'
    ) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT 'lead:' || lead_id AS part, 'disqualified' AS reason, {event} AS events
FROM {read}.lead_facts
WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at >= p.starts AND occurred_at < p.at
  AND event_type = 'LeadDisqualified'
