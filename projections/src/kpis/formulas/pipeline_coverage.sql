WITH quarter AS (
    -- The one that holds the last moment looked at.
    SELECT date_trunc('quarter', (p.at - interval '1 microsecond') AT TIME ZONE 'UTC')::date AS first_day
),
quotas AS (
    SELECT DISTINCT ON (quota_id) quota_id, team, amount /*: , {event} AS events */ FROM {read}.quota_facts, quarter
    WHERE tenant = p.tenant AND recorded_at < p.known AND occurred_at < p.at AND quarter = quarter.first_day
      AND amount_currency = p.currency
    ORDER BY quota_id, occurred_at DESC, sequence DESC
),
parts AS (
    SELECT segment, 'deal:' || deal_id AS part, annual_value AS numerator, NULL::numeric AS denominator /*: , events */
    FROM ({deals}) AS deals CROSS JOIN quarter CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
    WHERE closed_at IS NULL AND is_qualified AND annual_value IS NOT NULL
      AND expected_close >= quarter.first_day AND expected_close < quarter.first_day + interval '3 months'
    UNION ALL
    -- The company's quota; where none is set, its teams' together.
    SELECT segment, 'quota:' || quota_id, NULL, amount /*: , events */
    FROM quotas CROSS JOIN LATERAL (
        VALUES
            ('team:' || team),
            (CASE WHEN team IS NULL OR NOT EXISTS (SELECT FROM quotas AS company WHERE company.team IS NULL) THEN 'all' END)
    ) AS split (segment)
    WHERE segment IS NOT NULL
)
-- The figure
SELECT
    segment,
    coalesce(sum(numerator), 0) AS numerator,
    sum(denominator) AS denominator,
    count(numerator) AS n,
    coalesce(sum(numerator), 0) / nullif(sum(denominator), 0) AS value,
    '{}'::jsonb AS parts
FROM parts
GROUP BY segment
-- Left out
SELECT segment, 'deal:' || deal_id AS part, reason, events
FROM ({deals}) AS deals CROSS JOIN quarter
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN NOT is_qualified THEN 'not qualified'
        WHEN expected_close < quarter.first_day OR expected_close >= quarter.first_day + interval '3 months' THEN 'expected to close in another quarter'
        WHEN currency <> p.currency THEN 'in another currency'
    END AS reason
) AS judged
CROSS JOIN LATERAL (VALUES ('all'), ('team:' || team)) AS split (segment)
WHERE closed_at IS NULL AND reason IS NOT NULL
