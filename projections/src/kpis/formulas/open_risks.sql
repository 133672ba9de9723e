WITH risks AS (
    SELECT
        risk_id,
        max(category) AS category,
        min(occurred_at) FILTER (WHERE event_type = 'RiskRaised') AS raised_at,
        (array_agg(likelihood * impact ORDER BY occurred_at DESC, sequence DESC)
            FILTER (WHERE event_type IN ('RiskRaised', 'RiskReassessed')))[1] AS exposure,
        bool_or(event_type = 'RiskMitigated') AS is_mitigated,
        NOT bool_or(event_type = 'RiskClosed') AS is_open
        /*: , {events} AS events */
    FROM {read}.risk_facts
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at
    GROUP BY risk_id
),
parts AS (
    SELECT segment, 'risk:' || risk_id AS part, CASE WHEN is_open THEN 1 END AS numerator, raised_at, exposure, is_mitigated, is_open
        /*: , CASE WHEN is_mitigated THEN 'mitigated' END AS note,
        CASE WHEN is_open THEN jsonb_build_object(
            'exposure', exposure, 'severe', (exposure >= 15)::integer, 'mitigated', is_mitigated::integer
        ) END AS amounts,
        events */
    FROM risks CROSS JOIN LATERAL (VALUES ('all'), ('category:' || category)) AS split (segment)
    -- A fact of a risk may have occurred before the risk was raised.
    WHERE raised_at IS NOT NULL
)
-- The figure
SELECT
    segment,
    count(numerator) AS numerator,
    NULL::numeric AS denominator,
    count(numerator) AS n,
    count(numerator) AS value,
    jsonb_build_object(
        'exposure', coalesce(sum(exposure) FILTER (WHERE is_open), 0),
        'severe', count(*) FILTER (WHERE is_open AND exposure >= 15),
        'mitigated', count(*) FILTER (WHERE is_open AND is_mitigated),
        'oldest_days', round(max(extract(epoch FROM p.at - raised_at)::numeric / 86400) FILTER (WHERE is_open), 6)
    ) AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT segment, part, 'closed' AS reason, events FROM parts WHERE NOT is_open
