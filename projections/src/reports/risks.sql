-- Each risk as it stood at $3, by what was recorded before $2.
WITH risks AS (
    SELECT
        risk_id,
        max(category) AS category,
        max(risk) AS risk,
        min(occurred_at) FILTER (WHERE event_type = 'RiskRaised') AS raised_at,
        (array_agg(likelihood ORDER BY occurred_at DESC, sequence DESC) FILTER (WHERE likelihood IS NOT NULL))[1] AS likelihood,
        (array_agg(impact ORDER BY occurred_at DESC, sequence DESC) FILTER (WHERE likelihood IS NOT NULL))[1] AS impact,
        max(occurred_at) FILTER (WHERE likelihood IS NOT NULL) AS assessed_at,
        min(occurred_at) FILTER (WHERE event_type = 'RiskClosed') AS closed_at,
        coalesce(
            jsonb_agg(jsonb_build_object('mitigation', mitigation, 'occurred_at', occurred_at) ORDER BY occurred_at, sequence)
                FILTER (WHERE event_type = 'RiskMitigated'),
            '[]'
        ) AS mitigations,
        (array_agg(partition || '-' || position ORDER BY sequence DESC))[1] AS last_event
    FROM read.risk_facts
    WHERE tenant = $1 AND ($2::timestamptz IS NULL OR recorded_at < $2) AND occurred_at < $3
    GROUP BY risk_id
)
SELECT
    *, likelihood * impact AS exposure,
    ((coalesce(closed_at, $3) AT TIME ZONE 'UTC')::date - (raised_at AT TIME ZONE 'UTC')::date)::bigint AS age_days
FROM risks
-- A fact of a risk may have occurred before the risk was raised.
WHERE raised_at IS NOT NULL
  AND ($4::boolean IS NULL OR $4 = (closed_at IS NULL))
  AND ($5::text IS NULL OR category = $5)
  AND ($6::bigint IS NULL OR (-likelihood * impact, risk_id) > (-$6, $7))
ORDER BY likelihood * impact DESC, risk_id
LIMIT $8
